"""The registry, asked as a build asks it: read, push (an upload is begun and taken back), and delete where images are deleted.

Source: OCI Distribution Specification 1.1, "Pushing Blobs", "Content Management"; the token by the Docker registry's
"Token Authentication Specification".
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin

import httpx

from deployments.doctor import clock
from deployments.doctor.finding import Finding, ok, wrong
from tasks.config.model import Config
from tasks.containers import engine
from tasks.errors import ServiceUnavailable
from tasks.images import registry

ANSWER_SECONDS = 10
# A digest that no content has: a delete of it finds nothing, but is allowed or refused as any other.
NOBODYS = "sha256:" + "0" * 64
CHALLENGE = re.compile(r'(\w+)="([^"]*)"')
LOGIN = "see that `docker login` was done for it, in the folder that DOCKER_CONFIG names"


@dataclass(frozen=True)
class Place:
    """One image repository of one registry."""

    base: str
    name: str
    credentials: tuple[str, str] | None


def look(config: Config) -> Iterator[Finding]:
    """Each registry once, by the first component whose images it holds; the worker's Engine reads for all."""
    firsts: dict[str, str] = {}
    for component in config.components.values():
        firsts.setdefault(component.image.partition("/")[0], component.image)
    for image in firsts.values():
        yield _by_engine(image)
        yield from _asked(_place(image), delete=config.nightly.unused_images == "delete")


def _by_engine(image: str) -> Finding:
    """The Engine reads with its own trust and mirrors; that there is no such tag is an answer, too."""
    area = "registry"
    registry.find(f"{image}:slipway-doctor")
    return ok(area, f"the Engine reaches {image.partition('/')[0]}")


def _asked(place: Place, delete: bool) -> Iterator[Finding]:
    area, where = "registry", f"{place.base}/v2/{place.name}"
    with httpx.Client(timeout=ANSWER_SECONDS) as client:
        try:
            read = _ask(client, place, "GET", f"{where}/tags/list", "pull")
            yield from clock.compare(area, "the registry", read.headers)
            yield _told(area, read.status_code in (200, 404), f"{place.name} can be read", read)
            begun = _ask(client, place, "POST", f"{where}/blobs/uploads/", "pull,push")
            yield _told(area, begun.status_code == 202, f"{place.name} can be pushed (begun and taken back)", begun)
            if begun.status_code == 202 and (upload := begun.headers.get("location")):
                _ask(client, place, "DELETE", urljoin(where, upload), "pull,push")
            if delete:
                gone = _ask(client, place, "DELETE", f"{where}/manifests/{NOBODYS}", "delete")
                yield _told(area, gone.status_code in (202, 404), f"images of {place.name} can be deleted", gone)
        except httpx.TransportError as error:
            yield wrong(
                area, f"{place.base} does not answer: {type(error).__name__}", "check the address and the network"
            )


def _told(area: str, good: bool, what: str, answer: httpx.Response) -> Finding:
    if good:
        return ok(area, what)
    steps = {405: "set storage.delete.enabled in the registry", 401: LOGIN, 403: "give the account the right to do it"}
    next_step = steps.get(answer.status_code, "see the registry's log")
    return wrong(area, f"it is not so that {what}: HTTP {answer.status_code}", next_step)


def _ask(client: httpx.Client, place: Place, method: str, url: str, actions: str) -> httpx.Response:
    """One request, again with credentials where the registry asks for them."""
    answer = client.request(method, url)
    if answer.status_code != 401:
        return answer
    scheme, _, rest = answer.headers.get("www-authenticate", "").partition(" ")
    if scheme.lower() == "bearer":
        token = _token(client, place, dict(CHALLENGE.findall(rest)), actions)
        return client.request(method, url, headers={"Authorization": f"Bearer {token}"})
    return client.request(method, url, auth=place.credentials) if place.credentials else answer


def _token(client: httpx.Client, place: Place, challenge: dict[str, str], actions: str) -> str:
    scope = f"repository:{place.name}:{actions}"
    query = {"service": challenge.get("service", ""), "scope": scope}
    answer = client.get(challenge.get("realm", ""), params=query, auth=place.credentials)
    if answer.status_code != 200:
        raise ServiceUnavailable.because(
            f"the registry gives no token: HTTP {answer.status_code}",
            place.base,
            f"{LOGIN}; its password may have changed",
        )
    document: dict[str, Any] = answer.json()
    return str(document.get("token") or document.get("access_token") or "")


def _place(image: str) -> Place:
    """Where the image's registry is, by plain HTTP where the Engine takes it so, with the credentials that the Engine's client has."""
    from docker.auth import load_config, resolve_repository_name
    from docker.errors import DockerException

    host, name = resolve_repository_name(image)
    try:
        found = load_config().resolve_authconfig(host) or {}
    except DockerException as error:  # a credential helper that is not installed
        raise ServiceUnavailable.because(f"the login cannot be read: {error}", host, LOGIN) from error
    user, password = found.get("Username") or found.get("username"), found.get("Password") or found.get("password")
    if host == "docker.io":
        host, name = f"registry-1.{host}", name if "/" in name else f"library/{name}"
    scheme = "http" if _is_plain(host) else "https"
    return Place(f"{scheme}://{host}", name, (user, password) if user and password else None)


def _is_plain(host: str) -> bool:
    """As the Engine decides: registries of this machine, and those that it was told to trust without a certificate."""
    settings = engine().info().get("RegistryConfig", {}).get("IndexConfigs", {}).get(host)
    named = settings is not None and not settings.get("Secure", True)
    return named or host.partition(":")[0] in ("localhost", "127.0.0.1")
