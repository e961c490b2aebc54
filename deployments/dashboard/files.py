"""Files of failed tests, as the suites left them under `runs` of the Slipway home of this machine: to be looked at, nothing more.

Tests wrote them, so a browser is told to run nothing of them: fixed types, a sandbox, HTML and SVG as text.
"""

import re
from pathlib import Path
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from tasks.secrets.masking import mask
from tasks.suites import kept

SHOWN = {
    **dict.fromkeys((".log", ".txt", ".xml", ".json", ".md", ".csv", ".yaml", ".yml", ".html", ".svg"), "text/plain"),
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".gif": "image/gif",
    ".webp": "image/webp",
    ".webm": "video/webm",
    ".mp4": "video/mp4",
}
PACKED = ("application/octet-stream", *(t for t in SHOWN.values() if not t.startswith("text/")))
"""What is not compressed once more."""
MAX_BYTES = 200_000_000
TEXT_BYTES = 5_000_000
RUN = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,99}")
POLICY = "sandbox; default-src 'none'; img-src 'self'; media-src 'self'; style-src 'unsafe-inline'"
HEADERS = {"content-security-policy": POLICY, "cache-control": "private, no-cache", "x-content-type-options": "nosniff"}


def find(run: str, path: str) -> Path:
    """A regular file of a run. Raises 404 for everything else, such as a way out of the run's folder or over a link."""
    parts = path.split("/")
    if not RUN.fullmatch(run) or any(p in ("", ".", "..") or "\0" in p or "\\" in p for p in parts):
        raise HTTPException(404)
    file = (kept.runs() / run).resolve().joinpath(*parts)
    try:
        there = file.resolve(strict=True) == file and file.is_file()
    except (OSError, RuntimeError, ValueError):
        there = False
    if not there:
        raise HTTPException(404)
    return file


def answer(request: Request) -> Response:
    """One file: text and pictures to look at, anything else to take away."""
    file = find(request.path_params["run"], request.path_params["path"])
    kind, size = SHOWN.get(file.suffix.lower(), "application/octet-stream"), file.stat().st_size
    if kind == "text/plain":
        return Response(_text(file, size), media_type=kind, headers=HEADERS)
    if size > MAX_BYTES:
        raise HTTPException(413)
    # Its name was chosen by tests: the browser gets one of plain letters.
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", file.name)[-100:]
    disposition = "inline" if kind in SHOWN.values() else "attachment"
    return FileResponse(file, media_type=kind, filename=name, content_disposition_type=disposition, headers=HEADERS)


def _text(file: Path, size: int) -> str:
    """The text, masked once more; of a very long one the end."""
    with file.open("rb") as source:
        source.seek(max(0, size - TEXT_BYTES))
        text = source.read(TEXT_BYTES).decode(errors="replace")
    left_out = f"(the first {size - TEXT_BYTES} bytes are left out)\n" if size > TEXT_BYTES else ""
    return left_out + mask(text)


def listed(run: str) -> list[dict[str, Any]]:
    """Each suite's attempts with their files: name, address below the run's, size in bytes. Raises 404 for a run without any."""
    folder = kept.runs() / run
    if not RUN.fullmatch(run) or not folder.is_dir() or folder.is_symlink():
        raise HTTPException(404)
    attempts = sorted(p for p in folder.iterdir() if p.is_dir() and not p.is_symlink())
    found = [{"name": p.name, "files": [_file(folder, f) for f in kept.files(p)]} for p in attempts]
    return [attempt for attempt in found if attempt["files"]]


def _file(folder: Path, file: str) -> dict[str, Any]:
    path = file.partition("/")[2]
    return {"name": path.partition("/")[2], "path": path, "bytes": (folder / path).stat().st_size}
