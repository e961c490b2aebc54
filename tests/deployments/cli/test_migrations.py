"""`slipway migrations check` on a developer's machine: seconds, exit codes, JSON, and no other database ever touched."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import jsonschema
import psycopg
import pytest

from tasks.migrations.scratch import scratch_database, server

PROGRAM = str(Path(sys.executable).parent / "slipway")
DOCS = Path(__file__).parents[3] / "docs"
SHOP = Path(__file__).parents[3] / "deployments/demo/shop/backend"


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """The shop's backend, to be broken."""
    return shutil.copytree(SHOP, tmp_path / "backend")


def revision(app: Path, body: str, accept: str = "{}", name: str = "0003", down: str = '"0002"') -> None:
    text = f'import sqlalchemy as sa\nfrom alembic import op\nrevision, down_revision = "{name}", {down}\nslipway_accept = {accept}\n'
    (app / "migrations" / "versions" / f"{name}_test.py").write_text(f"{text}\n\ndef upgrade():\n    {body}\n")


def no_longer_mapped(app: Path, column: str) -> None:
    """The new code's models leave the column out."""
    models = app / "shop" / "database.py"
    models.write_text(
        "\n".join(line for line in models.read_text().splitlines() if not line.strip().startswith(f"{column}:"))
    )


def check(app: Path, *arguments: str, **env: str) -> tuple[int, dict, str]:
    argv = [
        PROGRAM,
        "migrations",
        "check",
        "--alembic-config",
        str(app / "alembic.ini"),
        "--format",
        "json",
        *arguments,
    ]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False, env={**os.environ, **env})
    return done.returncode, json.loads(done.stdout) if done.stdout else {}, done.stderr


def rules(seen: dict) -> list[str]:
    return [f["rule"] for f in seen["findings"] if f["blocking"]]


def test_the_newest_revision_is_judged_and_the_exit_code_says_how(app: Path) -> None:
    code, seen, _ = check(app)
    assert (code, seen["blocking"], seen["phase"], seen["to"]) == (0, False, "expand", "0002")
    assert [r["revision"] for r in seen["revisions"]] == ["0002"]
    revision(app, 'op.drop_column("orders", "quantity")')
    no_longer_mapped(app, "quantity")
    code, seen, _ = check(app)
    assert (code, seen["phase"], rules(seen)) == (1, "contract", ["drop_column"])
    assert {"table": "orders", "mode": "AccessExclusiveLock"} in seen["revisions"][0]["locks"]


def test_an_accepted_rule_does_not_block(app: Path) -> None:
    no_longer_mapped(app, "quantity")
    revision(app, 'op.drop_column("orders", "quantity")', '{"drop_column": "unused since 1f3a9c2"}')
    code, seen, _ = check(app)
    assert (code, [f["accepted_because"] for f in seen["findings"] if f["rule"] == "drop_column"]) == (
        0,
        ["unused since 1f3a9c2"],
    )


def test_a_contract_waits_for_the_customer_whose_code_uses_the_object(app: Path, tmp_path: Path) -> None:
    revision(app, 'op.drop_column("orders", "quantity")')
    no_longer_mapped(app, "quantity")
    old, new = tmp_path / "old.py", tmp_path / "new.py"
    table = 'from sqlalchemy import Column, Integer, MetaData, Table\nmetadata = MetaData()\nTable("orders", metadata, Column("id", Integer){})\n'
    old.write_text(table.format(', Column("quantity", Integer)'))
    new.write_text(table.format(""))
    fleet = tmp_path / "fleet.json"
    customers = [{"customer": "dal", "revision": "0002", "metadata": f"{new}:metadata"}]
    fleet.write_text(json.dumps(customers))
    assert check(app, "--fleet", str(fleet))[0] == 0
    bre = {"customer": "bre", "revision": "0002", "metadata": f"{old}:metadata", "rows": {"orders": 12_000_000}}
    fleet.write_text(json.dumps([*customers, bre]))
    code, seen, _ = check(app, "--fleet", str(fleet))
    assert code == 1
    finding = next(f for f in seen["findings"] if f["blocking"])
    assert "blocked by bre" in finding["evidence"]
    assert "dal" not in finding["evidence"]


def test_the_metadata_of_code_that_makes_its_engine_at_once_is_read(app: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    revision(app, 'op.drop_column("orders", "quantity")')
    no_longer_mapped(app, "quantity")
    (app / "database.py").write_text(
        "import os\nfrom sqlalchemy import Column, Integer, MetaData, Table, create_engine\nmetadata = MetaData()\n"
        'Table("orders", metadata, Column("id", Integer))\ncreate_engine(os.environ["DATABASE_URL"])\n'
    )
    (app / "fleet.yaml").write_text("[{customer: dal, revision: '0002', metadata: 'database.py:metadata'}]")
    code, _, said = check(app, "--fleet", str(app / "fleet.yaml"))
    assert code == 0, said


def test_a_database_in_the_apps_settings_or_environment_is_never_touched(app: Path) -> None:
    """The canary: a real database whose address stands in env.py, in alembic.ini and in the environment."""
    with scratch_database() as canary:
        ini = app / "alembic.ini"
        ini.write_text(ini.read_text() + f"sqlalchemy.url = {canary}\n")
        env = app / "migrations" / "env.py"
        sqlalchemy = canary.replace("postgresql://", "postgresql+psycopg://")
        env.write_text(env.read_text().replace("create_engine(database_url())", f'create_engine("{sqlalchemy}")'))
        code, seen, _ = check(app, DATABASE_URL=canary, PGDATABASE="canary")
        assert (code, seen["to"]) == (0, "0002")
        with psycopg.connect(canary) as connection:
            assert connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone() == (0,)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("raise ValueError('odd')", "ValueError: odd"),
        ("import sys; sys.exit(3)", "SystemExit"),
        ('op.execute("SELEC 1")', 'syntax error at or near "SELEC"'),
    ],
)
def test_a_revision_that_fails_is_a_finding_with_its_line(app: Path, body: str, told: str) -> None:
    revision(app, body)
    code, seen, _ = check(app)
    assert (code, rules(seen), seen["findings"][0]["revision"]) == (1, ["upgrade_fails"], "0003")
    assert told in seen["findings"][0]["effect"]
    assert "0003_test.py, line" in seen["findings"][0]["evidence"]
    assert check(app, "--to", "0002")[0] == 0, "the next check works"


def test_two_heads_block(app: Path) -> None:
    revision(app, "pass")
    revision(app, "pass", name="0003b")
    code, seen, _ = check(app)
    assert (code, rules(seen)) == (1, ["several_heads"])


@pytest.mark.parametrize(
    "arguments",
    [
        ("--alembic-config", "/nowhere/alembic.ini"),
        ("--fleet", "/nowhere.yaml"),
        ("--postgres", "postgresql://127.0.0.1:1/x"),
    ],
)
def test_what_cannot_be_checked_says_so_with_exit_code_2(app: Path, arguments: tuple[str, str]) -> None:
    code, seen, err = check(app, *arguments)
    assert (code, seen) == (2, {})
    assert "next:" in err


def test_every_rule_is_explained() -> None:
    done = subprocess.run([PROGRAM, "migrations", "explain"], capture_output=True, text=True, check=True)
    assert "index_not_concurrent (locks)" in done.stdout
    assert "release code that no longer uses TABLE.COLUMN;" in done.stdout
    assert "{" + "table}" not in done.stdout
    assert '{"drop_column": "why it is unused"}' in done.stdout
    assert subprocess.run([PROGRAM, "migrations", "explain", "none"], capture_output=True, check=False).returncode == 2


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ('op.execute("SELECT pg_sleep(600)")', "stopped after 5 s"),
        ("while True: pass", "stopped after 5 s"),
        ("import os; os._exit(0)", "the run ended in the middle of it"),
        ('for _ in range(200): print("x" * 1_000_000)\n    raise ValueError("loud")', "loud"),
        ('op.execute("DROP SCHEMA slipway_trace CASCADE")', "belongs to the migration check"),
        ('op.execute("CREATE EXTENSION nothing_like_it")', 'extension "nothing_like_it" is not available'),
        ('op.get_bind().execute(sa.text("SELECT item FROM orders")).one()', "No row was found"),
        ('import psycopg; psycopg.connect("postgresql://localhost:5432/x")', "a connection of its own"),
        ('sa.create_engine("postgresql+psycopg://localhost:5432/x").connect()', "a connection of its own"),
        ('import socket; socket.create_connection(("127.0.0.1", 9))', "only connect to the scratch database"),
    ],
)
def test_bad_input_is_a_finding_with_revision_and_line(app: Path, body: str, told: str) -> None:
    revision(app, body)
    code, seen, said = check(app, "--timeout", "5")
    assert (code, rules(seen)[:1]) == (1, ["upgrade_fails"]), said
    finding = seen["findings"][0]
    assert told in finding["effect"]
    assert finding["revision"] == "0003"
    assert "0003_test.py, line" in finding["evidence"] or "_exit" in body
    assert not left_servers()


def test_a_role_that_the_revision_switches_to_is_watched_too(app: Path) -> None:
    revision(
        app,
        'op.execute("CREATE ROLE shop_app; GRANT ALL ON orders TO shop_app; ALTER TABLE orders OWNER TO shop_app; SET ROLE shop_app")\n'
        '    op.execute("ALTER TABLE orders DROP COLUMN remark"); op.execute("RESET ROLE")',
    )
    no_longer_mapped(app, "remark")
    for _ in range(2):  # the role is gone afterwards
        code, seen, said = check(app)
        assert (code, "drop_column" in rules(seen)) == (1, True), said


def test_a_revision_that_is_no_python_and_an_interpreter_that_is_none(app: Path) -> None:
    (app / "migrations" / "versions" / "0003_test.py").write_text("def upgrade(:\n")
    code, seen, _ = check(app)
    assert (code, rules(seen)) == (1, ["not_importable"])
    assert "0003_test.py, line 1" in seen["findings"][0]["evidence"]
    code, _, said = check(app, "--python", "/nowhere/python")
    assert (code, "give --python" in said) == (2, True)
    code, _, said = check(app, "--postgres", "postgresql://localhost:1/x")
    assert (code, "PostgreSQL does not answer" in said) == (2, True)


@pytest.mark.parametrize(
    ("files", "rule"),
    [
        ({"0003": '"nowhere"'}, "missing_parent"),
        ({"0002": '"0001"'}, "duplicate_revision"),
    ],
)
def test_a_broken_graph_is_a_finding(app: Path, files: dict[str, str], rule: str) -> None:
    for name, down in files.items():
        revision(app, "pass", name=name, down=down)
    code, seen, said = check(app)
    assert (code, rules(seen)) == (1, [rule]), said


def left_servers() -> list[str]:
    """Embedded servers that stay; the one of a check in another process of these tests goes."""
    deadline = time.monotonic() + 60
    while (there := running_servers()) and time.monotonic() < deadline:
        time.sleep(0.2)
    return there


def running_servers() -> list[str]:
    found = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout.splitlines()
    return [p for p in found if "slipway-postgres" in p or "slipway/postgres" in p]


def test_what_is_written_follows_the_published_schema(app: Path) -> None:
    revision(app, 'op.drop_column("orders", "quantity")')
    code, seen, _ = check(app)
    jsonschema.validate(seen, json.loads((DOCS / "migration-findings.schema.json").read_text()))
    assert (code, seen["phase"]) == (1, "contract")


def test_github_and_gitlab_are_told_in_their_own_forms(app: Path) -> None:
    revision(app, 'op.drop_column("orders", "quantity")')
    argv = [PROGRAM, "migrations", "check", "--alembic-config", str(app / "alembic.ini")]
    github = subprocess.run([*argv, "--format", "github"], capture_output=True, text=True, check=False).stdout
    assert "::error file=" in github
    assert "title=drop_column::orders.quantity: " in github
    found = json.loads(
        subprocess.run([*argv, "--format", "gitlab"], capture_output=True, text=True, check=False).stdout
    )
    drop = next(f for f in found if f["check_name"] == "drop_column")
    assert set(drop) == {"description", "check_name", "fingerprint", "severity", "location"}
    assert drop["location"]["path"].endswith("0003_test.py")


def test_customers_stand_at_different_revisions_and_each_start_is_judged_once(app: Path, tmp_path: Path) -> None:
    no_longer_mapped(app, "quantity")
    revision(app, 'op.drop_column("orders", "quantity")')
    fleet = tmp_path / "fleet.yaml"
    fleet.write_text(
        "- {customer: new}\n- {customer: dal, revision: '0001'}\n- {customer: bre, revision: '0002', held: held until 3 December}\n"
    )
    code, seen, said = check(app, "--fleet", str(fleet))
    assert (code, seen["from"]) == (1, [None, "0001", "0002"]), said
    finding, *others = [f for f in seen["findings"] if f["rule"] == "drop_column"]
    assert others == []
    assert "blocked by bre: held until 3 December" in finding["evidence"], (
        "only bre has had the column when code ran there"
    )


def test_a_file_that_is_no_fleet_says_what_one_is(app: Path, tmp_path: Path) -> None:
    fleet = tmp_path / "fleet.yaml"
    fleet.write_text("- {customer: bre, revison: '0001'}\n")
    code, _, said = check(app, "--fleet", str(fleet))
    assert (code, "revison" in said, "customer, revision" in said) == (2, True, True)


def test_any_command_is_watched_from_the_release_that_runs_there(tmp_path: Path) -> None:
    up = (
        "import os, pathlib, psycopg\nwith psycopg.connect(os.environ['DATABASE_URL']) as c:\n"
        "    [c.execute(f.read_text()) for f in sorted(pathlib.Path('m').glob('*.sql'))]\n"
    )
    first, drop = "CREATE TABLE IF NOT EXISTS orders (id int, note text)", "ALTER TABLE orders DROP COLUMN note"
    for release, files in {"old": [first], "new": [first, drop]}.items():
        (tmp_path / release / "m").mkdir(parents=True)
        (tmp_path / release / "up.py").write_text(up)
        for number, text in enumerate(files):
            (tmp_path / release / "m" / f"{number}.sql").write_text(text)
    (tmp_path / "fleet.json").write_text(json.dumps([{"customer": "bre", "source": str(tmp_path / "old")}]))
    argv = [
        PROGRAM,
        "migrations",
        "check",
        "--tool",
        "command",
        "--upgrade-command",
        f"{sys.executable} up.py",
        "--format",
        "json",
    ]
    done = subprocess.run(
        [*argv, "--fleet", str(tmp_path / "fleet.json")],
        cwd=tmp_path / "new",
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, rules(json.loads(done.stdout))) == (1, ["drop_column"]), done.stderr
    done = subprocess.run(argv, cwd=tmp_path / "new", capture_output=True, text=True, check=False)
    assert (done.returncode, "--from COMMIT" in done.stderr) == (2, True)


def test_what_the_fleet_says_of_a_revision_counts_more_than_from(app: Path, tmp_path: Path) -> None:
    revision(app, 'op.drop_column("orders", "quantity")')
    no_longer_mapped(app, "quantity")
    new = tmp_path / "new.py"
    new.write_text(
        'from sqlalchemy import Column, Integer, MetaData, Table\nm = MetaData()\nTable("orders", m, Column("id", Integer))\n'
    )
    fleet = tmp_path / "fleet.yaml"
    for place in ("revision: 0002, ", "", "revision: null, "):  # YAML would read 0002 as a number
        fleet.write_text(f"- {{customer: dal, {place}metadata: 'new.py:m'}}\n")
        code, seen, said = check(app, "--fleet", str(fleet), "--from", "0002")
        assert (code, seen["from"]) == (0, ["0002"]), said
    code, seen, _ = check(app, "--fleet", str(fleet), "--from", "0002", "--from", "0001")
    assert (code, seen["from"]) == (1, [None, "0001", "0002"]), "of a customer at 0002 nothing is known"


def test_another_server_is_left_as_it_was(app: Path, tmp_path: Path) -> None:
    with server() as running:
        names = "SELECT array_agg(datname ORDER BY 1) FROM pg_database WHERE datname NOT LIKE 'slipbase%'"
        copy = running.create()
        with running.connect(copy) as connection:
            connection.execute(
                "CREATE TABLE alembic_version (version_num text); INSERT INTO alembic_version VALUES ('0001')"
            )
            connection.execute(
                "CREATE TABLE orders (id serial PRIMARY KEY, item text NOT NULL, remark text, created timestamptz)"
            )
            before = connection.execute(names).fetchone()
        fleet = tmp_path / "fleet.json"
        fleet.write_text(json.dumps([{"customer": "bre", "database": running.address(copy)}]))
        driver = running.url.replace("postgresql:", "postgresql+psycopg:")
        code, seen, said = check(app, "--postgres", driver, "--fleet", str(fleet))
        assert (code, seen["from"], [r["revision"] for r in seen["revisions"]]) == (0, ["0001"], ["0002"]), said
        with running.connect(copy) as connection:
            assert connection.execute(names).fetchone() == before
            assert connection.execute("SELECT version_num FROM alembic_version").fetchone() == ("0001",)
