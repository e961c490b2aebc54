"""A reader of a guide: shells in which its commands are run, what they print compared with what the guide shows."""

import os
import queue
import re
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from threading import Thread

from tests.docs.console import FIRST, Command, File, GoesOn, Step, changed, difference

SECONDS, STOP_SECONDS = 240, 20
END = "--- end of a command of the guide ---"


class Wrong(AssertionError):
    """What a guide says is not what happens."""


class Shell:
    """One bash that lives as long as the guide: `cd`, `export` and what runs behind stay."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.lines: list[str] = []
        self.code: int | None = 0
        self._came: queue.SimpleQueue[str] = queue.SimpleQueue()
        argv = ["bash", "--noprofile", "--norc"]
        self.process = subprocess.Popen(
            argv,
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self._came.put(line.rstrip("\n"))

    def send(self, command: str) -> None:
        """Starts a command, which finds the exit code of the one before in `$?`."""
        assert self.process.stdin
        before, self.lines, self.code = self.code, [], None
        text = f"(exit {before})\n{{ {command}\n}} </dev/null\nprintf '\\n{END} %s\\n' $?\n"
        self.process.stdin.write(text)
        self.process.stdin.flush()

    def read(self, seconds: float) -> None:
        """Takes one line that the command prints, or its end."""
        line = self._came.get(timeout=seconds)
        if not line.startswith(END):
            self.lines.append(line)
            return
        self.code = int(line.removeprefix(END))
        if self.lines and not self.lines[-1]:
            self.lines.pop()

    def folder(self) -> Path:
        """Where it stands."""
        return Path(f"/proc/{self.process.pid}/cwd").resolve()

    def stop(self) -> None:
        """Ends it and what it left running."""
        deadline = time.monotonic() + STOP_SECONDS
        try:
            os.killpg(self.process.pid, signal.SIGTERM)
            while time.monotonic() < deadline:
                self.process.poll()
                os.killpg(self.process.pid, 0)
                time.sleep(0.1)
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return
        finally:
            self.process.wait()


class Reader:
    """Does the steps of guides. `examples`: addresses as guides write them, and what they are here."""

    def __init__(self, home: Path, environment: Mapping[str, str], examples: Mapping[str, str]) -> None:
        self.home, self.environment, self.examples = home, environment, examples
        self.shells: dict[str, Shell] = {}
        self.known: dict[str, str] = {}
        self.done: list[str] = []

    def follow(self, name: str, steps: list[Step]) -> None:
        """Does a guide from its first step to its last. Raises `Wrong` with guide and line at the first that is not as it says."""
        for step, following in zip(steps, [*steps[1:], None], strict=True):
            try:
                self._do(step, following)
            except Wrong as error:
                line = step.command.line if isinstance(step, GoesOn) else step.line
                raise Wrong(f"{name}, line {line}: {error}") from None

    def stop(self) -> None:
        """Ends every shell."""
        for shell in self.shells.values():
            shell.stop()

    def _do(self, step: Step, following: Step | None) -> None:
        if isinstance(step, File):
            return self._write(step)
        if isinstance(step, GoesOn):
            return self._await(step.command, following)
        shell = self._shell(step.terminal)
        shell.send(self._real(step.text))
        self.done.append(step.text)
        if step.further is None:
            return self._await(step, following)
        while self._difference(step.seen, shell):
            if shell.code is not None:
                raise Wrong(f"{step.text}: it has ended, with {shell.code}; {self._difference(step.seen, shell)}")
            if step.seen[-1] != "..." and not self._difference(["...", step.seen[-1]], shell):
                raise Wrong(f"{step.text}: {self._difference(step.seen, shell)}")
            self._read(shell, step)
        return None

    def _await(self, command: Command, following: Step | None) -> None:
        shell = self._shell(command.terminal)
        while shell.code is None:
            self._read(shell, command)
        if wrong := self._difference([*command.seen, *(command.further or [])], shell):
            raise Wrong(f"{command.text}: {wrong}")
        if shell.code and not (isinstance(following, Command) and following.text == "echo $?"):
            raise Wrong(f"{command.text}: ended with {shell.code}, and the guide does not say so:\n{shell.lines}")

    def _read(self, shell: Shell, command: Command) -> None:
        begun = time.monotonic()
        try:
            shell.read(SECONDS)
        except queue.Empty:
            waited = f"nothing comes for {time.monotonic() - begun:.0f} s"
            raise Wrong(f"{command.text}: {waited}; {self._difference(command.seen, shell)}") from None

    def _difference(self, shown: list[str], shell: Shell) -> str:
        return difference(shown, [self._example(line) for line in shell.lines], self.known)

    def _write(self, file: File) -> None:
        path = self._shell(FIRST).folder() / file.name
        text = self._real(file.text)
        if file.diff:
            try:
                text = changed(path.read_text(encoding="utf-8"), text)
            except (OSError, ValueError) as error:
                raise Wrong(f"{file.name} cannot be changed so: {error}") from None
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def _shell(self, terminal: str) -> Shell:
        """The shell of a terminal; each begins as one that was just opened."""
        if terminal not in self.shells:
            self.shells[terminal] = Shell(self.home, self.environment)
        return self.shells[terminal]

    def _real(self, text: str) -> str:
        for name, value in self.known.items():
            text = re.sub(rf"\b{name}\b", value, text)
        for name, value in self.examples.items():
            text = text.replace(name, value)
        return text

    def _example(self, text: str) -> str:
        for name, value in self.examples.items():
            text = text.replace(value, name)
        return text
