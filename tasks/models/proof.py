"""What a suite's verdict depends on, and which run a result comes from."""

import datetime
import re
from typing import Any

from pydantic import Field

from tasks.models.values import Name, Value, key_of

URL = r"^(https?://[A-Za-z0-9._~:/?#@&+,;=%-]{1,500})?$"


class ReusedFrom(Value):
    """The run that a result comes from. Read from a registry and shown to people, so it is held to plain characters."""

    run: str = Field(pattern=r"^[A-Za-z0-9._-]{1,100}$", description="id of the Prefect flow run")
    url: str = Field(pattern=URL, description="where people see it; empty when its address could not be shown safely")
    at: str = Field(pattern=r"^[0-9T:.Z+-]{10,40}$", description="when it passed, ISO 8601, UTC")

    @classmethod
    def now(cls, run: str, url: str) -> "ReusedFrom":
        """Of a result that has just come."""
        at = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        return cls(run=run, url=url if re.fullmatch(URL, url) else "", at=at)

    def __str__(self) -> str:
        return f"{self.url or self.run} ({self.at[:10]})"


class Claim(Value):
    """That a suite passes for exactly these parts: content, settings, images of its services."""

    component: Name
    suite: Name
    repository: str = Field(description="image repository that the record stands in")
    beside: str = Field(description="tag of the image that the record is kept as long as")
    parts: dict[str, Any] = Field(description="everything that the verdict depends on")

    @property
    def key(self) -> str:
        """SHA-256 over the parts."""
        return key_of(self.parts)

    @property
    def tag(self) -> str:
        """The record's own tag; it begins with the image's, so that whoever tidies up sees what it belongs to."""
        return f"{self.beside}.evidence-{self.key[:40]}"

    @property
    def name(self) -> str:
        """The suite as people call it."""
        return f"{self.component} {self.suite}"
