"""The check on migrations labelled by hand: nothing that must be stopped passes, and hardly anything that is safe is stopped."""

import contextlib
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from tasks.migrations import local
from tasks.migrations.judge import Standing
from tasks.migrations.scratch import Server, server
from tasks.models import MigrationReport

SAMPLES = Path(__file__).parents[2] / "samples" / "migrations"
sys.path.insert(0, str(SAMPLES))
from labelled import CASES, Case  # noqa: E402

INI = "[alembic]\nscript_location = %(here)s/migrations\n"
ENV = """
from alembic import context
from sqlalchemy import engine_from_config, pool

engine = engine_from_config(context.config.get_section("alembic"), poolclass=pool.NullPool)
with engine.connect() as connection:
    context.configure(connection=connection, transaction_per_migration={separate})
    with context.begin_transaction():
        context.run_migrations()
"""
REVISION = """
import sqlalchemy as sa
from alembic import op

revision, down_revision = "{name}", "{down}"
slipway_accept = {accept}


def upgrade():
{body}


def downgrade():
    raise NotImplementedError
"""


@pytest.fixture(scope="module")
def postgres() -> Iterator[Server]:
    """The embedded server, started once for this file."""
    with server() as running:
        yield running


@pytest.fixture
def judged(postgres: Server, tmp_path: Path) -> Callable[[Case], MigrationReport]:
    """The report on a case."""

    def check(case: Case) -> MigrationReport:
        config = write(tmp_path / "app", case)
        start = "0001"
        if case.deployed:
            start = "0002"
        standing = Standing(customer="bre", heads=(start,), rows=case.customer.get("rows", {}))
        if case.metadata:
            (tmp_path / "old.py").write_text(case.metadata)
            standing = standing.model_copy(update={"metadata": f"{tmp_path}/old.py:metadata"})
        if case.data:
            standing = standing.model_copy(update={"database": with_data(postgres, config, case.data)})
        if case.deployed:
            old = case._replace(
                upgrades=tuple(f"# as it was\n\nop.execute('{sql}')" for sql in case.deployed), deployed=()
            )
            write(tmp_path / "released", old)
            standing = standing.model_copy(update={"source": str(tmp_path / "released")})
        return local.check_alembic(config, [standing]).report

    return check


def write(folder: Path, case: Case) -> Path:
    """An Alembic project with the base and the case's revisions."""
    versions = folder / "migrations" / "versions"
    versions.mkdir(parents=True)
    (folder / "alembic.ini").write_text(INI)
    (folder / "migrations" / "env.py").write_text(ENV.format(separate=case.separate))
    shutil.copy(SAMPLES / "base.py", versions / "0001_base.py")
    for number, body in enumerate(case.upgrades, 2):
        lines = "\n".join(f"    {line}" for line in body.splitlines())
        name, down = f"{number:04d}", f"{number - 1:04d}"
        (versions / f"{name}.py").write_text(REVISION.format(name=name, down=down, body=lines, accept=case.accept))
    return folder / "alembic.ini"


def with_data(postgres: Server, config: Path, data: str) -> str:
    """URL of a customer's database at the base, with rows."""
    name = postgres.create()
    base = local.conversation(config.parent)
    with base as probe:
        probe.ask(do="look", config=str(config), target="0001")
        job = {"url": postgres.address(name), "to": ["0001"], "seconds": 60}
        assert probe.ask(do="run", config=str(config), jobs=[job])["jobs"][0]["problem"] is None
    with postgres.connect(name) as connection:
        for statement in data.split(";;"):
            with contextlib.suppress(
                psycopg.errors.UniqueViolation
            ):  # leaves an invalid index behind, as it did at the customer
                connection.execute(statement.encode())
    return postgres.address(name)


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)
def test_the_verdict_is_the_label(case: Case, judged: Callable[[Case], MigrationReport]) -> None:
    findings = judged(case).findings
    blocking = [f.rule for f in findings if f.blocking]
    assert (case.stop in blocking) if case.stop else blocking == [], "\n".join(
        f"{f.rule} {f.object}: {f.evidence} {f.effect}" for f in findings
    )


def test_there_are_enough_of_both_kinds() -> None:
    assert len(CASES) >= 60
    assert 0.4 < sum(not c.stop for c in CASES) / len(CASES) < 0.6
