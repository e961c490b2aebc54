"""A body is read within limits, and who takes long gives way to who is quick."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from starlette.requests import Request

from deployments.hooks.answers import Rejected
from deployments.hooks.body import Bodies


def request(parts: AsyncIterator[bytes], **headers: str) -> Request:
    """A request whose body comes in these parts."""

    async def receive() -> dict:
        async for part in parts:
            return {"type": "http.request", "body": part, "more_body": True}
        return {"type": "http.request", "body": b"", "more_body": False}

    sent = [(k.replace("_", "-").encode(), v.encode()) for k, v in headers.items()]
    return Request({"type": "http", "method": "POST", "path": "/", "headers": sent}, receive)


async def whole(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def unending(first: bytes) -> AsyncIterator[bytes]:
    yield first
    await asyncio.Event().wait()


def refused(status: int, bodies: Bodies, sent: Request) -> None:
    with pytest.raises(Rejected) as caught:
        asyncio.run(bodies.read(sent))
    assert caught.value.status == status
    assert caught.value.headers and caught.value.headers["Connection"] == "close"


def test_what_comes_in_parts_is_put_together() -> None:
    assert asyncio.run(Bodies(max_bytes=6).read(request(whole(b"abc", b"", b"def")))) == b"abcdef"


def test_one_byte_too_many_is_413_announced_or_not() -> None:
    refused(413, Bodies(max_bytes=5), request(whole(b"abc", b"def")))
    refused(413, Bodies(max_bytes=5), request(unending(b""), content_length="6"))
    refused(413, Bodies(max_bytes=5), request(unending(b""), content_length="9" * 300))


def test_who_does_not_end_is_408() -> None:
    refused(408, Bodies(seconds=0.05), request(unending(b"a")))


def test_the_oldest_gives_way_when_too_much_comes_at_once() -> None:
    async def read() -> list:
        bodies = Bodies(max_bytes=10, seconds=30, all_bytes=25)
        slow = [asyncio.create_task(bodies.read(request(unending(b"x" * 10)))) for _ in range(2)]
        await asyncio.sleep(0)
        quick = [await bodies.read(request(whole(b"y" * 6))) for _ in range(3)]
        oldest = await asyncio.gather(slow[0], return_exceptions=True)
        other = slow[1].done()
        slow[1].cancel()
        return [quick, oldest[0], other]

    quick, oldest, other = asyncio.run(read())
    assert quick == [b"y" * 6] * 3
    assert isinstance(oldest, Rejected) and oldest.status == 429
    assert not other


def test_what_comes_after_the_cut_in_the_same_turn_is_not_held_for_ever() -> None:
    async def fed(parts: asyncio.Queue) -> AsyncIterator[bytes]:
        while part := await parts.get():
            yield part

    async def read() -> list:
        bodies = Bodies(max_bytes=10, seconds=30, all_bytes=15)
        old, new = asyncio.Queue(), asyncio.Queue()
        tasks = [asyncio.create_task(bodies.read(request(fed(parts)))) for parts in (old, new)]
        old.put_nowait(b"x" * 8)
        await asyncio.sleep(0.01)
        for part in (b"y" * 8, b""):  # cuts the old one, whose next part is there in the same turn of the loop
            new.put_nowait(part)
        for part in (b"x" * 2, b""):
            old.put_nowait(part)
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        return [*ended, await bodies.read(request(whole(b"z" * 10)))] + [bodies._held]

    old, new, after, held = asyncio.run(read())
    assert isinstance(old, Rejected) and old.status == 429
    assert (new, after, held) == (b"y" * 8, b"z" * 10, 0)


def test_what_was_refused_holds_nothing() -> None:
    async def read() -> None:
        bodies = Bodies(max_bytes=10, seconds=0.01, all_bytes=10)
        for _ in range(3):
            with pytest.raises(Rejected, match="in time"):
                await bodies.read(request(unending(b"x" * 10)))
        assert await bodies.read(request(whole(b"y" * 10))) == b"y" * 10

    asyncio.run(read())
