"""Which kills are tried, what must be true afterwards, and the figures of `make reliability`."""

import os
import random
import re
import tempfile
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from tasks.failpoints import PLACES
from tests.conftest import Repository
from tests.reliability.releases import AT_ONCE, CHECKS, End, Kill, Releases, opened

LARGE = os.environ.get("SLIPWAY_RELIABILITY") == "large"
# The place is only passed when the app has this check, or nothing is built yet, or a customer fails.
NEEDS = {
    "network:": {"suite"},
    "container:": {"suite"},
    "suite:": {"suite"},
    "test-image:": {"suite"},
    "postgres:": {"migrations"},
    "migrations:": {"migrations"},
    "e2e:": {"e2e"},
}
FRESH = ("build:", "image:built", "image:pushed", "test-image:")
BAD = ("rollback:",)


class Case(NamedTuple):
    """One release to be killed."""

    name: str
    kills: tuple[Kill, ...]
    checks: frozenset[str] = CHECKS
    bad: bool = False
    fresh: bool = False


class Figure(NamedTuple):
    """One line of the report."""

    name: str
    value: str


def at_places(rounds: int) -> list[Case]:
    """Every place in every round; the rounds differ in what dies besides, who cleans up, and when it is killed again."""
    return [_at(place, number) for number in range(1, rounds + 1) for place in PLACES]


def once_at_places() -> list[Case]:
    """Every place once, as in the first or the second round."""
    return [_at(place, 1 + number // 2 % 2) for number, place in enumerate(PLACES)]


def at_random(count: int) -> list[Case]:
    """Kills at moments that are the same in every run of the tests, as parts (0 to 1) of an undisturbed run's time."""
    chance = random.Random("at random")
    kills = [(Kill(seconds=chance.random(), group=n % 2 == 0), Kill(seconds=chance.random())) for n in range(count)]
    return [
        Case(f"case-random-{n}", pair[: 1 + (n % 3 == 0)], bad=n % 4 == 0, fresh=True) for n, pair in enumerate(kills)
    ]


def _at(place: str, number: int) -> Case:
    """From the third round on the app has every check, so that more is stored and more is running."""
    first = Kill(place, group=number % 2 == 0, hook=number in (2, 3), elsewhere=number in (2, 4))
    bad, needs = place.startswith(BAD), _needs(place) if number < 3 else CHECKS
    later = [p for p in list(PLACES)[list(PLACES).index(place) :] if _needs(p) <= needs and p.startswith(BAD) <= bad]
    chance = random.Random(f"{place} {number}")
    more = {1: (), 2: (Kill(chance.choice(later)),), 3: (Kill(place),)}.get(
        number, (Kill(chance.choice(later), group=True), Kill(chance.choice(later), hook=True))
    )
    name = f"case-{place.replace(':', '-')}-{number}"
    return Case(name, (first, *more), frozenset(needs), bad, place.startswith(FRESH))


def _needs(place: str) -> set[str]:
    return next((needs for start, needs in NEEDS.items() if place.startswith(start)), set())


class Trial:
    """Runs cases two at a time, and says what is wrong with how each ended."""

    def __init__(self, releases: Releases, cases: Iterable[Case]) -> None:
        """Undisturbed releases come first: what others must end like."""
        self._releases, self._pool = releases, ThreadPoolExecutor(AT_ONCE)
        kinds = {_kind(c) for c in cases}
        self._undisturbed = {kind: self._pool.submit(self._one, kind) for kind in sorted(kinds)}
        self._ends = {c: self._pool.submit(self._release, c) for c in cases}

    def close(self) -> None:
        """Begins no further case."""
        self._pool.shutdown(cancel_futures=True)

    def _one(self, kind: tuple[bool, bool]) -> End:
        migrations, bad = kind
        name = f"case-undisturbed{'-migrations' * migrations}{'-bad' * bad}"
        return self._releases.release(name, checks=CHECKS if migrations else (), bad=bad, fresh=migrations)

    def _release(self, case: Case) -> End:
        whole = self._undisturbed[_kind(case)].result().seconds
        kills = [k if k.place else k._replace(seconds=k.seconds * whole) for k in case.kills]
        return self._releases.release(case.name, kills, checks=case.checks, bad=case.bad, fresh=case.fresh)

    def end(self, case: Case) -> End:
        """How the release ended."""
        return self._ends[case].result()

    def wrong(self, case: Case) -> list[str]:
        """What is not as it is after an undisturbed release; nothing, if all is well."""
        end, wanted = self.end(case), self._undisturbed[_kind(case)].result()
        found = [f"left behind: {left}" for left in end.left]
        for part in ("state", "message", "commits"):
            was, should = (_told(getattr(e, part)) for e in (end, wanted))
            if was != should:
                found.append(f"{part}: {was!r}, not {should!r}")
        found += [
            f"{path} differs" for path in wanted.tree.keys() | end.tree if wanted.tree.get(path) != end.tree.get(path)
        ]
        if case.kills[0].place and not end.kills:
            found.append(f"{case.kills[0].place} was not passed")
        return found


def _told(part: object) -> object:
    """Without why a customer was put back: who finds it put back already says that, not what was seen before."""
    return re.sub("(: rolled back: ).*", r"\1...", part) if isinstance(part, str) else part


def _kind(case: Case) -> tuple[bool, bool]:
    """What the end depends on: whether the migration head is known, and whether a customer fails."""
    return "migrations" in case.checks, case.bad


def figures(large: bool = LARGE) -> list[Figure]:
    """Kills a release everywhere; needs a Docker Engine with the base images, and minutes."""
    start = time.monotonic()
    places, moments = at_places(5 if large else 2), at_random(200 if large else 10)
    with tempfile.TemporaryDirectory(prefix="slipway-kill-") as folder:
        app, gitops = Path(folder, "app"), Path(folder, "gitops")
        app.mkdir()
        gitops.mkdir()
        with opened(Path(folder, "world"), Repository(app), Repository(gitops)) as releases:
            trial = Trial(releases, [*places, *moments])
            wrong = {c.name: found for c in [*places, *moments] if (found := trial.wrong(c))}
            kills = sum(trial.end(c).kills for c in [*places, *moments])
    for name, found in wrong.items():
        print(name, *found, sep="\n  ", flush=True)
    return [
        Figure("places of a release where it was killed", str(len(PLACES))),
        Figure("releases killed at a place, and retried", str(len(places))),
        Figure("releases killed at a random moment, and retried", str(len(moments))),
        Figure("kill -9 altogether", str(kills)),
        Figure("releases that did not end as if nothing had happened", str(len(wrong))),
        Figure("seconds", f"{time.monotonic() - start:.0f}"),
    ]


def line(told: Iterable[Figure]) -> str:
    """The figures in one line."""
    return "; ".join(f"{f.name}: {f.value}" for f in told)


if __name__ == "__main__":
    print(line(figures()))
