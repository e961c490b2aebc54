"""The import direction, in code: flows -> the pages of the flows -> run, rooms -> models, config, secrets, errors, command, git, containers."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = {"source", "suites", "images", "migrations", "gitops", "forge", "rollout", "notify", "reports"}
SHARED = {
    "models",
    "config",
    "secrets",
    "errors",
    "output",
    "command",
    "git",
    "home",
    "containers",
    "failpoints",
    "yaml_path",
    "settled",
}
KNOWING = {"run", "steps.py", "checks.py", "ring.py", "nightly.py"}
TOP = {"flows", "tasks", "deployments", "tests", "docs"}


def imports(path: Path) -> set[str]:
    """Every module that a file imports, whole names, at any depth of the file."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {a.name for a in node.names}
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{a.name}" for a in node.names}
    return found


def ours(path: Path) -> set[str]:
    return {
        ".".join(name.split(".")[:2])
        for name in imports(path)
        if name.split(".")[0] in ("flows", "tasks", "deployments")
    }


def top(names: set[str]) -> set[str]:
    return {name.split(".")[0] for name in names}


def files(folder: str) -> list[Path]:
    return sorted(p for p in (ROOT / folder).rglob("*.py") if "shop" not in p.parts)


@pytest.mark.parametrize("path", files("flows"), ids=str)
def test_a_flow_knows_steps_models_and_config_only(path: Path) -> None:
    assert ours(path) <= {
        "tasks",
        "tasks.steps",
        "tasks.checks",
        "tasks.ring",
        "tasks.nightly",
        "tasks.models",
        "tasks.config",
    }


@pytest.mark.parametrize("path", [p for room in sorted(ROOMS) for p in files(f"tasks/{room}")], ids=str)
def test_rooms_do_not_import_each_other_nor_prefect(path: Path) -> None:
    room = path.relative_to(ROOT / "tasks").parts[0]
    assert ours(path) - {"tasks"} <= {f"tasks.{name}" for name in SHARED | {room}}
    assert "prefect" not in top(imports(path))


def test_only_the_run_and_the_pages_of_the_flows_import_prefect_under_tasks() -> None:
    knowing = {p.relative_to(ROOT / "tasks").parts[0] for p in files("tasks") if "prefect" in top(imports(p))}
    assert knowing == KNOWING


@pytest.mark.parametrize("name", sorted(SHARED))
def test_what_rooms_share_knows_no_room(name: str) -> None:
    for path in [ROOT / "tasks" / f"{name}.py", *files(f"tasks/{name}")]:
        assert not path.exists() or ours(path) - {"tasks"} <= {f"tasks.{s}" for s in SHARED}, path


def test_nothing_under_tasks_or_flows_knows_deployments() -> None:
    assert not [p for p in files("tasks") + files("flows") if "deployments" in top(imports(p))]


def test_each_room_has_a_sign_and_nothing_else_in_it() -> None:
    for room in ROOMS | {"config", "secrets", "run"}:
        body = ast.parse((ROOT / "tasks" / room / "__init__.py").read_text()).body
        assert len(body) == 1 and isinstance(body[0], ast.Expr), room


def test_the_top_level_is_the_one_that_was_decided() -> None:
    folders = {
        p.name for p in ROOT.iterdir() if p.is_dir() and not p.name.startswith(".") and not p.name.endswith(".egg-info")
    }
    assert folders <= TOP


def test_flows_and_their_files_have_the_same_name() -> None:
    for path in files("flows"):
        if path.stem != "__init__":
            names = {n.name for n in ast.parse(path.read_text()).body if isinstance(n, ast.FunctionDef)}
            assert path.stem in names
