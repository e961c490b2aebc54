"""What people read about tests: the table of all suites, and a page on which the failing line can be found."""

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Literal
from urllib.parse import quote

from tasks.models import Evidence, SuiteResult, TestCase
from tasks.reports.markdown import cell, code, plain, table

SHOWN_TESTS, SHOWN_FILES = 30, 20
OUTPUT_LINES = 40
Kind = Literal["FAILED", "FLAKY", "IN QUARANTINE"]
MEANING: dict[Kind, str] = {
    "FAILED": "",
    "FLAKY": "It failed once and passed once; the suite counts as passed. What it said when it failed:",
    "IN QUARANTINE": "It failed, and is forgiven until the day that `.slipway/quarantine.yaml` in the app says.",
}


def tests_table(evidence: Evidence) -> list[dict[str, object]]:
    """A row per suite; in Prefect's tables a long name would push the numbers out of sight, so tests have a page of their own."""
    return [
        {
            "suite": s.name,
            "result": f"{len(s.failed)} failed" if s.failed else "passed",
            "passed": s.passed,
            "skipped": s.skipped,
            "flaky": len(s.flaky) or "",
            "quarantined": len(s.forgiven) or "",
            "seconds": round(s.seconds, 1),
            **({"coverage": f"{s.coverage:.1%}"} if s.coverage is not None else {}),
            "reused from": str(s.reused or ""),
        }
        for s in evidence.suites
    ]


def tests_section(evidence: Evidence) -> str:
    """Markdown: one row per suite, then a line per test that did not pass or that people should know of."""
    if not evidence.suites:
        return "## Tests\n\nThere are no suites."
    lines = [
        f"- {kind}: {cell(s.name)}: {cell(test.name)}{f' ({cell(of)})' if of else ''}"
        for s in evidence.suites
        for kind, test, of in _told(s)
    ]
    return "\n\n".join(["## Tests", table(tests_table(evidence)), "\n".join([*lines, *_notes(evidence)])]).rstrip()


def _notes(evidence: Evidence) -> list[str]:
    """What is to be known of tests in quarantine that did not fail: they pass, or no suite that ran has them."""
    seen = {(q.entry.suite, q.entry.test): q.entry for s in evidence.suites for q in s.quarantined}
    did: dict[tuple[str, str], set[str]] = {key: set() for key in seen}
    for q in (q for s in evidence.suites for q in s.quarantined):
        did[q.entry.suite, q.entry.test].add(q.did)
    passing = [e for key, e in seen.items() if "pass" in did[key] and "fail" not in did[key]]
    gone = [e for key, e in seen.items() if did[key] == {"not run"}]
    return [
        *(f"- in quarantine, and passes: {cell(str(e))}" for e in passing),
        *(f"- in quarantine, but no test that ran has this name: {cell(str(e))}" for e in gone),
    ]


def counted(evidence: Evidence) -> str:
    """`2 failed tests, 1 flaky test`."""
    failed = sum(len(s.failed) for s in evidence.suites)
    said = f"{failed} failed test{'s' if failed != 1 else ''}" if failed else ""
    return ", ".join(filter(None, (said, evidence.forgiven)))


def not_passed(evidence: Evidence, files: str, pictures: Mapping[str, str] = MappingProxyType({})) -> str:
    """Markdown: each test that did not pass with its line, message, last output, picture and files; empty when all passed.

    `files` is the address under which the kept files are shown; without it their places are named. `pictures`: kept file -> its
    `data:` address.
    """
    told, notes = [(suite, *found) for suite in evidence.suites for found in _told(suite)], _notes(evidence)
    if not told and not notes:
        return ""
    blocks = [_block(suite, kind, test, of, files, pictures) for suite, kind, test, of in told[:SHOWN_TESTS]]
    if len(told) > SHOWN_TESTS:
        blocks.append(f"And {len(told) - SHOWN_TESTS} more; the suites' own files have them.")
    rest = [file for file in pictures if f"]({pictures[file]})" not in "".join(blocks)]
    blocks += [f"![{cell(file.rpartition('/')[2])}]({pictures[file]})" for file in rest]
    lists = [f"## Files of {suite.name}\n\n{_files(suite.kept, files)}" for suite in evidence.suites if suite.kept]
    noted = [f"## Quarantine\n\n{chr(10).join(notes)}"] if notes else []
    return "\n\n".join([f"# {counted(evidence) or 'All tests passed'}", *blocks, *noted, *lists])


def _told(suite: SuiteResult) -> Iterator[tuple[Kind, TestCase, str]]:
    """(kind, test, who looks after it) of everything that did not simply pass."""
    for test in suite.failed:
        yield "FAILED", test, ""
    for test in suite.flaky:
        yield "FLAKY", test, ""
    for seen in suite.forgiven:
        if seen.test:
            yield "IN QUARANTINE", seen.test, f"{seen.entry.owner} until {seen.entry.until}: {seen.entry.reason}"


def _block(suite: SuiteResult, kind: Kind, test: TestCase, of: str, files: str, pictures: Mapping[str, str]) -> str:
    own = [file for file in suite.kept if _is_of(file, test)]
    message, output = test.message.strip(), test.output.strip()
    parts = [
        f"## {kind}: {cell(test.name)}",
        f"Suite **{suite.name}**{f', at {code(test.where)}' if test.where else ''}{f'; {cell(of)}' if of else ''}",
        MEANING[kind],
        f"**{cell(message.splitlines()[0][:300])}**" if message and output else "",
        f"```\n{plain(_last(output or message))}\n```" if output or message else "",
        *(f"![{cell(file.rpartition('/')[2])}]({pictures[file]})" for file in own if file in pictures),
        _files(own, files) if own else "",
    ]
    return "\n\n".join(part for part in parts if part)


def _last(text: str) -> str:
    return "\n".join(text.splitlines()[-OUTPUT_LINES:])


def _is_of(file: str, test: TestCase) -> bool:
    """Whether a file that the tests left has the test's own name in its path, as runners and people name them."""
    _, separator, inner = file.partition("/artifacts/")
    own = _slug(test.name.rpartition("::")[2])
    return bool(separator) and len(own) > 3 and own in _slug(inner)


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def _files(kept: tuple[str, ...] | list[str], files: str) -> str:
    """A line with a link per file, or its place where nobody shows it."""
    lines = [f"- {_link(file, files)}" for file in kept[:SHOWN_FILES]]
    if len(kept) > SHOWN_FILES:
        run = kept[0].split("/")[0]
        lines.append(f"- {_link(run, files, f'and {len(kept) - SHOWN_FILES} more')}")
    return "\n".join(lines)


def _link(file: str, files: str, words: str = "") -> str:
    if not files:
        return f"{words} {code(f'runs/{file}')} in the worker's SLIPWAY_HOME".strip()
    shown = words or file.partition("/")[2] or file
    return f"[{cell(shown).replace(']', ' ')}]({files}/{quote(file)})"
