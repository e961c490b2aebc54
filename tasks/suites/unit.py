"""One suite (unit tests, a linter) of one component, in a container of its own beside the services it asks for."""

import time
from contextlib import ExitStack
from pathlib import Path

from tasks.config.model import Config
from tasks.containers import postgres, private_network, run_command
from tasks.failpoints import reach
from tasks.git import home, scratch
from tasks.models import SuiteResult
from tasks.suites.verdict import judge

JUNIT = "/tmp/slipway-junit.xml"  # noqa: S108 - in the suite's own container


def run_suite(config: Config, component: str, suite: str, image: str) -> SuiteResult:
    """Runs the suite in `image` on a private network without a way out; each suite has its own database.

    The container sees the suite's own `env`, $JUNIT and, with the service, $DATABASE_URL; nothing of the worker's
    environment. Raises `SuiteFailed` with every failed test.
    """
    settings, start = config.components[component].suites[suite], time.monotonic()
    log_file = log_path(f"{component}-{suite}")
    with ExitStack() as stack:
        network = stack.enter_context(private_network(f"{component}-{suite}"))
        env = {**settings.env, "JUNIT": JUNIT, "CI": "true"}
        if "postgres" in settings.services:
            env["DATABASE_URL"] = stack.enter_context(postgres(network, config.postgres)).url
        folder = stack.enter_context(scratch("suite"))
        reach("suite:begun")
        ended = run_command(
            image,
            settings.run,
            network,
            name=f"{component}-{suite}",
            env=env,
            timeout_seconds=settings.timeout,
            log_file=log_file,
            take={JUNIT: folder / "junit.xml"},
        )
        reach("suite:ended")
        return judge(component, suite, ended, folder / "junit.xml", time.monotonic() - start, log_file)


def log_path(name: str) -> Path:
    """A new file for one suite's whole output."""
    folder = home() / "logs" / "suites"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{name}-{time.strftime('%Y%m%d-%H%M%S')}-{time.monotonic_ns() % 10**6}.log"
