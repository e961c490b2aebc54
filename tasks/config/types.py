"""What fields of `release.yaml` may hold: durations, paths, names, times, addresses; and the base of its sections."""

import datetime
import re
import zoneinfo
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from tasks.yaml_path import Entry, steps

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def _seconds(value: Any) -> Any:
    """`10m`, `90s`, `2h` or a number of seconds -> seconds."""
    if not isinstance(value, str):
        return value
    if not (match := re.fullmatch(r"(\d+)\s*([smhd])", value)):
        raise ValueError(f"{value!r} is not a duration; write 90s, 10m, 2h or 1d")
    return int(match[1]) * UNITS[match[2]]


Duration = Annotated[float, BeforeValidator(_seconds, json_schema_input_type=str | float), Field(ge=0)]

POWERS = {"k": 1, "m": 2, "g": 3}


def _bytes(value: Any) -> Any:
    """`512m`, `3g` or a number of bytes -> bytes; powers of 1024, as the docker program counts."""
    if not isinstance(value, str):
        return value
    if not (match := re.fullmatch(r"(\d+)\s*([kmg])", value.lower())):
        raise ValueError(f"{value!r} is not a size; write 64k, 512m or 3g")
    return int(match[1]) * 1024 ** POWERS[match[2]]


Size = Annotated[int, BeforeValidator(_bytes, json_schema_input_type=str | int)]


def _inside(path: str) -> str:
    """A path that cannot lead out of the folder it is in."""
    if path.startswith("/") or not path or any(part in ("", ".", "..", ".git") for part in path.split("/")):
        raise ValueError("must be a relative path that stays inside, such as services/backend")
    if not path.isprintable():
        raise ValueError("must not contain control characters")
    return path


RelativePath = Annotated[str, AfterValidator(_inside)]
Folder = Annotated[str, AfterValidator(lambda path: path if path == "." else _inside(path))]


def _absolute(path: str) -> str:
    if not path.startswith("/") or not path.isprintable():
        raise ValueError("must be an absolute path")
    return path


AbsolutePath = Annotated[str, AfterValidator(_absolute)]
Place = Annotated[AbsolutePath, StringConstraints(pattern=r"[^/]$")]
ImageName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9.-]+(:\d+)?(/[a-z0-9._-]+)+$")]


DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d")
WEEKLY = re.compile(r"(mon|tue|wed|thu|fri|sat|sun) ([01]\d|2[0-3]):([0-5]\d)")


def is_weekly(time: str) -> bool:
    """Whether a time of a freeze comes every week."""
    return bool(WEEKLY.fullmatch(time))


def _freeze_time(value: Any) -> Any:
    """YAML reads an unquoted date with a time as one."""
    text = value.isoformat(timespec="minutes") if isinstance(value, datetime.datetime) else value
    if isinstance(text, str) and WEEKLY.fullmatch(text.lower()):
        return text.lower()
    try:
        if isinstance(text, str) and DATE.fullmatch(text):
            datetime.datetime.fromisoformat(text)
            return text
    except ValueError:
        pass
    raise ValueError(f"{value!r} is no time; write 2026-12-20T16:00 (in timezone) or fri 15:00")


def _time_zone(name: str) -> str:
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"{name!r} is not in the time zone database; write one such as Europe/Oslo") from None
    return name


FreezeTime = Annotated[str, BeforeValidator(_freeze_time, json_schema_input_type=str)]
TimeZone = Annotated[str, AfterValidator(_time_zone)]


class Section(BaseModel):
    """Base of every part of the file: frozen, and a key that is not known is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


def _readable(path: str) -> str:
    """A path that can be read, and that ends at a value."""
    if isinstance(steps(path)[-1], Entry):
        raise ValueError(f"{path!r} ends at a list entry; add the key in it, such as .image")
    return known_placeholders(path)


def known_placeholders(text: str) -> str:
    """A text in which nothing but {customer} stands in braces. Raises `ValueError`."""
    if unknown := sorted(set(re.findall(r"\{[^}]*\}?", text)) - {"{customer}"}):
        raise ValueError(f"{', '.join(unknown)} in {text!r} stands for nothing; only {{customer}} does")
    return text


YamlPath = Annotated[str, AfterValidator(_readable)]


def _without_credentials(url: str) -> str:
    """An address that can stand in a log: no user, no password."""
    if "@" in urlsplit(url).netloc:
        raise ValueError("must not hold a user or a password; use token_file or token_env")
    return url


ForgeUrl = Annotated[
    str, StringConstraints(pattern=r"^https?://[^/\s?#]+(/[^\s?#]*)?$"), AfterValidator(_without_credentials)
]


def _project(value: Any) -> Any:
    """A project's number is written without quotes, a path has no part that leads elsewhere."""
    if isinstance(value, str) and {".", ".."} & set(value.split("/")):
        raise ValueError("must not have . or .. as a part")
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


Project = Annotated[
    str,
    BeforeValidator(_project, json_schema_input_type=str | int),
    StringConstraints(pattern=r"^(\d+|[\w.-]+(/[\w.-]+)+)$"),
]


def _address(url: str) -> str:
    """A server's address: https, or http where it stays inside a machine or a cluster; never with credentials in it."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.username or parts.password or "@" in parts.netloc:
        raise ValueError("must not contain credentials; name a token_file or a token_env instead")
    if parts.scheme not in ("http", "https") or not host or parts.query or parts.fragment:
        raise ValueError("must be an address such as https://argocd.example.no")
    inside = host in ("localhost", "127.0.0.1", "::1") or host.endswith((".svc", ".svc.cluster.local"))
    if parts.scheme == "http" and not inside:
        raise ValueError("must be https: a token would travel in clear text")
    return url.rstrip("/")


Address = Annotated[str, AfterValidator(_address)]
EnvironmentName = Annotated[str, StringConstraints(pattern=r"^[A-Z_][A-Z0-9_]{0,99}$")]
"""The name of an environment variable, upper case: a token pasted here by mistake does not pass."""

Pattern = Annotated[str, StringConstraints(pattern=r"^(?:[a-z0-9.-]|\{customer\})+$")]
"""Name of a Kubernetes object or namespace in which {customer} may stand."""
