"""The rules as a page of the documentation; the examples in it are the ones that the tests run."""

from collections.abc import Sequence

from tasks.migrations.rules import example
from tasks.migrations.rules.rule import Rule

HEAD = """# Migration rules

Made by `slipway migrations explain --markdown`; the examples are run against PostgreSQL by the tests, both ways. `;;` ends
a transaction. They stand on these tables:

```sql
{tables}
```
"""
RULE = """
## `{r.name}`

*{r.family}*, {blocks}. When {r.condition}: {effect}.

Do instead: {next_step}

```sql
-- stopped
{r.bad}
-- passes
{r.good}
```
"""
BLOCKS = {
    "yes": "blocks",
    "known code": "blocks when the running code's metadata says that it is harmed",
    "no": "tells, never blocks",
}


def page(rules: Sequence[Rule]) -> str:
    """Markdown, rule by rule."""
    told = [
        RULE.format(r=r, blocks=BLOCKS[r.blocks], effect=plain(r.effect), next_step=plain(r.next_step)) for r in rules
    ]
    return HEAD.format(tables=example.SQL.strip()) + "".join(told)


def plain(words: str) -> str:
    """A rule's words, of no table in particular."""
    return words.format(table="TABLE", column="COLUMN", new="NEW")
