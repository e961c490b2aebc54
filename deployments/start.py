"""`python -m deployments.start ROLE`: what a container of the compose file or of Kubernetes starts, and `slipway ...` in it.

Secrets come from files, the Prefect server's authentication is looked at, then the role's program takes over.
"""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from deployments.authentication import ALLOW, require_authentication, require_strong, version
from tasks.errors import ReleaseRefused, ServiceUnavailable, SlipwayError

# Settings that are secrets; NAME_FILE names the file that holds NAME.
SECRETS = (
    "PREFECT_API_AUTH_STRING",
    "PREFECT_SERVER_API_AUTH_STRING",
    "PREFECT_SERVER_DATABASE_PASSWORD",
    "PREFECT_SERVER_ENCRYPTION_KEY",
)
COMMAND_LINE = "slipway"
WAIT_SECONDS = 180
LOOK_SECONDS = 1.0


def main(arguments: list[str]) -> int:
    """Starts a role. 1: refused, with the reason on standard error; 2: no such role; 3: the server is not there."""
    role, *rest = arguments or [""]
    if role != COMMAND_LINE and (role not in ROLES or rest):
        sys.stderr.write(f"usage: python -m deployments.start {'|'.join(ROLES)}, or {COMMAND_LINE} COMMAND...\n")
        return 2
    try:
        read_secrets()
        make_folders()
        return _slipway(*rest) if role == COMMAND_LINE else ROLES[role]()
    except SlipwayError as error:
        sys.stderr.write(f"{error}\n")
        return 3 if isinstance(error, ServiceUnavailable) else 1


def read_secrets() -> None:
    """Puts each secret whose file is named into the environment. Raises `ReleaseRefused` for a file that is not there."""
    for name in SECRETS:
        if place := os.environ.pop(f"{name}_FILE", ""):
            try:
                os.environ[name] = Path(place).read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError) as error:
                told = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
                raise ReleaseRefused.because(
                    f"{name} cannot be read: {told}", place, "mount the secret, readable for this user"
                ) from error


def make_folders() -> None:
    """Temporary files of builds are large: they lie on a volume, which is empty at first."""
    if place := os.environ.get("TMPDIR"):
        Path(place).mkdir(parents=True, exist_ok=True)


def server() -> int:
    """The Prefect server; refuses to start without credentials."""
    if os.environ.get(ALLOW) != "1":
        require_strong(os.environ.get("PREFECT_SERVER_API_AUTH_STRING", ""))
    return _become("prefect", "server", "start", "--host", "0.0.0.0", "--port", "4200")  # noqa: S104 - its network is internal


def deploy() -> int:
    """Work pool, deployments, limits and automations; doing it again changes nothing."""
    _require_server()
    return _slipway("server", "apply")


def worker() -> int:
    """A worker that lets its runs end before it stops."""
    from deployments.drain import run_worker

    _require_server()
    return run_worker()


def receiver() -> int:
    """The webhook receiver. It takes deliveries while the server is away, so it does not wait for one to be there."""
    try:
        require_authentication(_api_url())
    except ServiceUnavailable as error:
        sys.stderr.write(f"{error}\ndeliveries are taken all the same\n")
    return _slipway("serve", "--host", "0.0.0.0", "--port", "8000")  # noqa: S104 - its network is internal


def _require_server() -> None:
    """Returns once the server is there, asks for credentials and takes ours."""
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            require_authentication(_api_url())
            version(_api_url(), os.environ.get("PREFECT_API_AUTH_STRING"))
            return
        except ServiceUnavailable:
            if time.monotonic() > deadline:
                raise
            time.sleep(LOOK_SECONDS)


def _api_url() -> str:
    if url := os.environ.get("PREFECT_API_URL"):
        return url
    raise ReleaseRefused.because(
        "no Prefect server is named", "PREFECT_API_URL", "set it, such as http://server:4200/api"
    )


def _slipway(*arguments: str) -> int:
    return _become(sys.executable, "-m", "deployments", *arguments)


def _become(*argv: str) -> int:
    """Puts the program in this process's place, so that signals reach it."""
    os.execvp(argv[0], argv)  # noqa: S606 - an argument list


ROLES: dict[str, Callable[[], int]] = {
    "server": server,
    "deploy": deploy,
    "worker": worker,
    "receiver": receiver,
}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
