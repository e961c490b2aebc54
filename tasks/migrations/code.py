"""What is known of code that runs at a customer: what its SQLAlchemy metadata maps."""

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from tasks.models import Value


class Mapped(Value):
    """One column as the code knows it."""

    required: bool = Field(description="nullable=False")
    given: bool = Field(description="the code itself fills it: default=")
    server: bool = Field(description="the code counts on the database's default")
    labels: tuple[str, ...] = Field(default=(), description="values of an Enum")
    generated: bool = False


class MappedTable(Value):
    """One table as the code knows it: its columns, the sets of columns that it counts on to be unique, constraint names."""

    columns: Mapping[str, Mapped]
    unique: tuple[tuple[str, ...], ...] = ()
    names: tuple[str, ...] = ()


class Code(Value):
    """Tables by name; names outside the schema public carry their schema."""

    tables: Mapping[str, MappedTable]

    @classmethod
    def of(cls, tables: Mapping[str, Any]) -> "Code":
        """What `probe/` says of a metadata."""
        return cls(tables={name.removeprefix("public."): table for name, table in tables.items()})

    def column(self, table: str, column: str) -> Mapped | None:
        """The column, if the code maps it."""
        found = self.tables.get(table)
        return found.columns.get(column) if found else None

    def maps(self, table: str, column: str = "") -> bool:
        """Whether the code maps the table, and the column if one is named."""
        found = self.tables.get(table)
        return found is not None and (not column or column in found.columns)
