"""Builds the images that suites need, and runs the suites beside each other."""

import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from functools import cached_property

from deployments.trial import contents
from deployments.trial.choose import END_TO_END, Chosen
from tasks import containers
from tasks.config.build import Build
from tasks.config.model import Config
from tasks.errors import SlipwayError
from tasks.images import proofs
from tasks.images.build import build_target
from tasks.models import Claim, Image, Reason, Source, SuiteResult, Value
from tasks.source.quarantine import read_quarantine
from tasks.suites import claims, end_to_end, host
from tasks.suites.end_to_end import run_end_to_end
from tasks.suites.unit import run_suite

AT_ONCE = max(2, (os.cpu_count() or 2) // 2)
Tell = Callable[[str], None]


class Tried(Value):
    """How one suite ended; without a result it could not be run."""

    name: str
    result: SuiteResult | None = None
    reasons: tuple[Reason, ...] = ()

    @property
    def green(self) -> bool:
        """Whether it passed."""
        return not self.reasons


class LocalImage(Image):
    """An image that this Engine alone has: its id takes the place of the digest that a registry gives."""

    @property
    def reference(self) -> str:
        """The id, by which the Engine finds it."""
        return self.digest


class Bench:
    """One config and one source; every image is built once, by whoever needs it first."""

    def __init__(self, config: Config, source: Source, reuse: bool, tell: Tell) -> None:
        self._config, self._source, self._reuse, self._tell = config, source, reuse, tell
        self._changes, self._quarantine = contents.changes(config, source), read_quarantine(config, source)
        self._built: dict[tuple[str, str | None], str] = {}

    def proven(self, chosen: Sequence[Chosen]) -> dict[Chosen, SuiteResult]:
        """What releases have on record of these, where their registry is in reach; it is read here, and only releases write it."""
        asked = {(c.component, c.suite): c for c in chosen}
        wanted = [claim for c in chosen if (claim := self._claim(c))] if self._reuse else []
        return {asked[result.component, result.suite]: result for result in proofs.find_all(wanted)}

    def _claim(self, chosen: Chosen) -> Claim | None:
        if chosen.component == END_TO_END:
            images = self._registered
            return claims.of_end_to_end(self._config, self._changes, images, chosen.suite) if images else None
        on_host = self._config.components[chosen.component].suites[chosen.suite].on == "host"
        change = self._changes.component(chosen.component)
        return None if on_host else claims.of_suite(self._config, change, chosen.suite, self._changes.digests)

    @cached_property
    def _registered(self) -> list[Image]:
        return contents.registered(self._config, self._source, self._changes)

    def image(self, path: str, settings: Build, target: str | None, shared: tuple[str, ...], key: str) -> str:
        """Name of the image of one build target. Raises `SlipwayError` with the end of the build's log."""
        if (key, target) not in self._built:
            self._tell(f"image of {path}, target {target or 'last'}")
            built = build_target(self._config, self._source, path, settings, target, shared, key, self._reuse)
            self._built[key, target] = built
        return self._built[key, target]

    def prepared(self, chosen: Chosen) -> Callable[[], SuiteResult]:
        """What runs the suite, once all that it needs is built."""
        if chosen.component == END_TO_END:
            return self._end_to_end(chosen)
        name, suite = chosen.component, chosen.suite
        component = self._config.components[name]
        settings, tree = component.suites[suite], self._source.trees[component.path]
        image = None if settings.on == "host" else self._of(name, settings.target)
        return lambda: run_suite(self._config, name, suite, image, tree, self._quarantine)

    def _of(self, name: str, target: str | None) -> str:
        component, key = self._config.components[name], self._changes.component(name).key
        return self.image(component.path, component.build_in_context, target, component.paths[1:], key)

    def _end_to_end(self, chosen: Chosen) -> Callable[[], SuiteResult]:
        images = [self._deployable(name) for name in self._config.components]
        settings = self._config.e2e
        assert settings  # noqa: S101 - for the type checker: it was chosen because it is there
        tests = self.image(settings.path, settings.build, None, settings.paths[1:], self._changes.end_to_end_key)
        part = next(part for part in end_to_end.parts(self._config) if part.of("smoke") == chosen.suite)
        return lambda: run_end_to_end(self._config, images, tests, "smoke", part, self._quarantine)

    def _deployable(self, name: str) -> LocalImage:
        component, tree = self._config.components[name], self._source.trees[self._config.components[name].path]
        local = self._of(name, component.build.target)
        digest, commit = containers.engine().images.get(local).id, self._source.commit
        return LocalImage(
            component=name, repository=local, digest=digest, revision=commit, tree=tree, built=True, seconds=0
        )


def run(bench: Bench, chosen: Sequence[Chosen], done: Callable[[Tried], None]) -> list[Tried]:
    """Every suite to its end, some beside each other; `done` hears of each as it ends. An interrupt ends their containers."""
    pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="suite")
    proven = bench.proven(chosen)
    tried, futures = [_told(Tried(name=str(c), result=result), done) for c, result in proven.items()], []
    try:
        for one in (c for c in chosen if c not in proven):
            try:
                futures.append(pool.submit(_tried, str(one), bench.prepared(one)))
            except SlipwayError as error:
                tried.append(_told(Tried(name=str(one), reasons=error.reasons), done))
        tried += [_told(future.result(), done) for future in as_completed(futures)]
    finally:
        _end(pool, futures)
    tried.sort(key=lambda t: [str(c) for c in chosen].index(t.name))
    empty = end_to_end.without_tests([t.result for t in tried if t.result])
    return [*tried, *(_told(Tried(name=END_TO_END, reasons=error.reasons), done) for error in empty)]


def _tried(name: str, suite: Callable[[], SuiteResult]) -> Tried:
    try:
        return Tried(name=name, result=suite())
    except SlipwayError as error:
        return Tried(name=name, result=getattr(error, "result", None), reasons=error.reasons)


def _told(tried: Tried, done: Callable[[Tried], None]) -> Tried:
    done(tried)
    return tried


def _end(pool: ThreadPoolExecutor, futures: Sequence[Future[Tried]]) -> None:
    """After an interrupt suites still run: their containers are ended until none begins another."""
    pool.shutdown(wait=False, cancel_futures=True)
    while any(future.running() for future in futures):
        containers.remove_leftovers(containers.run_id())
        host.cancel()
        time.sleep(0.3)
