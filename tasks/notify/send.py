"""Sends a message to an address of apprise: some hundred services, from mail to Slack, by one library."""

import logging
import threading
from collections.abc import Sequence
from urllib.parse import urlsplit

from tasks.config.operate import Notification
from tasks.errors import SlipwayError
from tasks.notify.inert import inert
from tasks.notify.message import Message
from tasks.secrets.secret import read_secret

log = logging.getLogger(__name__)
LIMIT_SECONDS = 20
TRIES_MORE = 2
PAUSE_SECONDS = 1.0


def send_all(places: Sequence[Notification], message: Message) -> dict[str, str]:
    """Sends to every place that wants the event, at once. Place -> why it was not delivered, empty when it was.

    Raises nothing and takes 20 seconds at most: whoever is not told then is in the answer and in the log.
    """
    wanted = [(_name(n, place), place) for n, place in enumerate(places) if message.event in place.events]
    told = dict.fromkeys((name for name, _ in wanted), f"no answer in {LIMIT_SECONDS} s")

    def tell(name: str, place: Notification) -> None:
        try:
            told[name] = _send(place, message)
        except Exception as error:  # noqa: BLE001 - a library for a hundred services may raise anything
            told[name] = inert(f"{type(error).__name__}: {error}")

    threads = [threading.Thread(target=tell, args=each, daemon=True) for each in wanted]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LIMIT_SECONDS)
    answers = dict(told)
    for name, problem in answers.items():
        log.log(logging.WARNING if problem else logging.INFO, "%s: %s", name, problem or f"told: {message.title}")
    return answers


def _name(number: int, place: Notification) -> str:
    """The place as people know it; its address holds a token and is not shown."""
    return f"notify[{number}], {place.secret_file or f'${place.secret_env}'}"


def _send(place: Notification, message: Message) -> str:
    import apprise

    try:
        url = read_secret(place, "notifications")
    except SlipwayError as error:
        return error.reasons[0].what
    # Nothing is kept on disk, no picture is fetched from elsewhere, and a redirect does not take the token along.
    asset = apprise.AppriseAsset(
        app_id="Slipway",
        app_desc="Slipway",
        image_url_mask="",
        image_url_logo="",
        storage_mode="memory",
        http_redirects=False,
        default_service_retry=TRIES_MORE,
        default_service_wait=PAUSE_SECONDS,
    )
    service = apprise.Apprise.instantiate(url, asset=asset)
    if service is None:
        return f"{urlsplit(url).scheme or 'what is there'} is no address that apprise knows"
    takes_markdown = service.notify_format == apprise.NotifyFormat.MARKDOWN
    with apprise.LogCapture(level=logging.WARNING, fmt="%(message)s") as said:
        done = apprise.Apprise(servers=service, asset=asset).notify(
            title=message.title,
            body=message.markdown() if takes_markdown else message.plain(),
            body_format=apprise.NotifyFormat.MARKDOWN if takes_markdown else apprise.NotifyFormat.TEXT,
            notify_type=apprise.NotifyType.SUCCESS if message.good else apprise.NotifyType.WARNING,
        )
        return "" if done else inert(said.getvalue()) or "the service did not take it"
