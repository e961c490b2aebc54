"""How long the migration check takes, beside `alembic upgrade head` on the same server. Printed by `make bench`, never asserted."""

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tasks.migrations.scratch import server

PROGRAM = str(Path(sys.executable).parent / "slipway")
ALEMBIC = str(Path(sys.executable).parent / "alembic")
INI = "[alembic]\nscript_location = %(here)s/migrations\nsqlalchemy.url = postgresql+psycopg://\n"
ENV = """
import os
from alembic import context
from sqlalchemy import create_engine, pool
url = os.environ.get("DATABASE_URL") or context.config.get_main_option("sqlalchemy.url")
with create_engine(url, poolclass=pool.NullPool).connect() as connection:
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()
"""
FIRST = 'op.create_table("t{n}", sa.Column("id", sa.Integer, primary_key=True), sa.Column("a", sa.Text, index=True))'
NEXT = 'op.add_column("t{t}", sa.Column("c{n}", sa.Integer))'


def history(folder: Path, revisions: int) -> Path:
    """An Alembic project: every fifth revision makes a table, the others add a column."""
    versions = folder / "migrations" / "versions"
    versions.mkdir(parents=True)
    (folder / "alembic.ini").write_text(INI)
    (folder / "migrations" / "env.py").write_text(ENV)
    for n in range(revisions):
        down = f'"{n - 1:04d}"' if n else None
        body = FIRST.format(n=n) if n % 5 == 0 else NEXT.format(n=n, t=n - n % 5)
        head = f'import sqlalchemy as sa\nfrom alembic import op\nrevision, down_revision = "{n:04d}", {down}\n'
        text = f"{head}\n\ndef upgrade():\n    {body}\n\n\ndef downgrade():\n    pass\n"
        (versions / f"{n:04d}.py").write_text(text)
    return folder / "alembic.ini"


def timed(name: str, argv: list[str], times: int = 5) -> float:
    """Prints minimum and median of some runs; returns the median, in seconds."""
    seconds = []
    for _ in range(times):
        start = time.monotonic()
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        seconds.append(time.monotonic() - start)
        if done.returncode == 2 or "Traceback" in done.stderr:
            raise SystemExit(f"{name}: {done.stderr[-2000:]}")
    seconds.sort()
    print(f"{name:<64} min {seconds[0]:6.2f} s   median {seconds[len(seconds) // 2]:6.2f} s", flush=True)
    return seconds[len(seconds) // 2]


def main() -> None:
    """Prints one line per figure."""
    with tempfile.TemporaryDirectory(prefix="slipway-bench-") as place:
        short, long = history(Path(place, "short"), 50), history(Path(place, "long"), 300)
        check = [PROGRAM, "migrations", "check", "--alembic-config"]
        print("python -c 'import alembic.command' is the least that any check with the app's Alembic costs:")
        timed("python -c 'import alembic.command'", [sys.executable, "-c", "import alembic.command"])
        timed("50 revisions, the newest pending, its start made anew", [*check, str(short)], 1)
        timed("the same, warm", [*check, str(short)])
        fleet = Path(place, "fleet.json")
        starts = ["0020", "0030", "0040"]
        fleet.write_text(json.dumps([{"customer": f"c{n}", "revision": starts[n % 3]} for n in range(10)]))
        one = timed("one start (twenty revisions pending)", [*check, str(short), "--from", "0030"])
        ten = timed("ten customers at three starts", [*check, str(short), "--fleet", str(fleet)])
        print(f"{'  ratio':<64} {ten / one:10.2f}")
        timed("300 revisions, all traced", [*check, str(long), "--from", "base"], 1)
        with server() as running:
            url = running.address(running.create()).replace("postgresql://", "postgresql+psycopg://")
            raw = [
                sys.executable,
                "-c",
                f"import os; os.environ['DATABASE_URL'] = {url!r}; from alembic.config import main; main(['-c', {str(long)!r}, 'upgrade', 'head'])",
            ]
            timed("300 revisions, alembic upgrade head (the raw tool)", raw, 1)
        print(
            f"{'memory of the largest process':<64} {resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024:10.0f} MB"
        )


if __name__ == "__main__":
    main()
