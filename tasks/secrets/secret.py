"""Reads a secret from where `release.yaml` says it is; read anew each time, so that it can be changed while we run."""

import os
from pathlib import Path

from tasks.config.operate import Secret
from tasks.errors import ConfigInvalid
from tasks.secrets.masking import learn


def read_secret(place: Secret, purpose: str, shortest: int = 1) -> str:
    """The secret, without white space around it. `purpose` says what for, such as `the webhook`.

    Raises `ConfigInvalid` when there is none, when it has control characters, or fewer than `shortest` characters; never shows it.
    """
    where = place.secret_file or f"${place.secret_env}"
    secret = _from_file(Path(place.secret_file), purpose) if place.secret_file else _from_environment(place)
    return _checked(secret, where, purpose, shortest)


def read_secrets(place: Secret, purpose: str, shortest: int = 1) -> tuple[str, ...]:
    """Every secret that counts, one a line, so that a new one can be added before the old one is taken away.

    Raises `ConfigInvalid` as `read_secret`, for the first line that is no secret.
    """
    where = place.secret_file or f"${place.secret_env}"
    text = _from_file(Path(place.secret_file), purpose) if place.secret_file else _from_environment(place)
    lines = [line.strip() for line in text.split("\n")]
    secrets = [_checked(line, where, purpose, shortest) for line in lines if line]
    return tuple(secrets) or (_checked("", where, purpose, shortest),)


def _checked(secret: str, where: str, purpose: str, shortest: int) -> str:
    if not secret:
        raise ConfigInvalid.because(f"there is no secret for {purpose}", where, "put the secret there; it is empty now")
    if not secret.isprintable():
        raise ConfigInvalid.because(
            f"the secret for {purpose} has control characters", where, "put the secret there as one line"
        )
    if len(secret) < shortest:
        raise ConfigInvalid.because(
            f"the secret for {purpose} is too short",
            where,
            f"use at least {shortest} characters: `openssl rand -hex 32` makes one",
        )
    learn(secret)
    return secret


def _from_environment(place: Secret) -> str:
    return os.environ.get(place.secret_env or "", "").strip()


def _from_file(path: Path, purpose: str) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ConfigInvalid.because(
            f"the secret for {purpose} cannot be read: {error.strerror}",
            str(path),
            "mount the file or correct secret_file",
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigInvalid.because(
            f"the secret for {purpose} is not UTF-8", str(path), "put the secret there as one line of text"
        ) from error
