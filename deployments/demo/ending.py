"""The end of the demo: every customer looked at, a picture of one, the matrix, the report, and what to try next."""

from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from deployments.browser import browser
from deployments.demo.world import CUSTOMERS, HERE, World
from deployments.services import PROJECT
from tasks.config.file import load_config
from tasks.gitops.fleet import read_fleet
from tasks.rollout.http import ask


def show(world: World, run_id: Any, commit: str, state: Any, console: Console) -> bool:
    """Prints the matrix of what each customer answers now; returns whether the release went everywhere.

    A component whose content an earlier commit built answers that commit, so the release's own images are compared.
    """
    config = load_config(world.config)
    fleet = {c.name: c for c in read_fleet(config).customers}
    seen = {name: ask(config, name) for name in CUSTOMERS}
    good = {
        n: fleet[n].release is not None and seen[n] == {c: d.revision for c, d in fleet[n].components.items()}
        for n in CUSTOMERS
    }
    console.print(_matrix(world, config.components, fleet, seen, good))
    for line in _kept(world, run_id):
        console.print(f"  {line}", soft_wrap=True, highlight=False)
    well = state.name == "Completed" and all(good.values())
    words = (
        f"{sum(good.values())} of {len(CUSTOMERS)} customers answer release {commit[:7]}."
        if well
        else f"The release ended as {state.name}."
    )
    console.print(words, style="bold green" if well else "bold red")
    if not well and state.message:
        console.print(Text(state.message), soft_wrap=True)
    return well


def _matrix(world: World, components: Any, fleet: Any, seen: Any, good: Any) -> Table:
    table = Table(title="What every customer answers", title_justify="left")
    for column in ("customer", "ring", *components, "address", ""):
        table.add_column(column)
    for name in sorted(CUSTOMERS, key=lambda n: (fleet[n].ring != "canary", fleet[n].ring != "early", n)):
        mark = Text("✓", "green") if good[name] else Text("✗", "red")
        versions = (v[:7] if len(v) == 40 else v for v in (seen[name].get(c, "-") for c in components))
        table.add_row(name, fleet[name].ring, *versions, world.address(name), mark)
    return table


def _kept(world: World, run_id: Any) -> list[str]:
    """Saves the run's report and a picture of one customer's page."""
    world.report.mkdir(exist_ok=True)
    report, picture = world.report / "report.md", world.report / "fjord.png"
    report.write_text(_report(run_id))
    lines = [f"report:     {report}", f"Prefect UI: {world.ui}/runs/flow-run/{run_id}"]
    return [*lines, f"picture:    {picture}"] if _picture(world.address("fjord"), picture) else lines


def _report(run_id: Any) -> str:
    from prefect import get_client
    from prefect.client.schemas.filters import ArtifactFilter, FlowRunFilter
    from prefect.client.schemas.sorting import ArtifactSort

    with get_client(sync_client=True) as client:
        found = client.read_artifacts(
            artifact_filter=ArtifactFilter(key={"any_": ["release"]}),
            flow_run_filter=FlowRunFilter(id={"any_": [run_id]}),
            sort=ArtifactSort.UPDATED_DESC,
        )
    return str(found[0].data) if found else "The run left no report.\n"


def _picture(address: str, path: Any) -> bool:
    """A screenshot by the Chromium that is installed; without one there is no picture, and it is said."""
    from playwright.sync_api import Error

    try:
        with browser() as started:
            page = started.new_page(viewport={"width": 900, "height": 640})
            page.goto(address)
            page.get_by_test_id("version").wait_for(timeout=15_000)
            page.locator(".summary").wait_for(timeout=15_000)
            page.screenshot(path=path)
    except Error:
        return False
    return True


def what_next(world: World, console: Console) -> None:
    """What a person can try while everything is up; each line works as it stands after the first."""
    environment = world.folder / "env"
    environment.write_text(
        f"export SLIPWAY_CONFIG={world.config} SLIPWAY_HOME={world.home} PREFECT_API_URL={world.ui}/api\n"
        f"export APP={world.app} GITOPS={world.gitops} DEMO={HERE} PATH={PROJECT / '.venv' / 'bin'}:$PATH\n"
    )
    console.print("\n[bold]Try next[/], in another terminal (everything stays up until Ctrl-C):\n")
    for what, command in (("", f"source {environment}"), *TRY):
        if what:
            console.print(f"  # {what}", style="dim")
        console.print(f"  {command}\n", soft_wrap=True, markup=False)


TRY = (
    ("which version is where, and what a release would do", "slipway status; slipway plan"),
    (
        "a change of the backend alone: the frontend is neither built nor tested",
        """cd $APP && sed -i 's/title="Shop"/title="The shop"/' backend/shop/main.py && git commit -qam 'Backend only' && git push""",
    ),
    (
        "a failing unit test: nothing is written, and the report names it",
        "cd $APP && sed -i 's/== 404/== 200/' backend/tests/test_orders.py && git commit -qam 'A failing test' && git push",
    ),
    (
        "a migration that drops a column which running code maps (take the failing test back first: git revert --no-edit HEAD)",
        "cd $APP && sed -i '/remark/d' backend/shop/database.py && cp $DEMO/drop_column.py backend/migrations/versions/0003_drop.py && "
        "git add -A && git commit -qm 'Drop the remark' && git push",
    ),
    (
        "first the code that does without it, to every customer; when they run it, push the drop again",
        "cd $APP && git rm -q backend/migrations/versions/0003_drop.py && git commit -qm 'Do without the remark' && git push",
    ),
    (
        "hold a customer: the next release leaves it where it is and says why",
        "slipway hold bre --reason audit --until 2999-12-31; slipway status",
    ),
    (
        "put one customer back to the release it ran before, and hold it there (after a second release)",
        "slipway rollback fjord --reason 'looks wrong'; slipway status",
    ),
    ("let them move again", "slipway release-hold bre fjord"),
)
