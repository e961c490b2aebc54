"""The forges, in one list."""

from collections.abc import Callable, Mapping

from tasks.config import Forge
from tasks.forge.client import Client
from tasks.forge.gitea import Gitea
from tasks.forge.github import GitHub
from tasks.forge.gitlab import GitLab
from tasks.forge.token import read_token

FORGES: Mapping[str, Callable[[Forge, str], Client]] = {"github": GitHub, "gitlab": GitLab, "gitea": Gitea}


def connect(settings: Forge) -> Client:
    """The client for the configured forge, for a `with` block. Raises `ConfigInvalid` without a token."""
    return FORGES[settings.kind](settings, read_token(settings))
