"""Reads bodies within limits, before anything else is done with a request: of size, of time, and of all bytes at once."""

import asyncio
from dataclasses import dataclass, field

from starlette.requests import ClientDisconnect, Request

from deployments.hooks.answers import CLOSE, Rejected

MAX_BYTES = 2_000_000
"""GitHub sends up to 25 MB, but a push with 2,048 commits stays far below this; the poll finds what is refused."""
SECONDS = 10
ALL_BYTES = 64_000_000
RETRY = {"Retry-After": "10"}


@dataclass(eq=False)
class _Reading:
    """One body that is not whole yet."""

    deadline: asyncio.Timeout
    data: bytearray = field(default_factory=bytearray)
    cut: bool = False


class Bodies:
    """The bodies that are being read now. Over `all_bytes` the one that takes longest is cut, so that quick ones pass."""

    def __init__(self, max_bytes: int = MAX_BYTES, seconds: float = SECONDS, all_bytes: int = ALL_BYTES) -> None:
        self.max_bytes, self.seconds, self.all_bytes = max_bytes, seconds, all_bytes
        self._held = 0
        self._readings: dict[_Reading, None] = {}  # in the order in which they began

    async def read(self, request: Request) -> bytes:
        """The raw body. Raises `Rejected`: 408 too slow, 413 too large, 429 too much at once, 400 gone before its end."""
        if (length := request.headers.get("content-length", "")).isdecimal() and int(length[:20]) > self.max_bytes:
            raise Rejected(413, "the body is too large", CLOSE)
        reading = _Reading(asyncio.timeout(self.seconds))
        self._readings[reading] = None
        try:
            async with reading.deadline:
                async for chunk in request.stream():
                    self._take(reading, chunk)
        except TimeoutError:
            if reading.cut:
                raise _too_much() from None
            raise Rejected(408, "the body did not come in time", CLOSE) from None
        except ClientDisconnect:
            raise Rejected(400, "the body is not whole", CLOSE) from None
        finally:
            self._let_go(reading)
        return bytes(reading.data)

    def _take(self, reading: _Reading, chunk: bytes) -> None:
        if reading.cut:  # a part had come before its task heard of the cut: nobody would count that off again
            raise _too_much()
        reading.data += chunk
        self._held += len(chunk)
        if len(reading.data) > self.max_bytes:
            raise Rejected(413, "the body is too large", CLOSE)
        while self._held > self.all_bytes:
            self._cut(next(iter(self._readings)), reading)

    def _cut(self, oldest: _Reading, own: _Reading) -> None:
        oldest.cut = True
        self._let_go(oldest)
        oldest.data = bytearray()
        if oldest is own:
            raise _too_much()
        oldest.deadline.reschedule(0)

    def _let_go(self, reading: _Reading) -> None:
        if reading in self._readings:
            del self._readings[reading]
            self._held -= len(reading.data)


def _too_much() -> Rejected:
    return Rejected(429, "too much is sent at once", CLOSE | RETRY)
