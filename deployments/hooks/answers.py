"""The ways in which a delivery ends other than accepted, and how an error is told: problem+json (RFC 9457)."""

from http import HTTPStatus

from fastapi.responses import JSONResponse

CLOSE = {"Connection": "close"}
"""The rest of a body that nobody wants must not come: the connection ends with the answer."""


class Ignored(Exception):
    """A delivery in order that starts nothing; its text says why."""


class Rejected(Exception):
    """A delivery that is not in order: HTTP status and what is wrong, without a word about the configuration."""

    def __init__(self, status: int, title: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(title)
        self.status, self.title, self.headers = status, title, headers


def problem(status: int, title: str = "", headers: dict[str, str] | None = None) -> JSONResponse:
    """An error as JSON; without a title the status's own words."""
    content = {"title": title or HTTPStatus(status).phrase, "status": status}
    return JSONResponse(content, status, headers, media_type="application/problem+json")
