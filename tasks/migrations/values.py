"""Values that running code does not know: what a migrated copy of a customer's database holds beside the code's Enum."""

from collections.abc import Sequence

import psycopg
from psycopg import sql

from tasks.migrations.code import Code
from tasks.models import Finding

Value = tuple[str, str, str]  # table, column, value
QUERY = "SELECT DISTINCT {column}::text FROM {table} WHERE NOT {column}::text = ANY(%s) LIMIT 5"


def unknown(connection: psycopg.Connection, codes: Sequence[Code]) -> set[Value]:
    """Values of columns that the code maps as an Enum which are none of it; a table or column that is gone has none."""
    found: set[Value] = set()
    for code in codes:
        for table, mapped in code.tables.items():
            for name, column in mapped.columns.items():
                if column.labels:
                    found |= {(table, name, value) for value in _beside(connection, table, name, column.labels)}
    return found


def _beside(connection: psycopg.Connection, table: str, column: str, labels: Sequence[str]) -> list[str]:
    query = sql.SQL(QUERY).format(column=sql.Identifier(column), table=sql.Identifier(*table.split(".")))
    try:
        return [value for (value,) in connection.execute(query, [list(labels)]).fetchall()]
    except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn):
        return []


def finding(value: Value, revision: str, customers: Sequence[str]) -> Finding:
    """What a value that came with a revision means."""
    table, column, text = value
    return Finding(
        rule="value_unknown",
        family="compatibility",
        blocking=True,
        revision=revision,
        object=f"{table}.{column}",
        effect=f"code that still runs at {', '.join(customers)} reads '{text}', which its Enum does not have, and fails",
        evidence="asked of a copy of the database, after the revisions",
        next_step=f"release code that knows '{text}' to every customer first, and change the rows of {table} afterwards",
    )
