"""Every rule's bad example is found, and its good example by none; on a real PostgreSQL."""

import re

import psycopg
import pytest

from tasks.migrations import trace
from tasks.migrations.history import Revision, Step, recorded
from tasks.migrations.rules.every import RULES
from tasks.migrations.rules.rule import Rule
from tasks.migrations.scratch import scratch_database
from tasks.models import Finding

BEFORE = """
CREATE TABLE customers (id int PRIMARY KEY);
CREATE TABLE orders (id int PRIMARY KEY, note varchar(50), customer int, state text NOT NULL DEFAULT 'open');
CREATE INDEX orders_state ON orders (state);
"""


@pytest.fixture(scope="module", autouse=True)
def server_runs() -> object:
    """The embedded server, started once for this file."""
    with scratch_database() as url:
        yield url


def step(statements: str) -> Step:
    """What PostgreSQL recorded of SQL run by itself, one statement a transaction, on tables that were there before."""
    with scratch_database() as url, psycopg.connect(url, autocommit=True) as connection:
        connection.execute(BEFORE)
        connection.execute(trace.RECORD, ["before"])
        for statement in statements.split(";;"):
            connection.execute(statement)
        connection.execute(trace.RECORD, ["after"])
        rows = connection.execute(trace.READ_SNAPSHOTS).fetchall()
        events = connection.execute(trace.READ_EVENTS).fetchall()
    revisions = [Revision(id="before"), Revision(id="after", parents=("before",))]
    return recorded(revisions, rows, events, []).steps("before")[0]


def found(statements: str) -> list[Finding]:
    seen = step(statements)
    return [finding for rule in RULES for finding in rule.findings(seen)]


@pytest.mark.parametrize("rule", RULES, ids=lambda r: r.name)
def test_the_bad_example_is_found_and_the_next_step_names_the_table(rule: Rule) -> None:
    finding, *others = [f for f in found(rule.bad) if f.rule == rule.name]
    assert others == []
    assert finding.blocking
    assert "orders" in finding.next_step
    assert not re.search(r"\{(table|column|new)\}", finding.next_step)


@pytest.mark.parametrize("rule", RULES, ids=lambda r: r.name)
def test_the_good_example_is_not_found(rule: Rule) -> None:
    assert found(rule.good) == []


@pytest.mark.parametrize(
    ("sql", "rules"),
    [
        ("DO $$ BEGIN EXECUTE 'ALTER TABLE ' || 'orders DROP COLUMN ' || 'note'; END $$", ["drop_column"]),
        ("ALTER TABLE orders DROP COLUMN note;; ALTER TABLE orders ADD COLUMN note text", ["drop_column"]),
        ("CREATE SCHEMA other;; ALTER TABLE orders SET SCHEMA other", ["rename_table"]),
        ("ALTER TABLE orders ADD COLUMN n int DEFAULT 3", []),
        ("ALTER TABLE orders ADD COLUMN n timestamptz DEFAULT now()", []),
        ("ALTER TABLE orders ADD COLUMN n float DEFAULT random()", ["table_rewrite"]),
        ("ALTER TABLE orders ADD COLUMN n int GENERATED ALWAYS AS IDENTITY", ["table_rewrite"]),
        ("ALTER TABLE orders ALTER COLUMN note TYPE varchar(100)", []),
        ("ALTER TABLE orders ALTER COLUMN note TYPE varchar(20)", ["type_change", "table_rewrite"]),
        ("ALTER TABLE orders ALTER COLUMN customer TYPE bigint", ["type_change", "table_rewrite"]),
        (
            "ALTER TABLE orders ADD COLUMN n int NOT NULL DEFAULT 1;; ALTER TABLE orders ALTER n DROP DEFAULT",
            ["add_required_column"],
        ),
        ("CREATE TABLE x (id int NOT NULL);; CREATE INDEX ON x (id);; DROP TABLE x", []),
        ("CREATE TABLE x (id int REFERENCES orders (id))", []),
        ("ALTER TABLE orders ADD c int REFERENCES customers (id)", []),
        (
            "ALTER TABLE orders ADD CONSTRAINT a CHECK (note <> 'x') NOT VALID;; ALTER TABLE orders VALIDATE CONSTRAINT a",
            [],
        ),
        ("CREATE UNIQUE INDEX ON orders (note)", ["index_not_concurrent"]),
        ("ALTER TABLE orders ALTER note SET NOT NULL", ["set_not_null", "set_not_null_scan"]),
        ("ALTER TABLE orders ADD COLUMN a int;; UPDATE orders SET a = 1", []),
        ("BEGIN; LOCK TABLE orders IN EXCLUSIVE MODE; UPDATE customers SET id = id; COMMIT", ["backfill_under_lock"]),
        ("BEGIN; ALTER TABLE orders ADD a int; INSERT INTO customers VALUES (1); COMMIT", ["backfill_under_lock"]),
        ("DROP INDEX orders_state;; CREATE INDEX CONCURRENTLY ON orders (state)", ["drop_index_not_concurrent"]),
        ("UPDATE orders SET note = 'b'", []),
    ],
)
def test_what_hides_in_other_words_is_seen_and_what_is_safe_is_not(sql: str, rules: list[str]) -> None:
    assert [f.rule for f in found(sql)] == rules
