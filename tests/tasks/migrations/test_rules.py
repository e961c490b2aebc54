"""Every rule's bad example is found by it alone, and its good example by none; on a real PostgreSQL."""

import re
from collections.abc import Iterator

import psycopg
import pytest

from tasks.containers import Database, postgres, private_network
from tasks.migrations import catalogue
from tasks.migrations.rules.every import RULES
from tasks.migrations.rules.rule import Rule


@pytest.fixture(scope="module")
def server(base_images: None) -> Iterator[Database]:
    with private_network("rules") as network, postgres(network, "postgres:17") as database:
        yield database


def found(server: Database, sql: str) -> list[tuple[str, str]]:
    """(rule, next step) of what one statement does to a table that was there before."""
    with psycopg.connect(server.host_url, autocommit=True) as admin:
        admin.execute("DROP DATABASE IF EXISTS example")
        admin.execute("CREATE DATABASE example")
    with psycopg.connect(re.sub("/app$", "/example", server.host_url), autocommit=True) as connection:
        connection.execute(catalogue.INSTALL)
        connection.execute("CREATE TABLE orders (id int PRIMARY KEY, note text)")
        connection.execute(catalogue.RECORD, ["before"])
        connection.execute(sql)
        connection.execute(catalogue.RECORD, ["after"])
        _, before, after = catalogue.snapshots(connection.execute(catalogue.READ).fetchall())
    return [(rule.name, rule.next_for(c)) for c in catalogue.compare(before, after) for rule in RULES if rule.found(c)]


@pytest.mark.parametrize("rule", RULES, ids=lambda r: r.name)
def test_the_bad_example_is_found_and_the_next_step_names_the_table(server: Database, rule: Rule) -> None:
    [(name, next_step)] = found(server, rule.bad)
    assert name == rule.name
    assert "orders" in next_step
    assert not re.search(r"\{(table|column|new)\}", next_step)


@pytest.mark.parametrize("rule", RULES, ids=lambda r: r.name)
def test_the_good_example_is_not_found(server: Database, rule: Rule) -> None:
    assert found(server, rule.good) == []


@pytest.mark.parametrize(
    ("sql", "rule"),
    [
        ("DO $$ BEGIN EXECUTE 'ALTER TABLE ' || 'orders DROP COLUMN ' || 'note'; END $$", "drop_column"),
        ("ALTER TABLE orders DROP COLUMN note; ALTER TABLE orders ADD COLUMN note text", "drop_column"),
        ("CREATE SCHEMA other; ALTER TABLE orders SET SCHEMA other", "rename_table"),
        ("ALTER TABLE orders ADD COLUMN n int GENERATED ALWAYS AS IDENTITY", None),
        ("ALTER TABLE orders ADD COLUMN n serial NOT NULL", None),
        (
            "ALTER TABLE orders ADD COLUMN n int NOT NULL DEFAULT 1; ALTER TABLE orders ALTER n DROP DEFAULT",
            "add_required_column",
        ),
        ("CREATE TABLE x (id int NOT NULL); DROP TABLE x", None),
    ],
)
def test_what_hides_in_other_words_is_seen(server: Database, sql: str, rule: str | None) -> None:
    assert [name for name, _ in found(server, sql)] == ([rule] if rule else [])
