"""What values are made of: names, ids, digests, keys, and why something was refused."""

import hashlib
import json
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, StringConstraints

CommitId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{40}$")]
"""A commit of the app, 40 hex digits. Order is ancestry on main's first-parent line, never time."""

Digest = Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]
"""What an image is, as the registry answered it: `sha256:` and 64 hex digits."""

Key = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
"""What a content or a check is found by: SHA-256 over everything that it depends on, 64 hex digits."""


def key_of(parts: Mapping[str, Any]) -> str:
    """The key of these parts: SHA-256 over their JSON, with sorted keys and nothing between (RFC 8785, but for numbers)."""
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


NAME = r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"
Name = Annotated[str, StringConstraints(pattern=NAME)]
"""A DNS label: customers, components, rings."""


class Value(BaseModel):
    """Base of everything here: frozen, and unknown fields are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Reason(Value):
    """Why something was refused: what happened, where, and what to do next."""

    what: str
    where: str = ""
    next_step: str = ""

    def __str__(self) -> str:
        lines = [self.what]
        lines += [f"  where: {self.where}"] if self.where else []
        lines += [f"  next:  {self.next_step}"] if self.next_step else []
        return "\n".join(lines)
