"""Image references as manifests, pods and container runtimes write them."""

import re

DIGEST = re.compile(r"sha256:[0-9a-f]{64}$")
PREFIXES = ("docker-pullable://", "docker://", "containerd://", "cri-o://")


def digest_of(reference: str) -> str | None:
    """The digest of `repository@sha256:…` or `repository:tag@sha256:…`; None for a reference by tag."""
    _, at, digest = reference.rpartition("@")
    return digest if at and DIGEST.match(digest) else None


def repository_of(reference: str) -> str:
    """The repository without tag and digest; Docker Hub's short names in full, as runtimes report them."""
    name = _bare(reference).partition("@")[0]
    head, slash, last = name.rpartition("/")
    name = head + slash + last.partition(":")[0]
    first, slash, _ = name.partition("/")
    if not slash:
        return f"docker.io/library/{name}"
    return name if "." in first or ":" in first or first == "localhost" else f"docker.io/{name}"


def running_digest(image_id: str) -> str | None:
    """The manifest's digest in a pod's `imageID`; None when it names the image's configuration only.

    containerd and CRI-O: `repository@sha256:…`. Docker by cri-dockerd: `docker-pullable://repository@sha256:…`. A bare
    `sha256:…` or `docker://sha256:…` is the digest of the image's configuration, which no registry knows it by: the
    image was loaded on the node and not pulled. Source: Kubernetes API reference, ContainerStatus; cri-dockerd
    `core/convert.go`; containerd `internal/cri/server/container_status.go`.
    """
    return digest_of(_bare(image_id))


def _bare(reference: str) -> str:
    for prefix in PREFIXES:
        reference = reference.removeprefix(prefix)
    return reference
