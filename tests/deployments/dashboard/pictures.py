"""Makes the pictures of docs/dashboard.md: `python tests/deployments/dashboard/pictures.py`. Ten customers, real servers, a real browser."""

import os
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]
sys.path.insert(0, str(ROOT))
from deployments import services  # noqa: E402
from deployments.browser import browser  # noqa: E402
from tests.deployments.dashboard.fleet import storied  # noqa: E402
from tests.deployments.dashboard.served import served  # noqa: E402
from tests.ports import free_port  # noqa: E402

IMAGES = ROOT / "docs" / "images"
LIMIT = 200_000
WIDE, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}


def recorded_run() -> str:
    """A run on the server whose steps are like a release's; its id."""
    import time

    from prefect import flow, task
    from prefect.runtime import flow_run

    def step(name: str, seconds: float) -> Any:
        return task(lambda *_: time.sleep(seconds), name=name, task_run_name=name)

    @flow(name="release")
    def release() -> str:
        source = step("check out", 0.4).submit()
        fleet = step("read fleet", 0.6).submit()
        images = [step("image backend", 3.4).submit(source), step("image frontend", 2.2).submit(source)]
        tests = [step("backend unit", 1.8).submit(source), step("frontend unit", 1.2).submit(source)]
        checked = step("check migrations", 2.0).submit(source, fleet)
        smoke = step("e2e smoke", 2.4).submit(*images)
        plan = step("make plan", 0.3).submit(smoke, *tests, checked)
        edits = step("edit fjord", 0.2).submit(plan)
        commit = step("commit ring canary", 0.5).submit(edits)
        step("verify fjord", 1.6).submit(commit).wait()
        return str(flow_run.id)

    return release()


def take(address: str, commit: str, customer: str) -> None:
    """One picture each, small enough for a repository."""
    wanted = [
        ("matrix", "/shop", WIDE, "light"),
        ("matrix-dark", "/shop", WIDE, "dark"),
        ("releases", "/shop/releases", WIDE, "light"),
        ("release", f"/shop/releases/{commit}", WIDE, "light"),
        ("customer", f"/shop/customers/{customer}", WIDE, "light"),
        ("dora", "/shop/dora", WIDE, "light"),
        ("phone", "/shop", PHONE, "light"),
    ]
    IMAGES.mkdir(exist_ok=True)
    with browser() as started:
        for name, place, size, scheme in wanted:
            page = started.new_page(viewport=size, color_scheme=scheme)
            page.goto(address + place)
            picture = IMAGES / f"dashboard-{name}.png"
            page.screenshot(path=picture)
            if (bytes_ := picture.stat().st_size) > LIMIT:
                sys.exit(f"{picture} has {bytes_} bytes, more than {LIMIT}")


def main() -> None:
    """A world, a Prefect server, the dashboard, the pictures."""
    from prefect.settings import PREFECT_API_URL, temporary_settings

    with tempfile.TemporaryDirectory(prefix="slipway-pictures-") as text:
        folder, port = Path(text), free_port(4970)
        os.environ["SLIPWAY_HOME"] = str(folder / "home")
        with services.prefect_server(folder / "prefect", port) as server:
            server.wait_ready()
            with temporary_settings({PREFECT_API_URL: f"http://127.0.0.1:{port}/api"}):
                world = storied(folder / "world", run=recorded_run())
            with served(folder, world.config, PREFECT_API_URL=f"http://127.0.0.1:{port}/api") as address:
                take(address, world.fleet.commits[-2], world.rest[0])


if __name__ == "__main__":
    main()
