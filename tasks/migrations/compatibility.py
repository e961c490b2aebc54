"""The compatibility run: a release that customers run now, on the new schema and with its own data. It finds what no rule can."""

import hashlib
import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
from psycopg import sql

from tasks.config.migrations import Migrations
from tasks.config.model import Config
from tasks.containers import conversing, have, postgres, private_network, run_command
from tasks.errors import ReleaseRefused
from tasks.git import Mirror
from tasks.home import home
from tasks.migrations import image_command, sql_tool
from tasks.migrations.prober import PLACE, Conversation, packed
from tasks.models import Compatibility, Fleet, Gate, Reason, Running

if TYPE_CHECKING:
    from docker.models.networks import Network

log = logging.getLogger(__name__)
Upgrade = Callable[[str | None], bool]
# Rows and their values by the columns that were there before, in an order of their own.
FINGERPRINT = (
    "SELECT count(*), md5(string_agg(r::text, E'\\n' ORDER BY r::text)) FROM (SELECT {columns} FROM {table}) r"
)


class CompatibilityRefused(ReleaseRefused):
    """A release that customers run fails on the new schema, or its data did not survive."""


class SmokeFailed(CompatibilityRefused):
    """The release's own suite fails; a person may know better. Lost rows nobody may pass."""

    gate: Gate = "migrations"


def releases(config: Config, fleet: Fleet) -> list[Running]:
    """Each distinct release of the component with the migrations that customers run, with their names."""
    settings = config.migrations
    found: dict[tuple[str, str | None], list[str]] = {}
    for customer in fleet.customers if settings and settings.smoke else ():
        if deployed := customer.components.get(settings.component):  # type: ignore[union-attr]
            found.setdefault((deployed.digest, customer.head), []).append(customer.name)
    return [Running(digest=d, head=h, customers=tuple(c)) for (d, h), c in found.items()]


def check_compatibility(config: Config, commit: str, running: Running, image: str | None) -> Compatibility:
    """Fills the schema that the release knows with its `seed`, migrates it, and runs the release's `smoke` on it.

    Expand revisions must leave every row. What passed for the same image and the same migrations is not run again.
    Raises `CompatibilityRefused`.
    """
    settings = config.migrations
    if settings is None:
        raise ValueError("without migrations there is nothing to be compatible with")
    known = _passed(config, settings, commit, image, running)
    if known.exists():
        return Compatibility(running=running, reused=True)
    reference = f"{config.components[settings.component].image}@{running.digest}"
    have(reference)
    with private_network("compatibility") as network, postgres(network, config.postgres) as database:
        with _tool(config, settings, commit, image, running, network, database.url, database.host_url) as upgrade:
            upgrade(running.head)
            _run(settings.seed, "seed", reference, network, database.url, config, running)
            before = _rows(database.host_url)
            moved = upgrade(None)
        if moved:
            _require_rows(before, database.host_url, running)
            _run(settings.smoke, "smoke", reference, network, database.url, config, running)
    known.parent.mkdir(parents=True, exist_ok=True)
    known.write_text(json.dumps({"commit": commit, "customers": running.customers}))
    log.info("%s: the release they run passes its smoke suite on the new schema", ", ".join(running.customers))
    return Compatibility(running=running, reused=False)


def _passed(config: Config, settings: Migrations, commit: str, image: str | None, running: Running) -> Path:
    """The note that this release passed on these migrations: the same image, the same component, the same commands.

    The name of the image that migrates has its content key: of shared folders, base images and arguments, too.
    """
    mirror = Mirror.holding(config.app.repository, config.app.branch, commit)
    tree = mirror.tree(commit, config.components[settings.component].path)
    parts = [running.digest, running.head, tree, settings.model_dump(mode="json"), config.env_of_migrations]
    parts += [image, config.postgres]
    key = json.dumps(parts, sort_keys=True)
    return home() / "compatibility" / hashlib.sha256(key.encode()).hexdigest()


@contextmanager
def _tool(
    config: Config,
    settings: Migrations,
    commit: str,
    image: str | None,
    running: Running,
    network: "Network",
    url: str,
    host_url: str,
) -> Iterator[Upgrade]:
    """Brings the database to a head, or to the newest; says whether there was anything to do."""
    if image is None:
        yield lambda head: sql_tool.upgrade(config, settings, commit, host_url, head)
        return
    if settings.tool == "command":
        released = f"{config.components[settings.component].image}@{running.digest}"
        yield lambda head: not image_command.upgrade(released if head else image, config, settings, network, url).failed
        return
    with conversing(
        image,
        ["python", PLACE],
        network,
        name="compatibility-migrate",
        env=config.env_of_migrations,
        put={PLACE: packed()},
    ) as channel:
        probe = Conversation(channel, f"{settings.component}, target {settings.target or 'last'}")
        heads = probe.ask(do="look", config=settings.config, target="head")["heads"]

        def upgrade(head: str | None) -> bool:
            to, at = ([head] if head else heads), _heads(host_url)
            job = {"url": url, "to": to, "seconds": settings.timeout}
            answer = probe.ask(do="run", config=settings.config, jobs=[job])["jobs"][0]
            if told := answer["problem"]:
                raise CompatibilityRefused(
                    Reason(
                        what=f"compatibility: {told['what']}", where=told["where"], next_step="see the migration check"
                    )
                )
            return at != _heads(host_url)

        yield lambda head: upgrade(head) if head or _heads(host_url) else True


def _heads(url: str) -> object:
    with psycopg.connect(url) as connection:
        there = connection.execute("SELECT to_regclass('alembic_version')").fetchone()
        return (
            connection.execute("SELECT version_num FROM alembic_version ORDER BY 1").fetchall()
            if there != (None,)
            else None
        )


def _run(
    command: str | None, what: str, image: str, network: "Network", url: str, config: Config, running: Running
) -> None:
    if not command:
        return
    env, seconds = {**config.env_of_migrations, "DATABASE_URL": url}, config.migrations.timeout  # type: ignore[union-attr]
    ended = run_command(image, command, network, name=f"compatibility-{what}", env=env, timeout_seconds=seconds)
    if ended.exit_code or ended.timed_out:
        lines = "\n".join(f"    {line}" for line in ended.tail[-15:])
        when = "on the new schema" if what == "smoke" else "on its own schema"
        raise SmokeFailed(
            Reason(
                what=f"compatibility: the release that {', '.join(running.customers)} run fails its {what} {when}\n{lines}",
                where=f"{image}, {command}",
                next_step="let the migration leave what that release uses; or, when the suite is wrong, correct migrations."
                + what,
            )
        )


def _rows(url: str) -> dict[str, tuple[sql.Composed, object]]:
    """Table -> how to read its rows by the columns that it has now, and what is read now."""
    query = """SELECT c.oid::regclass::text, array_agg(a.attname::text ORDER BY a.attnum)
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        WHERE c.relkind = 'r' AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg\\_%%'
        GROUP BY c.oid"""
    found = {}
    with psycopg.connect(url) as connection:
        for table, columns in connection.execute(query.replace("%%", "%").encode()).fetchall():
            names = sql.SQL(", ").join(map(sql.Identifier, columns))
            read = sql.SQL(FINGERPRINT).format(columns=names, table=sql.SQL(table))
            found[table] = (read, connection.execute(read).fetchone())
    return {t: f for t, f in found.items() if t != "alembic_version"}


def _require_rows(before: dict[str, tuple[sql.Composed, object]], url: str, running: Running) -> None:
    """Fewer rows than there were is a loss; a table or column that is gone is the rules' to judge."""
    lost = []
    with psycopg.connect(url, autocommit=True) as connection:
        for table, (read, was) in before.items():
            try:
                now = connection.execute(read).fetchone()
            except psycopg.Error:
                continue
            if now[0] < was[0]:  # type: ignore[index]
                lost.append(f"{table}: {was[0]} rows, {now[0]} afterwards")  # type: ignore[index]
            elif now != was:
                log.warning("%s: values of %s changed", ", ".join(running.customers), table)
    if lost:
        said = f"compatibility: rows of the release that {', '.join(running.customers)} run did not survive"
        raise CompatibilityRefused(
            Reason(what=said, where="; ".join(lost), next_step="let the migration keep every row of the seed")
        )
