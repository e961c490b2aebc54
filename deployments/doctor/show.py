"""Findings as a person reads them: a line each, as wide as the terminal, with what to do below."""

import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence

from deployments.doctor.finding import Finding
from tasks.command import printable

STYLES = {"ok": "green", "warning": "yellow", "wrong": "bold red", "next": "cyan"}
NARROWEST = 50


def lines(findings: Sequence[Finding], width: int | None) -> Iterator[tuple[str, str]]:
    """(line, style or ""). `width` is the terminal's; without one no line is broken, for programs that look for words."""
    indent = max((len(f.area) for f in findings), default=0) + 2 + len("warning") + 2
    if width is not None and width < indent + NARROWEST:
        indent = 4
    for finding in findings:
        head = (
            f"{finding.area:<{indent - 9}}{finding.state:<9}"
            if indent > 4
            else f"{finding.area}: {finding.state}\n    "
        )
        for line in _wrapped(head, printable(finding.told), indent, width):
            yield line, STYLES[finding.state] if finding.state != "ok" else ""
        if finding.next_step:
            for line in _wrapped(" " * indent + "next: ", printable(finding.next_step), indent + 6, width):
                yield line, STYLES["next"]
    yield ending(findings), ""


def ending(findings: Sequence[Finding]) -> str:
    """`17 ok, 2 warnings, 1 wrong`."""
    count = Counter(f.state for f in findings)
    warnings = f"{count['warning']} warning{'' if count['warning'] == 1 else 's'}"
    return f"{count['ok']} ok, {warnings}, {count['wrong']} wrong"


def _wrapped(head: str, text: str, indent: int, width: int | None) -> Iterator[str]:
    first, _, last = head.rpartition("\n")
    if first:
        yield first
    if width is None:
        yield f"{last}{text}"
        return
    room = max(width - indent, 20)
    parts = textwrap.wrap(text, room, break_on_hyphens=False) or [""]
    yield f"{last}{parts[0]}"
    for part in parts[1:]:
        yield " " * indent + part
