"""One commit's files are asked for by many threads at once."""

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from tasks.gitops import tip as tips
from tasks.gitops.tip import Tip


@pytest.fixture
def restless() -> Iterator[None]:
    """Threads that take turns after each step, as they may."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def test_many_threads_read_more_files_than_are_kept_parsed(world: SimpleNamespace, restless: None) -> None:
    names = [f"c{n:03d}.yaml" for n in range(3 * tips.DOCUMENTS)]
    world.gitops.commit({n: f"name: {n}\n" for n in names}, "many")
    tip = Tip.read(world.config)
    tip.load(names)
    with ThreadPoolExecutor(16) as pool:
        read = [pool.submit(tip.document, n) for _ in range(40) for n in names]
    assert all(r.result().at("name").value in names for r in read)
    assert len(tip._documents) <= 2 * tips.DOCUMENTS
