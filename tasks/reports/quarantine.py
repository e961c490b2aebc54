"""What a night says of tests in quarantine: who could leave, whose time is over or nearly so, and what was flaky."""

from collections.abc import Sequence

from tasks.models import Answer, QuarantineEntry, Tested

QUESTION = "tests in quarantine"
SOON_DAYS = 7


def quarantine(tested: Sequence[Tested]) -> Answer:
    """Of every version that was tested. Nothing is red: an entry that is over counts by itself, as a failed test."""
    entries = {(e.suite, e.test): (e, (e.until - t.quarantine.day).days) for t in tested for e in t.quarantine.entries}
    passing = [entries[key][0] for key in entries if _did(tested, key) in ({"pass"}, {"pass", "not run"})]
    ending = [(entry, days) for entry, days in entries.values() if days <= SOON_DAYS]
    flaky = dict.fromkeys(f"{t.result.name}: {test.name}" for t in tested if t.result for test in t.result.flaky)
    said = [f"{len(entries)} in quarantine"]
    said += [f"{len(passing)} could leave"] if passing else []
    said += [f"{len(ending)} over or ending soon"] if ending else []
    said += [f"{len(flaky)} flaky"] if flaky else []
    notes = [f"passes now, could leave: {entry}" for entry in passing]
    notes += [f"{_when(days)}: {entry}" for entry, days in ending]
    notes += [f"flaky tonight: {name}" for name in flaky]
    return Answer(question=QUESTION, said=", ".join(said), notes=tuple(notes))


def _did(tested: Sequence[Tested], key: tuple[str, str]) -> set[str]:
    """What the test did on any version."""
    seen = [q for t in tested if t.result for q in t.result.quarantined]
    return {q.did for q in seen if _key(q.entry) == key}


def _key(entry: QuarantineEntry) -> tuple[str, str]:
    return entry.suite, entry.test


def _when(days: int) -> str:
    if days < 0:
        return "is over, and counts again"
    return f"ends in {days} day{'' if days == 1 else 's'}" if days else "ends today"
