"""What a killed run left on the Engine is found by its label and removed."""

from tasks.containers.engine import RUN_LABEL, engine, quietly


def labelled_runs() -> set[str]:
    """Every run that has a container or network on this Engine."""
    client, label = engine(), {"label": RUN_LABEL}
    # Another run may be removing its own at this moment: nothing is asked about a single container.
    labels = [c["Labels"] for c in client.api.containers(all=True, filters=label)]
    labels += [n["Labels"] for n in client.api.networks(filters=label)]
    return {found[RUN_LABEL] for found in labels}


def remove_leftovers(run: str) -> int:
    """Removes every container and network that carries this run's label; returns how many there were."""
    client, label = engine(), {"label": f"{RUN_LABEL}={run}"}
    containers = client.containers.list(all=True, filters=label, ignore_removed=True)
    networks = client.networks.list(filters=label)
    for container in containers:
        quietly(lambda c=container: c.remove(force=True, v=True))
    for network in networks:
        quietly(network.remove)
    return len(containers) + len(networks)
