"""Turns how a build ended into a reason: what is wrong, on which line of the Dockerfile, and what to do next."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tasks.command import CommandFailed, TimedOut
from tasks.errors import ReleaseRefused, ServiceUnavailable, SlipwayError
from tasks.images import dockerfile
from tasks.images.builder import HOW_TO_GET

AWAY = re.compile(
    r"dial tcp|no such host|i/o timeout|deadline exceeded|TLS handshake|connection (refused|reset)|server misbehaving"
    r"|50[0234] |toomanyrequests|429 Too Many|unexpected EOF",
    re.IGNORECASE,
)
STEP = re.compile(r"^(?: > |Step \d+/\d+ : )(?:\[[^\]]*\] )?(.+?):?$")
# Of buildx: the file's name and the line, alone on a line. What a build prints itself begins with the step's number.
EXCERPT = re.compile(r"^\S+:(\d+)$")


@dataclass(frozen=True)
class Failed:
    """A build that ended badly."""

    name: str
    file: str
    text: str
    error: CommandFailed

    @property
    def step(self) -> str:
        """The step that failed, as the builder shows it; '' where it shows none."""
        return next((m[1] for line in reversed(self.error.tail) if (m := STEP.match(line))), "")

    @property
    def line(self) -> int | None:
        """Where the failed step stands in the Dockerfile."""
        excerpt = next((int(m[1]) for line in self.error.tail if (m := EXCERPT.match(line))), None)
        return excerpt or dockerfile.line_of_step(self.text, self.step)

    def because(self, what: str, next_step: str, line: int | None = None, transient: bool = False) -> SlipwayError:
        """The error for it; without a line it names where the whole output is."""
        kind = ServiceUnavailable if transient else ReleaseRefused
        where = f"{self.file}, line {line}" if line else f"{self.file}; {self.error.reasons[0].where}"
        return kind.because(f"build {self.name}: {what}", where, next_step)


def explain(failed: Failed) -> SlipwayError:
    """The error in plain words; one that is not known keeps the builder's last lines, with the line of its step."""
    if isinstance(failed.error, TimedOut):
        return _of_step(failed, "raise build.timeout, or find what hangs")
    said = "\n".join(failed.error.tail)
    for pattern, answer in ANSWERS:
        if (match := pattern.search(said)) and (error := answer(failed, match, said)):
            return error
    return _of_step(failed)


def _of_step(failed: Failed, next_step: str = "") -> CommandFailed:
    reason, line = failed.error.reasons[0], failed.line
    where = f"{failed.file}, line {line}; {reason.where}" if line else reason.where
    return CommandFailed(reason.what.split("\n")[0], where, next_step or reason.next_step, failed.error.tail)


def _syntax(failed: Failed, match: re.Match[str], _: str) -> SlipwayError:
    older = "unknown flag" in match[2].lower() or "unsupported mount" in match[2].lower()
    hint = "; a newer Engine may know it" if older else ""
    return failed.because(f"the Dockerfile cannot be read: {match[2]}", f"mend that line{hint}", int(match[1]))


def _empty(failed: Failed, *_: object) -> SlipwayError:
    return failed.because("the Dockerfile is empty", "write one, or set build.dockerfile in release.yaml", 1)


def _target(failed: Failed, match: re.Match[str], _: str) -> SlipwayError:
    known = ", ".join(dockerfile.targets(failed.text)) or "none has a name (`FROM ... AS name`)"
    return failed.because(
        f"there is no build target {match[1]}", f"correct the target in release.yaml; the Dockerfile's are: {known}"
    )


def _space(failed: Failed, *_: object) -> SlipwayError:
    return failed.because(
        "the Engine's disk is full",
        "make room (`docker builder prune`, `docker system prune`), then retry",
        failed.line,
    )


def _engine(failed: Failed, *_: object) -> SlipwayError:
    return failed.because("the Docker Engine went away", "see that it runs (`docker info`), then retry", None, True)


def _buildkit(failed: Failed, match: re.Match[str], _: str) -> SlipwayError:
    return failed.because(f"BuildKit is not here: {match[0]}", HOW_TO_GET, failed.line)


def _missing_file(failed: Failed, match: re.Match[str], _: str) -> SlipwayError:
    name = match[1].lstrip("/")
    return failed.because(
        f"{name} is not among what is sent to the builder",
        f"add {name} to the commit in this component's folder, or take it out of .dockerignore",
        failed.line,
    )


def _base(failed: Failed, match: re.Match[str], said: str) -> SlipwayError:
    image = next(filter(None, match.groups())).removesuffix(":")
    line = dockerfile.line_of_image(failed.text, image) or failed.line
    if AWAY.search(said):
        return failed.because(
            f"the image {image} cannot be asked for: its registry does not answer",
            "see the Engine's network and the registry, then retry; `docker pull` shows the same",
            line,
            True,
        )
    return failed.because(
        f"the image {image} is not there, or this Engine may not pull it",
        "correct its name or tag, or `docker login` to its registry",
        line,
    )


Answer = Callable[[Failed, re.Match[str], str], SlipwayError | None]
# The first that fits counts; of BuildKit 0.8 to 0.13 and of the classic builder.
ANSWERS: Sequence[tuple[re.Pattern[str], Answer]] = [
    (re.compile(r"no space left on device"), _space),
    (re.compile(r"[Dd]ockerfile parse error (?:on )?line (\d+): (.+)"), _syntax),
    (re.compile(r"the Dockerfile cannot be empty|file with no instructions|\(Dockerfile\) cannot be empty"), _empty),
    (re.compile(r"target stage \"?([^\s\"]+)\"? could not be found"), _target),
    (re.compile(r"failed to reach build target (\S+) in Dockerfile"), _target),
    (re.compile(r"the --\w+ option requires BuildKit|unknown flag: --progress"), _buildkit),
    (re.compile(r"^ > (?:\[internal\] load metadata for|resolve image config for|FROM) (\S+?):?$", re.M), _base),
    (re.compile(r"failed to resolve source metadata for (\S+?):"), _base),
    (re.compile(r"pull access denied for ([^\s,]+)|manifest for (\S+) not found"), _base),
    (
        re.compile(r"failed to (?:compute cache key|calculate checksum).*?\"([^\"]+)\":? not found"),
        _missing_file,
    ),
    (re.compile(r"(?:COPY|ADD) failed: .*?(?:stat|file not found in build context.*?: stat) (\S+?): "), _missing_file),
    (re.compile(r"Cannot connect to the Docker daemon|error during connect|code = Unavailable"), _engine),
]
