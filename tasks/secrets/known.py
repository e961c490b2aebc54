"""Finds the secrets that this process can read: in its environment, by `release.yaml`, and in the docker client's file."""

import base64
import json
import logging
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import yaml
from pydantic import BaseModel

from tasks.secrets import masking
from tasks.secrets.forms import SHORTEST

log = logging.getLogger(__name__)
NAMES = re.compile(
    r"TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE|AUTH_STRING|CREDENTIAL|API_?KEY|ACCESS_?KEY|PRIVATE_?KEY|ENCRYPTION_KEY|PASS$"
)
PLACES = re.compile(r"(_FILE|_PATH|_DIR|_FOLDER|_ENV|_NAME|_SECONDS|_TTL)$")
"""What these name is where a secret is, or how long it lives."""
TOKEN = re.compile(r"(?=.*\d)(?=.*[A-Za-z])[\w.~%-]{16,}")
USERINFO = re.compile(r"://([^/@\s'\"]*)@")
FILES, VARIABLES = ("secret_file", "token_file", "key_file"), ("secret_env", "token_env")
SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")
LARGEST = 100_000


def learn_all(config: BaseModel | None = None) -> None:
    """Makes known, for masking, every secret that there is now. A file that cannot be read is left to who needs it."""
    found = [*of_environment(os.environ), *of_docker(), *_of_file(SERVICE_ACCOUNT)]
    for place, secret in of_config(config) if config else ():
        found.append(secret)
        if 0 < len(secret.strip()) < SHORTEST:
            log.warning("%s has fewer than %d characters and is not masked", place, SHORTEST)
    masking.learn(*found)


def of_environment(variables: Mapping[str, str]) -> Iterator[str]:
    """Values of variables whose names say secret, the password of `user:password`, and passwords in any address."""
    for name, value in variables.items():
        yield from in_addresses(value)
        if NAMES.search(name.upper()) and not PLACES.search(name.upper()) and not value.startswith("/"):
            yield value
            yield from _password(value)


def in_addresses(text: str) -> Iterator[str]:
    """What stands before the @ of addresses: passwords, and a user that is a token, as forges take one."""
    for found in USERINFO.findall(text):
        user, _, password = found.partition(":")
        for secret in (password, user if TOKEN.fullmatch(user) else ""):
            yield from (secret, unquote(secret))


def of_config(config: BaseModel) -> Iterator[tuple[str, str]]:
    """(place, secret) of everything that `release.yaml` points at, at any depth, and of addresses with a password."""
    for name, value in config:
        for inner in value.values() if isinstance(value, dict) else value if isinstance(value, tuple) else [value]:
            if isinstance(inner, BaseModel):
                yield from of_config(inner)
            elif isinstance(inner, str):
                yield from ((f"{name} {_bare(inner)}", secret) for secret in _of_field(name, inner))


def _of_field(name: str, value: str) -> Iterator[str]:
    yield from in_addresses(value)
    if name in FILES:
        yield from _of_file(Path(value))
    elif name in VARIABLES:
        yield os.environ.get(value, "")
    elif name == "kubeconfig":
        yield from _of_kubeconfig(Path(value))


def _bare(text: str) -> str:
    return USERINFO.sub("://***@", text)


def of_docker() -> Iterator[str]:
    """Passwords and tokens for registries, as `docker login` keeps them without a credential helper."""
    folder = Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker")
    try:
        logins = json.loads("".join(_of_file(folder / "config.json")) or "{}").get("auths", {}).values()
        for login in logins:
            yield from (str(login.get(key) or "") for key in ("auth", "password", "identitytoken", "registrytoken"))
            yield from _password(base64.b64decode(login.get("auth") or "").decode())
    except (ValueError, AttributeError):  # not what docker writes; docker itself will say so
        return


def _of_kubeconfig(path: Path) -> Iterator[str]:
    try:
        users = (yaml.safe_load("".join(_of_file(path))) or {}).get("users") or []
        settings: list[dict[str, Any]] = [user.get("user") or {} for user in users]
        for user in settings:
            key = user.get("client-key-data") or ""
            yield from (str(user.get("token") or ""), str(user.get("password") or ""), key)
            yield base64.b64decode(key).decode()
    except (ValueError, AttributeError, TypeError, yaml.YAMLError):
        return


def _password(pair: str) -> Iterator[str]:
    """The second part of `user:password`; nothing of an address or a JSON text."""
    user, colon, password = pair.partition(":")
    if colon and re.fullmatch(r"[\w.@+-]+", user) and not password.startswith("//"):
        yield password


def _of_file(path: Path) -> Iterator[str]:
    try:
        with path.open(encoding="utf-8") as file:
            yield file.read(LARGEST)
    except (OSError, UnicodeDecodeError):
        return
