"""Every kind of sender, by the name that `webhook.provider` has in release.yaml."""

from collections.abc import Callable
from dataclasses import dataclass

from deployments.hooks import bearer, bitbucket, gitea, github, gitlab
from deployments.hooks.delivery import Delivery, Push


@dataclass(frozen=True)
class Provider:
    """How a sender proves itself, and how it says what was pushed."""

    is_authentic: Callable[[Delivery, tuple[str, ...]], bool]
    pushes: Callable[[Delivery], list[Push]]


PROVIDERS = {
    "github": Provider(github.is_authentic, github.pushes),
    "gitlab": Provider(gitlab.is_authentic, gitlab.pushes),
    "gitea": Provider(gitea.is_authentic, gitea.pushes),
    "bitbucket": Provider(bitbucket.is_authentic, bitbucket.pushes),
    "bearer": Provider(bearer.is_authentic, bearer.pushes),
}
