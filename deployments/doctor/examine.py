"""The door: all looks at once, each with a time limit of its own, none able to hide another."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from deployments.doctor import (
    customers,
    engine,
    forge,
    git,
    here,
    prefect_deployments,
    prefect_server,
    prefect_worker,
    registry,
    secrets,
)
from deployments.doctor.finding import Finding, from_error, wrong
from tasks.config.model import Config
from tasks.errors import ConfigInvalid, SlipwayError

LIMIT_SECONDS = 30.0
Look = Callable[[Config], Iterable[Finding]]
# What can be looked at without release.yaml, and what cannot; in the order in which it is told.
ALWAYS: tuple[tuple[str, Callable[[], Iterable[Finding]]], ...] = (
    ("this machine", here.look),
    ("Docker Engine", engine.look),
    ("Prefect server", prefect_server.look),
    ("Prefect worker", prefect_worker.look),
    ("deployments", prefect_deployments.look),
)
BY_CONFIG: tuple[tuple[str, Look], ...] = (
    ("images", engine.images),
    ("time zones", here.time_zones),
    ("secrets", secrets.look),
    ("app repository", git.app),
    ("GitOps repository", git.gitops),
    ("forge", forge.look),
    ("registry", registry.look),
    ("customers", customers.read),
    ("rollout", customers.seen),
)


@dataclass
class _Running:
    """One look on its thread."""

    area: str
    found: list[Finding] = field(default_factory=list)
    thread: threading.Thread | None = None


def examine(load: Callable[[], Config], limit_seconds: float = LIMIT_SECONDS) -> list[Finding]:
    """Every finding, grouped by area. Never raises; a look that has no answer within the limit is a finding, too."""
    looks: list[tuple[str, Callable[[], Iterable[Finding]]]] = list(ALWAYS)
    try:
        config = load()
        first = here.configuration(config)
        looks += [(area, _of(look, config)) for area, look in BY_CONFIG]
    except ConfigInvalid as error:
        first = from_error("release.yaml", error)
    return _in_order([*first, *_all(looks, limit_seconds)])


def _in_order(findings: Iterable[Finding]) -> list[Finding]:
    """Area by area, and each trouble once: several looks meet the same server."""
    once = {(f.state, f.told, f.next_step): f for f in reversed(list(findings))}
    areas = {f.area: None for f in reversed(once.values())}
    return [f for area in areas for f in reversed(once.values()) if f.area == area]


def _of(look: Look, config: Config) -> Callable[[], Iterable[Finding]]:
    return lambda: look(config)


def _all(looks: Sequence[tuple[str, Callable[[], Iterable[Finding]]]], limit_seconds: float) -> Iterator[Finding]:
    """Threads that may be left behind: a server that holds a connection must not hold the answer."""
    import prefect  # noqa: F401 - two looks that are the first to import it at once stop each other, and it says so

    running, deadline = [_start(area, look) for area, look in looks], time.monotonic() + limit_seconds
    for one in running:
        assert one.thread is not None  # noqa: S101 - made in _start
        one.thread.join(max(0.0, deadline - time.monotonic()))
        yield from list(one.found)
        if one.thread.is_alive():
            yield wrong(
                one.area, f"no answer within {limit_seconds:g} s", "see whether the server or the network hangs"
            )


def _start(area: str, look: Callable[[], Iterable[Finding]]) -> _Running:
    one = _Running(area)
    one.thread = threading.Thread(target=_look, args=(one, look), daemon=True, name=f"doctor {area}")
    one.thread.start()
    return one


def _look(one: _Running, look: Callable[[], Iterable[Finding]]) -> None:
    try:
        for finding in look():
            one.found.append(finding)
    except SlipwayError as error:
        one.found += from_error(one.area, error)
    except Exception as error:  # noqa: BLE001 - a fault of one look must not hide the others; its text may hold a secret
        told = f"this look itself failed: {type(error).__name__}"
        one.found.append(wrong(one.area, told, "report it as a fault of `slipway doctor`, with what stands here"))
