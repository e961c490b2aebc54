"""Where a component's image stands in a customer's file: which scalar, which digest it names, what it becomes."""

import re
from dataclasses import dataclass

from tasks.command import printable
from tasks.config import Target
from tasks.gitops.document import CannotEdit, Document, KeyMissing, Scalar, Select, Steps, spell, steps
from tasks.models import Image

DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
REFERENCE = re.compile(
    r"([a-z0-9.-]+(:\d+)?/)?[a-z0-9._/-]+"  # registry and repository
    r"(:\w[\w.-]{0,127})?(@(?P<digest>sha256:[0-9a-f]{64}))?",
    re.ASCII,
)


@dataclass(frozen=True)
class Place:
    """One component's image in one file; `digest` is '' while only a tag stands there."""

    path: str
    key: str
    scalar: Scalar
    digest: str
    bare: bool

    def becomes(self, image: Image) -> str:
        """The value that names this image in the form that stands there."""
        return image.digest if self.bare else image.reference


def find_place(path: str, document: Document, target: Target) -> Place:
    """Finds the image in a file. Raises `CannotEdit` saying what is missing or what the value should be."""
    if target.image is not None:
        return _kustomize(path, document, target.image)
    way = steps(target.path or "")
    return _place(path, way, document.find(way), only_digest=False)


def _kustomize(path: str, document: Document, image: str) -> Place:
    entry: Steps = ("images", Select("name", image))
    way: Steps = (*entry, "digest")
    try:
        return _place(path, way, document.find(way), only_digest=True)
    except KeyMissing as error:
        what = "has only a newTag" if _has(document, (*entry, "newTag")) else "has no digest to update"
        raise CannotEdit.because(
            f"image {image} {what}", f"key {spell(way)}", "add a digest key with the running digest, or 64 zeros"
        ) from error


def _has(document: Document, way: Steps) -> bool:
    try:
        document.find(way)
    except CannotEdit:
        return False
    return True


def _place(path: str, way: Steps, scalar: Scalar, *, only_digest: bool) -> Place:
    if DIGEST.fullmatch(scalar.value):
        return Place(path, spell(way), scalar, scalar.value, bare=True)
    match = None if only_digest else REFERENCE.fullmatch(scalar.value)
    # Without a colon it is a bare tag, or a repository whose tag stands elsewhere: a digest here would break both.
    if match is None or ":" not in scalar.value.rpartition("/")[2]:
        raise CannotEdit.because(
            f"{printable(scalar.value[:80])!r} is not a digest" + ("" if only_digest else " or an image reference"),
            f"key {spell(way)}",
            "write sha256:... there" + ("" if only_digest else ", or the whole reference, repository@sha256:..."),
        )
    return Place(path, spell(way), scalar, match["digest"] or "", bare=False)
