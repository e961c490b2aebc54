"""Each name that a file takes from a module of ours is there: the fault that an interpreter finds last, where nobody runs the line."""

import ast
import importlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[1]
OURS = ("flows", "tasks", "deployments")
# Programs for another interpreter or another folder than ours.
APART = ("shop", "probe", "samples", "production")


def files(folder: str) -> list[Path]:
    return sorted(p for p in (ROOT / folder).rglob("*.py") if not set(APART) & set(p.parts))


def modules(tree: ast.Module) -> dict[str, ModuleType]:
    """Name in this file -> the module of ours that it stands for there, unless something else has that name, too."""
    found = {
        alias.asname or alias.name: taken
        for node in _imports(tree)
        for alias in node.names
        if isinstance(taken := _taken(node.module or "", alias.name), ModuleType)
    }
    return {name: module for name, module in found.items() if name not in set(_bound(tree))}


def _imports(tree: ast.Module) -> list[ast.ImportFrom]:
    return [n for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) and (n.module or "").split(".")[0] in OURS]


def _taken(module: str, name: str) -> object:
    """What `from module import name` gives; None where there is no such thing."""
    there = importlib.import_module(module)
    if not hasattr(there, name):
        with suppress(ModuleNotFoundError):
            importlib.import_module(f"{module}.{name}")
    return getattr(there, name, None)


def _bound(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            yield node.id


def missing(path: Path) -> list[str]:
    """What a file takes from modules of ours, and they do not have; each with its line."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    known = modules(tree)
    wrong = [
        f"{path}:{node.lineno}: {known[node.value.id].__name__} has no {node.attr}"
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in known
        if not hasattr(known[node.value.id], node.attr)
    ]
    return wrong + [
        f"{path}:{node.lineno}: {node.module} has no {alias.name}"
        for node in _imports(tree)
        for alias in node.names
        if not hasattr(importlib.import_module(node.module or ""), alias.name)
    ]


@pytest.mark.parametrize("folder", [*OURS, "tests"])
def test_every_name_that_is_taken_from_a_module_is_there(folder: str) -> None:
    assert [told for path in files(folder) for told in missing(path)] == []


def test_a_name_that_is_not_there_is_found(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.py"
    wrong.write_text("from tasks import containers, output\ncontainers.engine()\noutput.nothing_like_it()\n")
    assert missing(wrong) == [f"{wrong}:3: tasks.output has no nothing_like_it"]
    wrong.write_text("from tasks.output import nothing_like_it\n")
    assert missing(wrong) == [f"{wrong}:1: tasks.output has no nothing_like_it"]
