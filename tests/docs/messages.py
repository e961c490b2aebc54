"""What Slipway's code can say: every text of it, with a hole for each value that is put in."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
HOLE = "\0"
# Holes that stand alone, such as "{}: {}", would hold any message.
LEAST = 7


@cache
def texts() -> tuple[str, ...]:
    """All texts of tasks/ and deployments/, but not the sample app's and not what documents the code."""
    files = [
        p for room in ("tasks", "deployments") for p in sorted((ROOT / room).rglob("*.py")) if "shop" not in p.parts
    ]
    return tuple(dict.fromkeys(text for path in files for text in _texts(ast.parse(path.read_text(encoding="utf-8")))))


def _texts(tree: ast.AST) -> Iterator[str]:
    silent = {id(statement.value) for statement in ast.walk(tree) if isinstance(statement, ast.Expr)}
    inside = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if id(node) in silent | inside:
            continue
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else HOLE for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def is_said(message: str) -> bool:
    """Whether one text of the code has the message's fixed words, in this order, with a value only where `...` stands."""
    fixed = [part.strip() for part in message.split("...")]
    if max(map(len, fixed)) < LEAST:
        return False
    pattern = re.compile(".*".join(re.escape(part) for part in fixed), re.DOTALL)
    return any(pattern.search(text) for text in texts())
