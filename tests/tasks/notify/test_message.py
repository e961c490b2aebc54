"""What messages say, and that no text of others does anything in them."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.errors import ReleaseRefused, ServiceUnavailable, combine
from tasks.models import (
    Evidence,
    Finding,
    MigrationReport,
    Outcome,
    Override,
    Promotion,
    Reason,
    Release,
    ReleaseReport,
    ReleaseRequest,
    RingPlan,
    SuiteResult,
    TestCase,
)
from tasks.notify import wording
from tasks.notify.inert import inert
from tasks.notify.message import Message
from tasks.secrets.masking import learn

COMMIT = "1f3a9c0" + "0" * 33
URL = "https://prefect.example.no/runs/flow-run/7"
HOSTILE = (
    "<!channel> free [gifts](https://evil.example)",
    "<https://evil.example|click here>",
    "@everyone and @here",
    "<img src=x onerror=alert(1)>",
    "![x](http://evil.example/track.png)",
    "`code` **bold** ~~gone~~ |table|",
    "two\nlines\r\n# heading\n[1]: https://evil.example",
    "\x1b[2J\x07 and \u202ertl\u202c",
    "see www.evil.example or mailto:you@evil.example",
)
RELEASE = Release(commit=COMMIT, subject=HOSTILE[0], images=(), head=None)
REQUEST = ReleaseRequest(commit=COMMIT, overrides=(Override(gate="soak", reason="urgent", by="kari"),))


@pytest.mark.parametrize("text", HOSTILE)
def test_what_others_wrote_does_nothing_in_any_program(text: str) -> None:
    message = Message(
        event="failed", good=False, what=f"shop: {text}", subject=text, facts=(text,), next_step=text, url=URL
    )
    for shown in (
        message.title,
        *message.plain().replace(URL, "").splitlines(),
        *message.markdown().replace(URL, "").splitlines(),
    ):
        assert shown.isprintable()
        assert not re.search(r"[<>@`*|]|\]\(|://|www\.|mailto:", shown)
    assert len(message.plain().splitlines()) == 4, "no line of its own"


@given(st.text(max_size=400))
def test_inert_text_is_one_printable_line_of_bounded_length(text: str) -> None:
    shown = inert(text, 100)
    assert len(shown) <= 100 and shown.isprintable() and inert(shown, 100) == shown


def test_a_secret_is_masked_before_it_is_cut() -> None:
    learn("c4nary-secret-in-a-test-name")
    assert "c4nary" not in inert("x" * 180 + "c4nary-secret-in-a-test-name", 200)


def test_approval_wanted_says_who_moves_and_the_one_command() -> None:
    promotions = tuple(Promotion(customer=f"c{n}", ring="all", standing="promote" if n else "held") for n in range(13))
    ring = RingPlan(name="all", approve=True, soak_seconds=0, promotions=promotions)
    links = {"kari": "https://slipway.example.no/approve/abc_def.x-y"}
    message = wording.approval_wanted("shop", RELEASE, ring, REQUEST.overrides, "run-7", URL, links)
    assert message.title == "shop: release 1f3a9c0 waits for approval of ring all"
    assert message.plain().splitlines() == [
        "Commit: ‹!channel› free [gifts] (https[:]//evil.example)",
        "- moves 12 customers: c1, c2, c3, c4, c5, c6, c7, c8, c9, c10 and 2 more",
        f"- plan {ring.hash}",
        "- overridden: soak by kari: urgent",
        "Next: read the plan on the run's page, then answer there or by the command",
        "Command: slipway approve run-7",
        "kari: https://slipway.example.no/approve/abc_def.x-y",
        f"Run: {URL}",
    ]
    assert "Command: `slipway approve run-7`" in message.markdown()


def refused_by_tests() -> ReleaseRefused:
    failed = tuple(TestCase(name=f"t{n}", message="no") for n in range(2))
    suite = SuiteResult(suite="unit", component="api", passed=3, failed=failed, seconds=1, junit=True)
    finding = Finding(rule="r", family="locks", blocking=True, revision="1", object="o", effect="e", next_step="n")
    error = ReleaseRefused(
        *(Reason(what=f"api unit: t{n} failed: no", next_step="mend it and push again") for n in range(7))
    )
    error.headline = wording.failed_checks(
        Evidence(images=(), suites=(suite,), migrations=MigrationReport(head=None, findings=(finding,)))
    )
    return error


def test_a_refusal_is_counted_in_one_line_and_told_with_its_reasons() -> None:
    error = refused_by_tests()
    line = wording.problem(error, "failed", "")
    assert line == "refused: 2 tests of api unit failed, 1 finding in the migrations"
    message = wording.failed("shop", REQUEST, "Subject", error, line, URL)
    assert message.title == f"shop: release 1f3a9c0 {line}"
    assert "- and 2 more" in message.plain()
    assert message.plain().splitlines()[-3:] == [
        "Next: mend it and push again",
        "Command: slipway release",
        f"Run: {URL}",
    ]


def test_trouble_that_may_pass_a_crash_and_a_cancelled_run_ask_for_a_retry() -> None:
    away = combine([ServiceUnavailable.because("no Docker Engine", "unix://x", "start it")])
    for error, state, line in (
        (away, "failed", "failed: no Docker Engine"),
        (None, "crashed", "crashed: Process exited with status code: -9"),
        (RuntimeError("x"), "cancelled", "cancelled"),
    ):
        said = wording.problem(error, state, line.partition(": ")[2])
        assert said == line
        assert wording.RETRY in wording.failed("shop", REQUEST, "", error, said, URL).plain()


def test_a_crash_that_begins_again_by_itself_asks_nobody_to_do_anything() -> None:
    steps = [wording.begins_again(attempt, 3) for attempt in (0, 1, 2, 3)]
    assert [bool(step) for step in steps] == [False, True, True, False]
    message = wording.failed("shop", REQUEST, "", None, "crashed", URL, steps[2])
    assert "nothing yet: it begins again by itself in a minute or two, attempt 3 of 3" in message.plain()


def test_what_of_the_tests_was_forgiven_stands_beside_the_commit() -> None:
    odd = TestCase(name="odd", message="no")
    suite = SuiteResult(suite="unit", component="api", passed=3, flaky=(odd,), seconds=1, junit=True)
    forgiven = Evidence(images=(), suites=(suite,)).forgiven
    one = (Outcome(customer="a", ring="all", outcome="promoted"),)
    report = ReleaseReport(release=RELEASE, outcomes=one, forgiven=forgiven)
    assert wording.everybody(report) == "1 of 1 customers run it; 1 flaky test"
    red = suite.model_copy(update={"failed": (odd,)})
    assert wording.failed_checks(Evidence(images=(), suites=(red,))) == "1 test of api unit failed, 1 flaky test"
    assert wording.failed_checks(Evidence(images=(), suites=(suite,))) == ""


def test_a_night_that_crashed_is_told_to_those_who_want_to_hear_of_nights() -> None:
    message = wording.failed("shop", None, "", None, "crashed", URL)
    assert (message.event, message.title) == ("nightly", "shop: the nightly run crashed")


def test_lines_beside_the_commit() -> None:
    outcomes = (
        Outcome(customer="a", ring="canary", outcome="promoted"),
        Outcome(customer="b", ring="all", outcome="unchanged"),
        Outcome(customer="c", ring="all", outcome="held"),
    )
    assert wording.ring_seen("canary", outcomes[:1]) == "ring canary: 1 of 1 seen"
    line = wording.everybody(ReleaseReport(release=RELEASE, outcomes=outcomes))
    assert line == "2 of 3 customers run it (c held)"
    assert wording.status_line(line, REQUEST.overrides) == f"{line}; overridden: soak by kari"
    long = wording.status_line("x" * 300, REQUEST.overrides)
    assert len(long) == 140 and long.endswith("…; overridden: soak by kari"), "what was overridden is never cut off"
