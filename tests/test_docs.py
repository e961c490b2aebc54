"""The pages that are made from the code are what the code says now, and the others name only what exists."""

import json
import re
from pathlib import Path

import jsonschema

from tasks.migrations.rules.every import RULES
from tasks.migrations.rules.page import page
from tasks.migrations.told import schema

DOCS = Path(__file__).parents[1] / "docs"
# Findings which come from no rule file.
GRAPH = {
    "upgrade_fails",
    "several_heads",
    "missing_parent",
    "duplicate_revision",
    "revision_cycle",
    "value_unknown",
    "revision_edited",
    "revision_inserted",
    "revision_vanished",
    "model_drift",
    "downgrade_missing",
    "downgrade_incomplete",
}


def test_the_rules_page_is_current() -> None:
    assert (DOCS / "migration-rules.md").read_text() == page(RULES), "run `make docs`"


def test_the_schema_is_current_and_a_schema() -> None:
    assert json.loads((DOCS / "migration-findings.schema.json").read_text()) == schema(), "run `make docs`"
    jsonschema.Draft202012Validator.check_schema(schema())


def test_the_catalogue_names_every_rule_and_no_other() -> None:
    rows = [
        line.rsplit("|", 2)[1] for line in (DOCS / "migrations.md").read_text().splitlines() if line.startswith("| ")
    ]
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert named == {r.name for r in RULES} | GRAPH
