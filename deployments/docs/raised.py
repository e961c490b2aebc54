"""Every error that the code can tell, read from the code: what it says, where, what to do next, and of which kind it is.

An error is told at a call: `Kind.because(what, where, next_step)`, `Reason(what=...)`, `Kind("text")`, `CannotEdit(problem, next)`,
and `ValueError("text")` in the models of release.yaml. Where such a call stands in a function that is handed the words, the
calls of that function are looked at instead, so that the page has the words and not their names.
"""

import ast
import importlib
import pkgutil
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from deployments.docs.source_file import ROOT, SourceFile, assigned, defaults
from deployments.docs.words import Scope, is_error, says, texts

# Errors themselves; what tests provoke; what is no part of a release.
LEFT_OUT = (
    "tasks/errors.py",
    "tasks/failpoints.py",
    "deployments/demo/",
    "deployments/docs/",
    "deployments/services.py",
)
BECAUSE = ("what", "where", "next_step")
# What the arguments of other kinds mean, by position.
ARGUMENTS = {
    "CannotEdit": ("what", "next_step"),
    "Conflict": ("what", "next_step"),
    "RunsElsewhere": ("what", "next_step"),
}
# Told to the code that calls, which says more or goes on by itself.
INSIDE = {"NotNeeded", "NotThere", "PlanMoved"}
DEEP = 3
"""As many functions hand words on to each other."""


class Told(NamedTuple):
    """One error: `kinds` are the names of its classes, texts have ‹names› for what differs."""

    path: str
    kinds: tuple[str, ...]
    what: str
    where: str
    next_step: str


class _Site(NamedTuple):
    """A call that tells an error, with the functions around it, innermost last."""

    module: "SourceFile"
    around: tuple[ast.FunctionDef, ...]
    call: ast.Call
    kinds: tuple[str, ...]
    told: dict[str, ast.expr]


def told() -> list[Told]:
    """Every error with words of its own, in the order of files and lines."""
    found = [one for module in _modules() for site in _sites(module) for one in _expanded(site) if says(one.what)]
    return list(dict.fromkeys(found))


def wordless() -> set[str]:
    """`FILE FUNCTION` of each call that only hands on what was said elsewhere."""
    return {
        f"{module.name} {site.around[-1].name if site.around else ''}"
        for module in _modules()
        for site in _sites(module)
        if not any(says(one.what) for one in _expanded(site))
    }


@cache
def _modules() -> list[SourceFile]:
    _import_all()
    files = sorted(p for room in ("tasks", "deployments") for p in (ROOT / room).rglob("*.py"))
    return [SourceFile(p) for p in files if not str(p.relative_to(ROOT)).startswith(LEFT_OUT) and "shop" not in p.parts]


@cache
def _import_all() -> None:
    """Imports every module under `tasks/`: a class of error is known once its module is."""
    import tasks

    for found in pkgutil.walk_packages(tasks.__path__, "tasks."):
        if ".probe" not in found.name:
            importlib.import_module(found.name)


def _sites(module: SourceFile) -> Iterator[_Site]:
    held: set[int] = set()
    for call, around in module.calls:
        kinds = _kinds(call, around, module)
        if not kinds or id(call) in held or set(kinds) & INSIDE:
            continue
        inner = [a for a in call.args if isinstance(a, ast.Call) and _name(a.func) == "Reason"]
        for reason in inner:
            held.add(id(reason))
            yield _Site(module, around, reason, kinds, _arguments(reason, BECAUSE))
        if not inner and (arguments := _arguments(call, ARGUMENTS.get(kinds[0], BECAUSE))).get("what"):
            yield _Site(module, around, call, kinds, arguments)


def _kinds(call: ast.Call, around: tuple[ast.FunctionDef, ...], module: SourceFile) -> tuple[str, ...]:
    """The classes of error that a call makes; none where it makes no error."""
    if isinstance(call.func, ast.Attribute) and call.func.attr == "because":
        return _classes(call.func.value, _scope(around, module)) or ()
    name = _name(call.func)
    if name == "Reason":
        return tuple(sorted({n for f in around[-1:] for n in _named_errors(f)})) or ("ReleaseRefused",)
    if name in ARGUMENTS or (is_error(name) and name != "ImagesNotKnown"):
        return (name,)
    return (
        ("ConfigInvalid",)
        if name == "ValueError" and module.name.startswith(("tasks/config", "tasks/yaml_path"))
        else ()
    )


def _classes(node: ast.expr, scope: Scope) -> tuple[str, ...]:
    """The classes that an expression can be; one where it is known what it chooses by."""
    if isinstance(node, ast.IfExp):
        chosen = scope.get(_name(node.test))
        if isinstance(chosen, ast.Constant):
            return _classes(node.body if chosen.value else node.orelse, scope)
        return (*_classes(node.body, scope), *_classes(node.orelse, scope))
    name = _name(node)
    if is_error(name):
        return (name,)
    return _classes(scope[name], {k: v for k, v in scope.items() if k != name}) if name in scope else ()


def _named_errors(function: ast.FunctionDef) -> list[str]:
    return [n.id for n in ast.walk(function) if isinstance(n, ast.Name) and is_error(n.id) and n.id != "SlipwayError"]


def _arguments(call: ast.Call, names: tuple[str, ...]) -> dict[str, ast.expr]:
    plain = [a for a in call.args if not isinstance(a, ast.Starred)]
    if len(plain) != len(call.args):
        return {}
    return dict(zip(names, plain, strict=False)) | {k.arg: k.value for k in call.keywords if k.arg in names}


def _name(node: ast.AST) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


@cache
def _scope(around: tuple[ast.FunctionDef, ...], module: SourceFile) -> Scope:
    scope = dict(module.constants)
    for function in around:
        scope |= assigned(function.body)
    return scope


def _expanded(site: _Site) -> Iterator[Told]:
    for scope in _scopes(site.around, site.module, site.told, DEEP):
        told = {key: texts(site.told.get(key), scope) for key in BECAUSE}
        if not any(map(says, told["what"])):
            told["what"] = [text for text in texts(site.told.get("what"), scope, far=1) if says(text)] or told["what"]
        because = site.call.func.value if _name(site.call.func) == "because" else None
        kinds = _classes(because, defaults(site.around[-1:]) | scope) if because else site.kinds
        for number, what in enumerate(told["what"]):
            where, step = (_nth(told[key], number, len(told["what"])) for key in ("where", "next_step"))
            one = Told(site.module.name, kinds, *(" ".join(t.split()) for t in (what, where, step)))
            yield _completed(one)


def _completed(told: Told) -> Told:
    """With what is the same of all errors of its kind, and is added where they are told."""
    if told.kinds[0] in ARGUMENTS:
        where, what = "the customer's file in the GitOps repository", f"‹customer›: {told.what}"
        return told._replace(where=where, what=what)
    if told.path.startswith(("tasks/config", "tasks/yaml_path")) and not told.where:
        return told._replace(where="release.yaml, line ‹line›", next_step="`slipway config schema` has every key")
    return told


def _nth(texts_: list[str], number: int, of: int) -> str:
    """The text that belongs to the n-th of so many; where they choose otherwise, all of them."""
    return texts_[number] if len(texts_) == of else "; or: ".join(dict.fromkeys(texts_))


def _scopes(
    around: tuple[ast.FunctionDef, ...], module: SourceFile, told: dict[str, ast.expr], deep: int
) -> Iterator[Scope]:
    """What names stand for at a call: once for every way in which the function around it is called with words."""
    own = _scope(around, module)
    callers = list(_callers(around[-1], module)) if around and deep and _handed(around[-1], told, own) else []
    if not callers:
        yield own
    for given, there in callers:
        for outer in _scopes(there, module, {str(k): v for k, v in given.items()}, deep - 1):
            yield {**outer, **own, **{k: _bound(v, outer, k) for k, v in given.items()}}


def _bound(value: ast.expr, outer: Scope, name: str) -> ast.expr:
    """An argument as its caller means it: a name stands for what it is there, not for a namesake in here."""
    if isinstance(value, ast.Name) and value.id in outer:
        return outer[value.id]
    return value


def _handed(function: ast.FunctionDef, told: dict[str, ast.expr], own: Scope) -> bool:
    """Whether the words, or some of them, are arguments of the function."""
    names = {a.arg for a in (*function.args.args, *function.args.kwonlyargs)} - {"self"}
    used = {n.id for key in told for n in ast.walk(told[key]) if isinstance(n, ast.Name)}
    used |= {n.id for name in used if name in own for n in ast.walk(own[name]) if isinstance(n, ast.Name)}
    return bool(names & used)


def _callers(function: ast.FunctionDef, module: SourceFile) -> Iterator[tuple[Scope, tuple[ast.FunctionDef, ...]]]:
    """(arguments, functions around) of each call in the module that hands words to the function."""
    names = [a.arg for a in function.args.args]
    names = names[1:] if names[:1] in (["self"], ["cls"]) else names
    for call, around in module.calls:
        if _name(call.func) != function.name or function in around:
            continue
        given = dict(zip(names, call.args, strict=False)) | {k.arg: k.value for k in call.keywords if k.arg}
        if any(_is_text(v, _scope(around, module)) for v in given.values()):
            yield given, around


def _is_text(node: ast.expr, scope: Scope) -> bool:
    if isinstance(node, ast.Name):
        return node.id in scope and _is_text(scope[node.id], {})
    if isinstance(node, ast.IfExp):
        return _is_text(node.body, scope) or _is_text(node.orelse, scope)
    return isinstance(node, ast.JoinedStr) or (
        isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value
    )
