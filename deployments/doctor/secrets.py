"""The secrets that release.yaml says are somewhere: there, long enough, readable. None is shown."""

from collections.abc import Callable, Iterator
from importlib.util import find_spec

from deployments.doctor.finding import Finding, from_error, ok, warning
from tasks.config.model import Config
from tasks.config.operate import Secret
from tasks.errors import ConfigInvalid
from tasks.secrets.secret import read_secret, read_secrets

AREA = "secrets"
SHORTEST = 16


def look(config: Config) -> Iterator[Finding]:
    """Webhook, links of approvals, addresses of notifications."""
    if config.webhook is None:
        yield warning(AREA, "nobody can tell that the branch has moved", "add a webhook section to release.yaml")
    else:
        yield from _secret(config.webhook, "the webhook", SHORTEST)
    if config.approval.link:
        yield from _secret(config.approval.link, "links of approvals", SHORTEST, read_secret)
    for number, notification in enumerate(config.notify, 1):
        yield from _address(notification, f"notification {number}")


def _secret(
    place: Secret, purpose: str, shortest: int, read: Callable[[Secret, str, int], object] = read_secrets
) -> Iterator[Finding]:
    """As it is read when it is needed: only a webhook has several at once."""
    try:
        read(place, purpose, shortest)
    except ConfigInvalid as error:
        yield from from_error(AREA, error)
    else:
        yield ok(AREA, f"{purpose}: {place.secret_file or f'${place.secret_env}'}")


def _address(place: Secret, purpose: str) -> Iterator[Finding]:
    """Whether apprise takes the address; nothing is sent."""
    try:
        address = read_secret(place, purpose)
    except ConfigInvalid as error:
        yield from from_error(AREA, error)
        return
    where = place.secret_file or f"${place.secret_env}"
    if find_spec("apprise") and not _is_address(address):
        yield from from_error(
            AREA,
            ConfigInvalid.because(
                f"{purpose} is no address that apprise knows", where, "write one such as mailto://... or slack://..."
            ),
        )
    else:
        yield ok(AREA, f"{purpose}: {where}")


def _is_address(address: str) -> bool:
    import apprise

    return apprise.Apprise().add(address)
