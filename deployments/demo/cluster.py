"""A stand-in for Argo CD or Flux and ten Kubernetes namespaces: rollout is others' work, and neither can run here.

It watches the GitOps branch and brings each customer to what stands there, as they would: the customer's migration
job first, then its containers, by digest, on a Docker network and with a database of the customer's own. What fails
leaves the old containers running and is tried again. Run as `python -m deployments.demo.cluster WORLD_FOLDER`.
"""

import contextlib
import fcntl
import logging
import signal
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from deployments.demo.world import NO_DIGEST, World, open_world
from tasks.config.file import load_config
from tasks.config.model import Config
from tasks.containers import engine
from tasks.errors import SlipwayError
from tasks.git import Mirror
from tasks.gitops.layout import Layout
from tasks.gitops.tip import Tip
from tasks.gitops.yaml_bytes import CannotEdit

if TYPE_CHECKING:
    from docker.models.containers import Container

log = logging.getLogger("cluster")
LABEL = "slipway.demo"
FOLDER_LABEL = "slipway.demo.folder"
POLL_SECONDS = 0.3
AT_ONCE = 3
HEALTHY_SECONDS = 60
RETRY_SECONDS = 10
PASSWORD = "demo"  # noqa: S105 - databases of the demo, on networks without a way in


class Cluster:
    """Every customer's containers, and what the GitOps repository wants of them."""

    def __init__(self, world: World, config: Config) -> None:
        self.world, self.config, self.stopped = world, config, threading.Event()
        self.done: dict[str, dict[str, str]] = {}
        self.not_before: dict[str, float] = {}
        self.database = self._start_database()

    def run(self) -> None:
        """Reconciles until stopped."""
        tip = ""
        with ThreadPoolExecutor(AT_ONCE) as pool:
            while not self.stopped.wait(POLL_SECONDS):
                now = Mirror.open(self.config.gitops.repository).fetch(self.config.gitops.branch)
                if now != tip:
                    log.info("GitOps repository at %s", now[:7])
                tip = now
                list(pool.map(self._reconcile, self._wanted(tip).items()))

    def _wanted(self, commit: str) -> dict[str, dict[str, str]]:
        """Customer -> component -> digest, for customers that have a release and are not there yet."""
        layout, wanted = Layout.of(self.config, Tip.read(self.config, commit)), {}
        for customer in self.world.settings.customer_ports:
            try:
                digests = {c: layout.runs(c, customer) for c in self.config.components}
            except CannotEdit as error:
                log.warning("%s: %s", customer, error)
                continue
            if (
                NO_DIGEST not in digests.values()
                and digests != self.done.get(customer)
                and time.monotonic() > self.not_before.get(customer, 0)
            ):
                wanted[customer] = digests
        return wanted

    def _reconcile(self, wanted: tuple[str, dict[str, str]]) -> None:
        from docker.errors import DockerException

        customer, digests = wanted
        if self.stopped.is_set():
            return
        try:
            self._roll_out(customer, digests)
            self.done[customer] = digests
        except (DockerException, SlipwayError) as error:
            self.not_before[customer] = time.monotonic() + RETRY_SECONDS
            log.warning("%s: %s; trying again in %d s", customer, error, RETRY_SECONDS)

    def _roll_out(self, customer: str, digests: dict[str, str]) -> None:
        network, url = self._network(customer), self._database_of(customer)
        for component, digest in digests.items():
            image, running = f"{self.config.components[component].image}@{digest}", self._running(customer, component)
            if running and running.labels["slipway.image"] == image and running.status == "running":
                continue
            _pull(image)
            self._migrate(customer, component, image, network, url)
            if running:
                running.remove(force=True, v=True)
            self._wait_healthy(customer, component, self._start(customer, component, image, network, url), network)
            log.info("%s: %s runs %s", customer, component, digest[:19])

    def _migrate(self, customer: str, component: str, image: str, network: str, url: str) -> None:
        from docker.errors import ContainerError

        run = self.config.components[component].run
        if not run.migrate:
            return
        try:
            engine().containers.run(
                image,
                ["sh", "-c", run.migrate],
                environment={**run.env, "DATABASE_URL": url},
                network=network,
                labels=self._labels(customer, f"{component}-migrate"),
                name=self._name(customer, f"{component}-migrate"),
                remove=True,
                stderr=True,
            )
        except ContainerError as error:
            raise SlipwayError.because(
                f"the migration failed: {(error.stderr or b'').decode(errors='replace')[-500:]}"
            ) from error

    def _start(self, customer: str, component: str, image: str, network: str, url: str) -> "Container":
        run, client = self.config.components[component].run, engine()
        published = {f"{run.port}/tcp": ("127.0.0.1", self.world.settings.customer_ports[customer])}
        return client.containers.run(
            image,
            detach=True,
            name=self._name(customer, component),
            network=network,
            networking_config={network: client.api.create_endpoint_config(aliases=[component])},
            environment={**run.env, "DATABASE_URL": url, "CUSTOMER": customer},
            ports=published if component == self.world.settings.entry else None,
            labels={**self._labels(customer, component), "slipway.image": image},
        )

    def _wait_healthy(self, customer: str, component: str, container: "Container", network: str) -> None:
        import httpx

        run, deadline = self.config.components[component].run, time.monotonic() + HEALTHY_SECONDS
        while time.monotonic() < deadline and not self.stopped.is_set():
            container.reload()
            address = container.attrs["NetworkSettings"]["Networks"][network]["IPAddress"]
            try:
                if address and httpx.get(f"http://{address}:{run.port}{run.health}", timeout=3).is_success:
                    return
            except httpx.TransportError:
                time.sleep(0.2)
        raise SlipwayError.because(
            f"{component} does not become healthy: {container.logs(tail=3).decode(errors='replace')}"
        )

    def _start_database(self) -> "Container":
        """One PostgreSQL server with a role and a database per customer; its data outlives the demo."""
        client = engine()
        return client.containers.run(
            self.config.postgres,
            ["postgres", "-c", "fsync=off", "-c", "max_connections=300"],
            detach=True,
            name=self._name("postgres"),
            environment={"POSTGRES_PASSWORD": PASSWORD, "PGDATA": "/var/lib/postgresql/data/demo"},
            labels=self._labels("", "postgres"),
            volumes={f"slipway-demo-{self.world.settings.id}": {"bind": "/var/lib/postgresql/data", "mode": "rw"}},
        )

    def _database_of(self, customer: str) -> str:
        import psycopg
        from psycopg import sql

        self.database.reload()
        address = self.database.attrs["NetworkSettings"]["Networks"]["bridge"]["IPAddress"]
        try:
            with psycopg.connect(
                f"postgresql://postgres:{PASSWORD}@{address}/postgres", autocommit=True, connect_timeout=5
            ) as connection:
                if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [customer]).fetchone():
                    role = sql.Identifier(customer)
                    connection.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(role, sql.Literal(PASSWORD)))
                    connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(role, role))
        except psycopg.OperationalError as error:
            raise SlipwayError.because(f"the database server is not ready: {error}") from error
        return f"postgresql://{customer}:{PASSWORD}@postgres:5432/{customer}"

    def _network(self, customer: str) -> str:
        from docker.errors import NotFound

        name = self._name(customer)
        try:
            engine().networks.get(name)
        except NotFound:
            network = engine().networks.create(name, labels=self._labels(customer, ""))
            network.connect(self.database, aliases=["postgres"])
        return name

    def _running(self, customer: str, component: str) -> "Container | None":
        from docker.errors import NotFound

        try:
            return engine().containers.get(self._name(customer, component))
        except NotFound:
            return None

    def _name(self, *parts: str) -> str:
        return "-".join(["slipway-demo", self.world.settings.id, *parts])

    def _labels(self, customer: str, component: str) -> dict[str, str]:
        world = {LABEL: self.world.settings.id, FOLDER_LABEL: str(self.world.folder)}
        return {**world, "slipway.customer": customer, "slipway.component": component}


def remove_all(world_id: str) -> None:
    """Removes every container and network of a world; data volumes stay."""
    from docker.errors import DockerException

    client, filters = engine(), {"label": f"{LABEL}={world_id}"}
    with ThreadPoolExecutor(8) as pool:
        list(
            pool.map(
                lambda c: c.remove(force=True), client.containers.list(all=True, filters=filters, ignore_removed=True)
            )
        )
    for network in client.networks.list(filters=filters):
        try:
            network.remove()
        except DockerException as error:
            log.warning("left behind: %s", error)


def remove_dead() -> None:
    """Removes what demos left that were killed: their worlds' networks would use up the addresses of this Engine."""
    found = engine().api.containers(all=True, filters={"label": FOLDER_LABEL})
    found += engine().api.networks(filters={"label": FOLDER_LABEL})
    worlds = {thing["Labels"][LABEL]: Path(thing["Labels"][FOLDER_LABEL]) for thing in found}
    for world_id, folder in worlds.items():
        with alive(folder) as was_free:
            if was_free:
                log.info("removing what a killed demo in %s left", folder)
                remove_all(world_id)


@contextlib.contextmanager
def alive(folder: Path) -> Iterator[bool]:
    """Marks a world as run by this process for the length of a block (flock(2): a process that dies gives it back).

    Gives False when another process runs it; a folder that is gone is run by nobody.
    """
    with contextlib.ExitStack() as stack:
        try:
            file = stack.enter_context((folder / "cluster.lock").open("a"))
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        except FileNotFoundError:
            yield True
        else:
            yield True


def _pull(image: str) -> None:
    from docker.errors import ImageNotFound

    try:
        engine().images.get(image)
    except ImageNotFound:
        engine().images.pull(image)


def main(folder: str) -> None:
    """Runs the cluster of a world until SIGTERM, then removes all of it."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    world = open_world(Path(folder))
    remove_dead()
    with alive(world.folder) as was_free:
        if not was_free:
            sys.exit(f"another demo runs in {world.folder}: end it first, or set SLIPWAY_DEMO_HOME to another folder")
        _run(world)


def _run(world: World) -> None:
    remove_all(world.settings.id)
    cluster = Cluster(world, load_config(world.config))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: cluster.stopped.set())
    log.info("ready")
    try:
        cluster.run()
    finally:
        remove_all(world.settings.id)


if __name__ == "__main__":
    main(sys.argv[1])
