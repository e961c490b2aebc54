"""What a suite's coverage report says in one figure: the share of lines that ran."""

from pathlib import Path
from xml.etree import ElementTree

MAX_BYTES = 50_000_000


def line_rate(path: Path) -> float | None:
    """0.0 to 1.0, of Cobertura XML (`line-rate`) or lcov (`LH`, `LF`); None of anything else, or without a file."""
    if not path.is_file() or path.stat().st_size > MAX_BYTES:
        return None
    with path.open("rb") as file:
        xml = file.read(200).lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<")
    try:
        rate = _cobertura(path) if xml else _lcov(path)
    except (ElementTree.ParseError, ValueError, LookupError):
        return None
    return rate if rate is not None and 0 <= rate <= 1 else None


def _cobertura(path: Path) -> float | None:
    """The root element says it for all files (https://cobertura.github.io/cobertura/, coverage-04.dtd)."""
    _, root = next(ElementTree.iterparse(path, events=("start",)))  # noqa: S314 - expat limits entity expansion
    return float(root.get("line-rate", "")) if root.tag == "coverage" else None


def _lcov(path: Path) -> float | None:
    """Lines found and hit of each file (geninfo(1), TRACEFILE FORMAT)."""
    found = hit = 0
    with path.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            if line.startswith("LF:"):
                found += int(line[3:])
            elif line.startswith("LH:"):
                hit += int(line[3:])
    return hit / found if found else None
