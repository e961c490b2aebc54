"""The fleet as a person reads it: a line for each customer, as wide as the terminal, and what to do about problems."""

import textwrap
from collections import defaultdict
from collections.abc import Iterator, Sequence

from tasks.command import printable
from tasks.config.model import Config
from tasks.models import Customer, Fleet, Hold, Ledger
from tasks.reports.release import short

INDENT = "    "
SHOWN = 5


def lines(config: Config, fleet: Fleet, width: int | None) -> Iterator[str]:
    """The table. `width` is the terminal's; without one a line is as long as it needs to be, for programs that look for words."""
    count = f"{len(fleet.customers)} customer{'' if len(fleet.customers) == 1 else 's'}"
    yield from _sentence(f"{config.app.name}: {count} at {fleet.tip[:7]} of the GitOps repository", width)
    head = any(c.head for c in fleet.customers)
    titles = ["customer", "ring", "release", *config.components, *(["head"] if head else [])]
    rows = [_cells(config, c, head) for c in fleet.customers]
    widths = [max(map(len, column)) for column in zip(titles, *rows, strict=True)]
    if width and sum(widths) + 2 * len(widths) > width:
        yield from _blocks(titles, rows, fleet.customers, width)
    else:
        yield _row(titles, widths).rstrip()
        for row, customer in zip(rows, fleet.customers, strict=True):
            yield from _with_note(_row(row, widths), note(customer), width)
    for line in _ending(fleet):
        yield from _sentence(line, width)


def note(customer: Customer) -> str:
    """What keeps a customer where it is, in one sentence; empty when nothing does."""
    if customer.hold:
        return held(customer.hold)
    if customer.problem:
        where = f" ({customer.problem.where})" if customer.problem.where else ""
        return customer.problem.what.removeprefix(f"{customer.name}: ") + where
    by_hand = [name for name in customer.runs if customer.is_by_hand(name)]
    return f"{', '.join(by_hand)} changed by hand" if by_hand else ""


def held(hold: Hold) -> str:
    """A hold in words."""
    return f"held by {hold.owner}{f' until {hold.until}' if hold.until else ''}: {hold.reason}"


def _cells(config: Config, customer: Customer, head: bool) -> list[str]:
    versions = [_version(customer, name) for name in config.components]
    cells = [customer.name, customer.ring, (customer.release or "-")[:7], *versions]
    return [printable(c) for c in (*cells, *([customer.head or "-"] if head else []))]


def _version(customer: Customer, component: str) -> str:
    """The commit that a component's image was built from; in brackets what its files say where that is not known."""
    done, runs = customer.components.get(component), customer.runs.get(component)
    if done and not customer.is_by_hand(component):
        return done.revision[:7]
    return f"({short(runs)})" if runs else "-"


def _row(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True))


def _with_note(row: str, told: str, width: int | None) -> Iterator[str]:
    """The note beside the row where there is room, else below it."""
    whole = f"{row}  {printable(told)}".rstrip()
    if width is None or len(whole) <= width:
        yield whole
    else:
        yield row.rstrip()
        yield from _wrapped(told, width)


def _blocks(
    titles: Sequence[str], rows: Sequence[Sequence[str]], customers: Sequence[Customer], width: int
) -> Iterator[str]:
    """A paragraph for each customer, where the terminal has no room for columns."""
    for row, customer in zip(rows, customers, strict=True):
        yield row[0]
        facts = ", ".join(f"{title} {cell}" for title, cell in list(zip(titles, row, strict=True))[1:])
        yield from _wrapped(facts, width)
        yield from _wrapped(note(customer), width) if note(customer) else ()


def _wrapped(text: str, width: int) -> Iterator[str]:
    yield from textwrap.wrap(
        printable(text), max(width, 20), initial_indent=INDENT, subsequent_indent=INDENT, break_on_hyphens=False
    )


def _sentence(text: str, width: int | None) -> Iterator[str]:
    """On as many lines as it needs where there is a terminal."""
    yield from textwrap.wrap(text, width, subsequent_indent=INDENT, break_on_hyphens=False) if width else [text]


def _ending(fleet: Fleet) -> Iterator[str]:
    """What brackets mean, and each next step once with the customers that it is for."""
    if any(runs for c in fleet.customers for runs in c.runs if not c.components.get(runs) or c.is_by_hand(runs)):
        yield "In brackets: the image that the files name, which no release put there."
    steps: dict[str, list[str]] = defaultdict(list)
    for customer in fleet.customers:
        if customer.problem and customer.problem.next_step:
            steps[customer.problem.next_step.replace(customer.name, "NAME")].append(customer.name)
    for step, names in steps.items():
        more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
        yield f"{', '.join(names[:SHOWN])}{more}: {printable(step)}"


def overridden(ledger: Ledger, width: int | None = None) -> Iterator[str]:
    """What was let pass and is not made good yet, and how to see the rest of many."""
    for entry in ledger.entries[:SHOWN]:
        yield from _sentence(printable(f"Open override {entry}"), width)
    if (more := len(ledger.entries) - SHOWN) > 0:
        yield f"and {more} more: `slipway overrides`"
    for problem in ledger.problems[:SHOWN]:
        yield from _sentence(printable(f"{problem.what} ({problem.where})"), width)
