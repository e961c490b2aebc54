"""`release.yaml`: the one file that says how an app is released. The models are the truth; the JSON Schema follows.

It is the operator's: it lives with the deployment and never comes from the commit under release.
"""

from typing import Any

from pydantic import Field, model_validator

from tasks.config.app import App, Component, EndToEnd
from tasks.config.gitops import GitOps, Ring
from tasks.config.migrations import Migrations
from tasks.config.operate import DEPLOYMENT, Addresses, Approvals, Artifacts, Nightly, Notification, Webhook
from tasks.config.policy import GateSettings, Policy
from tasks.config.rollout import Rollout
from tasks.config.types import Section
from tasks.models import Name


class Config(Section):
    """The whole of `release.yaml`."""

    app: App = Field(description="what is released")
    components: dict[Name, Component] = Field(
        min_length=1, description="the parts of the app with an image each, by name"
    )
    e2e: EndToEnd | None = Field(default=None, description="end-to-end tests on the built images; none: there are none")
    migrations: Migrations | None = Field(
        default=None, description="how database migrations are judged; none: there are none"
    )
    gitops: GitOps = Field(description="the GitOps repository, and where images stand in it")
    rings: tuple[Ring, ...] = Field(
        min_length=1, description="customers that move together, in the order in which they move"
    )
    rollout: Rollout = Field(description="how customers are seen running a release")
    policy: Policy = Field(
        default=Policy(), description="what people may decide against the rules, and when nothing is written"
    )
    webhook: Webhook | None = Field(default=None, description="who may tell that the branch has moved")
    approval: Approvals = Field(default=Approvals(), description="who approves, and how long an answer is waited for")
    notify: tuple[Notification, ...] = Field(default=(), description="who is told of what")
    nightly: Nightly = Field(default=Nightly(), description="the nightly run over all that customers run")
    artifacts: Artifacts = Field(default=Artifacts(), description="files of failed tests")
    gate: GateSettings = Field(default=GateSettings(), description="what a refusal ends")
    builds_at_once: int | None = Field(
        default=None, ge=1, le=8, description="builds that run at once on a worker; none: one per core, 8 at most"
    )
    addresses: Addresses = Field(default=Addresses(), description="where people reach Slipway, for links")
    postgres: str = Field(default="postgres:17", description="image of the PostgreSQL that tests and checks use")

    @model_validator(mode="after")
    def _names_agree(self) -> "Config":
        known = set(self.components)
        for place, names in self._named_components():
            if unknown := sorted(set(names) - known):
                raise ValueError(f"{place} names {', '.join(unknown)}; components are {', '.join(sorted(known))}")
        if missing := sorted(known - set(self.gitops.targets)):
            raise ValueError(f"gitops.targets has nothing for {', '.join(missing)}")
        if sum(r.customers == "*" for r in self.rings) > 1:
            raise ValueError("rings: only one ring can have customers '*'")
        frozen = {n for f in self.policy.freeze for n in f.rings}
        if unknown := sorted(frozen - {r.name for r in self.rings}):
            raise ValueError(f"policy.freeze names the ring {', '.join(unknown)}, which is not there")
        if (on_host := self._on_host()) and not self.policy.host_suites:
            raise ValueError(f"{on_host[0]} has on: host, which policy.host_suites must allow")
        asking = [r for r in self.rings if r.pull_request]
        if asking and not self.gitops.forge:
            raise ValueError(f"ring {asking[0].name} has pull_request, but gitops.forge does not say where")
        if both := [r.name for r in asking if r.approve]:
            raise ValueError(f"ring {both[0]} has approve and pull_request: it is approved by merging")
        named = [c for r in self.rings if r.customers != "*" for c in r.customers]
        if twice := sorted({c for c in named if named.count(c) > 1}):
            raise ValueError(f"rings: {', '.join(twice)} stands in two rings")
        return self

    @property
    def deployment(self) -> str:
        """The Prefect deployment that releases this app, as `FLOW/NAME`."""
        return self.webhook.deployment if self.webhook else DEPLOYMENT

    @property
    def env_of_migrations(self) -> dict[str, str]:
        """What the app is given beside DATABASE_URL: its settings are read whenever its migrations or models are imported."""
        return self.components[self.migrations.component].run.env if self.migrations else {}

    def ring(self, name: str) -> Ring:
        """The settings of one ring."""
        return next(r for r in self.rings if r.name == name)

    def _on_host(self) -> list[str]:
        suites = [
            (f"components.{n}.suites.{s}", suite) for n, c in self.components.items() for s, suite in c.suites.items()
        ]
        return [place for place, suite in suites if suite.on == "host"]

    def _named_components(self) -> list[tuple[str, list[str]]]:
        migrations = [self.migrations.component] if self.migrations else []
        rollout = self.rollout
        return [
            ("gitops.targets", list(self.gitops.targets)),
            ("rollout.versions", list(rollout.versions)),
            ("rollout.kubernetes.workloads", list(rollout.kubernetes.workloads) if rollout.kubernetes else []),
            ("rollout.argocd.components", list(rollout.argocd.components) if rollout.argocd else []),
            ("rollout.argocd.images", list(rollout.argocd.images) if rollout.argocd else []),
            ("migrations.component", migrations),
            ("e2e.seed", list(self.e2e.seed) if self.e2e else []),
        ]


def json_schema() -> dict[str, Any]:
    """The JSON Schema of `release.yaml`, for editors."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **Config.model_json_schema()}
