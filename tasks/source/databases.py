"""Which tool upgrades the database, and with which settings: by the files that each tool leaves in a repository."""

import re
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from tasks.source.packages import Packages
from tasks.source.recognised import FoundMigrations, Seen
from tasks.source.snapshot import Snapshot, joined

# The upgrade commands as each tool's manual gives them for deployments.
COMMANDS = (
    ("prisma", r"schema\.prisma", "npx prisma migrate deploy"),
    ("drizzle", r"drizzle\.config\.(ts|js|mjs)", "npx drizzle-kit migrate"),
    ("knex", r"knexfile\.(ts|js|cjs|mjs)", "npx knex migrate:latest"),
    ("typeorm", r"(data-source|datasource|ormconfig)\.(ts|js)", "npx typeorm migration:run -d dist/data-source.js"),
    ("sequelize", r"\.sequelizerc", "npx sequelize-cli db:migrate"),
    ("django", r"manage\.py", "python manage.py migrate --noinput"),
    ("rails", r"schema\.rb|structure\.sql", "bin/rails db:migrate"),
)
NEEDS_DEPENDENCY = ("typeorm", "django", "knex")
SQL_FOLDERS = ("migrations", "migration", "migrate", "sql", "db", "versions", "schema")
LIBRARIES = ("sqlmodel", "sqlalchemy", "flask_sqlalchemy", "advanced_alchemy")
DOWN = (".down.sql", ".rollback.sql", ".undo.sql")
NUMBERED = re.compile(r"[VU]?(\d+)[\w.-]*\.sql", re.IGNORECASE)
OTHER_DATABASE = re.compile(r"provider\s*=\s*\"(mysql|sqlite|sqlserver|mongodb|cockroachdb)\"")


def migrations(snapshot: Snapshot, component: str, packages: Packages) -> tuple[FoundMigrations, ...]:
    """Every migration tool that a component has files of, the best understood first."""
    return (
        *_alembic(snapshot, component, packages.folder),
        *_commands(snapshot, component, packages),
        *_sql(snapshot, component, packages.folder),
    )


def postgres(snapshot: Snapshot) -> Seen | None:
    """The image of PostgreSQL that the repository's compose files start."""
    files = snapshot.named(r"(docker-)?compose[\w.-]*\.ya?ml")
    snapshot.load(files)
    for file in files:
        if found := re.search(r"^\s*image:\s*[\"']?((?:[\w.-]+/)*postgres:[\w.-]+)", snapshot.text(file), re.MULTILINE):
            return Seen(value=found[1], why=file)
    return None


def migrate_command(found: FoundMigrations) -> Seen | None:
    """What upgrades a customer's database from the deployed image; none for plain SQL files."""
    if found.tool == "alembic":
        config = found.settings.get("config")
        option = f" -c {config.value}" if config and config.value != "alembic.ini" else ""
        return Seen(value=f"alembic{option} upgrade head", why=f"{found.why}; the image must carry it", sure=False)
    return found.settings.get("upgrade")


def _alembic(snapshot: Snapshot, component: str, folder: str) -> Iterator[FoundMigrations]:
    for path in snapshot.named(r"alembic\.ini", folder):
        relative = str(PurePosixPath(path).relative_to(folder))
        settings = {"config": Seen(value=relative, why=path)} if relative != "alembic.ini" else {}
        metadata = _metadata(snapshot, path)
        settings |= {"metadata": metadata} if metadata else {}
        notes = () if metadata else ("metadata: env.py names no target_metadata with an import that could be read",)
        yield FoundMigrations(component=component, tool="alembic", settings=settings, why=path, notes=notes)


def _metadata(snapshot: Snapshot, config: str) -> Seen | None:
    """`from shop.database import Base` and `target_metadata = Base.metadata` -> `shop.database:Base`."""
    location = re.search(r"^\s*script_location\s*=\s*(\S+)", snapshot.text(config), re.MULTILINE)
    script = (location[1] if location else "alembic").replace("%(here)s/", "").removeprefix("./").strip("/")
    env = joined(str(PurePosixPath(config).parent), f"{script}/env.py")
    text = re.sub(r"^[ \t]*#[^\n]*", "", snapshot.text(env), flags=re.MULTILINE)
    found = re.findall(r"\btarget_metadata\s*=\s*\[?\s*([A-Za-z_][\w.]*)", text)
    found = [f for f in found if f not in ("None", "target_metadata")]
    if not found:
        return None
    name, _, rest = found[-1].partition(".")
    why = f"target_metadata in {env}"
    if source := _imported(text, name):
        module, original = source
        if module.partition(".")[0] in LIBRARIES:
            return None  # the library's own metadata is empty until the app's models are imported
        attribute = ".".join(filter(None, (original, rest)))
        return _told(module, attribute, why)
    if re.search(rf"^\s*import\s+{re.escape(name)}(?:[.\s]|$)", text, re.MULTILINE) and "." in rest:
        *modules, attribute = [p for p in (name, *rest.split(".")) if p != "metadata"]
        return _told(".".join(modules), attribute, why)
    return None


def _told(module: str, attribute: str, why: str) -> Seen | None:
    """`Base.metadata` is asked as `Base`; `models.Base.metadata` of a package is a module further."""
    *modules, last = attribute.removesuffix(".metadata").split(".")
    return Seen(value=f"{'.'.join((module, *modules))}:{last}", why=why) if last else None


def _imported(text: str, name: str) -> tuple[str, str] | None:
    """Module and original name of `from module import name`, also in brackets and with `as`."""
    for found in re.finditer(r"^[ \t]*from\s+([\w.]+)\s+import\s+(\([^)]{0,4000}\)|[^\n]+)", text, re.MULTILINE):
        for part in re.sub(r"#[^\n]*|[()]", " ", found[2]).split(","):
            original, _, alias = (p.strip() for p in part.partition(" as "))
            if name == (alias or original):
                return found[1], original
    return None


def _commands(snapshot: Snapshot, component: str, packages: Packages) -> Iterator[FoundMigrations]:
    for tool, pattern, command in COMMANDS:
        files = [f for f in snapshot.named(pattern, packages.folder) if "node_modules/" not in f]
        if not files or (tool in NEEDS_DEPENDENCY and tool not in packages.dependencies):
            continue
        notes = ["upgrade: the image and the build target need this command and DATABASE_URL"]
        if other := OTHER_DATABASE.search(snapshot.text(files[0])) if tool == "prisma" else None:
            notes = [f"{files[0]} is for {other[1]}; the migration check knows PostgreSQL only"]
        elif tool == "prisma":
            schema = str(PurePosixPath(files[0]).relative_to(packages.folder))
            command += f" --schema {schema}" if schema not in ("prisma/schema.prisma", "schema.prisma") else ""
        upgrade = Seen(value=command, why=f"{tool}: {files[0]}", sure=False)
        yield FoundMigrations(
            component=component, tool="command", settings={"upgrade": upgrade}, why=files[0], notes=tuple(notes)
        )


def _sql(snapshot: Snapshot, component: str, folder: str) -> Iterator[FoundMigrations]:
    groups: dict[str, list[str]] = {}
    for file in snapshot.named(NUMBERED.pattern, folder):
        if not file.endswith(DOWN):
            groups.setdefault(str(PurePosixPath(file).parent), []).append(PurePosixPath(file).name)
    for place, names in sorted(groups.items()):
        if PurePosixPath(place).name in SQL_FOLDERS and place != folder:
            path = Seen(value=str(PurePosixPath(place).relative_to(folder)), why=f"{place}/{min(names)}")
            yield FoundMigrations(
                component=component, tool="sql", settings={"path": path}, why=path.why, notes=_order(names)
            )


def _order(names: Sequence[str]) -> tuple[str, ...]:
    """A warning when the order of the names is another than that of their numbers."""
    numbers = [int(m[1][:18]) for n in sorted(names) if (m := NUMBERED.fullmatch(n))]
    if numbers == sorted(numbers):
        return ()
    return ("the files are run in the order of their names, which is not that of their numbers: V10 comes before V2",)
