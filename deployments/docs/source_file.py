"""A source file as the errors' page reads it: its calls, and what the names in it stand for."""

import ast
import importlib
import inspect
from collections.abc import Iterator
from pathlib import Path

from deployments.docs.words import Scope

ROOT = Path(__file__).parents[2]


class SourceFile:
    """A source file: its calls, each with the functions around it."""

    def __init__(self, path: Path) -> None:
        self.name = str(path.relative_to(ROOT))
        tree = ast.parse(path.read_text())
        self.constants = _imported(tree) | assigned(tree.body) | _returned(tree)
        self.calls = list(_calls(tree, ()))


def _imported(tree: ast.Module) -> Scope:
    """Texts that the module has from another one of ours, and what functions from there return."""
    found: Scope = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(("tasks.", "deployments.")):
            there = importlib.import_module(node.module or "")
            texts_ = {a.asname or a.name: getattr(there, a.name, None) for a in node.names}
            found |= {name: ast.Constant(text) for name, text in texts_.items() if isinstance(text, str)}
            if any(inspect.isfunction(value) for value in texts_.values()):
                returned = _returned(ast.parse(inspect.getsource(there)))
                found |= {f"{name}()": returned[f"{name}()"] for name in texts_ if f"{name}()" in returned}
    return found


def _calls(
    node: ast.AST, around: tuple[ast.FunctionDef, ...]
) -> Iterator[tuple[ast.Call, tuple[ast.FunctionDef, ...]]]:
    inside = (*around, node) if isinstance(node, ast.FunctionDef) else around
    if isinstance(node, ast.Call):
        yield node, around
    for child in ast.iter_child_nodes(node):
        yield from _calls(child, inside)


def assigned(body: list[ast.stmt]) -> Scope:
    """What names are given; a choice where they are given something in two places."""
    found: Scope = {}
    for statement in (s for top in body for s in ast.walk(top)):
        if not isinstance(statement, ast.Assign | ast.NamedExpr):
            continue
        for target in [statement.target] if isinstance(statement, ast.NamedExpr) else statement.targets:
            pairs = [(target, statement.value)]
            if isinstance(target, ast.Tuple) and isinstance(statement.value, ast.Tuple):
                pairs = list(zip(target.elts, statement.value.elts, strict=False))
            for one, value in pairs:
                if isinstance(one, ast.Name):
                    before = found.get(one.id)
                    found[one.id] = ast.IfExp(ast.Constant(0), before, value) if before else value
    return found


def _returned(tree: ast.Module) -> Scope:
    """`NAME()` -> what a function returns, a choice where it returns several things."""
    found: Scope = {}
    for function in (n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)):
        for node in (n for n in ast.walk(function) if isinstance(n, ast.Return) and n.value):
            before = found.get(f"{function.name}()")
            found[f"{function.name}()"] = ast.IfExp(ast.Constant(0), before, node.value) if before else node.value
    return found


def defaults(around: tuple[ast.FunctionDef, ...]) -> Scope:
    """What arguments are when nobody gives them."""
    with_default = [(f.args.args[len(f.args.args) - len(f.args.defaults) :], f.args.defaults) for f in around]
    return {a.arg: value for names, values in with_default for a, value in zip(names, values, strict=True)}
