"""The pages that are made from the code, each with what makes it."""

import json
from collections.abc import Callable
from pathlib import Path

from deployments.docs import architecture, commands, configuration, errors
from tasks.migrations.rules import page as rules
from tasks.migrations.rules.every import RULES
from tasks.migrations.told import schema

DOCS = Path(__file__).parents[2] / "docs"
PAGES: dict[str, Callable[[], str]] = {
    "architecture.md": architecture.page,
    "migration-findings.schema.json": lambda: json.dumps(schema(), indent=2) + "\n",
    "migration-rules.md": lambda: rules.page(RULES),
    "reference/commands.md": commands.page,
    "reference/configuration.md": configuration.page,
    "reference/errors.md": errors.page,
}


def write() -> list[str]:
    """Writes what is not current; the names of these pages."""
    changed = [name for name, page in PAGES.items() if not is_current(name, page())]
    for name in changed:
        (DOCS / name).parent.mkdir(exist_ok=True)
        (DOCS / name).write_text(PAGES[name]())
    return changed


def is_current(name: str, text: str) -> bool:
    """Whether a page says what the code says now."""
    return (DOCS / name).exists() and (DOCS / name).read_text() == text
