"""The night's story: what a release asks of one commit is asked of the whole fleet, and what only time shows."""

from prefect import flow
from prefect.task_runners import ThreadPoolTaskRunner

from tasks import nightly as night
from tasks import steps
from tasks.models import NightlyReport


@flow(
    name="nightly",
    # As many as nightly.shards may be: the shards of one version run at once, versions one after the other.
    task_runner=ThreadPoolTaskRunner(max_workers=64),
    on_failure=[steps.tell_ended],
    on_cancellation=[steps.clean_up, steps.tell_ended],
    on_crashed=[steps.clean_up, steps.tell_ended],
)
@steps.errors_masked
def nightly() -> NightlyReport:
    """Test every version that customers run, and look for drift, debts and leftovers; red when a person should act."""
    config = steps.load_config()
    steps.sweep(config)
    steps.remove_unused_images(config)
    looked = night.begin(config)
    tested = night.check_versions(config, looked.versions)
    report = night.ask(config, looked, tested)
    night.show(config, report, tested)
    steps.tell_nightly(config, report)
    return night.finish(report)
