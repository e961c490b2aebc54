"""Asks a person before a ring moves: a form in the Prefect UI, bound to the hash of what was shown."""

import datetime
from typing import Literal

from prefect import suspend_flow_run
from prefect.input import RunInput
from prefect.runtime import flow_run as this_run
from pydantic import Field, create_model

from tasks.command import printable
from tasks.config.model import Config
from tasks.errors import ReleaseRefused
from tasks.models import Release, RingPlan
from tasks.reports import release as report
from tasks.run import question

LONGEST_NAME = 100
LONGEST_NOTE = 500
UNITS = ((3600, "h"), (60, "min"), (1, "s"))


class Approval(RunInput):
    """The form. What decides has no default: a bare Resume must not count as yes."""

    decision: Literal["approve", "reject"] = Field(
        description="approve: the ring moves. reject: it stays, and the release ends."
    )
    approved_by: str = Field(description="Your name; it stands in the commit.")
    note: str = Field(default="", description="Why.")
    plan_hash: str = Field(description="The plan that you answer for. Leave it as it is.")


def form(names: tuple[str, ...]) -> type[Approval]:
    """The form for those who may answer: with names it offers them as a choice, and the server takes no other."""
    if not names:
        return Approval
    chosen = (Literal[names], Field(description="Your name, one of those who may answer; it stands in the commit."))
    return create_model("Approval", __base__=Approval, approved_by=chosen)


def approve(
    config: Config, release: Release, ring: RingPlan, before: RingPlan | None = None, again: bool = True
) -> Approval | None:
    """Asks whether the ring may move; the run sleeps meanwhile and takes up no process. None when nobody need be asked.

    `before` is what was approved (`again`), or shown in the plan, of the same ring until the branch moved: the form says
    what is different. A retry of the run does not ask again for what was approved, an answer that cannot count asks again
    with what is wrong with it. Raises `ReleaseRefused` when the answer is no, or when there is none in `approval.timeout`.
    Only deployed flows can sleep: Prefect refuses otherwise.
    """
    if not ring.approve or not ring.moving:
        return None
    asked = question.asked(_topic(ring))
    question.forget_timers(asked)
    if answer := _yes(config, ring, asked):
        return answer
    now = [q for q in asked if q.attempt == question.this_attempt()]
    wrong = _ending(config, ring, now[-1]) if now else ""
    text = report.approval_text(release, ring, before, again)
    return _ask(config, ring, now, _wrong_first(wrong, text))


def earlier(config: Config, ring: RingPlan) -> Approval | None:
    """The yes that an attempt of this run was given for this very plan; Prefect itself forgets it on a retry."""
    return _yes(config, ring, question.asked(_topic(ring)))


def wrong_with(answer: Approval, ring: RingPlan, names: tuple[str, ...]) -> str:
    """Why an answer cannot count, as half a sentence in Markdown; empty when it can.

    A no counts for whatever plan: to stop is always safe.
    """
    name = answer.approved_by.strip()
    if not name:
        return "`approved_by` is empty: say who you are"
    if not name.isprintable() or len(name) > LONGEST_NAME:
        return f"`approved_by` is no name: write one line of at most {LONGEST_NAME} characters"
    if names and name not in names:
        return f"{_quoted(name)} is not one of those who may answer: {', '.join(names)}"
    if answer.decision == "approve" and answer.plan_hash.strip() != ring.hash:
        return f"the answer was for plan {_quoted(answer.plan_hash)}: this is plan `{ring.hash}`, leave `plan_hash` as it is"
    return ""


def _topic(ring: RingPlan) -> str:
    return f"{ring.name}-{ring.hash}"


def _yes(config: Config, ring: RingPlan, asked: list[question.Question]) -> Approval | None:
    answers = [_read(q) for q in reversed(asked) if q.answer is not None]
    return next(
        (a for a in answers if a.decision == "approve" and not wrong_with(a, ring, config.approval.by)),
        None,
    )


def _read(asked: question.Question) -> Approval:
    """Its answer, which the server has compared with the form: whoever cleared the hash meant the one that stood there."""
    answer = Approval(**{"plan_hash": asked.topic.rpartition("-")[2], **(asked.answer or {})})
    note = printable(answer.note.strip())[:LONGEST_NOTE]
    return answer.model_copy(update={"approved_by": answer.approved_by.strip(), "note": note})


def _ending(config: Config, ring: RingPlan, last: question.Question) -> str:
    """How this attempt's last question ended: why it must be asked again, where it was no answer.

    Raises `ReleaseRefused` when it was a no, or when nobody answered in time.
    """
    if last.answer is None and last.expired:
        raise ReleaseRefused.because(
            f"ring {ring.name}: not approved in {in_words(config.approval.timeout)}",
            f"plan {ring.hash}",
            "retry the run: it asks again",
        )
    if last.answer is None:
        return "the run was resumed without an answer"
    answer = _read(last)
    if wrong := wrong_with(answer, ring, config.approval.by):
        return wrong
    raise ReleaseRefused.because(
        f"ring {ring.name}: rejected by {answer.approved_by}" + (f": {answer.note}" if answer.note.strip() else ""),
        f"plan {ring.hash}",
        "mend what they say, then push again",
    )


def _wrong_first(wrong: str, text: str) -> str:
    return f"**Asked again**: {wrong}.\n\n{text}" if wrong else text


def _ask(config: Config, ring: RingPlan, before: list[question.Question], text: str) -> Approval:
    """Sleeps until the answer, or until the time of this attempt's first question is over: a wrong answer wins no time."""
    until = before[0].until if before else question.in_seconds(config.approval.timeout)
    # A retry counts as a new run: with the same key Prefect answers 409 for ever (PrefectHQ/prefect#12279).
    key = f"{_topic(ring)}-{question.this_attempt()}-{len(before) + 1}"
    wakes = question.note(key, f"ring {ring.name}", until)
    shown = f"{text}\n\nAnswer before {until:%Y-%m-%d %H:%M} UTC, here or by `slipway approve {this_run.id}`."
    return suspend_flow_run(
        key=key,
        # Prefect's own limit would end the run before a customer of the ring had its outcome.
        timeout=None if wakes else max(1, int((until - datetime.datetime.now(datetime.UTC)).total_seconds())),
        wait_for_input=form(config.approval.by).with_initial_data(plan_hash=ring.hash, description=shown),
    )


def in_words(seconds: float) -> str:
    """A duration as people say it: 24 h, 90 min, 45 s."""
    size, unit = next(((s, u) for s, u in UNITS if seconds >= s and seconds % s == 0), (1, "s"))
    return f"{seconds / size:g} {unit}"


def _quoted(text: str) -> str:
    """What a person typed, as code: it starts no markup of its own."""
    return f"`{printable(text.strip())[:60].replace('`', '')}`"
