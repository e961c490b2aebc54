"""The difference between two contents of a file, as people know it."""

import difflib


def diff(path: str, old: bytes | None, new: bytes) -> str:
    """A unified diff with one line around each change; `old` is None for a file that is not there yet."""
    before = (old or b"").decode("utf-8", "replace").splitlines(keepends=True)
    after = new.decode("utf-8", "replace").splitlines(keepends=True)
    lines = difflib.unified_diff(before, after, f"a/{path}" if old is not None else "/dev/null", f"b/{path}", n=1)
    return "".join(line if line.endswith("\n") else f"{line}\n" for line in lines)
