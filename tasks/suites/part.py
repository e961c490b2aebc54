"""One suite of one component, or one shard of it: in a container beside its services, or on the host."""

import io
import tarfile
import time
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.config.model import Config, Suite
from tasks.containers import Ended, private_network, run_command
from tasks.failpoints import reach
from tasks.git import Mirror, scratch
from tasks.models import Reason, SuiteResult
from tasks.secrets.masking import mask_bytes
from tasks.suites import coverage, durations, junit
from tasks.suites.files import COVERAGE, JUNIT, SHARD_TESTS, log_path
from tasks.suites.host import run_on_host
from tasks.suites.services import Beside, started
from tasks.suites.verdict import SuiteFailed, judge

if TYPE_CHECKING:
    from docker.models.networks import Network


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


def run(part: Part) -> SuiteResult:
    """Runs it to its end. Raises `SuiteFailed` with every failed test, the limit it went over, and services that ended."""
    start, log_file, settings = time.monotonic(), log_path(part.name), part.settings
    with ExitStack() as stack:
        network = stack.enter_context(private_network(part.name))
        limits, image = settings.limits, part.config.postgres
        beside = stack.enter_context(started(settings.services, network, image, limits))
        folder = stack.enter_context(scratch("suite"))
        reach("suite:begun")
        run_there = _on_host if settings.on == "host" else _in_container
        ended = run_there(part, network, folder, beside, log_file)
        reach("suite:ended")
        junit_file = folder / "junit.xml"
        durations.record(part.config.app.name, part.component, part.suite, junit_file)
        try:
            result = _judged(part, ended, junit_file, time.monotonic() - start, log_file)
        except SuiteFailed as failed:
            reasons = (*failed.reasons, *beside.ended(f"{part.component} {part.suite}"))
            raise SuiteFailed(*reasons, result=failed.result and _with_coverage(failed.result, log_file)) from None
        return _with_coverage(result, log_file)


def listed(part: Part) -> list[str]:
    """Every test by the suite's own command `tests`. Raises `SuiteFailed` when it fails or names none."""
    settings, log_file = part.settings, log_path(f"{part.component}-{part.suite}-tests")
    with private_network(part.name) as network, scratch("suite") as folder:
        ended = run_command(
            part.image or "",
            f"( {settings.tests} ) > {SHARD_TESTS}",
            network,
            name=f"{part.component}-{part.suite}-tests",
            env=settings.env,
            timeout_seconds=settings.timeout,
            limits=settings.limits,
            log_file=log_file,
            take={SHARD_TESTS: folder / "tests"},
        )
        judge(part.component, part.suite, ended, folder / "none", 0, log_file)
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


def _judged(part: Part, ended: Ended, junit_file: Path, seconds: float, log_file: Path) -> SuiteResult:
    settings = part.settings
    # Of a shard's part nothing is known; that all of them together ran no test is seen when they are merged.
    allowed = settings.allow_empty or settings.shards > 1
    wanted = "JUNIT" in settings.run and not settings.allow_empty
    return judge(part.component, part.suite, ended, junit_file, seconds, log_file, wanted=wanted, allow_empty=allowed)


def _env(part: Part, junit_file: str, coverage_file: str, tests: str) -> dict[str, str]:
    own = {"JUNIT": junit_file, "COVERAGE": coverage_file, "CI": "true"}
    own |= {"SHARD": str(part.shard), "SHARDS": str(part.settings.shards)}
    return own | ({"SHARD_TESTS": tests} if part.tests is not None else {})


def _in_container(part: Part, network: "Network", folder: Path, beside: Beside, log_file: Path) -> Ended:
    settings = part.settings
    tests = {} if part.tests is None else {SHARD_TESTS: "".join(f"{t}\n" for t in part.tests).encode()}
    return run_command(
        part.image or "",
        settings.run,
        network,
        name=part.name,
        env={**settings.env, **beside.env, **_env(part, JUNIT, COVERAGE, SHARD_TESTS)},
        timeout_seconds=settings.timeout,
        limits=settings.limits,
        log_file=log_file,
        take={JUNIT: folder / "junit.xml", COVERAGE: _coverage_file(log_file)},
        put=tests,
    )


def _on_host(part: Part, _: "Network", folder: Path, beside: Beside, log_file: Path) -> Ended:
    settings, given = part.settings, folder / "given"
    _check_out(part, folder / "app")
    given.mkdir()
    ended = run_on_host(
        settings.run,
        folder,
        name=part.name,
        env={**settings.env, **beside.host_env, **_env(part, str(given / "junit.xml"), str(given / "coverage"), "")},
        timeout_seconds=settings.timeout,
        limits=settings.limits,
        log_file=log_file,
    )
    whole = _take(given / "junit.xml", folder / "junit.xml")
    _take(given / "coverage", _coverage_file(log_file))
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
    destination.write_bytes(mask_bytes(source.read_bytes()))
    return True


def _coverage_file(log_file: Path) -> Path:
    return log_file.with_suffix(".coverage")


def _with_coverage(result: SuiteResult, log_file: Path) -> SuiteResult:
    return result.model_copy(update={"coverage": coverage.line_rate(_coverage_file(log_file))})


def parts_of(whole: Part, tests: list[str] | None) -> list[Part]:
    """The shards; with the list of tests each has those that take about as long as those of any other."""
    shards = whole.settings.shards
    if tests is None:
        return [replace(whole, shard=number) for number in range(1, shards + 1)]
    seconds = durations.known(whole.config.app.name, whole.component, whole.suite)
    divided = durations.divided(tests, seconds, shards)
    return [replace(whole, shard=n, tests=tuple(own)) for n, own in enumerate(divided, 1) if own]
