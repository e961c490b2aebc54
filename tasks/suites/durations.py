"""How long each test took the last time, kept in the Slipway home for each suite: what shards are balanced by."""

import json
import logging
import os
import re
import secrets
import threading
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from tasks.home import home
from tasks.suites import junit

log = logging.getLogger(__name__)
MOST_TESTS = 50_000
_writing = threading.Lock()


def record(app: str, component: str, suite: str, junit_file: Path) -> None:
    """Adds what a JUnit file says to what is known of the suite; a file that cannot be read adds nothing."""
    try:
        new = {
            _key(c.get("file") or c.get("classname", ""), c.get("name", "")): _time(c) for c in junit.cases(junit_file)
        }
    except junit.Unreadable:
        return
    path = _path(app, component, suite)
    with _writing:
        path.parent.mkdir(parents=True, exist_ok=True)
        whole = dict(list({**known(app, component, suite), **new}.items())[-MOST_TESTS:])
        beside = path.with_suffix(f".{os.getpid()}.{secrets.token_hex(4)}")
        beside.write_text(json.dumps(whole))
        beside.replace(path)


def known(app: str, component: str, suite: str) -> dict[str, float]:
    """Test -> seconds; empty before the first run."""
    path = _path(app, component, suite)
    try:
        return {str(k): float(v) for k, v in json.loads(path.read_text()).items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, AttributeError, TypeError) as error:
        log.warning("durations of %s %s cannot be read, so shards are not balanced: %s", component, suite, error)
        return {}


def divided(tests: Sequence[str], seconds: Mapping[str, float], shards: int) -> list[list[str]]:
    """The tests in as many parts, each about as long: the longest first, always to the part that is shortest so far.

    A test that is not known counts as the mean of the others. A file, folder or class is as long as the tests in it.
    """
    sums = _sums(seconds)
    there = [sums[_key(t)] for t in tests if _key(t) in sums]
    mean = sum(there) / len(there) if there else 1.0
    parts, taken = [[] for _ in range(shards)], [0.0] * shards
    for test in sorted(tests, key=lambda t: (-sums.get(_key(t), mean), t)):
        shortest = min(range(shards), key=lambda i: (taken[i], len(parts[i])))
        parts[shortest].append(test)
        taken[shortest] += sums.get(_key(test), mean)
    return parts


def _sums(seconds: Mapping[str, float]) -> dict[str, float]:
    """Seconds of each test, and of everything that a test is in."""
    sums: dict[str, float] = defaultdict(float)
    for key, value in seconds.items():
        parts = key.split("/")
        for length in range(1, len(parts) + 1):
            sums["/".join(parts[:length])] += value
    return dict(sums)


def _key(place: str, name: str = "") -> str:
    """`tests/test_a.py::test_x` and JUnit's `tests.test_a`, `test_x` are the same test; a file's ending is no part of it."""
    whole = f"{place}::{name}" if name else place
    plain = re.sub(r"\.(py|[cm]?[jt]sx?|go|rb|java|kt|php|rs)(?=::|$)", "", whole.removeprefix("./"))
    return re.sub(r"::|[./\\]", "/", plain)


def _time(case: "junit.ElementTree.Element") -> float:
    try:
        return min(max(float(case.get("time", "0")), 0.0), 86_400.0)
    except ValueError:
        return 0.0


def _path(app: str, component: str, suite: str) -> Path:
    return home() / "durations" / app / f"{component}.{suite}.json"
