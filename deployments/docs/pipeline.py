"""The drawings of the release pipeline, made from the flow itself: flows/release.py, tasks/checks.py, tasks/ring.py."""

import ast
from collections.abc import Iterable
from itertools import pairwise

from deployments.docs.flow_source import Source, Step, called, made_from, names, step_of, steps_of

# What a function of the flow is called in a drawing; one that is new wants words here.
WORDS = {
    "prove": "everything that can say no",
    "promote": "ring by ring",
    "_edits": "",
    "_write": "as a commit",
    "_propose": "as a pull request",
    "_watch": "",
    "_soak": "where the ring soaks",
    "_put_back": "where customers failed",
}
WIDE = 4
"""Steps in a row of a drawing."""
Edge = tuple[str, str]


def release() -> str:
    """The whole release: a row for each paragraph of the flow; a row is done when the next one begins."""
    source = Source("flows/release.py")
    function = source.functions["release"]
    lines, rows = ["flowchart TD"], [part for row in _paragraphs(function) for part in _short(row)]
    for number, row in enumerate(rows):
        nodes = [node for statement in row for node in _nodes(statement, source)]
        lines += [f'  subgraph row{number} [" "]', "    direction LR", *(f"    {n}" for n in nodes)]
        lines += [f"    {_id(a)} --> {_id(b)}" for a, b in pairwise(n for n in nodes if "(" not in n)]
        lines += [f"    {_id(a)} -.->|{name}| {_id(b)}" for a, b, name in _exits(row)]
        lines += ["  end"]
    return "\n".join([*lines, *(f"  row{n} --> row{n + 1}" for n in range(len(rows) - 1))])


def prove() -> str:
    """What is proved at once, and what waits for what: an arrow is a result that is needed."""
    function, checks = Source("flows/release.py").functions["prove"], Source("tasks/checks.py")
    nodes: dict[str, str] = {}
    edges: set[Edge] = set()
    made: dict[str, set[str]] = {}
    for statement in function.body:
        if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Call):
            steps = _started(statement.value, checks)
            nodes |= {key: label for key, label, _ in steps}
            made |= {key: {key} for key, _, _ in steps}
            edges |= {(before, key) for key, _, used in steps for name in used for before in made.get(name, ())}
            made[names(statement.targets[0]).pop()] = {key for key, _, _ in steps}
        elif isinstance(statement, ast.Assign):
            made[names(statement.targets[0]).pop()] = {k for n in names(statement.value) for k in made.get(n, ())}
        elif isinstance(statement, ast.Return):
            nodes["gate"] = "gate"
            edges |= {(key, "gate") for name in names(statement) for key in made.get(name, ())}
    lines = [f'  {key}["{label}"]' for key, label in nodes.items()]
    return "\n".join(["flowchart TD", *lines, *(f"  {a} --> {b}" for a, b in sorted(_needed(edges)))])


def ring() -> str:
    """One ring, from its edits to the customers that were put back."""
    source = Source("tasks/ring.py")
    groups = _groups(source)
    lines = ["flowchart TD"]
    for group in groups:
        for function in group:
            direction = "LR" if len(group) == 1 else "TB"
            lines += [f'  subgraph {_id(function)} ["{WORDS[function] or " "}"]', f"    direction {direction}"]
            steps = [f"{_id(function)}_{s.name}" for s in source.steps(function)]
            lines += [f'    {key}["{s.label}"]' for key, s in zip(steps, source.steps(function), strict=True)]
            lines += [*(f"    {a} --> {b}" for a, b in pairwise(steps)), "  end"]
    lines += [f"  {_id(a)} --> {_id(b)}" for before, after in pairwise(groups) for a in before for b in after]
    return "\n".join(lines)


def _paragraphs(function: ast.FunctionDef) -> list[list[ast.stmt]]:
    """The statements of a function, apart where a blank line is."""
    statements = function.body[1:]
    rows = [[statements[0]]]
    for before, now in pairwise(statements):
        if now.lineno - (before.end_lineno or before.lineno) > 1:
            rows.append([])
        rows[-1].append(now)
    return rows


def _short(row: list[ast.stmt]) -> list[list[ast.stmt]]:
    """A row in as many as can be read."""
    return [row[n : n + WIDE] for n in range(0, len(row), WIDE)]


def _nodes(statement: ast.stmt, source: Source) -> list[str]:
    """What a statement does, as nodes; one that ends the release is round."""
    found = []
    for call in (n for n in ast.walk(statement) if isinstance(n, ast.Call)):
        step, name = step_of(call), called(call)
        if step:
            ends = isinstance(statement, ast.If) and any(call in ast.walk(s) for s in statement.body)
            found.append(f'{step.name}("{step.label}")' if ends else f'{step.name}["{step.label}"]')
        elif name in source.functions:
            found.append(f'{name}[["{WORDS[name]}"]]')
    return found


def _exits(row: Iterable[ast.stmt]) -> list[tuple[str, str, str]]:
    """(step, what ends the release then, the name of what it found) of each `if` in a row."""
    found = []
    for statement in row:
        if isinstance(statement, ast.If) and isinstance(statement.test, ast.NamedExpr):
            asked = _first(statement.test)
            found += [(asked.name, _first(s).name, statement.test.target.id) for s in statement.body]
    return found


def _first(node: ast.AST) -> Step:
    return next(step for n in ast.walk(node) if isinstance(n, ast.Call) and (step := step_of(n)))


def _started(call: ast.Call, checks: Source) -> list[tuple[str, str, set[str]]]:
    """(key, label, what it needs: names of the flow, keys of steps beside it) of each step that a line of the flow starts."""
    if step := step_of(call):
        return [(step.name, step.label, names(call))]
    function = checks.functions[called(call)]
    given = {a.arg: names(value) for a, value in zip(function.args.args, call.args, strict=True)}
    origin, beside = made_from(function), steps_of(function)
    found = []
    for step in checks.steps(function.name, deep=False):
        used = {n for arg in step.call.args for name in names(arg) for n in origin.get(name, {name})}
        needed = {n for name in used for n in given.get(name, ())} | {beside[name] for name in used if name in beside}
        found.append((step.name, step.label, needed))
    return found


def _needed(edges: set[Edge]) -> set[Edge]:
    """Without arrows that other arrows say already."""
    return {(a, b) for a, b in edges if not any(_reaches(m, b, edges) for x, m in edges if x == a and m != b)}


def _reaches(a: str, b: str, edges: set[Edge]) -> bool:
    return any(m == b or _reaches(m, b, edges) for x, m in edges if x == a)


def _groups(source: Source) -> list[list[str]]:
    """The functions of a ring in their order; those in one group stand for each other."""
    function = source.functions["promote_ring"]
    chosen = {
        target.id: [n.id for n in (node.value.orelse, node.value.body) if isinstance(n, ast.Name)]
        for node in ast.walk(function)
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.IfExp)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    calls = sorted((n for n in ast.walk(function) if isinstance(n, ast.Call)), key=lambda n: (n.lineno, n.col_offset))
    groups = [chosen.get(called(n), [called(n)]) for n in calls]
    return [group for group in groups if all(name in source.functions for name in group)]


def _id(node: str) -> str:
    return node.split("[")[0].split("(")[0].strip("_")
