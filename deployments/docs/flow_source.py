"""The release flow read as source: which steps its functions call, in which order, and what each is called in Prefect."""

import ast
from functools import cache
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
# Told to people beside the way, or only where a ring is given up.
ASIDE = ("tell_approval", "tell_ring", "show_progress", "close_pull_request")
# What is no step of its own in Prefect, and all the same a part of the story.
BESIDE = {"approve": "approval"}


class Step(NamedTuple):
    """One call of a step: its name in `tasks/steps.py`, what people see, and the names that it is called with."""

    name: str
    label: str
    call: ast.Call


class Source:
    """One file of the flow: its functions by name."""

    def __init__(self, path: str) -> None:
        tree = ast.parse((ROOT / path).read_text())
        self.functions = {n.name: n for n in tree.body if isinstance(n, ast.FunctionDef)}

    def steps(self, function: str, deep: bool = True) -> list[Step]:
        """The steps of a function and of the functions of this file that it calls, in the order in which they are made."""
        found: dict[str, Step] = {}
        for node in self.functions[function].body:
            for step in self._in(node, deep):
                found.setdefault(step.name, step)
        return list(found.values())

    def _in(self, node: ast.AST, deep: bool) -> list[Step]:
        if isinstance(node, ast.ExceptHandler):
            return []
        inner = [step for child in ast.iter_child_nodes(node) for step in self._in(child, deep)]
        if not isinstance(node, ast.Call):
            return inner
        if step := step_of(node):
            return [*inner, step]
        name = called(node)
        return [*inner, *(self.steps(name) if deep and name in self.functions else [])]


def step_of(call: ast.Call) -> Step | None:
    """The step that a call makes, as `steps.NAME(...)` or `steps.NAME.submit(...)`."""
    parts = ast.unparse(call.func).removesuffix(".submit").split(".")
    if len(parts) == 2 and parts[0] == "steps" and parts[1] not in ASIDE:
        return Step(parts[1], labels().get(parts[1], parts[1].replace("_", " ")), call)
    return Step(parts[0], BESIDE[parts[0]], call) if len(parts) == 1 and parts[0] in BESIDE else None


def called(call: ast.Call) -> str:
    """The function's own name, without the module it is of."""
    return call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")


@cache
def labels() -> dict[str, str]:
    """Name in `tasks/steps.py` -> name in Prefect."""
    found = {}
    for node in ast.parse((ROOT / "tasks/steps.py").read_text()).body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) and isinstance(node.targets[0], ast.Name):
            found[node.targets[0].id] = _name(node.value)
        if isinstance(node, ast.FunctionDef):
            decorators = [_name(d) for d in node.decorator_list if isinstance(d, ast.Call)]
            found[node.name] = next(iter(decorators), "")
    return {key: name for key, name in found.items() if name}


def _name(call: ast.Call) -> str:
    given = (k.value for k in call.keywords if k.arg == "name")
    return next((str(value.value) for value in given if isinstance(value, ast.Constant)), "")


def made_from(function: ast.FunctionDef) -> dict[str, set[str]]:
    """Each name that a function gives a value -> every name that the value was made from, however far back."""
    direct: dict[str, set[str]] = {}
    for node in ast.walk(function):
        pairs = [(t, node.value) for t in node.targets] if isinstance(node, ast.Assign) else []
        if isinstance(node, ast.comprehension):
            pairs = [(node.target, node.iter)]
        if isinstance(node, ast.NamedExpr):
            pairs = [(node.target, node.value)]
        for target, value in pairs:
            for name in names(target):
                direct.setdefault(name, set()).update(names(value))
    return {name: _closed(name, direct) for name in direct}


def steps_of(function: ast.FunctionDef) -> dict[str, str]:
    """Name in a function -> the step whose result it is given."""
    return {
        name: step.name
        for node in ast.walk(function)
        if isinstance(node, ast.Assign)
        for call in ast.walk(node.value)
        if isinstance(call, ast.Call) and (step := step_of(call))
        for name in names(node.targets[0])
    }


def names(node: ast.AST) -> set[str]:
    """Every name in an expression."""
    return {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}


def _closed(name: str, direct: dict[str, set[str]]) -> set[str]:
    found, new = set(), {name}
    while new:
        found |= new
        new = {inner for one in new for inner in direct.get(one, ())} - found
    return found
