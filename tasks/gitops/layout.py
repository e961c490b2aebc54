"""Where each customer's images stand at one commit of the GitOps repository, and which customers there are."""

import logging
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from pathlib import PurePosixPath

import yaml
from pydantic import TypeAdapter, ValidationError

from tasks.config.gitops import Target
from tasks.config.model import Config
from tasks.gitops import state
from tasks.gitops.target import RunsElsewhere, identity, wanted
from tasks.gitops.tip import REGULAR, Tip
from tasks.gitops.yaml_bytes import CannotEdit, Scalar, under
from tasks.models import Image, Name
from tasks.yaml_path import Entry, Step, steps

log = logging.getLogger(__name__)
_name = TypeAdapter(Name)
STATE = state.path("{customer}")


@dataclass(frozen=True)
class Layout:
    """The files of every customer: path pattern -> customer -> files that match it."""

    config: Config
    tip: Tip
    matches: Mapping[str, Mapping[str, list[str]]]
    names: frozenset[str] = frozenset()
    with_files: frozenset[str] = frozenset()

    @classmethod
    def of(cls, config: Config, tip: Tip) -> "Layout":
        """Looks at the names of all files once; what is no customer's name is left alone, and said."""
        patterns = {t.file for targets in config.gitops.targets.values() for t in targets if "{customer}" in t.file}
        matches = {p: _by_customer(p, tip.entries) for p in (STATE, *sorted(patterns))}
        layout = cls(config, tip, matches)
        files, stated = layout._with_files(patterns), set(matches[STATE])
        found = {"files": files, "state": stated, "both": files | stated}[config.gitops.discover]
        valid = frozenset(n for n in found if is_name(n))
        for hostile in sorted(found - valid):
            log.warning("not a customer's name, left alone: %s", ascii(hostile))
        return replace(layout, names=valid, with_files=frozenset(files))

    def values(self, component: str, customer: str, image: Image) -> dict[str, dict[Scalar, str]]:
        """What names the component's image for a customer: file -> value -> the text for this image.

        The first target counts whose file is there; Kubernetes objects may stand in several files, the others in one only.
        Raises `CannotEdit`; a link or submodule in the way is not followed.
        """
        target, files = self._place(component, customer)
        found: dict[str, dict[Scalar, str]] = {}
        for file in files:
            with state.named(file), suppress(*([RunsElsewhere] if len(files) > 1 else [])):
                found[file] = wanted(self.tip.document(file), target, customer, image)
        if not found:
            raise CannotEdit(f"no container of {', '.join(files[:3])} runs {target.manifest}", "correct gitops.targets")
        if len(ran := {_identity(values) for values in found.values()}) > 1:
            raise CannotEdit(
                f"{', '.join(found)} run {len(ran)} versions of {component}", "let all of them run the same one"
            )
        return found

    def runs(self, component: str, customer: str) -> str:
        """What the files say that a component of a customer runs: a digest, or a tag where there is none.

        Raises `CannotEdit` when there is no place for an image, or something else than an image stands there.
        """
        image = _any_image(component, self.config.components[component].image)
        return runs_now(self.values(component, customer, image))

    def _place(self, component: str, customer: str) -> tuple[Target, list[str]]:
        targets = self.config.gitops.targets[component]
        for target in targets:
            files = self.files(target.file, customer)
            if len(files) > 1 and target.manifest is None:
                raise CannotEdit(
                    f"{component} stands in {len(files)} files: {', '.join(files[:3])}", "keep one of them"
                )
            for file in files or [target.file.replace("{customer}", customer)]:
                if obstacle := self.tip.obstacle(file):
                    with state.named(file):
                        raise CannotEdit(obstacle, "put a plain file of usual size there")
            if files:
                return target, files
        tried = ", ".join(t.file.replace("{customer}", customer) for t in targets)
        known = bool(self.matches[STATE].get(customer))
        gone = f", or delete {state.path(customer)} if the customer is gone" if known else ""
        raise CannotEdit(f"there is no file for {component}", f"add one of: {tried}{gone}")

    def files(self, pattern: str, customer: str) -> list[str]:
        """The files that a pattern means for a customer; one without {customer} means the same for all."""
        if pattern in self.matches:
            return self.matches[pattern].get(customer, [])
        return [pattern] if pattern in self.tip.entries else []

    def load(self, customers: Iterable[str]) -> None:
        """Brings the files of these customers into memory by one git process."""
        self.tip.load(path for name in customers for path in self.paths(name))

    def paths(self, customer: str) -> list[str]:
        """Every file that says something about a customer, as far as it is there."""
        patterns = {t.file for targets in self.config.gitops.targets.values() for t in targets}
        return sorted({f for p in (STATE, *patterns) for f in self.files(p, customer)})

    def _with_files(self, patterns: set[str]) -> set[str]:
        """Who has a file, or an entry of a shared file, of its own."""
        files = {n for p in patterns for n in self.matches[p]} | set(self._in_shared_files())
        # A customer whose whole folder is a link would be forgotten in silence; it is found, and then refused by name.
        links = [path for path, entry in self.tip.entries.items() if entry.mode not in REGULAR]
        above = {str(p) for pattern in patterns for p in PurePosixPath(pattern).parents if "{customer}" in str(p)}
        return files | {n for p in above for n in _by_customer(p, links)}

    def _in_shared_files(self) -> Iterator[str]:
        """The customers that are entries of a file for all of them."""
        shared = {
            (t.file, t.path)
            for targets in self.config.gitops.targets.values()
            for t in targets
            if t.path and "{customer}" in t.path and "{customer}" not in t.file
        }
        for file, path in sorted(shared):
            if file in self.tip.entries:
                yield from _entries(self.tip, file, path)


def runs_now(found: Mapping[str, Mapping[Scalar, str]]) -> str:
    """What a component runs by its values in one or several files, which say the same."""
    return _identity(next(iter(found.values())))


def _identity(values: Mapping[Scalar, str]) -> str:
    """The first value says what runs, the others stand beside it."""
    return identity(next(iter(values)).value)


@cache
def _any_image(component: str, repository: str) -> Image:
    """An image to look for the place of: the fleet is read before there is a release."""
    none, digest = "0" * 40, f"sha256:{'0' * 64}"
    return Image(
        component=component, repository=repository, digest=digest, revision=none, tree=none, built=False, seconds=0
    )


def is_name(text: str) -> bool:
    """Whether this may be a customer's name: a DNS label."""
    try:
        _name.validate_python(text)
    except ValidationError:
        return False
    return True


def _by_customer(pattern: str, files: Iterable[str]) -> dict[str, list[str]]:
    """Customer -> files that match; every {customer} of a pattern is the same name, `*` is anything but a slash."""
    before, _, after = (re.escape(part).replace(r"\*", "[^/]*") for part in pattern.partition("{customer}"))
    expression = re.compile(f"{before}([^/]+){after.replace(re.escape('{customer}'), chr(92) + '1')}")
    found: dict[str, list[str]] = {}
    for match in filter(None, map(expression.fullmatch, files)):
        found.setdefault(match[1], []).append(match[0])
    return found


def _entries(tip: Tip, file: str, path: str) -> Iterator[str]:
    """The names in the keys, or in the values of a selector, where a path of a shared file has {customer}. A broken file has none."""
    try:
        document = tip.document(file)
    except CannotEdit as error:
        log.warning("%s: %s", file, error.problem)
        return
    way = steps(path)
    at = next(n for n, step in enumerate(way) if "{customer}" in str(step))
    step = way[at]
    text = step.value if isinstance(step, Entry) else str(step)
    name = re.compile("(.+)".join(map(re.escape, text.split("{customer}", 1))), re.DOTALL)
    for _, nodes in document.along(way[:at]):
        yield from (found[1] for node in _names(nodes[-1], step) if (found := name.fullmatch(node.value)))


def _names(node: yaml.Node, step: Step) -> list[yaml.ScalarNode]:
    """What a step of a path chooses by: the values of a selector in a list, or the keys of a mapping."""
    if isinstance(step, Entry):
        entries = node.value if isinstance(node, yaml.SequenceNode) else []
        names = [value for entry in entries for value in under(entry, step.key)]
    else:
        names = [key for key, _ in node.value] if isinstance(node, yaml.MappingNode) else []
    return [n for n in names if isinstance(n, yaml.ScalarNode)]
