"""Whether revisions that have run at a customer are still what they were: edited, inserted or gone.

Files are compared as syntax trees without what changes nothing: comments, layout, docstrings, annotations, the order of
imports, `downgrade` and `slipway_accept`.
"""

import ast
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from pathlib import Path

from tasks.git import GitFailed, Mirror
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


Known = dict[str, Deployed]


def compare(history: History, standings: Sequence[Standing], now: Known, then: Callable[[str], Known]) -> list[Finding]:
    """What is not as it was in the release that runs at a customer, for each customer whose source is known."""
    if not history.revisions:
        return []
    findings: dict[tuple[str, str], Finding] = {}
    sources = {source: then(source) for source in dict.fromkeys(s.source for s in standings) if source}
    for standing in (s for s in standings if s.source):
        for finding in _differences(history, now, sources[standing.source], standing):
            findings.setdefault((finding.rule, finding.revision), finding)
    return list(findings.values())


def _differences(
    history: History, now: dict[str, Deployed], then: dict[str, Deployed], standing: Standing
) -> list[Finding]:
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
            found.append(
                problem(
                    "revision_edited", what, now[revision].path, f"give it its down_revision back; {keep}", revision
                )
            )
    known = {r.id for r in history.revisions}
    for revision in sorted(history.ancestors([h for h in standing.heads if h in known]) - ran):
        if ran:
            what = (
                f"revision {revision} comes before where {standing.customer} stands, and never ran there: it never will"
            )
            path = now[revision].path if revision in now else ""
            found.append(
                problem(
                    "revision_inserted",
                    what,
                    path,
                    "let it follow the newest revision: set its down_revision to the head",
                    revision,
                )
            )
    return found


def _ancestors(known: dict[str, Deployed], heads: Sequence[str]) -> set[str]:
    done, waiting = set(), [h for h in heads if h in known]
    while waiting:
        current = waiting.pop()
        if current in known and current not in done:
            done.add(current)
            waiting += known[current].parents
    return done


def of_files(history: History) -> Known:
    """The revisions that were found where Alembic looked."""
    return _known(
        (r.path, Path(r.path).read_text(encoding="utf-8")) for r in history.revisions if Path(r.path).is_file()
    )


def read_all(root: str) -> Known:
    """Every revision file below a folder, by its id."""
    folder = Path(root)
    files = (f for f in sorted(folder.rglob("*.py")) if not SKIPPED.intersection(f.relative_to(folder).parts))
    return _known((str(f), f.read_text(encoding="utf-8", errors="replace")) for f in files)


def of_commits(mirror: Mirror, folder: str) -> Callable[[str], Known]:
    """Every revision file below a folder of a commit, by its id; each commit is read once."""

    @cache
    def read(commit: str) -> Known:
        try:
            found = mirror.run(
                "grep",
                "--name-only",
                "-z",
                "-e",
                "down_revision",
                commit,
                "--",
                "*.py" if folder == "." else f"{folder}/*.py",
            )
        except GitFailed:
            return {}  # nothing there has the word, or the commit is no longer known
        names = [n.partition(":")[2] for n in found.split("\0") if n]
        return _known((n, mirror.run("cat-file", "blob", f"{commit}:{n}")) for n in names)

    return read


def _known(files: Iterable[tuple[str, str]]) -> Known:
    return {found.id: found for path, text in files if (found := _read(path, text))}


def _read(path: str, text: str) -> Deployed | None:
    """The file, if it is one of a revision: `revision` and `down_revision` as literals at its top level."""
    if "down_revision" not in text:
        return None
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return None
    names = {}
    for node in tree.body:
        names.update(_assigned(node))
    if not isinstance(names.get("revision"), str) or "down_revision" not in names:
        return None
    return Deployed(id=names["revision"], parents=_parents(names["down_revision"]), path=path, content=_content(tree))


def _parents(value: object) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value) if isinstance(value, tuple | list) else ()


def _assigned(node: ast.stmt) -> dict[str, object]:
    """Names that a statement gives literals: also `a, b = "x", "y"` and annotated ones."""
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    value = getattr(node, "value", None)
    found: dict[str, object] = {}
    for target in targets:
        pairs = (
            zip(target.elts, value.elts, strict=False)
            if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple)
            else [(target, value)]
        )
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
