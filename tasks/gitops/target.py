"""What a target of `release.yaml` means in one file: the values to set, each in the form that stands there now."""

import re
from collections.abc import Iterator

import yaml

from tasks.config import Target
from tasks.gitops.yaml_bytes import CannotEdit, Document, Hit, Scalar, children, under
from tasks.models import Image

DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
TAG = re.compile(r"\w[\w.-]{0,127}", re.ASCII)
TAG_AND_DIGEST = re.compile(r"(\w[\w.-]{0,127})@(sha256:[0-9a-f]{64})", re.ASCII)
# Registry/repository, and a tag, a digest or both: without either the tag stands in another key, which would be left.
REFERENCE = re.compile(
    r"(?P<name>[a-z0-9.-]+(?::\d+)?(?:/[a-z0-9._-]+)+)(?::(?P<tag>\w[\w.-]{0,127}))?(?:@(?P<digest>sha256:[0-9a-f]{64}))?",
    re.ASCII,
)
REPOSITORY = re.compile(r"[a-z0-9.-]+(:\d+)?(/[a-z0-9._-]+)*", re.ASCII)
TAGGED = re.compile(r"tag|version", re.IGNORECASE)
WORKLOADS = ("containers", "initContainers")


def wanted(document: Document, target: Target, customer: str, image: Image) -> dict[Scalar, str]:
    """Every value that the target means in this file for this customer, with the text that names the image.

    The first one says what runs (`identity`); what follows stands beside it: a repository, a digest beside a tag, the
    other containers. Raises `CannotEdit`.
    """
    if target.image is not None:
        return _kustomize(document, target, image)
    if target.manifest is not None:
        return _manifest(document, target, image)
    return _value(document, target, customer, image)


def identity(value: str) -> str:
    """What a value says that runs: the digest in it, else its tag, else nothing."""
    if found := DIGEST.search(value):
        return found[0]
    if (reference := REFERENCE.fullmatch(value)) and "/" in value:
        return reference["tag"] or ""
    return value if TAG.fullmatch(value) else ""


def _kustomize(document: Document, target: Target, image: Image) -> dict[Scalar, str]:
    """The entry under `images:` with this name: its digest, its tag, and the name it is replaced by, where they stand there."""
    entry = f"images[name={target.image}]"
    found = document.hits(entry)
    if not found:
        raise CannotEdit(f"there is no {entry}.digest", "add the entry, with `digest:` and the digest that runs now")
    if len(found) > 1:
        raise CannotEdit(f"{entry} stands {len(found)} times", "keep one of them")
    digest, tag, name = (_child(document, entry, found[0], key) for key in ("digest", "newTag", "newName"))
    values = {digest: _formed(digest, DIGEST, image.digest)} if digest else {}
    values |= {tag: _in_form(tag, "newTag", target, image)} if tag else {}
    if not values:
        raise CannotEdit(
            f"there is no {entry}.digest", "add `digest:` to the entry with the digest that runs now; a tag may move"
        )
    if name and not target.mirror:
        values[name] = _formed(name, REPOSITORY, image.repository)
    return values


def _child(document: Document, name: str, entry: Hit, key: str) -> Scalar | None:
    path, nodes = entry
    values = under(nodes[-1], key)
    if len(values) > 1:
        raise CannotEdit(f"{name}.{key} stands {len(values)} times", "keep one of them")
    return document.scalar(f"{name}.{key}", ((*path, key), [*nodes, values[0]])) if values else None


def _formed(scalar: Scalar, form: re.Pattern[str], text: str) -> str:
    if not form.fullmatch(scalar.value):
        raise CannotEdit(
            f"{_name(scalar)} is {scalar.value[:40]!r}, which is no {scalar.path[-1]}",
            "put the one that runs now there",
        )
    return text


def _value(document: Document, target: Target, customer: str, image: Image) -> dict[Scalar, str]:
    path = (target.path or "").replace("{customer}", customer)
    scalar = document.at(path)
    values = {scalar: _in_form(scalar, path, target, image)}
    if target.repository:
        beside = document.at(target.repository.replace("{customer}", customer))
        name = _formed(beside, REPOSITORY, _without_registry(beside.value, image.repository))
        values |= {} if target.mirror else {beside: name}
    return values


def _in_form(scalar: Scalar, path: str, target: Target, image: Image) -> str:
    """A bare digest, a tag, a tag with its digest, or a whole reference, as the old one is."""
    value = scalar.value
    if DIGEST.fullmatch(value):
        return image.digest
    if (found := REFERENCE.fullmatch(value)) and (found["tag"] or found["digest"]):
        return f"{found['name'] if target.mirror else image.repository}@{image.digest}"
    if TAGGED.search(path) and TAG_AND_DIGEST.fullmatch(value):
        return f"{image.tag}@{image.digest}"
    if TAGGED.search(path) and TAG.fullmatch(value):
        return image.tag
    raise CannotEdit(
        f"{_name(scalar)} is {value[:40]!r}, neither a digest nor an image reference"
        + (", nor a tag" if TAGGED.search(path) else ""),
        "put the running digest there (sha256:...), or the whole reference; a bare tag only under a key called tag",
    )


def _without_registry(old: str, repository: str) -> str:
    """The repository as the old one is written: charts have a key of its own for the registry's host."""
    host, _, rest = repository.partition("/")
    has_host = "." in old.partition("/")[0] or ":" in old.partition("/")[0]
    return repository if has_host or not ("." in host or ":" in host) else rest


def _manifest(document: Document, target: Target, image: Image) -> dict[Scalar, str]:
    """The image of every container and init container in the file that runs this name, whatever kind of object has it."""
    found: dict[Scalar, str] = {}
    for number, root in enumerate(document.roots):
        for path, nodes in _containers(((number,), [root]), document):
            scalar = document.scalar("containers[].image", (path, nodes))
            reference = REFERENCE.fullmatch(scalar.value)
            if reference and reference["name"] == target.manifest:
                found[scalar] = f"{reference['name'] if target.mirror else image.repository}@{image.digest}"
    if not found:
        raise CannotEdit(
            f"no container runs {target.manifest}", "correct gitops.targets, or the image of the container in this file"
        )
    ran = {identity(s.value) for s in found}
    if len(ran) > 1:
        raise CannotEdit(
            f"its containers run {len(ran)} versions of {target.manifest}", "let all of them run the same one"
        )
    return found


def _containers(top: Hit, document: Document) -> Iterator[Hit]:
    """Every `image` of an entry of `containers` or `initContainers`, at any depth."""
    waiting = [top]
    while waiting:
        path, nodes = waiting.pop()
        node = nodes[-1]
        if id(node) in document.shared:
            continue
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                below = ((*path, getattr(key, "value", "")), [*nodes, value])
                if getattr(key, "value", "") in WORKLOADS and isinstance(value, yaml.SequenceNode):
                    for number, entry in enumerate(value.value):
                        yield from (
                            ((*below[0], number, "image"), [*below[1], entry, image]) for image in under(entry, "image")
                        )
                else:
                    waiting.append(below)
        else:
            waiting += [((*path, n), [*nodes, child]) for n, child in enumerate(children(node))]


def _name(scalar: Scalar) -> str:
    return ".".join(str(p) for p in scalar.path[1:])
