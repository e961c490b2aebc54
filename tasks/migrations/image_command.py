"""A release's upgrade command in images: the one that a customer runs makes the start, the new one what is pending."""

from functools import partial
from typing import TYPE_CHECKING

from tasks.config.migrations import Migrations
from tasks.config.model import Config
from tasks.containers import have, postgres, private_network, run_command
from tasks.migrations import command_tool
from tasks.migrations.history import History
from tasks.migrations.judge import Standing
from tasks.migrations.scratch import Server

if TYPE_CHECKING:
    from collections.abc import Sequence

    from docker.models.networks import Network


def recorded(config: Config, settings: Migrations, image: str, standings: "Sequence[Standing]") -> History:
    """Runs `migrations.upgrade` in the image of each release that customers run, then, watched, in the new test image."""
    repository = config.components[settings.component].image

    def released(standing: Standing) -> command_tool.Upgrade | None:
        if not standing.digest:
            return None
        have(f"{repository}@{standing.digest}")
        return partial(upgrade, f"{repository}@{standing.digest}", config, settings, network)

    with private_network("migrations") as network, postgres(network, config.postgres) as database:
        scratch = Server(database.host_url, preamble=settings.preamble, inside_url=database.url)
        try:
            # The place in git says nothing here: what runs there is the image.
            here = [s.model_copy(update={"source": s.digest or None}) for s in standings]
            return command_tool.run(scratch, partial(upgrade, image, config, settings, network), released, here)
        finally:
            scratch.close()


def upgrade(image: str, config: Config, settings: Migrations, network: "Network", url: str) -> command_tool.Ran:
    """Runs the command in a container of the image."""
    env = {**config.env_of_migrations, "DATABASE_URL": url}
    ended = run_command(image, settings.upgrade, network, name="migrations", env=env, timeout_seconds=settings.timeout)
    failed = (
        f"stopped after {settings.timeout:g} s"
        if ended.timed_out
        else f"exit code {ended.exit_code}"
        if ended.exit_code
        else ""
    )
    return command_tool.Ran(failed=failed, tail=ended.tail)
