"""The night as people read it: the verdict first, who is wrong by name, one next step each; readable at 1,000 customers."""

import datetime

import pytest

from tasks.config.model import Config
from tasks.errors import ReleaseRefused
from tasks.models import (
    Answer,
    Customer,
    Deployed,
    Fleet,
    Hold,
    Ledger,
    NightlyReport,
    OpenOverride,
    Override,
    Quarantine,
    Quarantined,
    QuarantineEntry,
    Reason,
    Sighting,
    SuiteResult,
    TestCase,
    Tested,
    UnusedImage,
    Version,
)
from tasks.nightly import finish
from tasks.reports import night as reports
from tasks.reports.quarantine import quarantine
from tests.tasks.gitops.conftest_gitops import config_for, digest

COMMIT = "1a2b3c4" + "0" * 33
TODAY = datetime.date(2026, 11, 26)
GREEN = SuiteResult(suite="full", component="e2e", passed=40, seconds=1, junit=True)


def config(**more: object) -> Config:
    settings = config_for("app", "gitops").model_dump(mode="json", by_alias=True)
    return Config.model_validate(settings | {"e2e": {"path": "e2e", "smoke": "true"}} | more)


def version(*customers: str) -> Version:
    return Version(release=COMMIT, images=(), customers=customers)


def sighting(name: str, seen: str, words: str = "") -> Sighting:
    return Sighting.model_validate({"customer": name, "seen": seen, "words": words})


def entry(gate: str) -> OpenOverride:
    override = Override.model_validate({"gate": gate, "reason": "x", "by": "kari"})
    return OpenOverride(
        id=f"{COMMIT[:12]}-{gate}", override=override, release=COMMIT, when="2026-11-20T10:00:00+00:00", rings=("all",)
    )


def test_a_green_night_says_so_in_its_first_line_and_ends_well() -> None:
    report = NightlyReport(app="shop", answers=(Answer(question="q", said="all right"),))
    assert (report.green, reports.summary(report).splitlines()[0]) == (True, "# shop, nightly: green: 1 questions")
    assert finish(report) is report


def test_a_red_night_fails_with_the_first_reasons_and_counts_the_others() -> None:
    red = tuple(Reason(what=f"r{n}", next_step="act") for n in range(9))
    report = NightlyReport(
        app="shop", answers=(Answer(question="a", said="-", red=red), Answer(question="b", said="-"))
    )
    with pytest.raises(ReleaseRefused) as caught:
        finish(report)
    assert [r.what for r in caught.value.reasons] == [
        "shop: the night is red: 1 of 2 questions",
        *(f"r{n}" for n in range(5)),
        "and 4 more",
    ]
    assert all(f"r{n}" in reports.summary(report) for n in range(9))


def test_each_version_is_told_with_who_runs_it() -> None:
    bad = Tested(version=version("bre", "dal"), result=GREEN, reasons=(Reason(what="e2e full: t failed"),))
    good = Tested(version=version("fjord"), result=GREEN)
    answer = reports.end_to_end(config(), (bad.version, good.version), (bad, good))
    assert answer.said == "1 of 2 versions green, 80 tests passed"
    assert [r.what for r in answer.red] == ["1a2b3c4 (bre, dal): e2e full: t failed"]
    assert answer.red[0].next_step
    assert reports.end_to_end(config(), (), ()).red, "nothing was tested: that is not green"
    assert not reports.end_to_end(config(e2e=None), (), ()).red


def test_who_could_leave_quarantine_and_whose_time_is_nearly_over_is_told() -> None:
    day = datetime.date(2026, 11, 26)

    def entry(test: str, days: int, suite: str = "e2e") -> QuarantineEntry:
        until = day + datetime.timedelta(days=days)
        return QuarantineEntry(test=test, suite=suite, owner="kari", reason="clock", until=until)

    well, bad, unit = entry("well", 20), entry("bad", 7), entry("unit", -1, "api/unit")
    did = (Quarantined(entry=well, did="pass"), Quarantined(entry=bad, did="fail"))
    result = GREEN.model_copy(update={"quarantined": did, "flaky": (TestCase(name="odd", message="m"),)})
    tested = Tested(version=version("bre"), result=result, quarantine=Quarantine(day=day, entries=(well, bad, unit)))
    answer = quarantine((tested, tested))
    assert answer.said == "3 in quarantine, 1 could leave, 2 over or ending soon, 1 flaky"
    assert answer.notes == (
        "passes now, could leave: e2e: well, kari until 2026-12-16: clock",
        "ends in 7 days: e2e: bad, kari until 2026-12-03: clock",
        "is over, and counts again: api/unit: unit, kari until 2026-11-25: clock",
        "flaky tonight: e2e full: odd",
    )
    assert not answer.red


def test_who_drifted_is_grouped_by_what_was_seen_and_named_to_the_last() -> None:
    names = [f"c{n:04}" for n in range(1000)]
    seen = [sighting(n, "as stated") for n in names[:990]]
    seen += [sighting(n, "something else", f"{n}: backend answers 1, expected 2") for n in names[990:999]]
    seen += [sighting(names[999], "not seen", "no answer")]
    answer = reports.drift(seen, moved=("c1",))
    assert answer.said == "990 of 1001 customers as stated, 9 with something else, 1 not seen"
    other, away = answer.red
    assert other.what == "c0990, c0991, c0992, c0993, c0994 and 4 more: something else: backend answers 1, expected 2"
    assert (other.where.split(", "), away.what) == (names[990:999], "c0999: not seen: no answer")
    report = NightlyReport(app="shop", answers=(answer,))
    assert len(reports.summary(report)) < 2000


def test_files_that_people_changed_or_broke_are_red() -> None:
    done = Deployed(digest=digest(1), revision=COMMIT, tree=COMMIT)
    facts = {"ring": "all", "release": COMMIT, "components": {"backend": done}}
    fleet = Fleet(
        tip=COMMIT,
        customers=(
            Customer.model_validate({"name": "bre", "runs": {"backend": digest(2)}, **facts}),
            Customer.model_validate({"name": "dal", "runs": {"backend": digest(1)}, **facts}),
            Customer(name="odd", ring="all", problem=Reason(what="odd: broken", next_step="mend it")),
        ),
    )
    answer = reports.files(fleet)
    assert answer.said == "1 of 3 customers as their release wrote them"
    assert [r.what for r in answer.red] == ["odd: broken", "bre: backend changed by hand"]


def test_holds_that_are_over_or_end_soon_are_told_and_make_nothing_red() -> None:
    found = {
        "aal": Hold(reason="a", owner="kari", until="2026-11-25"),
        "bre": Hold(reason="b", owner="kari", until="2026-11-26"),
        "dal": Hold(reason="c", owner="kari", until="2026-11-29"),
        "eid": Hold(reason="d", owner="kari", until="2026-11-30"),
        "fjord": Hold(reason="e", owner="kari"),
        "odd": Hold(reason="f", owner="kari", until="2026-13-45"),
    }
    answer = reports.holds(config(), found, TODAY)
    assert (answer.said, answer.red) == ("6 held, 1 over, 2 ending soon", ())
    assert [n[:4] for n in answer.notes] == ["aal:", "bre:", "dal:"]
    assert "the next release moves it" in answer.notes[0]


def test_an_override_that_is_still_open_is_red_and_one_that_was_closed_is_told() -> None:
    ledger = Ledger(entries=(entry("e2e"), entry("suites")), problems=(Reason(what="broken file"),))
    answer = reports.overrides(ledger, {entry("e2e").id: "the suite passed"})
    assert answer.said == "1 open, 1 closed tonight"
    assert [r.what for r in answer.red] == ["open since 2026-11-20: suites by kari: x", "broken file"]
    assert f"`slipway overrides clear {entry('suites').id} --reason WHY`" in answer.red[0].next_step
    assert answer.notes == (f"{entry('e2e')}: closed, the suite passed",)


def test_unused_images_are_notes_and_a_registry_that_is_away_is_red() -> None:
    image = UnusedImage(repository="r/a", digest=digest(1), tags=("tree-" + "1" * 40,), since="2026-11-01")
    answer = reports.images(config(), [image, image.model_copy(update={"deleted": True})], [Reason(what="away")])
    assert answer.said == "1 unused, 1 deleted; nightly.unused_images: delete takes them away"
    assert ("unused since 2026-11-01" in answer.notes[0], "deleted" in answer.notes[1]) == (True, True)
    assert answer.red == (Reason(what="away"),)


def test_text_of_people_and_tests_starts_no_markup_of_its_own() -> None:
    evil = "``` | <b>x</b> [y](z)\n# not a title"
    answer = Answer(question="q", said=evil, red=(Reason(what=evil),), notes=(evil,))
    text = reports.summary(NightlyReport(app="shop", answers=(answer,)))
    assert "<b>" not in text.replace("'''", "").split("## RED")[0]
    assert text.count("```") == 2
    assert "- ''' \\| &lt;b>x&lt;/b> \\[y](z) # not a title" in text
