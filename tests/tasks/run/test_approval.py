"""Which answers count, and what the form offers; how a run is asked stands in tests/flows/test_approval.py."""

import jsonschema
import pytest

from tasks.models import Promotion, RingPlan
from tasks.run.approval import Approval, form, in_words, wrong_with

RING = RingPlan(
    name="all",
    approve=True,
    soak_seconds=0,
    promotions=(Promotion(customer="bre", ring="all", standing="promote"),),
)
NAMES = ("kari", "ola")


def wrong(names: tuple[str, ...] = NAMES, **given: str) -> str:
    answer = {"decision": "approve", "approved_by": "kari", "plan_hash": RING.hash} | given
    return wrong_with(Approval(**answer), RING, names)


def test_a_yes_of_a_listed_person_for_this_plan_counts() -> None:
    assert wrong() == ""
    assert wrong(approved_by=" ola ", note="fine") == ""
    assert wrong(names=(), approved_by="anybody") == ""


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"approved_by": " \t "}, "is empty"),
        ({"approved_by": "kari\nSlipway-Run: x"}, "one line"),
        ({"approved_by": "k" * 101}, "one line"),
        ({"approved_by": "Kari"}, "`Kari` is not one of those who may answer: kari, ola"),
        ({"approved_by": "`<b>mallory`"}, "`<b>mallory` is not one"),
        ({"plan_hash": "0" * 12}, f"was for plan `000000000000`: this is plan `{RING.hash}`"),
        ({"plan_hash": ""}, "was for plan"),
        ({"decision": "reject", "approved_by": "mallory"}, "not one of those who may answer"),
    ],
)
def test_what_cannot_count_is_told(given: dict[str, str], words: str) -> None:
    assert words in wrong(**given)


def test_a_no_counts_for_whatever_plan() -> None:
    assert wrong(decision="reject", plan_hash="0" * 12) == ""


def test_the_form_offers_the_names_and_a_bare_resume_fits_no_form() -> None:
    for names in ((), NAMES):
        schema = form(names).with_initial_data(plan_hash=RING.hash).model_json_schema()
        assert schema["properties"]["approved_by"].get("enum", []) == list(names)
        assert schema["properties"]["plan_hash"]["default"] == RING.hash
        for bare in ({}, {"approved_by": "kari"}, {"decision": "approve"}):
            with pytest.raises(jsonschema.ValidationError):
                jsonschema.validate(bare, schema)
        jsonschema.validate({"decision": "approve", "approved_by": "kari"}, schema)


@pytest.mark.parametrize(
    ("seconds", "words"), [(86400, "24 h"), (5400, "90 min"), (90, "90 s"), (3600, "1 h"), (2.5, "2.5 s")]
)
def test_a_time_limit_is_said_as_people_say_it(seconds: float, words: str) -> None:
    assert in_words(seconds) == words
