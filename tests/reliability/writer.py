"""One of many writers: a process with a clone of its own that releases, holds, lets go and rolls back, and notes what it was told."""

import json
import os
import random
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tasks.errors import ReleaseRefused, SlipwayError
from tasks.gitops.hold import hold, release_hold
from tasks.gitops.rollback import rollback
from tasks.models import Hold
from tests.reliability.world import World

RING = 12
Task = dict[str, Any]


def tasks_of(world: World, writer: int, writers: int, releases: int) -> Iterator[Task]:
    """What a writer does, in order: releases of its own commits; every fourth writer holds, lets go and rolls back too."""
    chance = random.Random(writer)  # noqa: S311 - the same in every run
    names = list(world.customers)
    for n in range(releases):
        first = chance.randrange(len(names))
        ring = sorted((names * 2)[first : first + RING])
        yield {"kind": "release", "number": n * writers + writer, "customers": ring}
        if writer % 4 == 3:
            kind = ("hold", "rollback", "release-hold")[n % 3]
            yield {"kind": kind, "customers": sorted(chance.sample(names, 2))}


def work(world: World, writer: int, writers: int, releases: int, folder: Path, machine: int) -> None:
    """Does it, one after the other; writes a line of JSON for each. Writers of one machine share its temporary folder."""
    os.environ["SLIPWAY_HOME"] = str(folder / f"home{writer}")
    tempfile.tempdir = str(folder / f"tmp{machine}")
    Path(tempfile.tempdir).mkdir(exist_ok=True)
    with (folder / f"writer{writer}.jsonl").open("w") as log:
        for n, task in enumerate(tasks_of(world, writer, writers, releases)):
            task["id"] = f"w{writer}-{n}"
            begun = time.monotonic()
            task |= _done(world, task)
            task["seconds"] = time.monotonic() - begun
            log.write(json.dumps(task) + "\n")


def _done(world: World, task: Task) -> Task:
    try:
        done = _do(world, task)
    except ReleaseRefused as refused:
        return {"ended": "refused", "because": [r.what for r in refused.reasons], "commit": "", "created": False}
    except SlipwayError as error:
        return {"ended": "error", "because": [str(error)], "commit": "", "created": False}
    standing = {p.customer: [p.standing, p.because] for p in getattr(done, "promotions", ())}
    return {"ended": "done", "commit": done.commit, "created": done.created, "standing": standing}


def _do(world: World, task: Task) -> Any:
    owner, names = task["id"], task["customers"]
    match task["kind"]:
        case "release":
            return world.promote(task["number"], *names, run=owner)
        case "hold":
            return hold(world.config, names, Hold(reason="audit", owner=owner))
        case "release-hold":
            return release_hold(world.config, names, owner)
    return rollback(world.config, names, Hold(reason="it failed", owner=owner))
