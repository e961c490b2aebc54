"""What a folder's package files say: language, dependencies, scripts. Read as text; nothing is installed or run."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tasks.source.snapshot import Snapshot, joined

REQUIREMENTS = re.compile(r"^[ \t]*[\"']?([A-Za-z][\w.-]*)(?:\[[^\]]*\])?[ \t]*(?:[=<>!~;@,\"'#^]|$)", re.MULTILINE)
REQUIREMENT_FILES = r"requirements[\w.-]*\.(txt|in)|pyproject\.toml|setup\.(py|cfg)|Pipfile"
POSTGRES = (
    *("psycopg", "psycopg2", "psycopg2-binary", "psycopg-binary", "asyncpg", "pg8000", "pg", "postgres"),
    *("pg-promise", "knex", "prisma", "@prisma/client", "drizzle-orm", "typeorm", "sequelize", "sqlalchemy"),
    *("sqlmodel", "django", "pgx"),
)
LANGUAGES = {"go.mod": "Go", "Cargo.toml": "Rust", "pom.xml": "Java", "build.gradle": "Java", "Gemfile": "Ruby"}
RUNNERS = {"pnpm-lock.yaml": "pnpm", "yarn.lock": "yarn", "bun.lock": "bun", "bun.lockb": "bun"}


@dataclass(frozen=True)
class Packages:
    """A folder's packages; names in lower case, scripts of package.json by name."""

    folder: str
    language: str = ""
    why: str = ""
    dependencies: frozenset[str] = frozenset()
    scripts: Mapping[str, str] = field(default_factory=dict)
    runner: str = "npm"

    @property
    def uses_postgres(self) -> bool:
        """Whether something here speaks to PostgreSQL, as far as names can tell."""
        return bool(self.dependencies & set(POSTGRES))


def read(snapshot: Snapshot, folder: str) -> Packages:
    """The packages of one folder; those of folders below it do not count."""
    manifest = joined(folder, "package.json")
    if manifest in snapshot.files:
        return _node(snapshot, folder, manifest)
    files = [f for f in snapshot.named(REQUIREMENT_FILES, folder) if joined(folder, f.rsplit("/", 1)[-1]) == f]
    if files:
        text = "\n".join(snapshot.text(f) for f in files)
        names = {n.lower().replace("_", "-") for n in REQUIREMENTS.findall(text)}
        return Packages(folder, "Python", files[0], frozenset(names))
    return _other(snapshot, folder)


def _node(snapshot: Snapshot, folder: str, manifest: str) -> Packages:
    try:
        content = json.loads(snapshot.text(manifest))
    except (ValueError, RecursionError):
        content = {}
    found = _mapping(content)
    dependencies = {*_mapping(found.get("dependencies")), *_mapping(found.get("devDependencies"))}
    scripts = {k: v for k, v in _mapping(found.get("scripts")).items() if isinstance(v, str)}
    lock = next((r for f, r in RUNNERS.items() if _near(snapshot, folder, f)), "npm")
    return Packages(folder, "JavaScript", manifest, frozenset(d.lower() for d in dependencies), scripts, lock)


def _near(snapshot: Snapshot, folder: str, name: str) -> bool:
    """Whether a lock file is in the folder, or at the top of a workspace."""
    return joined(folder, name) in snapshot.files or name in snapshot.files


def _other(snapshot: Snapshot, folder: str) -> Packages:
    for name, language in LANGUAGES.items():
        if joined(folder, name) in snapshot.files:
            names = re.findall(r"[\w.-]+", snapshot.text(joined(folder, name)))
            return Packages(folder, language, joined(folder, name), frozenset(n.lower() for n in names))
    return Packages(folder)


def _mapping(value: Any) -> dict[str, Any]:
    return {k: v for k, v in value.items() if isinstance(k, str)} if isinstance(value, dict) else {}
