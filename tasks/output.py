"""What a program says, on its way into the run's log and a file: line by line as it comes, printable, masked, bounded."""

import contextlib
import logging
import re
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

from tasks.secrets.masking import KNOWN, mask

log = logging.getLogger(__name__)
TAIL_LINES = 40
COLOURS = re.compile(r"\x1b\[[0-9;]*m")
LINE_BYTES = 64_000
"""A line without end is cut after so many bytes."""
SHOWN_CHARACTERS = 4_000
LOGGED_LINES = 20_000
"""Lines of one program that go into the run's log, some 10 MB in Prefect's database; a file takes more."""
FILE_CHARACTERS = 200_000_000
KEPT_SECONDS = 30 * 86400
KEPT_BYTES = 5_000_000_000
"""All files of output together: what commits print must not fill the disk that releases need."""


def printable(text: str) -> str:
    """The text without colours, with control characters spelled out and known secrets masked: fit for every log.

    No output can forge or hide a line of the log with it.
    """
    plain = COLOURS.sub("", text) if "\x1b" in text else text
    if not plain.isprintable():
        plain = "".join(c if c.isprintable() or c == "\t" else f"\\x{ord(c):02x}" for c in plain)
    return mask(plain)


def follow(chunks: Iterable[bytes], name: str, log_file: Path | None = None) -> tuple[str, ...]:
    """Takes what a program says until it ends: each line to the log as `name: line`, all of it to the file.

    Returns the last 40 lines, of very long ones the beginnings. Of a line that was overwritten by carriage returns, as progress bars do it, the log gets
    the last state and the file every one. What is over the bounds is left out, and said so.
    """
    if log_file is None:
        return _follow(chunks, name, None)
    with log_file.open("a", encoding="utf-8") as sink:
        return _follow(chunks, name, sink)


def _follow(chunks: Iterable[bytes], name: str, sink: IO[str] | None) -> tuple[str, ...]:
    tail: deque[str] = deque(maxlen=TAIL_LINES)
    room = FILE_CHARACTERS
    for number, states in enumerate(_states(chunks), 1):
        room = _keep(sink, states, room)
        if sink and number <= LOGGED_LINES:
            sink.flush()  # somebody may look on; not at so many lines
        tail.append(_short(states[-1]))
        if number <= LOGGED_LINES:
            log.info("%s: %s", name, _short(states[-1]))
        elif number == LOGGED_LINES + 1:
            log.warning(
                "%s: more than %d lines; the rest is %s", name, LOGGED_LINES, f"in {sink.name}" if sink else "left out"
            )
    return tuple(tail)


def _keep(sink: IO[str] | None, states: list[str], room: int) -> int:
    """Writes the lines as long as there is room; how much is left, -1 once that was said."""
    for state in states if sink else ():
        if 0 <= room < len(state):
            sink.write("(more was said than is kept)\n")
            room = -1
        elif room >= 0:
            sink.write(f"{state}\n")
            room -= len(state)
    return room


def _short(line: str) -> str:
    left = len(line) - SHOWN_CHARACTERS
    return line if left <= 0 else f"{line[:SHOWN_CHARACTERS]} ({left} more characters)"


def _states(chunks: Iterable[bytes]) -> Iterator[list[str]]:
    """Each line as the states it was overwritten with; the last one is what a person would see."""
    for text in lines_of(chunks):
        written = [printable(part.rstrip()) for part in text.rstrip("\r").split("\r")]
        yield [part for part in written[:-1] if part] + written[-1:]


def tidy(folder: Path, now: float) -> None:
    """Removes files of output that are a month old, and the oldest of those over 5 GB; `now` is in seconds since 1970."""
    there = []
    for path in folder.rglob("*"):
        with contextlib.suppress(FileNotFoundError):  # another process tidies up, too
            if not path.is_dir():
                there.append((path.lstat(), path))
    room = KEPT_BYTES
    for stat, path in sorted(there, key=lambda one: one[0].st_mtime, reverse=True):
        room -= stat.st_size
        if room < 0 or now - stat.st_mtime > KEPT_SECONDS:
            path.unlink(missing_ok=True)


def lines_of(chunks: Iterable[bytes], limit: int = LINE_BYTES) -> Iterator[str]:
    """Whole lines out of whatever pieces come; bytes that are no UTF-8 become U+FFFD. No cut goes through a known secret."""
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        yield from (line.decode(errors="replace") for line in whole)
        # Twice as much is waited for: a secret that begins before the limit is seen to its end.
        while len(rest) > 2 * limit:
            text = rest.decode(errors="surrogateescape")
            at = KNOWN.cut(text, min(limit, len(text)))
            yield text[:at].encode(errors="surrogateescape").decode(errors="replace")
            rest = text[at:].encode(errors="surrogateescape")
    if rest:
        yield rest.decode(errors="replace")
