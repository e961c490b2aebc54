"""The digests that an application's pods run, as Argo CD knows them.

Argo CD keeps the images of pod *specifications*, not what a node reports (Source: argo-cd `controller/cache/info.go`,
populatePodInfo). A pod that names its image by digest can run no other, so such a reference is believed; one by tag
says nothing of what runs, and then `rollout.kubernetes` must look at the pods themselves.

`status.summary.images`, the images of all pods of the application, comes with the application and is asked first.
Only when it shows more than the planned digest is the resource tree read: it tells whose pod an image is, so that a
finished Job of the release before does not count as an old pod.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from tasks.rollout.image_reference import digest_of, repository_of
from tasks.rollout.sight import short

FINISHED = ("Completed", "Succeeded", "Error", "Failed", "Evicted", "OOMKilled")
Planned = Mapping[str, tuple[str, str]]
"""Component -> (repository as pods name it, planned digest)."""


def differences(images: Iterable[str], planned: Planned) -> str:
    """In words what runs that was not planned, or does not run that was; empty when all is as planned."""
    images = list(images)
    return "; ".join(words for component in planned if (words := _difference(images, component, *planned[component])))


def _difference(images: list[str], component: str, repository: str, digest: str) -> str:
    ours = [i for i in images if repository_of(i) == repository_of(repository)]
    other = sorted({i for i in ours if digest_of(i) != digest})
    tags = [i for i in other if digest_of(i) is None]
    if not ours:
        return f"{component}: no pod has an image of {repository}"
    if tags:
        return f"{component} runs {tags[0]}, a tag, which does not tell its digest"
    if other:
        left = ", ".join(short(digest_of(i) or i) for i in other)
        beside = len(other) < len(set(ours))
        return f"{component} {'still ' if beside else ''}runs {left}{' beside' if beside else ' instead of'} {short(digest)}"
    return ""


def serving_images(tree: Mapping[str, Any]) -> list[str]:
    """The images of the pods that serve: pods of Jobs and pods that ended are left out."""
    return [image for node in tree.get("nodes") or [] if _serves(node) for image in node.get("images") or []]


def _serves(node: Mapping[str, Any]) -> bool:
    reason = next((i.get("value", "") for i in node.get("info") or [] if i.get("name") == "Status Reason"), "")
    of_a_job = any(parent.get("kind") == "Job" for parent in node.get("parentRefs") or [])
    return node.get("kind") == "Pod" and not of_a_job and reason not in FINISHED
