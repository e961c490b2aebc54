"""The main story: one pushed commit becomes every customer's running version."""

from prefect import State, flow
from prefect.task_runners import ThreadPoolTaskRunner

from tasks import checks, steps
from tasks import ring as rings
from tasks.config.model import Config
from tasks.models import Changes, Evidence, Fleet, Plan, ReleaseReport, ReleaseRequest, Source


@flow(
    name="release",
    flow_run_name="release {request.commit:.7}",
    task_runner=ThreadPoolTaskRunner(max_workers=16),
    on_running=[steps.tell_begun],
    on_completion=[steps.tell_ended],
    on_failure=[steps.tell_ended],
    on_cancellation=[steps.clean_up, steps.tell_ended],
    on_crashed=[steps.clean_up, steps.tell_ended],
)
@steps.errors_masked
def release(request: ReleaseRequest) -> ReleaseReport | State:
    """Take one pushed commit to every customer, ring by ring."""
    config = steps.load_config()
    steps.sweep(config)
    steps.require_allowed(config, request)
    if newer := steps.supersede(config, request):
        return steps.superseded(request, newer)
    source = steps.check_out(config, request)
    fleet = steps.read_fleet(config)
    changes = steps.find_changes(config, source, fleet)

    evidence = prove(config, request, source, fleet, changes)
    record = steps.make_release(source, changes, evidence, fleet)
    plan = steps.make_plan(config, record, fleet)
    steps.show_plan(plan)

    commits, moved = promote(config, request, plan)
    return steps.report(request, changes, plan, evidence, moved.outcomes, commits, moved.newer)


def prove(config: Config, request: ReleaseRequest, source: Source, fleet: Fleet, changes: Changes) -> Evidence:
    """Everything that can say no, at once; the end-to-end tests follow the images they run."""
    quarantine = steps.read_quarantine(config, source)
    images = checks.build_images(config, request, source, changes)
    proven = steps.find_evidence(config, request, changes)
    tools = checks.build_test_images(config, request, source, changes, fleet, proven)
    suites = checks.run_suites(config, request, changes, tools, proven, quarantine)
    migrations = checks.check_migrations(config, source, changes, fleet, tools)
    smoke = checks.run_smoke(config, request, source, changes, images, proven, quarantine)
    started = [*images, *tools.values(), *suites, *migrations, *smoke]
    return checks.gate(config, source, started, proven, request.overrides)


def promote(config: Config, request: ReleaseRequest, plan: Plan) -> tuple[dict[str, str], rings.Moved]:
    """Ring by ring, each from the commit of the one before; a ring that fails stops those behind it."""
    moved, commits = rings.Moved(plan.tip), {}
    for ring in plan.rings:
        before, moved = moved.commit, rings.promote_ring(config, request, plan, ring, moved)
        commits |= {ring.name: moved.commit} if moved.commit != before else {}
    return commits, moved
