"""The night's story: the full end-to-end suite against the images that customers run."""

from prefect import flow
from prefect.task_runners import ThreadPoolTaskRunner

from tasks import steps
from tasks.models import Evidence


@flow(
    name="nightly",
    task_runner=ThreadPoolTaskRunner(max_workers=4),
    on_cancellation=[steps.clean_up],
    on_crashed=[steps.clean_up],
)
def nightly() -> Evidence:
    """Run every end-to-end test on the newest release, by the digests that stand in the GitOps repository."""
    config = steps.load_config()
    fleet = steps.read_fleet(config)
    source = steps.check_out(config, steps.newest_release(config, fleet))
    changes = steps.find_changes(config, source, fleet)
    images = steps.build_images(config, source, changes)
    return steps.gate(source, [*images, *steps.run_full(config, source, images)])
