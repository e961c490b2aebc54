"""What people read about a night: an answer to each question, and one page of all of them, made from values alone."""

import datetime
from collections.abc import Mapping, Sequence

from tasks.config.model import Config
from tasks.models import (
    Answer,
    Customer,
    Fleet,
    Hold,
    Ledger,
    NightlyReport,
    OpenOverride,
    Reason,
    Sighting,
    Tested,
    UnusedImage,
    Version,
)

END_TO_END = "end-to-end tests"
DRIFT = "running as stated"
FILES = "GitOps files"
HOLDS = "holds"
OVERRIDES = "open overrides"
IMAGES = "unused images"
SHOWN = 5
NOTES = 50


def end_to_end(config: Config, versions: Sequence[Version], tested: Sequence[Tested]) -> Answer:
    """How the full suite did on every version that customers run."""
    if config.e2e is None:
        return Answer(question=END_TO_END, said="there are none: release.yaml has no e2e")
    if not versions:
        why = Reason(
            what="no version is known that a customer runs",
            where=config.gitops.repository,
            next_step="release once; or mend the files that `slipway status` names",
        )
        return Answer(question=END_TO_END, said="nothing was tested", red=(why,))
    green = [t for t in tested if t.green]
    tests = sum(t.result.passed for t in tested if t.result)
    said = f"{len(green)} of {_count(len(versions), 'version')} green" + (
        f", {_count(tests, 'test')} passed" if tests else ""
    )
    notes = tuple(
        f"{t.version.release[:7]}, {_customers(t.version.customers)}: {'green' if t.green else 'RED'}" for t in tested
    )
    return Answer(question=END_TO_END, said=said, red=tuple(r for t in tested for r in _red(t)), notes=notes)


def _red(tested: Tested) -> list[Reason]:
    """Each reason, with the version and who runs it before it."""
    before = f"{tested.version.release[:7]} ({_customers(tested.version.customers)}): "
    step = "release a correction; who runs another version is not concerned"
    return [r.model_copy(update={"what": before + r.what, "next_step": r.next_step or step}) for r in tested.reasons]


def drift(sightings: Sequence[Sighting], moved: Sequence[str]) -> Answer:
    """Who runs something else than the GitOps repository states, and who could not be seen."""
    as_stated = sum(s.seen == "as stated" for s in sightings)
    others, away = (_names(sightings, seen) for seen in ("something else", "not seen"))
    said = [f"{as_stated} of {_count(len(sightings) + len(moved), 'customer')} as stated"]
    said += [f"{len(others)} with something else"] if others else []
    said += [f"{len(away)} not seen"] if away else []
    red = [
        *_grouped(
            sightings,
            "something else",
            "see why it was not rolled out, or release again; `slipway status` shows what is stated",
        ),
        *_grouped(sightings, "not seen", "see that it runs and can be reached from here; then retry this run"),
    ]
    notes = (f"a release moved {_customers(moved)} meanwhile",) if moved else ()
    return Answer(question=DRIFT, said=", ".join(said), red=tuple(red), notes=notes)


def _names(sightings: Sequence[Sighting], seen: str) -> list[str]:
    return [s.customer for s in sightings if s.seen == seen]


def _grouped(sightings: Sequence[Sighting], seen: str, step: str) -> list[Reason]:
    """A reason for each thing that was seen, with everybody of whom it is true."""
    groups: dict[str, list[str]] = {}
    for sighting in sightings:
        if sighting.seen == seen:
            words = sighting.words.removeprefix(f"{sighting.customer}: ").replace(sighting.customer, "NAME")
            groups.setdefault(words, []).append(sighting.customer)
    return [
        Reason(what=f"{_customers(names)}: {seen}: {words}", where=", ".join(names), next_step=step)
        for words, names in groups.items()
    ]


def files(fleet: Fleet) -> Answer:
    """Customers whose files say something else than their release, or cannot be read."""
    by_hand = {c.name: names for c in fleet.customers if (names := [n for n in c.runs if c.is_by_hand(n)])}
    broken = [c for c in fleet.customers if c.problem]
    fine = len(fleet.customers) - len(set(by_hand) | {c.name for c in broken})
    red = [_problem(c) for c in broken]
    groups: dict[str, list[str]] = {}
    for name, components in by_hand.items():
        groups.setdefault(", ".join(sorted(components)), []).append(name)
    red += [
        Reason(
            what=f"{_customers(names)}: {components} changed by hand",
            where=", ".join(names),
            next_step="put the image of the release back, or write the new one into .slipway/customers/NAME.yaml too",
        )
        for components, names in groups.items()
    ]
    return Answer(
        question=FILES,
        said=f"{fine} of {_count(len(fleet.customers), 'customer')} as their release wrote them",
        red=tuple(red),
    )


def _problem(customer: Customer) -> Reason:
    assert customer.problem is not None  # noqa: S101 - the caller has looked
    return customer.problem


def holds(config: Config, found: Mapping[str, Hold], today: datetime.date | None = None) -> Answer:
    """Holds that have run out or soon will; `today` is in UTC, without it the clock is asked. No hold is red: a person decided it."""
    today = today or datetime.datetime.now(datetime.UTC).date()
    notes, over, soon = [], 0, 0
    for name, hold in sorted(found.items()):
        days = _days_left(hold, today)
        if days is None:
            continue
        over, soon = over + (days < 0), soon + (0 <= days <= config.nightly.hold_ends_within / 86400)
        if days < 0:
            notes.append(f"{name}: held by {hold.owner} until {hold.until}, which is over: the next release moves it")
        elif days <= config.nightly.hold_ends_within / 86400:
            notes.append(
                f"{name}: held by {hold.owner} until {hold.until}: {hold.reason}; `slipway hold {name}` if it must stay"
            )
    said = f"{len(found)} held" + (f", {over} over" if over else "") + (f", {soon} ending soon" if soon else "")
    return Answer(question=HOLDS, said=said, notes=tuple(notes))


def _days_left(hold: Hold, today: datetime.date) -> int | None:
    """Days until a hold's last one; None without an end, or with one that is no date: it holds for safety."""
    try:
        return (datetime.date.fromisoformat(hold.until) - today).days if hold.until else None
    except ValueError:
        return None


def overrides(open_before: Ledger, closed: Mapping[str, str]) -> Answer:
    """What was let pass: made good tonight, or still open, which is red."""
    left = [e for e in open_before.entries if e.id not in closed]
    notes = tuple(f"{e}: closed, {closed[e.id]}" for e in open_before.entries if e.id in closed)
    said = f"{len(left)} open" + (f", {len(closed)} closed tonight" if closed else "")
    red = (*(_open(e) for e in left), *open_before.problems)
    return Answer(question=OVERRIDES, said=said, red=red, notes=notes)


def _open(entry: OpenOverride) -> Reason:
    steps = {
        "e2e": "mend the test or the app and release again: a green night closes it",
        "suites": "mend the tests and release to every customer: that closes it",
        "migrations": "release a newer version to every customer: that closes it",
    }
    step = steps.get(entry.override.gate, "nothing: the next night closes it")
    return Reason(
        what=f"open since {entry.when[:10]}: {entry.override}",
        where=f"release {entry.release[:7]}, ring {', '.join(entry.rings)}",
        next_step=f"{step}; or `slipway overrides clear {entry.id} --reason WHY`",
    )


def images(config: Config, found: Sequence[UnusedImage], reasons: Sequence[Reason] = ()) -> Answer:
    """Images that nobody uses; a registry that could not be asked is red."""
    deleted = sum(i.deleted for i in found)
    said = f"{len(found) - deleted} unused" + (f", {deleted} deleted" if deleted else "")
    if found and config.nightly.unused_images == "list":
        said += "; nightly.unused_images: delete takes them away"
    notes = tuple(
        f"{i.repository}@{i.digest[:19]} ({', '.join(t[:12] for t in i.tags)}): "
        + ("deleted" if i.deleted else f"unused since {i.since}")
        for i in found
    )
    return Answer(question=IMAGES, said=said, red=tuple(reasons), notes=notes)


def summary(report: NightlyReport) -> str:
    """Markdown: the verdict, a row for each question, then what is red with the next step, then what is good to know."""
    rows = [f"| {'**RED**' if a.red else 'green'} | {_cell(a.question)} | {_cell(a.said)} |" for a in report.answers]
    table = "\n".join(["| | question | answer |", "| --- | --- | --- |", *rows])
    sections = [f"# {_cell(report.app)}, nightly: {report.headline}", table]
    for answer in report.answers:
        if answer.red:
            blocks = "\n\n".join(f"```\n{_plain(str(r))}\n```" for r in answer.red)
            sections.append(f"## RED: {answer.question}\n\n{blocks}")
    for answer in report.answers:
        if answer.notes:
            lines = [f"- {_cell(note)}" for note in answer.notes[:NOTES]]
            more = [f"- and {len(answer.notes) - NOTES} more"] if len(answer.notes) > NOTES else []
            sections.append(f"## {answer.question}\n\n" + "\n".join([*lines, *more]))
    return "\n\n".join(sections)


def _customers(names: Sequence[str]) -> str:
    """Some names, and how many more."""
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _cell(text: str) -> str:
    """Text of people and tests must not end a table cell or start markup of its own."""
    return (
        _plain(" ".join(text.split()))
        .replace("\\", "\\\\")
        .replace("|", "\\|")
        .replace("<", "&lt;")
        .replace("[", "\\[")
    )


def _plain(text: str) -> str:
    return text.replace("```", "'''")
