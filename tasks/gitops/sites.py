"""Every place of a YAML file where an image stands, in each form that a target of `release.yaml` can mean."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Literal

import yaml

from tasks.gitops.manifests import Manifest, manifests
from tasks.gitops.target import DIGEST, OVERRIDE, REFERENCE, REPOSITORY, TAG, TAG_AND_DIGEST, WORKLOADS
from tasks.gitops.yaml_bytes import Document, under
from tasks.yaml_path import Entry, Step

KUSTOMIZATIONS = ("kustomization.yaml", "kustomization.yml", "Kustomization")
# Objects whose `containers` are no pods of their own: what stands in them is read as values.
WRAPPERS = ("Application", "ApplicationSet", "HelmRelease", "HelmRelease", "Kustomization")
NOT_READ = ("CustomResourceDefinition", "Secret", "SealedSecret")
SELECTORS = ("name", "customer", "tenant", "key", "id", "environment", "env", "cluster")
REPOSITORY_KEYS = ("repository", "newname", "image", "imagerepository", "imagename", "repo", "name")
DIGEST_KEYS = ("digest", "imagedigest", "sha")
TAG_KEYS = ("tag", "newtag", "imagetag", "version", "imageversion")
NO_IMAGE_VERSION = (
    "apiversion",
    "chartversion",
    "appversion",
    "targetrevision",
    "kubeversion",
    "schemaversion",
    "minversion",
)
SHORT = re.compile(r"[a-z0-9._-]+(:[\w.-]+)?", re.ASCII)
MAX_SITES = 500
Way = tuple[Step, ...]
Kind = Literal["image", "path", "manifest"]


@dataclass(frozen=True)
class Site:
    """One image in one file: kustomize's entry, a container's image by its name, or the way to a value."""

    file: str
    kind: Kind
    name: str = ""
    way: Way = ()
    beside: Way = ()
    repository: str = ""
    keys: tuple[str, ...] = ()
    strong: bool = True
    tagged: bool = False


@dataclass(frozen=True)
class Unusable:
    """An image that stands where no target can set it, with what to do about it."""

    file: str
    why: str
    image: str = ""


@dataclass(frozen=True)
class Leaf:
    """A scalar with the way to it, and the keys as people think of them: a parameter's name counts as keys."""

    way: Way
    keys: tuple[str, ...]
    node: yaml.ScalarNode


@dataclass
class Objects:
    """What the files are beside images: kinds of objects with a file each, addresses with their files, who rolls out."""

    kinds: dict[str, str] = field(default_factory=dict)
    addresses: list[tuple[str, str]] = field(default_factory=list)
    manifests: list[Manifest] = field(default_factory=list)


ADDRESS_KEYS = ("host", "hostname", "hosts", "domain", "url", "baseurl", "externalurl", "fqdn", "hostnames")
ADDRESS = re.compile(r"(?:https?://)?([a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63})+)(?::\d+)?/?")


def sites(document: Document, file: str, objects: Objects) -> Iterator[Site | Unusable]:
    """Every image of a file. Values that an anchor shares are left out: they cannot be set alone."""
    for root in document.roots:
        kind, group = _word(root, "kind"), _word(root, "apiVersion").partition("/")[0]
        objects.kinds.setdefault(f"{kind}.{group}" if kind else "", file)
        if kind in NOT_READ:
            continue
        objects.manifests += manifests(root, file)
        if _is_kustomization(file, kind, group):
            yield from _kustomize(root, file)
            continue
        leaves = list(_leaves(root, (), document.shared))
        objects.addresses += [(file, leaf.node.value) for leaf in leaves if _is_address(leaf)]
        yield from _pods(leaves, file, bool(kind) and kind not in WRAPPERS)
        yield from _values(leaves, file, bool(kind) and kind not in WRAPPERS)
        yield from _blocks(leaves, file)
        yield from _overrides(leaves, file)


def _is_kustomization(file: str, kind: str, group: str) -> bool:
    named = PurePosixPath(file).name in KUSTOMIZATIONS and kind in ("", "Kustomization", "Component")
    return named and "toolkit" not in group or group.startswith("kustomize.config")


def _kustomize(root: yaml.Node, file: str) -> Iterator[Site | Unusable]:
    entries = [e for node in under(root, "images") for e in getattr(node, "value", [])]
    for entry in entries[:MAX_SITES]:
        name, new = _word(entry, "name"), _word(entry, "newName")
        if not name or "]" in name or not name.isprintable():
            continue
        if _word(entry, "digest") or _word(entry, "newTag"):
            yield Site(file, "image", name, repository=new or name, keys=("images",), tagged=not _word(entry, "digest"))
        else:
            yield Unusable(file, f"images[name={name}] has neither digest nor newTag; add the one that runs now")


def _pods(leaves: Sequence[Leaf], file: str, is_object: bool) -> Iterator[Site | Unusable]:
    seen: set[str] = set()
    for leaf in leaves if is_object else ():
        value = leaf.node.value
        found = REFERENCE.fullmatch(value)
        if not _is_container(leaf) or value in seen or (found and found["name"] in seen):
            continue
        seen.add(found["name"] if found else value)
        if found and (found["tag"] or found["digest"]):
            yield Site(file, "manifest", found["name"], leaf.way, repository=found["name"], keys=leaf.keys[:-1])
        elif found:
            yield Unusable(file, f"{value} has neither tag nor digest; write the one that runs now", value)
        elif SHORT.fullmatch(value):
            yield Unusable(
                file, f"{value} names no registry; write the image as registry/name", value.partition(":")[0]
            )


def _values(leaves: Sequence[Leaf], file: str, is_object: bool) -> Iterator[Site]:
    groups: dict[tuple[str, ...], dict[str, Leaf]] = {}
    for leaf in leaves:
        if leaf.keys and not (is_object and _is_container(leaf)):
            groups.setdefault(leaf.keys[:-1], {}).setdefault(leaf.keys[-1].lower(), leaf)
    for parents, group in groups.items():
        split = _split(parents, group, file)
        if split:
            yield split
        yield from (s for key, leaf in group.items() if (s := _single(key, leaf, file)) and (not split or s.repository))


def _split(parents: tuple[str, ...], group: Mapping[str, Leaf], file: str) -> Site | None:
    """An image whose name and whose tag or digest stand beside each other."""
    name = next((group[k] for k in REPOSITORY_KEYS if k in group and _is_repository(k, group[k].node.value)), None)
    running = next((group[k] for k in DIGEST_KEYS if k in group and DIGEST.fullmatch(group[k].node.value)), None)
    tagged = running is None
    running = running or next((group[k] for k in TAG_KEYS if k in group and _is_tag(group[k].node.value)), None)
    if name is None or running is None:
        return None
    host = group["registry"].node.value if "registry" in group else ""
    repository = f"{host}/{name.node.value}" if host and REPOSITORY.fullmatch(host) else name.node.value
    # The name by which kustomize finds an image is no name to set.
    beside = name.way if name.keys[-1].lower() != "name" else ()
    tagged = tagged and not TAG_AND_DIGEST.fullmatch(running.node.value)
    return Site(file, "path", "", running.way, beside, repository, (*parents, name.keys[-1]), tagged=tagged)


def _single(key: str, leaf: Leaf, file: str) -> Site | None:
    """A whole reference, or a digest or tag that stands alone."""
    value = leaf.node.value
    found = REFERENCE.fullmatch(value)
    if found and (found["tag"] or found["digest"]):
        strong = bool(found["digest"]) or any("image" in k.lower() for k in leaf.keys)
        return Site(file, "path", "", leaf.way, (), found["name"], leaf.keys, strong)
    if DIGEST.fullmatch(value):
        return Site(file, "path", "", leaf.way, keys=leaf.keys)
    if ("tag" in key or key.endswith("version")) and key not in NO_IMAGE_VERSION and _is_tag(value):
        tagged = not TAG_AND_DIGEST.fullmatch(value)
        return Site(file, "path", "", leaf.way, keys=leaf.keys, strong="tag" in key, tagged=tagged)
    return None


def _blocks(leaves: Sequence[Leaf], file: str) -> Iterator[Unusable]:
    for leaf in leaves:
        if leaf.node.style in ("|", ">") and re.search(r"^\s*(tag|digest|image)\s*:", leaf.node.value, re.MULTILINE):
            where = ".".join(leaf.keys)
            yield Unusable(
                file,
                f"{where} is a block of text; a value in it cannot be set: write it as keys (valuesObject, values)",
            )


def _overrides(leaves: Sequence[Leaf], file: str) -> Iterator[Site | Unusable]:
    """kustomize's images as Argo CD's Applications write them: `name=new/name:tag`."""
    for leaf in leaves:
        found = OVERRIDE.fullmatch(leaf.node.value) if leaf.way[-3:-1] == ("kustomize", "images") else None
        if found and found["old"] and (found["tag"] or found["digest"]):
            yield Site(file, "image", found["old"], repository=found["name"], keys=("images",))
        elif found and found["old"]:
            yield Unusable(file, f"{leaf.node.value} has neither tag nor digest; write the one that runs now")


def _leaves(node: yaml.Node, way: Way, shared: set[int]) -> Iterator[Leaf]:
    if id(node) in shared:
        return
    if isinstance(node, yaml.ScalarNode):
        yield Leaf(way, _keys(way), node)
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value and '"' not in key.value and key.value.isprintable():
                yield from _leaves(value, (*way, key.value), shared)
    elif isinstance(node, yaml.SequenceNode) and way:
        by = _selector(node)
        for number, entry in enumerate(node.value):
            yield from _leaves(entry, (*way, Entry(by, _word(entry, by)) if by else number), shared)


def _selector(node: yaml.SequenceNode) -> str:
    """A key by which every entry of the list can be told from the others; empty: their numbers are used."""
    for key in SELECTORS:
        values = [_word(e, key) for e in node.value]
        if all(v and v.isprintable() and "]" not in v for v in values) and len(set(values)) == len(values):
            return key
    return ""


def _keys(way: Way) -> tuple[str, ...]:
    """`parameters[name=api.image.tag].value` is thought of as `parameters.api.image.tag`."""
    if len(way) > 1 and way[-1] == "value" and isinstance(way[-2], Entry):
        return (*_keys(way[:-2]), *way[-2].value.split("."))
    return tuple(str(s.value if isinstance(s, Entry) else s) for s in way)


def _is_container(leaf: Leaf) -> bool:
    return len(leaf.way) > 2 and leaf.way[-1] == "image" and leaf.way[-3] in WORKLOADS


def _is_address(leaf: Leaf) -> bool:
    named = {k.lower() for k in leaf.keys[-2:]} & set(ADDRESS_KEYS)
    return bool(named) and bool(ADDRESS.fullmatch(leaf.node.value))


def _is_repository(key: str, value: str) -> bool:
    return (
        bool(REPOSITORY.fullmatch(value)) and (key != "name" or "/" in value) and not value.replace(".", "").isdigit()
    )


def _is_tag(value: str) -> bool:
    return bool(TAG.fullmatch(value) or TAG_AND_DIGEST.fullmatch(value))


def _word(node: yaml.Node, key: str) -> str:
    """The single value under a key, else nothing."""
    found = under(node, key)
    return found[0].value if len(found) == 1 and isinstance(found[0], yaml.ScalarNode) else ""
