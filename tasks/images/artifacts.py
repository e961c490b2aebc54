"""Small things in a registry that are no images: their manifests and blobs, read and written.

Source: OCI Distribution Specification 1.1, Pull, and Push ("Pushing Blobs", "POST then PUT"; "Pushing Manifests").
"""

import hashlib
from typing import TYPE_CHECKING

from tasks.errors import ServiceUnavailable
from tasks.images.registry_api import DIGEST, SECONDS, Repository

if TYPE_CHECKING:
    import httpx

REDIRECTS = (301, 302, 303, 307, 308)


class Artifacts(Repository):
    """What stands beside the images of one repository."""

    def raw_manifest(self, reference: str) -> tuple[bytes, str] | None:
        """A manifest's own bytes and media type; None when it is not there. Raises `ServiceUnavailable` for other bytes than it says."""
        answer = self._ask("GET", f"manifests/{reference}", right="pull")
        if answer.status_code == 404:
            return None
        said = reference if DIGEST.fullmatch(reference) else answer.headers.get("Docker-Content-Digest", "")
        self._require(said or digest_of(answer.content), answer.content)
        return answer.content, answer.headers.get("Content-Type", "")

    def blob(self, digest: str) -> bytes | None:
        """A small blob, seen to be the one; None when it is not there. Where it is kept elsewhere the login does not go."""
        answer = self._ask("GET", f"blobs/{digest}", right="pull", also=REDIRECTS)
        if answer.status_code in REDIRECTS:
            answer = self._elsewhere(answer.headers.get("Location", ""))
        if answer.status_code == 404:
            return None
        self._require(digest, answer.content)
        return answer.content

    def push_blob(self, content: bytes) -> str:
        """Uploads a blob, POST then PUT, and returns its digest."""
        import httpx

        digest = digest_of(content)
        begun = self._ask("POST", "blobs/uploads/", right="pull,push")
        try:
            place = self._client.base_url.join(begun.headers.get("Location", ""))
        except httpx.InvalidURL as error:
            raise self._does_not_take(begun) from error
        if not begun.is_success or place.host != self._client.base_url.host:  # the login would go with it
            raise self._does_not_take(begun)
        where = place.copy_merge_params({"digest": digest})
        kind = {"Content-Type": "application/octet-stream"}
        done = self._ask("PUT", str(httpx.URL(where)), right="pull,push", content=content, headers=kind)
        if not done.is_success:
            raise self._does_not_take(done)
        return digest

    def push_manifest(self, tag: str, content: bytes, media_type: str) -> str:
        """Puts a manifest under a tag and returns its digest. Raises `ServiceUnavailable` when the registry says another one."""
        kind = {"Content-Type": media_type}
        done = self._ask("PUT", f"manifests/{tag}", right="pull,push", content=content, headers=kind)
        if not done.is_success:
            raise self._does_not_take(done)
        self._require(done.headers.get("Docker-Content-Digest") or digest_of(content), content)
        return digest_of(content)

    def _does_not_take(self, answer: "httpx.Response") -> ServiceUnavailable:
        return ServiceUnavailable.because(f"the registry does not take it: HTTP {answer.status_code}", self.name)

    def _require(self, digest: str, content: bytes) -> None:
        if digest != digest_of(content):
            raise ServiceUnavailable.because(
                "the registry's answer is not what its digest says", f"{self.name}@{digest[:80]}", "see its log"
            )

    def _elsewhere(self, address: str) -> "httpx.Response":
        import httpx

        try:
            with httpx.Client(timeout=SECONDS) as client:
                return self._whole(client, "GET", self._client.base_url.join(address))
        except (httpx.RequestError, httpx.InvalidURL) as error:
            raise ServiceUnavailable.because(
                f"where it keeps its blobs did not answer: {type(error).__name__}", self.name
            ) from error


def digest_of(content: bytes) -> str:
    """What a registry calls these bytes."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
