"""Words out of source code: what a text says, with ‹names› where it says something else each time."""

import ast
import builtins
import re

from tasks.errors import SlipwayError

Scope = dict[str, ast.expr]
"""What a name stands for: the arguments of a call, assignments of a function, constants of a module."""
Texts = list[str]
SOMETHING = "‹…›"
# Functions that change how a value looks, and not what it is.
CARRIERS = {
    *dir(builtins),
    *dir(str),
    *dir(dict),
    *dir(list),
    "printable",
    "mask",
    "told",
    "token_hex",
    "urlsplit",
    "quote",
}
BETTER = {
    "k": "key",
    "strerror": "reason",
    "explanation": "reason",
    "msg": "message",
    "argv": "command",
    "html_url": "url",
}
DEEP = 6
"""As far as names are followed."""


def texts(node: ast.expr | None, scope: Scope, deep: int = DEEP, far: int = 0) -> Texts:
    """Every text that an expression can be; several where it chooses.

    Calls are followed to what they return, but not in parts of a text, or in parts of parts with `far`: 1.
    """
    if node is None:
        return [""]
    if isinstance(node, ast.Constant):
        return ["" if node.value is None else str(node.value)]
    if isinstance(node, ast.JoinedStr):
        return _joined([v.value if isinstance(v, ast.FormattedValue) else v for v in node.values], scope, deep, far)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add) and not _is_number(node.right):
        return _joined([node.left, node.right], scope, deep, far)
    if isinstance(node, ast.IfExp):
        return [*texts(node.body, scope, deep, far), *texts(node.orelse, scope, deep, far)]
    if isinstance(node, ast.BoolOp) and isinstance(node.op, ast.Or) and far >= 0:
        return _either(node, scope, deep, far)
    if isinstance(node, ast.Call) and far >= 0 and (returned := scope.get(f"{called(node)}()")):
        found = texts(returned, {}, 1, far - 1)
        return found if any(map(says, found)) else [f"‹{named(node)}›"]
    if found := _items(node, scope):
        return [text for item in found for text in texts(item, {}, 1, far)]
    if isinstance(node, ast.Name) and node.id in scope and deep:
        found = texts(scope[node.id], {k: v for k, v in scope.items() if k != node.id}, deep - 1, far)
        return found if any(_says(text, node.id.isupper()) for text in found) else [f"‹{_plain(node.id)}›"]
    return [f"‹{name}›" if (name := named(node)) else SOMETHING]


def _items(node: ast.expr, scope: Scope) -> list[ast.expr]:
    """`told[0]`: the items that stand there in the tuples that `told` can be."""
    if not (isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant)):
        return []
    tuples = _tuples(node.value, scope) if isinstance(node.slice.value, int) else []
    return [one.elts[node.slice.value] for one in tuples if len(one.elts) > node.slice.value]


def _tuples(node: ast.expr | None, scope: Scope, deep: int = DEEP) -> list[ast.Tuple]:
    if isinstance(node, ast.Tuple) or node is None or not deep:
        return [node] if isinstance(node, ast.Tuple) else []
    if isinstance(node, ast.IfExp):
        return [*_tuples(node.body, scope, deep - 1), *_tuples(node.orelse, scope, deep - 1)]
    if isinstance(node, ast.Name):
        return _tuples(scope.get(node.id), scope, deep - 1)
    return _tuples(scope.get(f"{called(node)}()"), scope, deep - 1) if isinstance(node, ast.Call) else []


def _either(node: ast.BoolOp, scope: Scope, deep: int, far: int) -> Texts:
    """`message or f"exit code {code}"`: both where one has words, else the name of the first."""
    found = [text for value in node.values for text in texts(value, scope, deep, far)]
    return list(dict.fromkeys(found)) if any(map(says, found)) else [f"‹{named(node)}›"]


def called(call: ast.Call) -> str:
    """The own name of the function that is called, without what it is of."""
    return call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")


def _joined(parts: list[ast.expr], scope: Scope, deep: int, far: int) -> Texts:
    told = [""]
    for part in parts:
        told = [before + after for before in told for after in texts(part, scope, deep, far - 1)[:4]]
    return list(dict.fromkeys(told))


def says(text: str) -> bool:
    """Whether there are words beside the names."""
    return bool(re.search(r"[a-zA-Z]", re.sub("‹[^›]*›", "", text)))


def _says(text: str, constant: bool) -> bool:
    """Whether a name's text is better than the name: words, a sign such as a colon, a constant's number."""
    return says(text) or ("‹" not in text and (constant or not any(c.isdigit() for c in text)))


def _is_number(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, int)


def named(node: ast.AST) -> str:
    """What a value is called: the last name of the first thing it is made of."""
    if isinstance(node, ast.Name):
        return _plain(node.id)
    if isinstance(node, ast.Attribute):
        return _plain(node.attr) if node.attr not in ("value", "stderr") else named(node.value)
    if isinstance(node, ast.Subscript):
        key = node.slice
        return _plain(key.value) if isinstance(key, ast.Constant) and isinstance(key.value, str) else named(node.value)
    if isinstance(node, ast.Call):
        return _called(node)
    if isinstance(node, ast.BoolOp | ast.BinOp | ast.GeneratorExp | ast.ListComp):
        return next((n for child in ast.iter_child_nodes(node) if (n := named(child))), "")
    return ""


def _called(node: ast.Call) -> str:
    if isinstance(node.func, ast.Attribute) and not node.args:
        return named(node.func.value)
    function = called(node)
    if not function.startswith("_") and function not in CARRIERS:
        return _plain(function)
    inner = next((n for one in node.args if (n := named(one)) and n not in ("str", "repr", "printable")), "")
    return inner or ("" if function in CARRIERS else _plain(function))


def _plain(name: str) -> str:
    return BETTER.get(name, name.strip("_").replace("_", " ").lower())


def is_error(name: str) -> bool:
    """Whether a class of this name is one of our errors."""
    return name in {kind.__name__ for kind in kinds()}


def kinds() -> set[type[SlipwayError]]:
    """Every class of error that has been imported."""
    found, new = {SlipwayError}, {SlipwayError}
    while new := {sub for kind in new for sub in kind.__subclasses__()} - found:
        found |= new
    return found
