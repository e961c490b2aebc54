"""Each message that a page quotes is one that the code says, word for word."""

import re
from pathlib import Path

import pytest

from tests.docs.messages import is_said

DOCS = Path(__file__).parents[2] / "docs"
CELL = re.compile(r"^\| (`[^|]*) \|", re.MULTILINE)


def quoted() -> list[str]:
    """What stands in the first column of troubleshooting.md."""
    cells = CELL.findall((DOCS / "troubleshooting.md").read_text(encoding="utf-8"))
    return [message for cell in cells for message in re.findall(r"`([^`]+)`", cell)]


def test_the_table_is_read() -> None:
    assert {"drop_column", "held by ...", "no Docker Engine: ..."} <= set(quoted())
    assert len(quoted()) > 50


@pytest.mark.parametrize("message", quoted())
def test_a_quoted_message_is_one_that_the_code_says(message: str) -> None:
    assert is_said(message), (
        f"{message!r} is said nowhere in tasks/ or deployments/: quote it as it is, or mend it there"
    )


@pytest.mark.parametrize(
    "message", ["the registry is overfull: ...", "held by nobody", "... : ...", "full the registry is: ...", "..."]
)
def test_what_the_code_does_not_say_is_told(message: str) -> None:
    assert not is_said(message)
