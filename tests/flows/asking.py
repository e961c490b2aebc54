"""A release whose checks have all passed, as a flow: from the plan on it is the real one, and it needs no Docker."""

from prefect import flow
from prefect.task_runners import ThreadPoolTaskRunner

from flows.release import promote
from tasks import steps
from tasks.models import Changes, Evidence, Release, ReleaseReport, ReleaseRequest


@flow(name="asking", flow_run_name="release {release.commit:.7}", task_runner=ThreadPoolTaskRunner(max_workers=4))
def asking(release: Release) -> ReleaseReport:
    """Plan, ask, write, watch, report."""
    config = steps.load_config()
    plan = steps.make_plan(config, release, steps.read_fleet(config))
    steps.show_plan(plan)
    request = ReleaseRequest(commit=release.commit)
    commits, moved = promote(config, request, plan)
    changes = Changes(base=None, components=(), end_to_end=True)
    return steps.report(request, changes, plan, Evidence(images=release.images), moved.outcomes, commits, moved.newer)
