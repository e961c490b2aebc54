"""How a registry is reached: with the login that Docker has for it, by https unless the Engine knows better."""

import base64
import re

from tasks.containers import engine
from tasks.errors import ServiceUnavailable

HUB = "docker.io"


def basic(user: str, password: str) -> str:
    """The header of a login by name and password."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def login_of(host: str) -> tuple[str, str] | None:
    """User and password of `docker login`, from Docker's configuration or the credential store that it names."""
    from docker.auth import INDEX_NAME, AuthConfig
    from docker.errors import DockerException

    try:
        known = AuthConfig.load_config(None, None).resolve_authconfig(INDEX_NAME if host == HUB else host)
    except DockerException as error:
        raise ServiceUnavailable.because(
            f"Docker's credentials cannot be read: {type(error).__name__}", "DOCKER_CONFIG", "`docker login` again"
        ) from error
    user, password = (known or {}).get("username") or "", (known or {}).get("password") or ""
    return (user, password) if user and password else None


def scheme_of(host: str) -> str:
    """http for a registry of this machine and where the Engine is told so, as `docker push` does it."""
    if re.fullmatch(r"(localhost|127(\.\d+){3})(:\d+)?", host):
        return "http"
    indexes = (engine().info().get("RegistryConfig") or {}).get("IndexConfigs") or {}
    return "https" if (indexes.get(host) or {}).get("Secure", True) else "http"
