"""Pictures of failed tests, small enough to be put on the run's page."""

import base64
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from tasks.models import SuiteResult
from tasks.suites import kept

KINDS = {".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg"}
BEGINNINGS = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")
MAX_BYTES = 250_000
MOST = 4


def pictures(suites: Sequence[SuiteResult]) -> dict[str, str]:
    """Kept file -> `data:` address of the first few screenshots that are on this machine and not too large.

    Of two attempts that left the same one the first counts: of a flaky test the other has none.
    """
    named = {(s.name, _place(f)): f for s in suites for f in reversed(s.kept) if Path(f).suffix.lower() in KINDS}
    found = ((f, data) for f in sorted(named.values()) if (data := _small(kept.runs() / f)))
    return {
        f: f"data:{KINDS[Path(f).suffix.lower()]};base64,{base64.b64encode(data).decode()}"
        for f, data in islice(found, MOST)
    }


def _place(file: str) -> str:
    """The file within its attempt: `RUN/e2e-smoke-2/artifacts/a.png` is the same picture as that of `e2e-smoke`."""
    return file.partition(f"/{kept.ARTIFACTS}/")[2] or file


def _small(path: Path) -> bytes:
    """The picture; empty for one that is large, gone, or only named like one."""
    try:
        data = path.read_bytes() if path.stat().st_size <= MAX_BYTES else b""
    except OSError:
        return b""
    return data if data.startswith(BEGINNINGS) else b""
