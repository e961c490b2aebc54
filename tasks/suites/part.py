"""One suite of one component, or one shard of it: in a container beside its services, or on the host."""

import io
import tarfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.config.model import Config
from tasks.config.suites import Suite
from tasks.containers import Ended, private_network, run_command
from tasks.failpoints import reach
from tasks.git import Mirror
from tasks.home import scratch
from tasks.models import Quarantine, Reason, SuiteResult
from tasks.secrets.masking import mask_bytes
from tasks.suites import coverage, durations, junit, kept
from tasks.suites.attempts import NOBODY, environment, settle
from tasks.suites.files import ARTIFACTS, COVERAGE, JUNIT, SHARD_TESTS
from tasks.suites.host import run_on_host
from tasks.suites.laid import laid
from tasks.suites.services import Beside, started, under
from tasks.suites.verdict import Attempt, SuiteFailed, read

if TYPE_CHECKING:
    from docker.models.networks import Network

COVERAGE_FILE = "coverage"
LIST_BYTES = 5_000_000


@dataclass(frozen=True)
class Part:
    """What is run: `image` has the tests; on the host the component's git tree is checked out instead."""

    config: Config
    component: str
    suite: str
    image: str | None
    tree: str
    shard: int = 1
    tests: tuple[str, ...] | None = None

    @property
    def settings(self) -> Suite:
        """The suite in release.yaml."""
        return self.config.components[self.component].suites[self.suite]

    @property
    def name(self) -> str:
        """What its lines in the log begin with."""
        whole = f"{self.component}-{self.suite}"
        return whole if self.settings.shards == 1 else f"{whole}-{self.shard}-of-{self.settings.shards}"


def run(part: Part, quarantine: Quarantine = NOBODY) -> SuiteResult:
    """Runs it to its end, failed tests once more. Raises `SuiteFailed` with every failed test, the limit it went over, and
    services that ended.
    """
    return settle(partial(_attempt, part), part.settings.retries, quarantine)


def _attempt(part: Part, failed: Sequence[str]) -> Attempt:
    start, settings, kept_in = time.monotonic(), part.settings, kept.folder(part.name)
    with ExitStack() as stack:
        network = stack.enter_context(private_network(part.name))
        limits, image = settings.limits, part.config.postgres
        beside = stack.enter_context(started(settings.services, network, image, limits))
        reach("suite:begun")
        run_there = _on_host if settings.on == "host" else _in_container
        ended = run_there(part, network, kept_in, beside, failed)
        reach("suite:ended")
        durations.record(part.config.app.name, part.component, part.suite, kept_in / kept.JUNIT)
        attempt = _read(part, ended, kept_in, time.monotonic() - start)
        words = () if attempt.clean else tuple(beside.ended(f"{part.component} {part.suite}"))
    return attempt._replace(result=_with_coverage(attempt.result, kept_in), words=words)


def listed(part: Part) -> list[str]:
    """Every test by the suite's own command `tests`. Raises `SuiteFailed` when it fails or names none."""
    settings, folder = part.settings, kept.folder(f"{part.component}-{part.suite}-tests")
    with private_network(part.name) as network:
        ended = run_command(
            part.image or "",
            f"( {settings.tests} ) > {SHARD_TESTS}",
            network,
            name=f"{part.component}-{part.suite}-tests",
            env=settings.env,
            timeout_seconds=settings.timeout,
            limits=settings.limits,
            log_file=folder / kept.OUTPUT,
            take={SHARD_TESTS: folder / "tests"},
            lay=laid(part.config, part.component, part.tree, settings.files),
        )
        settle(lambda _: read(part.component, part.suite, ended, folder, 0), retries=0)
        return _lines(part, folder / "tests")


def _lines(part: Part, file: Path) -> list[str]:
    if not file.is_file():
        return []
    if (size := file.stat().st_size) > LIST_BYTES:
        raise SuiteFailed(
            Reason(
                what=f"{part.component} {part.suite}: its command `tests` printed {size} bytes",
                next_step=f"let it print files or folders instead of names: {LIST_BYTES} bytes at most",
            )
        )
    lines = file.read_text(errors="replace").splitlines()
    return list(dict.fromkeys(line.strip() for line in lines if line.strip()))


def _read(part: Part, ended: Ended, folder: Path, seconds: float) -> Attempt:
    settings = part.settings
    # Of a shard's part nothing is known; that all of them together ran no test is seen when they are merged.
    allowed = settings.allow_empty or settings.shards > 1
    wanted = "JUNIT" in settings.run and not settings.allow_empty
    return read(part.component, part.suite, ended, folder, seconds, wanted=wanted, allow_empty=allowed)


def _command(part: Part, failed: Sequence[str]) -> str:
    return part.settings.retry if failed and part.settings.retry else part.settings.run


def _env(part: Part, junit_file: str, coverage_file: str, artifacts: str, tests: str) -> dict[str, str]:
    own = {"JUNIT": junit_file, "COVERAGE": coverage_file, "ARTIFACTS": artifacts, "CI": "true"}
    own |= {"SHARD": str(part.shard), "SHARDS": str(part.settings.shards)}
    return own | ({"SHARD_TESTS": tests} if part.tests is not None else {})


def _in_container(part: Part, network: "Network", folder: Path, beside: Beside, failed: Sequence[str]) -> Ended:
    settings, (named, again) = part.settings, environment(failed)
    tests = {} if part.tests is None else {SHARD_TESTS: "".join(f"{t}\n" for t in part.tests).encode()}
    return run_command(
        part.image or "",
        _command(part, failed),
        network,
        name=part.name,
        env={**under(settings.env, beside.env), **_env(part, JUNIT, COVERAGE, ARTIFACTS, SHARD_TESTS), **named},
        timeout_seconds=settings.timeout,
        limits=settings.limits,
        log_file=folder / kept.OUTPUT,
        take={
            JUNIT: folder / kept.JUNIT,
            COVERAGE: folder / COVERAGE_FILE,
            ARTIFACTS: folder / kept.ARTIFACTS,
        },
        put=tests | again,
        lay=laid(part.config, part.component, part.tree, settings.files),
    )


def _on_host(part: Part, _: "Network", folder: Path, beside: Beside, failed: Sequence[str]) -> Ended:
    settings = part.settings
    with scratch("suite") as own:
        given, named = own / "given", own / "given" / "failed-tests"
        _check_out(part, own / "app")
        given.mkdir()
        named.write_text("".join(f"{name}\n" for name in failed))
        files = _env(part, str(given / "junit.xml"), str(given / "coverage"), str(given / "artifacts"), "")
        ended = run_on_host(
            _command(part, failed),
            own,
            name=part.name,
            env={**under(settings.env, beside.host_env), **files, "FAILED_TESTS": str(named) if failed else ""},
            timeout_seconds=settings.timeout,
            limits=settings.limits,
            log_file=folder / kept.OUTPUT,
        )
        whole = _take(given / "junit.xml", folder / kept.JUNIT)
        _take(given / "coverage", folder / COVERAGE_FILE)
        left = [] if (given / "artifacts").is_symlink() else sorted((given / "artifacts").rglob("*"))
        for path in left[: kept.MOST_FILES]:
            _take(path, folder / kept.ARTIFACTS / path.relative_to(given / "artifacts"))
    return ended if whole else ended.model_copy(update={"left_out": (JUNIT,)})


def _check_out(part: Part, folder: Path) -> None:
    """The component's files as git has them: no hooks, no filters, and no link that leads out of the folder."""
    app = part.config.app
    archive = Mirror.holding(app.repository, app.branch, part.tree).run_bytes("archive", "--format=tar", part.tree)
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        files.extractall(folder, filter="data")


def _take(source: Path, destination: Path) -> bool:
    """A file that the suite wrote, masked; not a link, and nothing that would never end. False: it is too large."""
    if not source.is_file() or source.is_symlink():
        return True
    if source.stat().st_size > junit.MAX_BYTES:
        return False
    destination.parent.mkdir(parents=True, exist_ok=True)
    destination.write_bytes(mask_bytes(source.read_bytes()))
    return True


def _with_coverage(result: SuiteResult, folder: Path) -> SuiteResult:
    return result.model_copy(update={"coverage": coverage.line_rate(folder / COVERAGE_FILE)})


def parts_of(whole: Part, tests: list[str] | None) -> list[Part]:
    """The shards; with the list of tests each has those that take about as long as those of any other."""
    shards = whole.settings.shards
    if tests is None:
        return [replace(whole, shard=number) for number in range(1, shards + 1)]
    seconds = durations.known(whole.config.app.name, whole.component, whole.suite)
    divided = durations.divided(tests, seconds, shards)
    return [replace(whole, shard=n, tests=tuple(own)) for n, own in enumerate(divided, 1) if own]
