"""The apps whose webhooks are taken, out of their release.yaml files, and what a delivery must agree with."""

import base64
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from deployments.hooks.answers import Ignored, Rejected
from deployments.hooks.delivery import Push
from deployments.hooks.gitlab import SIGNING
from tasks.config.app import App
from tasks.config.file import config_paths, load_config
from tasks.config.model import Config
from tasks.config.operate import Webhook
from tasks.errors import ConfigInvalid
from tasks.secrets.secret import read_secrets

SHORTEST_SECRET = 16
COMMIT = re.compile(r"[0-9a-f]{40}")
NO_COMMIT = "0" * 40


@dataclass(frozen=True)
class HookedApp:
    """One app: its repository, and who may say that its branch has moved."""

    config: Config
    webhook: Webhook

    @property
    def app(self) -> App:
        """Whose branch it is."""
        return self.config.app

    @property
    def name(self) -> str:
        """Its route is `/hooks/NAME`."""
        return self.app.name

    @property
    def is_exact(self) -> bool:
        """Whether the sender chooses the commit; a forge only says that the branch has moved."""
        return self.webhook.provider == "bearer"

    def secrets(self) -> tuple[str, ...]:
        """Read anew for each delivery. Raises `ConfigInvalid` when one is missing, short or no signing token."""
        purpose = f"the webhook of {self.name}"
        secrets = read_secrets(self.webhook, purpose, SHORTEST_SECRET)
        for secret in secrets if self.webhook.provider == "gitlab" else ():
            if secret.startswith(SIGNING) and not _is_signing_token(secret):
                raise ConfigInvalid.because(
                    f"a signing token for {purpose} is not whole", "webhook", "copy it from GitLab again"
                )
        return secrets

    def commit(self, pushes: Iterable[Push]) -> str:
        """The commit that an authentic delivery asks for. Raises `Ignored` or `Rejected`."""
        ours = [p for p in pushes if p.repository in (None, self.webhook.repository)]
        if not ours:
            raise Ignored("the push is of another repository")
        moved = [p for p in ours if p.ref in (None, f"refs/heads/{self.app.branch}")]
        if not moved:
            raise Ignored("the push is to another branch or a tag")
        commit = moved[-1].commit
        if commit in (None, NO_COMMIT):
            raise Ignored("the branch was deleted")
        if not isinstance(commit, str) or not COMMIT.fullmatch(commit):
            raise Rejected(400, "the commit is not 40 hex digits")
        return commit


def hooked_apps() -> dict[str, HookedApp]:
    """Name -> app, of every file in $SLIPWAY_CONFIG. Raises `ConfigInvalid` for what would not work, or not safely."""
    found: dict[str, HookedApp] = {}
    deployments: dict[str, str] = {}
    for path in config_paths():
        hooked = _hooked(path)
        if hooked.name in found:
            raise ConfigInvalid.because(f"two apps are called {hooked.name}", str(path), "give one another app.name")
        other = deployments.setdefault(hooked.webhook.deployment, hooked.name)
        if other != hooked.name:
            raise ConfigInvalid.because(
                f"{other} and {hooked.name} would be released by one deployment, with the configuration of one of them",
                f"{path}, webhook.deployment",
                "give each app a deployment of its own: docs/webhooks.md, Several apps",
            )
        hooked.secrets()
        found[hooked.name] = hooked
    return found


def _hooked(path: Path) -> HookedApp:
    config = load_config(path)
    if config.webhook is None:
        raise ConfigInvalid.because(
            f"nobody may send webhooks for {config.app.name}", f"{path}, webhook", "add the section: docs/webhooks.md"
        )
    return HookedApp(config, config.webhook)


def _is_signing_token(secret: str) -> bool:
    """Whether it is base64 of 16 bytes or more."""
    try:
        return len(base64.b64decode(secret.removeprefix(SIGNING), validate=True)) >= SHORTEST_SECRET
    except ValueError:
        return False
