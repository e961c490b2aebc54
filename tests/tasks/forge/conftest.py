"""Each of the three forges as a situation: a stand-in held to its published contract, and the settings to reach it."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tasks.config import Forge
from tests.contracts import ContractServer
from tests.tasks.forge.gitea_stand_in import GiteaStandIn
from tests.tasks.forge.github_stand_in import GitHubStandIn
from tests.tasks.forge.gitlab_stand_in import GitLabStandIn
from tests.tasks.forge.stand_in import NAME, TOKEN, StandIn

STAND_INS = {"github": GitHubStandIn, "gitlab": GitLabStandIn, "gitea": GiteaStandIn}


@dataclass
class Situation:
    """A forge that runs: what it remembers, what it was asked, and how it is reached."""

    kind: str
    there: StandIn
    server: ContractServer
    settings: Forge

    def asked(self, operation: str) -> int:
        """How often it was asked for what this begins with."""
        return sum(r.operation.startswith(operation) for r in self.server.requests)


def started(kind: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Situation]:
    there = STAND_INS[kind]()
    monkeypatch.setenv("FORGE_TOKEN", TOKEN)
    with ContractServer(there.document(), there.answer) as server:
        there.url = server.url
        settings = Forge(kind=kind, url=server.url, project=NAME, token_env="FORGE_TOKEN")
        yield Situation(kind, there, server, settings)


@pytest.fixture(params=list(STAND_INS))
def forge(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Situation]:
    """Each forge in turn."""
    yield from started(request.param, monkeypatch)


@pytest.fixture
def github(monkeypatch: pytest.MonkeyPatch) -> Iterator[Situation]:
    yield from started("github", monkeypatch)


@pytest.fixture
def gitlab(monkeypatch: pytest.MonkeyPatch) -> Iterator[Situation]:
    yield from started("gitlab", monkeypatch)


@pytest.fixture
def gitea(monkeypatch: pytest.MonkeyPatch) -> Iterator[Situation]:
    yield from started("gitea", monkeypatch)
