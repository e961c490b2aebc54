"""What a target of `release.yaml` means in one file: the values to set, each in the form that stands there now."""

import re
from collections.abc import Iterator

import yaml

from tasks.config.gitops import Target
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
# `name=new/name:tag`, `name=new/name@digest` or `name:tag`: an image of kustomize as Argo CD Applications write it.
OVERRIDE = re.compile(
    r"(?:(?P<old>[^=\s]+)=)?(?P<name>[a-z0-9._-]+(?:(?::\d+)?(?:/[a-z0-9._-]+)+)?)"
    r"(?::(?P<tag>\w[\w.-]{0,127}))?(?:@(?P<digest>sha256:[0-9a-f]{64}))?",
    re.ASCII,
)
REPOSITORY = re.compile(r"[a-z0-9.-]+(:\d+)?(/[a-z0-9._-]+)*", re.ASCII)
HOST = re.compile(r"[a-z0-9.-]+(:\d+)?", re.ASCII)
# A word of the path, in any of the ways that people join words: newTag, image_tag, backend.image.tag; not stage.
TAGGED = re.compile(r"(?<![A-Za-z])(?:tag|version|imagetag)(?![a-z])|(?:Tag|Version|TAG|VERSION)(?![a-z])")
WORKLOADS = ("containers", "initContainers")


class RunsElsewhere(CannotEdit):
    """No container of the file runs the image; another file of the customer may have one."""


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
    if TAG.fullmatch(value):
        return value
    override = OVERRIDE.fullmatch(value)
    return (override["tag"] or "") if override else ""


def _kustomize(document: Document, target: Target, image: Image) -> dict[Scalar, str]:
    """The entry of kustomize's images with this name: its digest, tag and new name, where they stand there."""
    name = target.image or ""
    entry = f"images[name={name}]"
    found = [hit for hit in _image_entries(document) if _is_called(hit[1][-1], name)]
    if not found:
        raise CannotEdit(f"there is no {entry}.digest", "add the entry, with `digest:` and the digest that runs now")
    if len(found) > 1:
        raise CannotEdit(f"{entry} stands {len(found)} times", "keep one of them")
    if isinstance(found[0][1][-1], yaml.ScalarNode):
        scalar = document.scalar(entry, found[0])
        return {scalar: _overridden(scalar.value, target, image) or _refuse(scalar)}
    return _kustomize_keys(document, entry, found[0], target, image)


def _kustomize_keys(document: Document, entry: str, at: Hit, target: Target, image: Image) -> dict[Scalar, str]:
    digest, tag, name = (_child(document, entry, at, key) for key in ("digest", "newTag", "newName"))
    values = {digest: _formed(digest, DIGEST, image.digest)} if digest else {}
    values |= {tag: _in_form(tag, "newTag", target, image)} if tag else {}
    if not values:
        raise CannotEdit(
            f"there is no {entry}.digest", "add `digest:` to the entry with the digest that runs now; a tag may move"
        )
    if name and not target.mirror:
        values[name] = _formed(name, REPOSITORY, image.repository)
    return values


def _image_entries(document: Document) -> Iterator[Hit]:
    """Every entry of kustomize's `images`, in the kinds of file that have them.

    Sources: kustomize.config.k8s.io Kustomization (`images`), kustomize.toolkit.fluxcd.io Kustomization (`spec.images`),
    argoproj.io Application and ApplicationSet (`source.kustomize.images`, or in each of `sources`, as strings).
    """
    ways: list[tuple[str | int, ...]] = [("images",), ("spec", "images")]
    for top in (("spec",), ("spec", "template", "spec")):
        several = [len(children(nodes[-1])) for _, nodes in document.along((*top, "sources"))]
        sources = [("source",), *(("sources", n) for n in range(max(several, default=0)))]
        ways += [(*top, *source, "kustomize", "images") for source in sources]
    for way in ways:
        for path, nodes in document.along(way):
            if isinstance(nodes[-1], yaml.SequenceNode):
                yield from (((*path, n), [*nodes, entry]) for n, entry in enumerate(nodes[-1].value))


def _is_called(entry: yaml.Node, name: str) -> bool:
    if isinstance(entry, yaml.ScalarNode):
        override = OVERRIDE.fullmatch(entry.value)
        return bool(override) and name == (override["old"] or override["name"])
    return any(isinstance(value, yaml.ScalarNode) and value.value == name for value in under(entry, "name"))


def _overridden(value: str, target: Target, image: Image) -> str | None:
    """An image of an Application with the digest in it; what it is called stays, and its new name if a mirror serves it."""
    override = OVERRIDE.fullmatch(value)
    if not override or not (override["tag"] or override["digest"]):
        return None
    if override["old"] is None:
        return f"{override['name']}@{image.digest}"
    return f"{override['old']}={override['name'] if target.mirror else image.repository}@{image.digest}"


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
    path = target.path or ""
    scalar = document.at(path.replace("{customer}", customer))
    values = {scalar: _in_form(scalar, path, target, image)}
    if target.repository:
        values |= _beside(document, target, customer, image)
    return values


def _beside(document: Document, target: Target, customer: str, image: Image) -> dict[Scalar, str]:
    """Repository and registry in keys of their own. A mirror's stay as they are, once they are seen to be names."""
    repository = document.at((target.repository or "").replace("{customer}", customer))
    registry = document.at(target.registry.replace("{customer}", customer)) if target.registry else None
    host, _, rest = image.repository.partition("/")
    short = bool(registry) or (_is_host(host) and not _is_host(repository.value.partition("/")[0]))
    values = {repository: _formed(repository, REPOSITORY, rest if short else image.repository)}
    values |= {registry: _formed(registry, HOST, host)} if registry else {}
    if registry and not _is_host(host):
        raise CannotEdit(f"{image.repository} names no registry", "write it with its host in components")
    if short and not registry and not target.mirror:
        _require_registry(document, repository, host)
    return {} if target.mirror else values


def _is_host(text: str) -> bool:
    """Whether the first part of an image's name is a registry. Source: distribution/reference, splitDockerDomain."""
    return "." in text or ":" in text or text == "localhost"


def _require_registry(document: Document, repository: Scalar, host: str) -> None:
    """A registry beside the repository that nobody set must be the one that has the image."""
    number, *way = (*repository.path[:-1], "registry")
    for path, nodes in document.along(way):
        if path[0] == number and isinstance(nodes[-1], yaml.ScalarNode) and nodes[-1].value != host:
            raise CannotEdit(
                f"{'.'.join(map(str, way))} is {nodes[-1].value[:100]!r}, and the image is in {host}",
                "give the target `registry:` with this path, or `mirror: true`",
            )


def _in_form(scalar: Scalar, path: str, target: Target, image: Image) -> str:
    """A bare digest, a tag, a tag with its digest, or a whole reference, as the old one is."""
    value = scalar.value
    if DIGEST.fullmatch(value):
        return image.digest
    if (found := REFERENCE.fullmatch(value)) and (found["tag"] or found["digest"]):
        return f"{found['name'] if target.mirror else image.repository}@{image.digest}"
    if "=" in value and (override := _overridden(value, target, image)):
        return override
    if TAGGED.search(path) and TAG_AND_DIGEST.fullmatch(value):
        return f"{image.tag}@{image.digest}"
    if TAGGED.search(path) and TAG.fullmatch(value):
        return image.tag
    return _refuse(scalar, ", nor a tag" if TAGGED.search(path) else "")


def _refuse(scalar: Scalar, further: str = "") -> str:
    raise CannotEdit(
        f"{_name(scalar)} is {scalar.value[:40]!r}, neither a digest nor an image reference{further}",
        "put the running digest there (sha256:...), or the whole reference; a bare tag only under a key called tag",
    )


def _manifest(document: Document, target: Target, image: Image) -> dict[Scalar, str]:
    """The image of every container and init container in the file that runs this name, whatever kind of object has it."""
    found: dict[Scalar, str] = {}
    # The release before may have brought it to our registry already.
    names = {target.manifest} if target.mirror else {target.manifest, image.repository}
    for hit in _containers(document):
        node = hit[1][-1]
        reference = REFERENCE.fullmatch(node.value) if isinstance(node, yaml.ScalarNode) else None
        if reference and reference["name"] in names:
            scalar = document.scalar("containers[].image", hit)
            found[scalar] = f"{reference['name'] if target.mirror else image.repository}@{image.digest}"
    if not found:
        raise RunsElsewhere(
            f"no container runs {target.manifest}", "correct gitops.targets, or the image of the container in this file"
        )
    ran = {identity(s.value) for s in found}
    if len(ran) > 1:
        raise CannotEdit(
            f"its containers run {len(ran)} versions of {target.manifest}", "let all of them run the same one"
        )
    return found


def _containers(document: Document) -> Iterator[Hit]:
    """The `image` of every entry of `containers` or `initContainers`, at any depth, in the file's order.

    A mapping is looked at once, but each way that leads out of it: containers that an alias brings are found, and refused.
    """
    waiting: list[Hit] = [((number,), [root]) for number, root in enumerate(document.roots)][::-1]
    seen: set[int] = set()
    while waiting:
        path, nodes = waiting.pop()
        if id(nodes[-1]) not in seen:
            seen.add(id(nodes[-1]))
            below = [((*path, key), [*nodes, node]) for key, node in _parts(nodes[-1])]
            for at, way in below:
                if at[-1] in WORKLOADS and isinstance(way[-1], yaml.SequenceNode):
                    yield from _images(at, way)
            waiting += reversed(below)


def _parts(node: yaml.Node) -> list[tuple[str | int, yaml.Node]]:
    """The mappings and lists in a mapping or list, each with its key or number."""
    if isinstance(node, yaml.MappingNode):
        pairs = [(k.value if isinstance(k, yaml.ScalarNode) else n, v) for n, (k, v) in enumerate(node.value)]
    else:
        pairs = list(enumerate(children(node)))
    return [(key, value) for key, value in pairs if not isinstance(value, yaml.ScalarNode)]


def _images(path: tuple[str | int, ...], nodes: list[yaml.Node]) -> Iterator[Hit]:
    for number, entry in enumerate(nodes[-1].value):
        yield from (((*path, number, "image"), [*nodes, entry, image]) for image in under(entry, "image"))


def _name(scalar: Scalar) -> str:
    return ".".join(str(p) for p in scalar.path[1:])
