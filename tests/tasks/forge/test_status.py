"""Commit statuses on every forge."""

import pytest

from tasks.errors import ReleaseRefused
from tasks.forge.status import set_status
from tasks.models import StatusState
from tests.contracts import Response
from tests.tasks.forge.conftest import Situation

COMMIT = "a" * 40
SENT = {"github": {}, "gitlab": {"failure": "failed"}, "gitea": {}}


@pytest.mark.parametrize("state", ["pending", "success", "failure"])
def test_a_status_is_set_with_its_link(forge: Situation, state: StatusState) -> None:
    set_status(forge.settings, COMMIT, "slipway/canary", state, "3 of 3 customers", "https://prefect.example.com/run")
    (there,) = forge.there.statuses
    assert there["commit"] == COMMIT
    assert there["state"] == SENT[forge.kind].get(state, state)
    assert "slipway/canary" in (there.get("context"), there.get("name"))
    assert (there["description"], there["target_url"]) == ("3 of 3 customers", "https://prefect.example.com/run")


def test_the_same_status_may_be_set_again_and_another_one_after_it(forge: Situation) -> None:
    for state in ("pending", "pending", "success", "success"):
        set_status(forge.settings, COMMIT, "slipway/canary", state, "d")
    assert forge.there.statuses[-1]["state"] == "success"


def test_a_long_description_is_cut_at_what_every_forge_takes(forge: Situation) -> None:
    set_status(forge.settings, COMMIT, "slipway/canary", "pending", "x" * 300)
    assert len(forge.there.statuses[0]["description"]) == 140


def test_a_400_of_gitlab_for_another_reason_is_told(gitlab: Situation) -> None:
    gitlab.there.fail("POST", Response(400, {"message": "name is invalid"}))
    with pytest.raises(ReleaseRefused, match="name is invalid"):
        set_status(gitlab.settings, COMMIT, "slipway/canary", "pending", "d")
