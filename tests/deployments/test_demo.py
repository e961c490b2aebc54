"""The demo as a person runs it, twice: git push to ten customers, and then the same release again."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from deployments.demo.cluster import FOLDER_LABEL, LABEL
from deployments.demo.world import CUSTOMERS, World, git, open_world
from tasks import containers
from tasks.config.file import load_config
from tasks.gitops.fleet import read_fleet
from tests.reliability.size import LARGE

pytestmark = pytest.mark.slow
DROP = Path(__file__).parents[2] / "deployments/demo/drop_column.py"
PROGRAM = str(Path(sys.executable).parent / "slipway")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, docker_engine: object) -> Path:
    """Where the demo of these tests lives; it is kept between them as a person's would be."""
    return tmp_path_factory.mktemp("demo") / "world"


def demo(folder: Path) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "SLIPWAY_DEMO_HOME": str(folder), "ONCE": "1", "COLUMNS": "120"}
    return subprocess.run([PROGRAM, "demo"], env=env, capture_output=True, text=True, timeout=900, check=False)


def left(world: World) -> list[str]:
    """Containers, networks and processes of a world that are there now."""
    client, label = containers.engine(), {"label": f"slipway.demo={world.settings.id}"}
    there = [c.name for c in client.containers.list(all=True, filters=label, ignore_removed=True)] + [
        n.name for n in client.networks.list(filters=label)
    ]
    processes = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout.splitlines()
    return there + [p for p in processes if str(world.folder) in p]


def gitops_log(world: World) -> list[str]:
    return git(world.gitops_remote, "log", "--format=%H %s", "main").splitlines()


def test_one_push_reaches_ten_customers(folder: Path) -> None:
    done = demo(folder)
    assert done.returncode == 0, done.stdout + done.stderr
    world = open_world(folder)
    commit = git(world.app_remote, "rev-parse", "main")
    assert done.stdout.startswith("Rollout is others' work")
    assert f"10 of 10 customers answer release {commit[:7]}." in done.stdout
    fleet = read_fleet(load_config(world.config)).customers
    assert {c.name: c.release for c in fleet} == dict.fromkeys(CUSTOMERS, commit)
    report = (world.report / "report.md").read_text()
    assert "**10 of 10 customers are seen running it.**" in report
    assert (world.report / "fjord.png").read_bytes().startswith(b"\x89PNG")
    assert left(world) == []


def test_a_second_run_asks_for_the_same_release_and_writes_nothing(folder: Path) -> None:
    world = open_world(folder)
    before = gitops_log(world)
    done = demo(folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "nothing to push" in done.stdout
    assert "10 of 10 customers answer" in done.stdout
    assert gitops_log(world) == before
    assert "e2e smoke" not in done.stdout
    assert left(world) == []


def commit(world: World, subject: str) -> None:
    git(world.app, "add", "--all")
    git(world.app, "commit", "--quiet", "--message", subject)


def test_a_dropped_column_waits_until_no_customer_runs_code_that_maps_it(folder: Path) -> None:
    world = open_world(folder)
    models, drop = world.app / "backend/shop/database.py", world.app / "backend/migrations/versions/0003_drop.py"
    models.write_text("\n".join(line for line in models.read_text().splitlines() if "remark" not in line) + "\n")
    shutil.copy(DROP, drop)
    commit(world, "Drop the remark")
    before, done = gitops_log(world), demo(folder)
    assert done.returncode == 1
    report = (world.report / "report.md").read_text()
    assert "drop_column: orders.remark" in report, report
    assert re.search(r"blocked by .*\bbre: at [0-9a-f]{7}", report), report
    assert gitops_log(world) == before
    if LARGE:
        _drop_at_last(folder, world, drop)


def _drop_at_last(folder: Path, world: World, drop: Path) -> None:
    """Two more releases: code that does without the column, and then the column's end."""
    drop.unlink()
    commit(world, "Do without the remark")
    done = demo(folder)
    assert done.returncode == 0, done.stdout + done.stderr
    shutil.copy(DROP, drop)
    drop.write_text(
        drop.read_text() + '\nslipway_accept = {"drop_column": "orders.remark is mapped by no release any more"}\n'
    )
    commit(world, "Drop the remark that nobody maps")
    done = demo(folder)
    assert done.returncode == 0, done.stdout + done.stderr
    fleet = read_fleet(load_config(world.config)).customers
    assert {c.name: c.head for c in fleet} == dict.fromkeys(CUSTOMERS, "0003")


def test_ctrl_c_takes_everything_down_with_what_a_killed_demo_left(folder: Path, tmp_path: Path) -> None:
    world = open_world(folder)
    labels = {LABEL: "killed", FOLDER_LABEL: str(tmp_path)}
    killed = containers.engine().networks.create("slipway-demo-killed-fjord", labels=labels)
    env = {**os.environ, "SLIPWAY_DEMO_HOME": str(folder), "ONCE": "1"}
    with subprocess.Popen(
        [PROGRAM, "demo"], env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        deadline = time.monotonic() + 120
        while len(left(world)) < 8 and time.monotonic() < deadline:
            time.sleep(0.5)
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=90)
    assert process.returncode == 130, out
    assert left(world) == []
    assert containers.engine().networks.list(ids=[killed.id]) == []


def test_the_world_is_kept_and_its_settings_are_readable(folder: Path) -> None:
    settings = json.loads((folder / "world.json").read_text())
    assert open_world(folder).settings.id == settings["id"]
    assert len(set(settings["customer_ports"].values())) == 10
