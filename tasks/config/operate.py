"""The sections of `release.yaml` for running Slipway: webhook, approval, notifications, the nightly run, addresses."""

from typing import Literal, Self

from pydantic import Field, model_validator

from tasks.config.types import Duration, EnvironmentName, ForgeUrl, Section

DEPLOYMENT = "release/release"
"""The one of prefect.yaml, as `FLOW/NAME`."""


class Secret(Section):
    """Where a secret is; the secret itself never stands in the file."""

    secret_file: str | None = Field(default=None, min_length=1, description="path of the file that holds the secret")
    secret_env: EnvironmentName | None = Field(
        default=None, description="name of the environment variable that holds the secret"
    )

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if (self.secret_file is None) == (self.secret_env is None):
            raise ValueError("needs one of secret_file and secret_env: where the secret is, never the secret itself")
        return self


class Webhook(Secret):
    provider: Literal["github", "gitlab", "gitea", "bitbucket", "bearer"] = Field(
        description="who sends: a forge (gitea is Forgejo too; GitLab with its secret token or a signing token), or bearer: a CI job"
    )
    repository: str = Field(min_length=1, description="the app's repository as the sender names it, such as owner/name")
    deployment: str = Field(
        default=DEPLOYMENT,
        pattern=r"^[^/\s]+/[^/\s]+$",
        description="the Prefect deployment that releases this app; where several apps are released each has its own",
    )
    poll: Duration | None = Field(
        default=None,
        description="how often the branch is looked at behind the webhook; none: 60s, for bearer never; 0: never",
    )

    @property
    def poll_seconds(self) -> float:
        """Seconds between two looks; 0: never. A CI job decides what is released, so that its branch is left alone."""
        if self.poll is None:
            return 0 if self.provider == "bearer" else 60
        return self.poll


class Approvals(Section):
    by: tuple[str, ...] = Field(
        default=(), description="names of those who may approve; none named: whoever gives a name"
    )
    timeout: Duration = Field(default=86400, ge=1, description="how long an answer is waited for")
    link: Secret | None = Field(
        default=None, description="the secret that links in notifications are signed with; none: there are no links"
    )


class Notification(Secret):
    """One address of apprise (Slack, Teams, mail and many more). It holds a token, so it is a secret itself."""

    events: tuple[Literal["failed", "approval", "done", "nightly"], ...] = Field(
        default=("failed", "approval", "done", "nightly"), min_length=1, description="what is told there"
    )


class Nightly(Section):
    deployment: str = Field(
        default="nightly/nightly",
        pattern=r"^[^/\s]+/[^/\s]+$",
        description="the Prefect deployment of this app's nightly run; where several apps are released each has its own",
    )
    shards: int = Field(default=1, ge=1, le=64, description="how many parts the full end-to-end suite runs in at once")
    unused_images: Literal["list", "delete"] = Field(
        default="list", description="what happens to images in the registry that no customer runs or may go back to"
    )
    keep: Duration = Field(default=30 * 86400, description="how long an image that nobody uses stays all the same")
    timeout: Duration = Field(
        default=6 * 3600,
        ge=60,
        description="how long end-to-end tests are begun; versions after that are told as not tested",
    )
    hold_ends_within: Duration = Field(default=3 * 86400, description="holds that end so soon are told")


class Artifacts(Section):
    """Files of failed tests: output, traces, pictures, the containers' words; under `runs` of the Slipway home."""

    keep: Duration = Field(default=14 * 86400, ge=3600, description="how long they stay")


class Addresses(Section):
    """Where people reach Slipway, for links in statuses and notifications."""

    prefect: ForgeUrl | None = Field(
        default=None, description="address of the Prefect UI; none: the one of the server that the run talks to"
    )
    receiver: ForgeUrl | None = Field(
        default=None, description="address of webhook receiver and dashboard, for links to them"
    )
    dashboard: ForgeUrl | None = Field(
        default=None,
        description="address of the dashboard, for links to files of failed tests; none: receiver, with /dashboard",
    )
