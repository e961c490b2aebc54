"""A registry's own API, for what the Docker Engine cannot ask: tags, manifests and blobs of any kind, and taking one away.

Source: OCI Distribution Specification 1.1: Pull, Push, Content Discovery, Content Management.
"""

import re
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from tasks.errors import RateLimited, ReleaseRefused, ServiceUnavailable
from tasks.images.registry_login import HUB, basic, login_of, scheme_of
from tasks.models import Reason

if TYPE_CHECKING:
    import httpx

SECONDS = 30
WHOLE_SECONDS = 60
MOST_BYTES = 4 * 1024 * 1024  # what the specification lets a manifest have at most
PATIENCE_SECONDS = 5.0  # with a registry that says 429; one that asks for more is waited for by the step
ENCODING = (b"content-encoding", b"content-length", b"transfer-encoding")
PAGES = 200
INDEXES = ("application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json")
MANIFESTS = ("application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json")
DIGEST = re.compile("sha256:[0-9a-f]{64}")
API = f"registry-1.{HUB}"  # where Docker Hub answers the registry API


class Manifest(NamedTuple):
    """What stands behind a tag or a digest; `children` are the platforms' manifests of an index."""

    digest: str
    children: tuple[str, ...]


class Repository:
    """One image repository, reached with the login that Docker has for its registry."""

    def __init__(self, name: str) -> None:
        """`name` as `release.yaml` has it: registry, then path."""
        import httpx

        self.name = name
        self.host, _, self._path = name.partition("/")
        self._login = login_of(self.host)
        self._client = httpx.Client(
            base_url=f"{scheme_of(self.host)}://{API if self.host == HUB else self.host}/v2/{self._path}/",
            timeout=SECONDS,
            follow_redirects=False,  # a login must not follow one to another host
        )

    def __enter__(self) -> "Repository":
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def tags(self) -> Iterator[str]:
        """Every tag, page by page; none when the registry does not know the repository."""
        where = "tags/list?n=1000"
        for _ in range(PAGES):
            answer = self._ask("GET", where, right="pull")
            if answer.status_code == 404:
                return
            yield from self._json(answer).get("tags") or ()
            if not (following := answer.links.get("next", {}).get("url")):
                return
            where = f"tags/list?{following.partition('?')[2]}"  # only the question is taken over, not the address
        raise ServiceUnavailable.because(f"more than {PAGES} pages of tags", self.name, "see the registry's answers")

    def manifest(self, reference: str) -> Manifest | None:
        """The manifest behind a tag or digest; None when it is not there."""
        answer = self._ask("GET", f"manifests/{reference}", right="pull")
        if answer.status_code == 404:
            return None
        digest = reference if DIGEST.fullmatch(reference) else answer.headers.get("Docker-Content-Digest", "")
        if not DIGEST.fullmatch(digest):
            raise ServiceUnavailable.because("a manifest without its digest", f"{self.name}:{reference}")
        children = (m.get("digest", "") for m in self._json(answer).get("manifests") or ())
        return Manifest(digest, tuple(c for c in children if DIGEST.fullmatch(c)))

    def content(self, digest: str) -> bytes | None:
        """The manifest's own bytes, as the registry hands them out; None when it is not there."""
        answer = self._ask("GET", f"manifests/{digest}", right="pull")
        return None if answer.status_code == 404 else answer.content

    def has_blob(self, digest: str) -> bool:
        """Whether the registry has a layer or a configuration; it may say so by pointing to another place."""
        return self._ask("HEAD", f"blobs/{digest}", right="pull").status_code != 404

    def delete(self, digest: str) -> bool:
        """Takes a manifest away with every tag that names it; False when it was gone already.

        Raises `ReleaseRefused` when the registry does not do that, or not for this login.
        """
        answer = self._ask("DELETE", f"manifests/{digest}", right="pull,delete")
        if answer.status_code == 405:
            raise ReleaseRefused.because(
                "the registry deletes nothing",
                self.host,
                "allow it there (`storage.delete.enabled: true`), or set nightly.unused_images: list",
            )
        return answer.status_code != 404

    def _ask(self, method: str, where: str, right: str, also: tuple[int, ...] = (), **more: Any) -> "httpx.Response":
        """The answer, with a token when the registry asks for one. 404, 405 and those in `also` are answers, too."""
        answer = self._send(method, where, **more)
        if answer.status_code == 401:
            self._client.headers["Authorization"] = self._authorization(answer, right)
            answer = self._send(method, where, **more)
        if (
            answer.status_code == 429
            and (pause := retry_after(answer.headers.get("Retry-After", ""))) <= PATIENCE_SECONDS
        ):
            time.sleep(pause)
            answer = self._send(method, where, **more)
        if answer.is_success or answer.status_code in (404, 405, *also):
            return answer
        if method == "HEAD" and answer.has_redirect_location:  # it is there, in a store of its own
            return answer
        said = f"HTTP {answer.status_code}"
        if answer.status_code == 429:
            raise rate_limited(self.name, retry_after(answer.headers.get("Retry-After", "")))
        if answer.status_code in (401, 403):
            raise ReleaseRefused.because(
                f"the registry does not allow it ({said})",
                self.name,
                f"`docker login {self.host}` with the right to {right}",
            )
        raise ServiceUnavailable.because(
            f"the registry did not answer well: {said}", f"{self.name}, {where}", "see its log"
        )

    def _send(self, method: str, where: str, headers: dict[str, str] | None = None, **more: Any) -> "httpx.Response":
        import httpx

        accepted = {"Accept": ", ".join((*INDEXES, *MANIFESTS)), **(headers or {})}
        try:
            return self._whole(self._client, method, where, headers=accepted, **more)
        except httpx.RequestError as error:  # what is packed otherwise than it says, too
            raise ServiceUnavailable.because(
                f"the registry did not answer: {error or type(error).__name__}", self.name, "check that it runs"
            ) from error

    def _whole(self, client: "httpx.Client", method: str, where: Any, **more: Any) -> "httpx.Response":
        """The answer with its body, as far as any of ours is long, and as long as anybody waits for it."""
        import httpx

        until, body = time.monotonic() + WHOLE_SECONDS, bytearray()
        with client.stream(method, where, **more) as answer:
            for piece in answer.iter_bytes():
                body += piece
                if len(body) > MOST_BYTES or time.monotonic() > until:
                    raise ServiceUnavailable.because(
                        f"an answer of more than {MOST_BYTES:,} bytes or {WHOLE_SECONDS} s", self.name, "see its log"
                    )
        plain = [(k, v) for k, v in answer.headers.raw if k.lower() not in ENCODING]  # whatever bytes they are
        return httpx.Response(answer.status_code, headers=plain, content=bytes(body), request=answer.request)

    def _json(self, answer: "httpx.Response") -> dict[str, Any]:
        try:
            value = answer.json()
        except (ValueError, RecursionError) as error:
            raise ServiceUnavailable.because(
                "an answer that is not JSON", self.name, "see the registry's log"
            ) from error
        return value if isinstance(value, dict) else {}

    def _authorization(self, answer: "httpx.Response", right: str) -> str:
        """The header that the registry asks for: Basic, or the token of the server that it names (Bearer)."""
        import httpx

        kind, _, rest = answer.headers.get("WWW-Authenticate", "").partition(" ")
        asked = dict(re.findall(r'(\w+)="([^"]*)"', rest))
        if kind.lower() != "bearer":
            return basic(*self._login) if self._login else ""
        scope = asked.get("scope") or f"repository:{self._path}:{right}"
        question = {"service": asked.get("service", ""), "scope": scope}
        try:
            given = httpx.get(asked.get("realm", ""), params=question, auth=self._login, timeout=SECONDS)
            token = self._json(given).get("token") or self._json(given).get("access_token") if given.is_success else ""
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise ServiceUnavailable.because(f"no token for the registry: {type(error).__name__}", self.name) from error
        return f"Bearer {token}" if token else ""


def rate_limited(where: str, seconds: float) -> RateLimited:
    """The error for a registry that wants fewer requests."""
    reason = Reason(
        what="the registry wants fewer requests (HTTP 429)",
        where=where,
        next_step=f"wait {seconds:.0f} s and retry; `docker login`, or a mirror of your own, raises the limit",
    )
    return RateLimited(reason, retry_after_seconds=seconds)


def retry_after(header: str) -> float:
    """Seconds that a `Retry-After` asks for, 300 at most; a minute where it says nothing that can be read."""
    return min(float(header), 300.0) if header.isdecimal() else 60.0
