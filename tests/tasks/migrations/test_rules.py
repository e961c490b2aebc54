"""Every rule's bad example is found, and its good example by none; on a real PostgreSQL."""

import contextlib
import re

import psycopg
import pytest

from tasks.migrations import trace
from tasks.migrations.history import History, Revision
from tasks.migrations.judge import Standing, judge
from tasks.migrations.rules import example
from tasks.migrations.rules.every import RULES
from tasks.migrations.rules.rule import Rule
from tasks.migrations.scratch import Server, server
from tasks.migrations.watched import read, watch
from tasks.models import Finding


@pytest.fixture(scope="module")
def postgres() -> object:
    """The embedded server, started once for this file."""
    with server() as running:
        yield running


@pytest.fixture(scope="module")
def template(postgres: Server) -> str:
    """A database with the tables of the examples."""
    name = postgres.create()
    with postgres.connect(name) as connection:
        connection.execute(example.SQL)
    return name


@pytest.fixture
def found(postgres: Server, template: str) -> object:
    """What is found in SQL run as one revision; `;;` ends a transaction."""

    def judged(statements: str, also: tuple[str, ...] = ()) -> list[Finding]:
        name = postgres.create(template)
        with postgres.connect(name) as connection:
            connection.execute("SET lock_timeout = '5s'")
            for statement in also:
                with contextlib.suppress(
                    psycopg.errors.UniqueViolation
                ):  # leaves an invalid index, as it does at customers
                    connection.execute(statement)
            watch(connection)
            for statement in statements.split(";;"):
                connection.execute(statement)
            connection.execute(trace.RECORD, ["after"])
            run = read(connection, (), [Revision(id="after")])
        run = run.model_copy(update={"customers": ("bre",)})
        return list(judge(History(runs=(run,)), [Standing(customer="bre")]).findings)

    return judged


@pytest.mark.parametrize("rule", RULES, ids=lambda r: r.name)
def test_the_bad_example_is_found_with_a_next_step(rule: Rule, found: object) -> None:
    finding = next(f for f in found(rule.bad, rule.given) if f.rule == rule.name)
    assert finding.blocking == (rule.blocks == "yes")
    assert finding.object
    assert not re.search(r"\{(table|column|new)\}", finding.next_step)


@pytest.mark.parametrize("rule", RULES, ids=lambda r: r.name)
def test_the_good_example_is_not_found(rule: Rule, found: object) -> None:
    findings = found(rule.good, rule.given)
    assert [f.rule for f in findings if f.blocking or f.rule == rule.name] == []


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
        ("ALTER TABLE orders ALTER COLUMN id TYPE bigint", ["table_rewrite", "fk_validating"]),
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
        ("ALTER TABLE orders ADD COLUMN a int;; UPDATE orders SET a = 1", ["unbatched_backfill"]),
        (
            "BEGIN; LOCK TABLE orders IN EXCLUSIVE MODE; UPDATE customers SET id = id; COMMIT",
            ["backfill_under_lock", "unbatched_backfill", "explicit_lock"],
        ),
        ("BEGIN; ALTER TABLE orders ADD a int; INSERT INTO customers VALUES (1); COMMIT", []),
        ("DROP INDEX orders_state;; CREATE INDEX CONCURRENTLY ON orders (state)", ["drop_index_not_concurrent"]),
        ("UPDATE orders SET note = 'b' WHERE id = 7", []),
        ("DROP VIEW customer_ids;; CREATE VIEW customer_ids AS SELECT id, email FROM customers", []),
        ("DROP VIEW customer_ids;; CREATE VIEW customer_ids AS SELECT email FROM customers", ["drop_column"]),
        ("CREATE VIEW v AS SELECT 1;; DROP VIEW v", []),
        ("DROP TYPE mood CASCADE", ["drop_column", "drop_object"]),
        ("DROP TABLE orders CASCADE", ["drop_table", "drop_table"]),
        ("REINDEX INDEX orders_state", ["index_not_concurrent"]),
        (
            "BEGIN; ALTER TABLE orders ADD CONSTRAINT a CHECK (note <> 'x') NOT VALID; ALTER TABLE orders VALIDATE CONSTRAINT a; COMMIT",
            ["check_validating"],
        ),
    ],
)
def test_what_hides_in_other_words_is_seen_and_what_is_safe_is_not(sql: str, rules: list[str], found: object) -> None:
    assert [f.rule for f in found(sql) if f.blocking] == rules
