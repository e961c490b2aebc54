"""Builds the images that suites need, and runs the suites beside each other."""

import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed

from deployments.trial.choose import END_TO_END, Chosen
from tasks import containers
from tasks.config.app import Component
from tasks.config.build import Build
from tasks.config.model import Config
from tasks.errors import SlipwayError
from tasks.images.build import build_target
from tasks.models import Image, Reason, Source, SuiteResult, Value
from tasks.suites import host
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
        self._built: dict[tuple[str, str | None], str] = {}

    def image(self, path: str, settings: Build, target: str | None, shared: tuple[str, ...] = ()) -> str:
        """Name of the image of one build target. Raises `SlipwayError` with the end of the build's log."""
        if (path, target) not in self._built:
            self._tell(f"image of {path}, target {target or 'last'}")
            built = build_target(self._config, self._source, path, settings, target, shared, reuse=self._reuse)
            self._built[path, target] = built
        return self._built[path, target]

    def prepared(self, chosen: Chosen) -> Callable[[], SuiteResult]:
        """What runs the suite, once all that it needs is built."""
        if chosen.component == END_TO_END:
            return self._end_to_end()
        component = self._config.components[chosen.component]
        settings, tree = component.suites[chosen.suite], self._source.trees[component.path]
        on_host = settings.on == "host"
        image = None if on_host else self._of(component, settings.target)
        return lambda: run_suite(self._config, chosen.component, chosen.suite, image, tree)

    def _of(self, component: Component, target: str | None) -> str:
        return self.image(component.path, component.build_in_context, target, component.paths[1:])

    def _end_to_end(self) -> Callable[[], SuiteResult]:
        images = [self._deployable(name) for name in self._config.components]
        settings = self._config.e2e
        assert settings  # noqa: S101 - for the type checker: it was chosen because it is there
        tests = self.image(settings.path, Build(dockerfile=settings.dockerfile), None)
        return lambda: run_end_to_end(self._config, images, tests, "smoke")

    def _deployable(self, name: str) -> LocalImage:
        component, tree = self._config.components[name], self._source.trees[self._config.components[name].path]
        local = self._of(component, component.build.target)
        digest, commit = containers.engine().images.get(local).id, self._source.commit
        return LocalImage(
            component=name, repository=local, digest=digest, revision=commit, tree=tree, built=True, seconds=0
        )


def run(bench: Bench, chosen: Sequence[Chosen], done: Callable[[Tried], None]) -> list[Tried]:
    """Every suite to its end, some beside each other; `done` hears of each as it ends. An interrupt ends their containers."""
    pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="suite")
    tried, futures = [], []
    try:
        for one in chosen:
            try:
                futures.append(pool.submit(_tried, str(one), bench.prepared(one)))
            except SlipwayError as error:
                tried.append(_told(Tried(name=str(one), reasons=error.reasons), done))
        tried += [_told(future.result(), done) for future in as_completed(futures)]
    finally:
        _end(pool, futures)
    return sorted(tried, key=lambda t: [str(c) for c in chosen].index(t.name))


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
