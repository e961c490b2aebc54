"""What `slipway init` found, as a person reads it in a terminal of 80 columns or in a log."""

from collections.abc import Iterator, Sequence

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from deployments.init.command import Written
from deployments.init.found import Found
from deployments.init.text import checks, repository
from tasks.command import printable
from tasks.gitops.recognised import FoundTarget

SHOWN = 12
MANY = 40


def report(done: Written) -> RenderableType:
    """The components with their images, the customers, what was left out, and what to do next."""
    return Group(*_parts(done))


def _parts(done: Written) -> Iterator[RenderableType]:
    yield _components(done.found)
    yield Text("")
    customers = done.found.gitops.customers
    yield _said(f"customers ({len(customers)})", _listed(customers))
    later = _listed(done.found.others) if done.found.strangers else "everyone else"
    yield _said("rings", f"canary: {done.found.canary}; all: {later}, once a person approves")
    for problem in done.found.problems:
        yield _said("to mend", problem)
    left = list(_left_out(done.found))
    if left:
        yield Text("")
        yield _table("left out", "why", left)


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - MANY} more" if len(names) > MANY else ""
    return ", ".join(names[:MANY]) + more


def _components(found: Found) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, expand=False)
    table.add_column("component", overflow="fold", no_wrap=False)
    table.add_column("image, and where it stands", overflow="fold")
    table.add_column("customers", justify="right")
    for component in found.components:
        image = found.image(component.name)
        table.add_row(Text(component.name), Text(repository(found.name, component.name, image).value), "")
        for target in image.targets if image else ():
            table.add_row("", Text(f"  {target.file}\n    {_key(target)}"), str(len(target.customers)))
    return table


def _key(target: FoundTarget) -> str:
    if target.image:
        return f"images[name={target.image}]"
    return target.path or f"containers that run {target.manifest}"


def _left_out(found: Found) -> Iterator[tuple[str, str]]:
    rows = [(c.why, "no image like it in the GitOps repository") for c in found.unplaced]
    rows += [(f"{name} (GitOps)", why) for name, why in found.strangers.items()]
    rows += [(one.what, one.why) for one in (*found.app.left_out, *found.gitops.left_out)]
    yield from rows[:SHOWN]
    if len(rows) > SHOWN:
        yield f"and {len(rows) - SHOWN} more", "all of them with --json"


def _table(first: str, second: str, rows: list[tuple[str, str]]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column(first, overflow="fold", ratio=3)
    table.add_column(second, overflow="fold", ratio=2)
    for what, why in rows:
        table.add_row(Text(printable(what)), Text(printable(why)))
    return table


def _said(what: str, text: str) -> Text:
    return Text(f"{what}: {printable(text)}")


def ending(done: Written) -> str:
    """The last line: what happened to the file, and what to do next."""
    count = len(checks(done.text.splitlines()))
    if not done.created:
        return f"{done.output}: is what init would write; nothing to do"
    lines = "1 line is a guess" if count == 1 else f"{count} lines are guesses"
    return (
        f"{done.output}: written. {lines}, marked CHECK: read them, then `slipway config validate` and `slipway status`"
    )
