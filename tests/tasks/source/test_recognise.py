"""What stands in an app's repository is recognised, and every guess says that it is one."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tasks.errors import ReleaseRefused, ServiceUnavailable
from tasks.source.recognise import recognise_app
from tasks.source.recognised import FoundComponent, RecognisedApp

ROOT = Path(__file__).parents[3]
PYTHON = "FROM python:3.13-slim AS base\nFROM base AS test\nRUN pip install pytest\nFROM base AS production\n"


def recognised(repository: Callable, files: dict[str, str], name: str = "shop") -> RecognisedApp:
    app = repository(name)
    app.commit(files)
    return recognise_app(app.url)


def copied(repository: Callable, folder: Path) -> RecognisedApp:
    app = repository("app")
    shutil.copytree(folder, app.work, dirs_exist_ok=True)
    app.commit({})
    return recognise_app(app.url)


def component(found: RecognisedApp, name: str) -> FoundComponent:
    return next(c for c in found.components if c.name == name)


def commands(found: FoundComponent) -> dict[str, str]:
    return {s.name: s.run.value for s in found.suites}


def test_the_demo_shop_is_recognised_whole(repository: Callable) -> None:
    found = copied(repository, ROOT / "deployments" / "demo" / "shop")
    backend, frontend = found.components
    assert (backend.name, backend.port.value, backend.language) == ("backend", "8000", "Python")
    assert backend.health and backend.health.value == "/health"
    assert backend.migrate and backend.migrate.value == "alembic upgrade head"
    assert commands(backend) == {"unit": "pytest -q --junitxml=$JUNIT", "lint": "ruff check ."}
    assert backend.suites[0].services == ("postgres",)
    assert (frontend.port.value, frontend.version.value) == ("3000", "/version")
    assert {k: v.value for k, v in frontend.env.items()} == {"BACKEND_URL": "http://backend:8000"}
    assert backend.notes == frontend.notes == ()
    assert [(m.tool, m.settings["metadata"].value) for m in found.migrations] == [("alembic", "shop.database:Base")]
    assert [(e.path, e.dockerfile) for e in found.end_to_end] == [("e2e", "Dockerfile")]
    assert found.end_to_end[0].smoke.value.startswith("pytest")
    assert "-m smoke" in found.end_to_end[0].smoke.value


def test_the_tickets_sample_has_sql_files_and_a_smoke_script(repository: Callable) -> None:
    found = copied(repository, ROOT / "tests" / "samples" / "tickets")
    assert [(m.tool, m.settings["path"].value) for m in found.migrations] == [("sql", "migrations")]
    assert found.end_to_end[0].smoke.value == "python smoke.py"
    api = component(found, "api")
    assert (api.port.value, api.version.value) == ("8080", "/version")
    assert api.health is None
    assert not api.suites[0].run.sure


def test_a_monorepo_has_a_component_for_each_folder_with_a_dockerfile(repository: Callable) -> None:
    package = json.dumps(
        {"scripts": {"test": "jest"}, "dependencies": {"next": "16"}, "devDependencies": {"jest-junit": "1"}}
    )
    found = recognised(
        repository,
        {
            "pnpm-lock.yaml": "",
            "services/orders_api/Dockerfile": PYTHON,
            "services/orders_api/requirements.txt": "fastapi\nasyncpg==1\n",
            "services/mailer/Dockerfile": "FROM golang AS build\nFROM scratch\nEXPOSE 9000/tcp\n",
            "services/mailer/go.mod": "module m\n",
            "apps/web/Dockerfile": "FROM node AS test\nFROM node AS runner\n",
            "apps/web/package.json": package,
            "apps/admin/Dockerfile": "FROM nginx:1\n",
            "examples/toy/Dockerfile": "FROM scratch\n",
        },
    )
    assert {c.name: (c.path, c.port.value, c.port.sure) for c in found.components} == {
        "admin": ("apps/admin", "80", False),
        "web": ("apps/web", "3000", False),
        "mailer": ("services/mailer", "9000", True),
        "orders-api": ("services/orders_api", "8000", False),
    }
    assert "jest-junit" in commands(component(found, "web"))["unit"]
    assert component(found, "mailer").suites == ()
    assert "no build target `test`" in component(found, "mailer").notes[0]
    assert [(o.what, o.why) for o in found.left_out] == [("examples/toy/Dockerfile", "examples/ is not deployed")]


def test_a_dockerfile_at_the_top_is_the_app_itself(repository: Callable) -> None:
    found = recognised(
        repository, {"Dockerfile": 'FROM scratch\nARG COMMIT\nCMD ["app", "--port", "9090"]\n', "main.py": ""}
    )
    (only,) = found.components
    assert only.path == "."
    assert only.port.value == "9090"


def test_two_folders_of_one_name_are_told_apart(repository: Callable) -> None:
    found = recognised(repository, {"a/api/Dockerfile": "FROM x\n", "b/api/Dockerfile": "FROM x\n"})
    assert [c.name for c in found.components] == ["a-api", "b-api"]


def test_the_context_is_where_the_copied_files_are(repository: Callable) -> None:
    files = {
        "package.json": "{}",
        "services/api/Dockerfile": "FROM node\nCOPY package.json services/api/ ./\n",
        "services/api/main.js": "",
        "services/all/Dockerfile": "FROM node\nCOPY package.json services/all/ ./\nCOPY . .\n",
        "services/all/main.js": "",
        "docker/worker/Dockerfile": "FROM node\nCOPY services/api/main.js .\n",
        "web/Dockerfile": "FROM node\nCOPY index.html .\n",
        "web/index.html": "",
    }
    found = recognised(repository, files)
    assert {c.name: (c.path, c.dockerfile, c.shared) for c in found.components} == {
        "worker": (".", "docker/worker/Dockerfile", ()),
        "api": ("services/api", "Dockerfile", ("package.json",)),
        "all": (".", "services/all/Dockerfile", ()),
        "web": ("web", "Dockerfile", ()),
    }
    assert "build's context" in component(found, "all").notes[0]


def test_what_a_dockerfile_copies_and_mounts_besides_its_folder_is_shared(repository: Callable) -> None:
    mount = "RUN --mount=type=cache,target=/c --mount=type=bind,source=uv.lock,target=uv.lock \\\n  --mount=from=x,source=no/where uv sync\n"
    copied = "FROM bun AS pages\nCOPY package.json /app/\nCOPY web/package.json /app/web/\nCOPY ./web /app/web\n"
    tests = "FROM playwright\nCOPY package.json /app/\nCOPY ./web /app/web\n"
    files = {
        "backend/Dockerfile": f"{copied}FROM python\n{mount}COPY ./backend/app /app/\nCOPY --from=pages /app/out /out\n",
        "backend/app/main.py": "",
        "web/package.json": "{}",
        "web/Dockerfile.playwright": tests,
        "web/playwright.config.ts": "const url = process.env.PAGES_BASE_URL ?? 'http://localhost'",
        **dict.fromkeys(("package.json", "uv.lock", ".dockerignore"), "{}"),
        "compose.yml": "services:\n  db:\n    image: 'postgres:18'\n",
    }
    found = recognised(repository, files)
    (only,) = found.components
    assert (only.path, only.dockerfile) == ("backend", "Dockerfile")
    assert only.shared == ("package.json", "web", "uv.lock", ".dockerignore")
    (tested,) = found.end_to_end
    assert (tested.path, tested.dockerfile) == ("web", "Dockerfile.playwright")
    assert (tested.shared, tested.address) == (("package.json", ".dockerignore"), "PAGES_BASE_URL")
    assert found.postgres and (found.postgres.value, found.postgres.why) == ("postgres:18", "compose.yml")


def test_a_last_stage_for_tests_is_not_deployed(repository: Callable) -> None:
    text = "FROM python AS production\nEXPOSE 8001\nFROM production AS test\nEXPOSE 9999\n"
    (only,) = recognised(repository, {"api/Dockerfile": text}).components
    assert only.target and only.target.value == "production"
    assert only.port.value == "8001"


def test_what_a_dockerfile_says_is_read_through_variables_and_continued_lines(repository: Callable) -> None:
    text = (
        "# syntax=docker/dockerfile:1\nFROM python AS base\nENV PORT=8123\nexpose ${PORT}\n\nfrom base as Runtime\n"
        "HEALTHCHECK --interval=5s \\\n  # why\n  CMD curl -f http://localhost:$PORT/ready || exit 1\n"
    )
    (only,) = recognised(repository, {"api/Dockerfile": text}).components
    assert (only.port.value, only.health and only.health.value) == ("8123", "/ready")


ALEMBIC = "[alembic]\nscript_location = %(here)s/migrations\n"
METADATA = {
    "from shop.database import Base\ntarget_metadata = Base.metadata\n": "shop.database:Base",
    "from shop import models\ntarget_metadata = models.Base.metadata\n": "shop.models:Base",
    "from shop.models import (\n    Order,  # noqa\n    Base as B,\n)\ntarget_metadata = B.metadata\n": "shop.models:Base",
    "import shop.models\ntarget_metadata = shop.models.Base.metadata\n": "shop.models:Base",
    "from shop.tables import metadata\ntarget_metadata = [metadata]\n": "shop.tables:metadata",
    "# target_metadata = x.y\nfrom a import B\ntarget_metadata = B.metadata\nf(target_metadata=target_metadata)\n": "a:B",
    "from sqlmodel import SQLModel\ntarget_metadata = SQLModel.metadata\n": None,
    "target_metadata = None\n": None,
    "target_metadata = make()\n": None,
}


@pytest.mark.parametrize("env", METADATA)
def test_alembic_metadata_is_found_by_its_import(env: str, repository: Callable) -> None:
    files = {"api/Dockerfile": PYTHON, "api/alembic.ini": ALEMBIC, "api/migrations/env.py": env}
    (moved,) = recognised(repository, files).migrations
    told = moved.settings.get("metadata")
    assert (told.value if told else None) == METADATA[env]
    assert bool(moved.notes) == (METADATA[env] is None)


@pytest.mark.parametrize(
    ("file", "content", "command"),
    [
        ("prisma/schema.prisma", 'datasource db {\n provider = "postgresql"\n}', "npx prisma migrate deploy"),
        ("db/schema.prisma", "", "npx prisma migrate deploy --schema db/schema.prisma"),
        ("drizzle.config.ts", "", "npx drizzle-kit migrate"),
        ("knexfile.js", "", "npx knex migrate:latest"),
    ],
)
def test_other_tools_upgrade_by_their_own_command(file: str, content: str, command: str, repository: Callable) -> None:
    package = '{"dependencies": {"knex": "3"}}'
    found = recognised(repository, {"api/Dockerfile": PYTHON, "api/package.json": package, f"api/{file}": content})
    assert [(m.tool, m.settings["upgrade"].value) for m in found.migrations] == [("command", command)]
    assert found.components[0].migrate and found.components[0].migrate.value == command


def test_sql_files_whose_names_and_numbers_disagree_are_told(repository: Callable) -> None:
    files = {f"api/db/migrations/V{n}__x.sql": "SELECT 1;" for n in (1, 2, 10)}
    (moved,) = recognised(repository, {"api/Dockerfile": PYTHON, **files}).migrations
    assert (moved.tool, moved.settings["path"].value) == ("sql", "db/migrations")
    assert "V10 comes before V2" in moved.notes[0]


def test_playwright_without_a_dockerfile_is_found_but_cannot_run_yet(repository: Callable) -> None:
    found = recognised(
        repository,
        {
            "web/Dockerfile": "FROM node\nEXPOSE 3000\n",
            "web/playwright.config.ts": "",
            "tests-e2e/Dockerfile": "FROM node\n",
            "tests-e2e/playwright.config.ts": "",
            "tests-e2e/a.spec.ts": "test('opens @smoke', () => {})",
        },
    )
    assert [(e.path, e.dockerfile) for e in found.end_to_end] == [("tests-e2e", "Dockerfile"), ("web", None)]
    assert "--grep @smoke" in found.end_to_end[0].smoke.value
    assert [c.name for c in found.components] == ["web"]


HOSTILE = {
    "api/package.json": "[" * 200_000,
    "api/pyproject.toml": "[" * 200_000,
    "api/alembic.ini": "[alembic]\nscript_location = ../../../../etc\n",
    "api/env.py": "(" * 200_000,
    "api/requirements.txt": "a" * 250_000 + "\n" + "-" * 250,
    "api/Dockerfile.x": "\\\n" * 100_000,
    "api/e2e/playwright.config.ts": "",
    "api/e\x1b[31mvil/Dockerfile": "FROM x\n",
}


def test_a_hostile_repository_is_refused_or_escaped_never_a_crash(repository: Callable) -> None:
    app = repository("shop")
    app.commit({"api/Dockerfile": "FROM x\n" + "COPY " + "a " * 50_000 + "/\n", **HOSTILE})
    (app.work / "link").symlink_to("/etc")
    (app.work / "web").mkdir()
    (app.work / "web" / "Dockerfile").symlink_to("/etc/passwd")
    app.commit({}, "links")
    assert [c.name for c in recognise_app(app.url).components] == ["api"]


def test_reading_is_bounded(repository: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    from tasks.source import snapshot

    monkeypatch.setattr(snapshot, "MAX_FILES", 3)
    with pytest.raises(ReleaseRefused, match="more than 3 files"):
        recognised(repository, {f"f{n}": "" for n in range(4)})


def test_a_repository_without_commits_and_one_that_is_not_there_are_two_errors(repository: Callable) -> None:
    with pytest.raises(ReleaseRefused, match="no branch main"):
        recognise_app(repository("empty").url)
    with pytest.raises(ServiceUnavailable):
        recognise_app("/nowhere/at/all.git")
