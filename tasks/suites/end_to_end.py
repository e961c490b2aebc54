"""End to end: the built images, by digest, on a private network with a migrated database, and the tests beside them."""

import logging
import time
from collections.abc import Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Literal

from tasks.command import printable
from tasks.config.model import Config
from tasks.containers import have, postgres, private_network, run_command, running
from tasks.errors import ReleaseRefused
from tasks.failpoints import reach
from tasks.git import scratch
from tasks.models import Gate, Image, Reason, SuiteResult
from tasks.suites.files import JUNIT, log_path
from tasks.suites.verdict import SuiteFailed, judge

if TYPE_CHECKING:
    from docker.models.containers import Container
    from docker.models.networks import Network

log = logging.getLogger(__name__)


class EndToEndFailed(SuiteFailed):
    """Tests of the whole app did not pass. An app that does not start is another error: nobody knows what it would do."""

    @property
    def gate(self) -> Gate | None:
        """The gate that says it: which override lets it pass."""
        return "e2e" if self.result else None


HEALTHY_SECONDS = 90
MIGRATE_SECONDS = 300
LAST_LINES = 30
ARTIFACTS = "/tmp/slipway-artifacts"  # noqa: S108 - in the suite's own container


def run_end_to_end(
    config: Config,
    images: Sequence[Image],
    tests: str,
    which: Literal["smoke", "full"],
    shard: int = 1,
    shards: int = 1,
) -> SuiteResult:
    """Starts the whole app from `images` and runs the e2e command in the image `tests`.

    Components are reached by their names (`http://backend:8000`). The command finds $SHARD (from 1) and $SHARDS and runs its
    part; each part has an app, a database and a network of its own. Raises `EndToEndFailed` with each failed test and the last
    lines of every component.
    """
    if config.e2e is None:
        raise ReleaseRefused.because(
            "there are no end-to-end tests", "release.yaml, e2e", "add the section, or do not ask for them"
        )
    name = f"e2e-{which}" if shards == 1 else f"e2e-{which}-{shard}-of-{shards}"
    start, log_file = time.monotonic(), log_path(name)
    command = config.e2e.full or config.e2e.smoke if which == "full" else config.e2e.smoke
    with ExitStack() as stack:
        network = stack.enter_context(private_network("e2e"))
        app = _start_app(config, images, network, stack)
        reach("e2e:started")
        folder = stack.enter_context(scratch("e2e"))
        ended = run_command(
            tests,
            command,
            network,
            name=name,
            timeout_seconds=config.e2e.timeout,
            limits=config.e2e.limits,
            log_file=log_file,
            env={
                **config.e2e.env,
                "JUNIT": JUNIT,
                "ARTIFACTS": ARTIFACTS,
                "CI": "true",
                "SHARD": str(shard),
                "SHARDS": str(shards),
            },
            take={JUNIT: folder / "junit.xml", ARTIFACTS: log_file.with_suffix("")},
        )
        reach("e2e:ended")
        try:
            seconds, empty = time.monotonic() - start, shards > 1  # one part of a few tests may have none
            return judge("e2e", which, ended, folder / "junit.xml", seconds, log_file, allow_empty=empty)
        except SuiteFailed as failed:
            raise EndToEndFailed(*failed.reasons, *_last_lines(app), result=failed.result) from None


def merged(suite: str, results: Sequence[SuiteResult]) -> SuiteResult:
    """The shards of one suite as one result; they ran at once, so the longest says how long."""
    return SuiteResult(
        suite=suite,
        component=results[0].component,
        passed=sum(r.passed for r in results),
        failed=tuple(test for r in results for test in r.failed),
        skipped=sum(r.skipped for r in results),
        seconds=max(r.seconds for r in results),
        junit=all(r.junit for r in results),
    )


def _start_app(config: Config, images: Sequence[Image], network: "Network", stack: ExitStack) -> dict[str, "Container"]:
    database = stack.enter_context(postgres(network, config.postgres))
    for image in images:
        have(image.reference)
        _migrate(config, image, network, database.url)
    app = {}
    for image in images:
        env = {**config.components[image.component].run.env, "DATABASE_URL": database.url}
        app[image.component] = stack.enter_context(running(image.reference, network, alias=image.component, env=env))
    for name, container in app.items():
        _wait_until_healthy(config, name, container, network)
    return app


def _migrate(config: Config, image: Image, network: "Network", url: str) -> None:
    run = config.components[image.component].run
    if not run.migrate:
        return
    ended = run_command(
        image.reference,
        run.migrate,
        network,
        name=f"{image.component}-migrate",
        timeout_seconds=MIGRATE_SECONDS,
        env={**run.env, "DATABASE_URL": url},
    )
    if ended.exit_code:
        raise ReleaseRefused.because(
            f"e2e: the migration ended with exit code {ended.exit_code}\n"
            + "\n".join(f"    {line}" for line in ended.tail),
            f"{image.component}, `{run.migrate}` on an empty database",
            "mend the migration, then push again",
        )


def _wait_until_healthy(config: Config, name: str, container: "Container", network: "Network") -> None:
    import httpx

    run, seen = config.components[name].run, "nothing yet"
    deadline = time.monotonic() + HEALTHY_SECONDS
    while time.monotonic() < deadline:
        container.reload()
        if container.status != "running":
            seen = f"its container is {container.status}"
            break
        address = container.attrs["NetworkSettings"]["Networks"][network.name]["IPAddress"]
        try:
            answer = httpx.get(f"http://{address}:{run.port}{run.health}", timeout=5)
            if answer.is_success:
                return
            seen = f"HTTP {answer.status_code}"
        except httpx.TransportError as error:
            seen = str(error) or type(error).__name__
        time.sleep(0.2)
    raise ReleaseRefused(
        Reason(
            what=f"e2e: {name} did not become healthy: {seen}",
            where=f"port {run.port}, {run.health}",
            next_step="see its last lines",
        ),
        *_last_lines({name: container}),
    )


def _last_lines(app: dict[str, "Container"]) -> list[Reason]:
    def lines(container: "Container") -> str:
        text = container.logs(tail=LAST_LINES).decode(errors="replace")
        return "\n".join(f"    {printable(line)}" for line in text.splitlines())

    return [Reason(what=f"e2e: the last lines of {name}\n{lines(c)}") for name, c in app.items()]
