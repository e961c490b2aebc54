"""What stands in a page's code blocks can be read by what it is for."""

import ast
import json
import re
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

from deployments.docs.drawings import ROOT, pages

FENCE = re.compile(
    r"^(?P<indent> *)```(?P<language>[\w-]*)[^\n]*\n(?P<text>.*?)^(?P=indent)```$", re.DOTALL | re.MULTILINE
)
# A block without a language is for the shell when it begins with one of these.
PROGRAMS = (
    "make",
    "slipway",
    "git",
    "docker",
    "curl",
    "export",
    "prefect",
    "pip",
    "kubectl",
    "bash",
    "python",
)
SHELLS = ("sh", "shell", "bash")
LANGUAGES = {
    "",
    "yaml",
    "json",
    "python",
    "sh",
    "shell",
    "bash",
    "console",
    "sql",
    "groovy",
    "text",
    "mermaid",
    "toml",
    "ini",
}
LANGUAGES |= {"dockerfile", "markdown", "diff", "javascript", "typescript"}


class Block(NamedTuple):
    """A code block of a page."""

    page: str
    line: int
    language: str
    text: str


def blocks_of(page: str, text: str) -> list[Block]:
    """Every code block of a page; one in a list is without the list's indent."""
    found = []
    for match in FENCE.finditer(text):
        lines = [line.removeprefix(match["indent"]) for line in match["text"].splitlines()]
        found.append(Block(page, text.count("\n", 0, match.start()) + 1, match["language"], "\n".join(lines) + "\n"))
    return found


EVERY = [block for page in pages() for block in blocks_of(str(page.relative_to(ROOT)), page.read_text())]


def read(block: Block) -> None:
    """Reads a block as its language. Raises `ValueError`, `SyntaxError` or `yaml.YAMLError` where it is not of it."""
    if block.language == "yaml":
        list(yaml.safe_load_all(block.text))
    elif block.language == "json":
        json.loads(block.text)
    elif block.language == "python":
        compile(block.text, block.page, "exec", ast.PyCF_ONLY_AST)
    elif is_shell(block):
        done = subprocess.run(["bash", "-n"], input=block.text, text=True, capture_output=True, check=False)
        if done.returncode:
            raise ValueError(done.stderr)


def is_shell(block: Block) -> bool:
    """Whether a shell reads it."""
    first = block.text.partition("\n")[0].partition(" ")[0]
    return block.language in SHELLS or (not block.language and (first in PROGRAMS or first.startswith("deployments/")))


@pytest.mark.parametrize("block", EVERY, ids=lambda b: f"{b.page}:{b.line}")
def test_a_code_block_is_what_it_says(block: Block) -> None:
    assert block.language in LANGUAGES, f"{block.page}, line {block.line}: no language is called {block.language}"
    read(block)


def test_no_block_is_overlooked() -> None:
    fences = sum(len(re.findall(r"^ *```", page.read_text(), re.MULTILINE)) for page in pages())
    assert fences == 2 * len(EVERY), "a fence is not closed, or is not indented as it began"
    assert sum(map(is_shell, EVERY)) > 10
    assert {"yaml", "python", "mermaid"} <= {block.language for block in EVERY}


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("yaml", "a: [\n"),
        ("json", "{'a': 1}\n"),
        ("python", "def f(:\n"),
        ("sh", "if true; then\n"),
        ("", "slipway hold 'bre\n"),
    ],
)
def test_a_block_that_is_not_what_it_says_is_seen(language: str, text: str, tmp_path: Path) -> None:
    (block,) = blocks_of("page.md", f"words\n\n  ```{language}\n  {text}  ```\n")
    with pytest.raises((ValueError, SyntaxError, yaml.YAMLError)):
        read(block)
