"""Makes the picture of docs/end-to-end.md: `python tests/tasks/reports/pictures.py`. A real report on a real Prefect server."""

import os
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]
sys.path.insert(0, str(ROOT))
from deployments import services  # noqa: E402
from deployments.browser import browser  # noqa: E402
from tasks.models import Evidence, SuiteResult, TestCase  # noqa: E402
from tasks.reports.tests import counted, not_passed  # noqa: E402
from tasks.suites import kept, pictures  # noqa: E402
from tests.ports import free_port  # noqa: E402

IMAGE = ROOT / "docs" / "images" / "failing-tests.png"
SHOP = "<h1>Shop</h1><p>3 orders, 2 to do<ul><li>3 rope<li>2 anchor<li>1 buoy</ul>"
OUTPUT = """page.get_by_label("New order").fill("3 rope")
        page.get_by_role("button", name="Add").click()
        row = page.get_by_role("listitem").filter(has_text="rope").last
>       expect(row.locator("label")).to_have_class("done")
E       AssertionError: Locator expected to have class 'done'
E       Actual value: todo

test_smoke.py:16: AssertionError"""
FILES = ("output.log", "junit.xml", "backend.log", "frontend.log")
TICKS = TestCase(
    name="test_smoke::test_ticks",
    message="AssertionError: Locator expected to have class 'done'",
    output=OUTPUT,
    where="test_smoke.py:16",
)
ADDED = TestCase(
    name="test_smoke::test_an_order_is_added", message="TimeoutError: Locator.click: Timeout 5000ms exceeded"
)


def suite(run: str, started: Any) -> SuiteResult:
    """A suite with a failed and a flaky test, whose screenshot is where tests leave it."""
    left = kept.runs() / run / "e2e-smoke" / "artifacts" / "test-ticks"
    left.mkdir(parents=True)
    shop = started.new_page(viewport={"width": 700, "height": 260})
    shop.set_content(f"<body style='font: 16px sans-serif; margin: 24px'>{SHOP}")
    shop.screenshot(path=left / "shot.png")
    files = [*FILES, "artifacts/test-ticks/shot.png", "artifacts/test-ticks/trace.zip"]
    return SuiteResult(
        suite="smoke",
        component="e2e",
        passed=4,
        failed=(TICKS,),
        flaky=(ADDED,),
        skipped=0,
        seconds=8.2,
        junit=True,
        kept=tuple(f"{run}/e2e-smoke/{name}" for name in files),
    )


def artifact(of: SuiteResult) -> Any:
    """The page as a release puts it on its run; its id."""
    from prefect import flow

    from tasks.run.masked import create_markdown_artifact

    evidence = Evidence(images=(), suites=(of,))
    page = not_passed(evidence, "https://slipway.example.no/dashboard/-/runs", pictures.pictures(evidence.suites))
    return flow(name="release")(
        lambda: create_markdown_artifact(page, key="failing-tests", description=counted(evidence))
    )()


def main() -> None:
    """A server, the report, the picture."""
    from prefect.settings import PREFECT_API_URL, temporary_settings

    with tempfile.TemporaryDirectory(prefix="slipway-pictures-") as text, browser() as started:
        folder, port = Path(text), free_port(4970)
        os.environ["SLIPWAY_HOME"] = str(folder / "home")
        of = suite("5c0369dc", started)
        with services.prefect_server(folder / "prefect", port) as server:
            server.wait_ready()
            with temporary_settings({PREFECT_API_URL: f"http://127.0.0.1:{port}/api"}):
                found = artifact(of)
            page = started.new_page(viewport={"width": 780, "height": 1300}, color_scheme="dark")
            page.goto(f"http://127.0.0.1:{port}/artifacts/artifact/{found}")
            page.get_by_role("heading", name="FAILED: test_smoke::test_ticks").wait_for(timeout=120_000)
            page.screenshot(path=IMAGE)


if __name__ == "__main__":
    main()
