"""Newest wins, with whole releases on a real worker: what soaks and what waits for a person is replaced, and says so."""

import json
from typing import Any

import pytest
from prefect.states import Cancelling

from tests.flows import test_rings
from tests.flows.test_release import until

pytestmark = pytest.mark.slow
small = test_rings.small


def change(product: Any, number: int) -> str:
    code = (product.app.work / "api/tickets.js").read_text()
    return str(product.app.commit({"api/tickets.js": f"{code}// {number}\n"}, f"Change {number}"))


def rings(product: Any, soak: int) -> None:
    canary = {"name": "canary", "customers": ["fjord"], "soak": soak}
    product.configure(rings=[canary, {"name": "all", "customers": "*", "approve": True}])


def rows(product: Any, run: Any) -> dict[str, str]:
    return {r["customer"]: r["outcome"] for r in json.loads(product.artifact(run, "customers").replace("'", '"'))}


def test_a_release_in_soak_and_one_that_waits_for_a_person_are_replaced_by_newer_ones(small: Any) -> None:
    rings(small, soak=3600)
    first = small.start(small.first)
    assert until(lambda: ("soak of ring canary begins", "Completed") in small.steps(first), 240)
    rings(small, soak=0)
    commit = change(small, 2)
    second = small.start(commit)
    state = small.wait(first)
    assert (state.name, state.type.value) == ("Superseded", "CANCELLED")
    assert state.message.startswith(f"by release {commit[:7]} (http")
    assert str(second) in state.message
    assert rows(small, first) == {"fjord": "promoted", "bre": "superseded", "dal": "superseded"}
    assert f"Superseded by release [{commit[:7]}]" in small.artifact(first, "release")

    assert small.wait(second, "Suspended").name == "Suspended"
    assert small.first[:7] in small.artifact(second, "superseded")
    assert test_rings.state(small, "fjord")["release"]["commit"] == commit, "it goes on from where the older one was"
    newest = change(small, 3)
    third = small.start(newest)
    state = small.wait(second)
    assert (state.name, str(third) in state.message) == ("Superseded", True)
    assert rows(small, second) == {"fjord": "promoted", "bre": "superseded", "dal": "superseded"}
    assert "retry this run" in small.artifact(second, "release")
    assert commit[:7] in small.artifact(third, "superseded")

    assert small.wait(third, "Suspended").name == "Suspended"
    small.set_state(third, Cancelling())
    assert small.wait(third).name == "Cancelled"
    assert [subject.split(" to ")[-1] for _, subject in small.history()] == ["ring canary (1 customer)"] * 3 + [
        "customers"
    ]
