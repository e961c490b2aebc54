"""The images that a Dockerfile begins from: those of FROM, and those it copies or mounts files out of."""

import re
from collections.abc import Iterator, Mapping

from tasks.source.dockerfile import Dockerfile, parse

FIRST_STAGE = re.compile(r"^[ \t]*FROM\s", re.IGNORECASE | re.MULTILINE)
COPIED = re.compile(r"^(?:--\S+\s+)*?--from=(\S+)")
MOUNTED = re.compile(r"[,=]\"?from=([^\s,\"]+)")
OUT_OF = {"COPY": COPIED, "RUN": MOUNTED, "ONBUILD": re.compile(r"(?:--|[,=]\"?)from=([^\s,\"]+)")}


def bases(text: str, arguments: Mapping[str, str]) -> tuple[str, ...]:
    """References as they stand there, with ARG before the first FROM and the build's arguments put in; `scratch` among them.

    A `$` stays where nothing says what it stands for. Source: Dockerfile reference, "Understand how ARG and FROM interact".
    """
    first = FIRST_STAGE.search(text)
    given = {**parse(text[: first.start()] if first else "").arguments, **arguments}
    file = parse(text)
    known = Dockerfile(file.stages, given)
    return tuple(sorted({known.resolve(name) for name in _named(file)} - {""}))


def _named(file: Dockerfile) -> Iterator[str]:
    """Every image that is named, without the stages of the file itself."""
    earlier: set[str] = set()
    for number, stage in enumerate(file.stages):
        copied = (name for key, value in stage.instructions if key in OUT_OF for name in OUT_OF[key].findall(value))
        yield from (n for n in (stage.base, *copied) if n.lower() not in earlier)
        earlier |= {stage.name, str(number)}
