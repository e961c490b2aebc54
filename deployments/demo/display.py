"""The release as it goes on, compact: a live table in a terminal, a line per finished step elsewhere."""

import time
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

MARKS = {
    "Completed": ("✓", "green"),
    "Cached": ("✓", "green"),
    "Running": ("…", "cyan"),
    "Failed": ("✗", "red"),
    "Crashed": ("✗", "red"),
}
TASK_LIMIT = 200


class Display:
    """Follows one run; every step is shown once when it has ended."""

    def __init__(self, console: Console, client: Any, run_id: Any) -> None:
        self.console, self.client, self.run_id = console, client, run_id
        self.started, self.told = time.monotonic(), set()
        self.live = Live(console=console, refresh_per_second=4, transient=True) if console.is_terminal else None

    def __enter__(self) -> "Display":
        if self.live:
            self.live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.live:
            self.live.stop()

    def update(self, run: Any) -> None:
        """Shows what is new."""
        from prefect.client.schemas.filters import FlowRunFilter

        tasks = self.client.read_task_runs(flow_run_filter=FlowRunFilter(id={"any_": [self.run_id]}), limit=TASK_LIMIT)
        ended = sorted((t for t in tasks if t.end_time and t.id not in self.told), key=lambda t: t.end_time)
        for task in ended:
            self.told.add(task.id)
            if task.state_name != "Cached":
                self._step(task)
        if self.live:
            self.live.update(self._table(run, [t for t in tasks if t.state_name == "Running"]))

    def _step(self, task: Any) -> None:
        mark, style = MARKS.get(task.state_name, ("-", "yellow"))
        seconds = task.total_run_time.total_seconds()
        self.console.print(Text.assemble((f"  {mark} ", style), f"{task.name:<28}", (f"{seconds:6.1f} s", "dim")))

    def _table(self, run: Any, running: list[Any]) -> Group:
        table = Table.grid(padding=(0, 2))
        for task in sorted(running, key=lambda t: t.start_time):
            table.add_row("  ", Spinner("dots", style="cyan"), escape(task.name))
        state = run.state.name if run.state else "Pending"
        return Group(table, Text(f"  {run.name}: {state}, {time.monotonic() - self.started:.0f} s", style="bold"))

    def ask(self, address: str) -> bool:
        """Tells the person where to approve."""
        self.say(f"waits for your approval: press Resume at {address}")
        return True

    def say(self, line: str) -> None:
        """One line above the table."""
        self.console.print(f"  {escape(line)}", soft_wrap=True)
