"""What people may decide against the rules, and what a refusal ends."""

from typing import Literal

from pydantic import Field

from tasks.config.gitops import Freeze
from tasks.config.types import Duration, Section
from tasks.models import Gate


class Quarantines(Section):
    """What `.slipway/quarantine.yaml` in the app's repository may ask for."""

    most: int = Field(default=10, ge=0, le=1000, description="how many entries it may have; 0 forbids it")
    longest: Duration = Field(default=30 * 86400, description="how far from now an entry may end")


class Policy(Section):
    override: tuple[Gate, ...] = Field(
        default=("freeze", "soak", "e2e"),
        description="gates that a person may pass with a reason and a name: freeze, soak, e2e, suites, migrations",
    )
    freeze: tuple[Freeze, ...] = Field(default=(), description="times in which nothing is written")
    quarantine: Quarantines = Field(
        default=Quarantines(), description="what `.slipway/quarantine.yaml` in the app's repository may ask for"
    )
    host_suites: bool = Field(
        default=False,
        description="whether suites may run on the worker itself (on: host), where they read what its user can read",
    )


class GateSettings(Section):
    fail: Literal["all", "fast"] = Field(
        default="all",
        description="all: every check ends, so that all reasons are told; fast: the first refusal cancels the others",
    )
