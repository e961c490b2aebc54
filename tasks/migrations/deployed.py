"""Whether revisions that have run at a customer are still what they were: edited, inserted or gone.

Files are compared as syntax trees without what changes nothing: comments, layout, docstrings, annotations, the order of
imports, `downgrade` and `slipway_accept`.
"""

import ast
from collections.abc import Sequence
from pathlib import Path

from tasks.migrations.history import History
from tasks.migrations.judge import Standing
from tasks.migrations.problem import problem
from tasks.models import Finding, Value

SKIPPED = {".git", ".venv", "venv", "node_modules", "site-packages", "__pycache__"}
IMMATERIAL = {"downgrade", "slipway_accept", "branch_labels", "__doc__"}


class Deployed(Value):
    """A revision file as it was released: its parents, and what it does in a form that can be compared."""

    id: str
    parents: tuple[str, ...]
    path: str
    content: str


def compare(history: History, standings: Sequence[Standing]) -> list[Finding]:
    """What is not as it was in the release that runs at a customer, for each customer whose source is known."""
    if not any(s.source for s in standings) or not history.revisions:
        return []
    now = {r.id: found for r in history.revisions if r.path and (found := _read(Path(r.path)))}
    findings: dict[tuple[str, str], Finding] = {}
    sources = {s.source: read_all(Path(s.source)) for s in standings if s.source}
    for standing in (s for s in standings if s.source):
        for finding in _differences(history, now, sources[standing.source], standing):
            findings.setdefault((finding.rule, finding.revision), finding)
    return list(findings.values())


def _differences(history: History, now: dict[str, Deployed], then: dict[str, Deployed], standing: Standing) -> list[Finding]:
    ran = _ancestors(then, standing.heads)
    keep, found = "a revision that has run anywhere must stay as it is; write a new one", []
    for revision in sorted(ran):
        if revision not in {r.id for r in history.revisions}:
            if revision not in standing.heads:  # that a head is gone is told by itself
                what = f"revision {revision} ran at {standing.customer}, and this commit does not have it"
                found.append(problem("revision_vanished", what, then[revision].path, f"restore it; {keep}", revision))
        elif revision in now and now[revision].content != then[revision].content:
            what = f"revision {revision} ran at {standing.customer}, and was edited since"
            found.append(problem("revision_edited", what, now[revision].path, f"take the edit back; {keep}", revision))
        elif revision in now and set(now[revision].parents) != set(then[revision].parents):
            what = f"revision {revision} ran at {standing.customer}, and has another parent since"
            found.append(problem("revision_edited", what, now[revision].path, f"give it its down_revision back; {keep}", revision))
    known = {r.id for r in history.revisions}
    for revision in sorted(history.ancestors([h for h in standing.heads if h in known]) - ran):
        if ran:
            what = f"revision {revision} comes before where {standing.customer} stands, and never ran there: it never will"
            path = now[revision].path if revision in now else ""
            found.append(problem("revision_inserted", what, path, "let it follow the newest revision: set its down_revision to the head", revision))
    return found


def _ancestors(known: dict[str, Deployed], heads: Sequence[str]) -> set[str]:
    done, waiting = set(), [h for h in heads if h in known]
    while waiting:
        current = waiting.pop()
        if current in known and current not in done:
            done.add(current)
            waiting += known[current].parents
    return done


def read_all(root: Path) -> dict[str, Deployed]:
    """Every revision file below a folder, by its id."""
    files = (f for f in root.rglob("*.py") if not SKIPPED.intersection(f.relative_to(root).parts))
    return {found.id: found for f in sorted(files) if (found := _read(f))}


def _read(path: Path) -> Deployed | None:
    """The file, if it is one of a revision: `revision` and `down_revision` as literals at its top level."""
    try:
        text = path.read_text(encoding="utf-8")
        if "down_revision" not in text:
            return None
        tree = ast.parse(text)
    except (OSError, SyntaxError, ValueError):
        return None
    names = {}
    for node in tree.body:
        names.update(_assigned(node))
    if not isinstance(names.get("revision"), str) or "down_revision" not in names:
        return None
    return Deployed(id=names["revision"], parents=_parents(names["down_revision"]), path=str(path), content=_content(tree))


def _parents(value: object) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value) if isinstance(value, tuple | list) else ()


def _assigned(node: ast.stmt) -> dict[str, object]:
    """Names that a statement gives literals: also `a, b = "x", "y"` and annotated ones."""
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    value = getattr(node, "value", None)
    found: dict[str, object] = {}
    for target in targets:
        pairs = zip(target.elts, value.elts, strict=False) if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple) else [(target, value)]
        for name, given in pairs:
            if isinstance(name, ast.Name) and given is not None:
                try:
                    found[name.id] = ast.literal_eval(given)
                except ValueError:
                    continue
    return found


def _content(tree: ast.Module) -> str:
    imports, rest = [], []
    for node in tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            imports.append(node)
        elif not IMMATERIAL.intersection(_names(node)) and "down_revision" not in _names(node):
            rest.append(_Plain().visit(node))
    used = {n.id for node in rest for n in ast.walk(node) if isinstance(n, ast.Name)}
    kept = sorted(
        f"{getattr(node, 'module', '')}.{a.name} as {a.asname}"
        for node in imports
        for a in node.names
        if (a.asname or a.name).split(".")[0] in used or a.name == "*"
    )
    return "\n".join([*kept, *map(ast.dump, rest)])


def _names(node: ast.stmt) -> set[str]:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return {node.name}
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return {"__doc__"}
    return set(_assigned(node))


class _Plain(ast.NodeTransformer):
    """Without docstrings and annotations."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:  # noqa: N802 - ast's name
        self.generic_visit(node)
        if isinstance(node.body[0], ast.Expr) and isinstance(node.body[0].value, ast.Constant):
            node.body = node.body[1:] or [ast.Pass()]
        node.returns = None
        for argument in (*node.args.args, *node.args.kwonlyargs, *node.args.posonlyargs):
            argument.annotation = None
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:  # noqa: N802
        self.generic_visit(node)
        return ast.Assign(targets=[node.target], value=node.value) if node.value else node
