"""The fleet as a file: where each customer stands, for checks outside of a release."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ConfigDict, Field, NonNegativeInt, TypeAdapter, ValidationError

from tasks.errors import ReleaseRefused
from tasks.migrations.judge import Standing
from tasks.models import Value


class Entry(Value):
    """One customer of the file."""

    model_config = ConfigDict(frozen=True, extra="forbid", coerce_numbers_to_str=True)

    customer: str = Field(min_length=1)
    revision: str | list[str] | None = Field(
        default=None, description="the revision its database is at; none: an empty database"
    )
    source: Path | None = Field(default=None, description="a checkout of the release that runs there")
    metadata: str | None = Field(
        default=None,
        pattern=r".:\w",
        description="path/to/file.py:ATTRIBUTE, the SQLAlchemy metadata of the code running there",
    )
    rows: dict[str, NonNegativeInt] = Field(default={}, description="table -> number of rows")
    database: str | None = Field(
        default=None, description="URL of a copy of its schema and data, to be cloned and never written"
    )
    held: str = Field(default="", description="why it is still there")


def read_fleet(path: Path, start: str | None = None) -> list[Standing]:
    """The customers of a YAML or JSON file, at `start` if they do not say where; relative paths start at the file.

    Raises `ReleaseRefused` for what is no fleet.
    """
    try:
        # As text: YAML would read the revision 0010 as the number 8.
        plain = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)  # noqa: S506 - makes text, lists and mappings only
        entries = TypeAdapter(list[Entry]).validate_python(_without_nothing(plain))
    except (OSError, UnicodeDecodeError, yaml.YAMLError, ValidationError) as error:
        raise ReleaseRefused.because(
            f"not a fleet file: {error}",
            str(path),
            "a list of customers: customer, revision, and optionally source, metadata, rows, database",
        ) from error
    names = [e.customer for e in entries]
    if twice := sorted({n for n in names if names.count(n) > 1}):
        raise ReleaseRefused.because(
            f"{', '.join(twice)} stands in it twice", str(path), "give each customer one entry"
        )
    standings = [_standing(e, path.resolve().parent, start) for e in entries]
    for s in (s for s in standings if s.source and not Path(s.source).is_dir()):
        raise ReleaseRefused.because(
            f"{s.customer}: there is no folder {s.source}", str(path), "correct source: a checkout of the release there"
        )
    return standings


def starts(revisions: Sequence[str], fleet: Sequence[Standing]) -> list[Standing]:
    """A customer at each of these revisions where none of the fleet stands: of those that do, more is known."""
    places = {r: () if r == "base" else (r,) for r in revisions}
    known = {s.heads for s in fleet}
    return [Standing(customer=f"a customer at {r}", heads=heads) for r, heads in places.items() if heads not in known]


def _without_nothing(value: Any) -> Any:
    """Without keys whose value is null."""
    if isinstance(value, dict):
        return {k: _without_nothing(v) for k, v in value.items() if v not in ("", "null", "~", "Null", "NULL")}
    return [_without_nothing(v) for v in value] if isinstance(value, list) else value


def _standing(entry: Entry, folder: Path, start: str | None) -> Standing:
    revision = entry.revision or start
    heads = [revision] if isinstance(revision, str) else revision or []
    return Standing(
        customer=entry.customer,
        heads=tuple(sorted(h for h in heads if h not in ("", "base"))),
        source=_found(str(entry.source), folder) if entry.source else None,
        metadata=_found(entry.metadata, folder) if entry.metadata else "",
        rows={name.removeprefix("public."): n for name, n in entry.rows.items()},
        database=entry.database,
        note=entry.held,
    )


def _found(place: str, folder: Path) -> str:
    """Relative to the file, or else to where the command runs."""
    path = place.rpartition(":")[0] or place
    return str((folder if (folder / path).exists() else Path.cwd()) / place)
