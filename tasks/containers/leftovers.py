"""What a killed run left on the Engine is found by its label and removed."""

from collections.abc import Callable
from functools import partial
from typing import Any

from tasks.containers.engine import RUN_LABEL, engine, quietly


def labelled_runs() -> set[str]:
    """Every run that has a container or network on this Engine."""
    client, label = engine(), {"label": RUN_LABEL}
    # Another run may be removing its own at this moment: nothing is asked about a single container.
    labels = [c["Labels"] for c in client.api.containers(all=True, filters=label)]
    labels += [n["Labels"] for n in client.api.networks(filters=label)]
    return {found[RUN_LABEL] for found in labels}


def remove_leftovers(run: str) -> int:
    """Removes every container and network that carries this run's label; returns how many there were.

    An Engine that does not answer keeps them: they are found by the next run that begins.
    """
    found: list[Any] = []
    quietly(lambda: found.extend(_labelled(run)))
    for left in found:
        quietly(left)
    return len(found)


def _labelled(run: str) -> list[Callable[[], None]]:
    """What removes each of them, containers first."""
    client, label = engine(), {"label": f"{RUN_LABEL}={run}"}
    containers = client.containers.list(all=True, filters=label, ignore_removed=True)
    networks = client.networks.list(filters=label)
    return [*(partial(c.remove, force=True, v=True) for c in containers), *(n.remove for n in networks)]
