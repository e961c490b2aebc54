"""What one release changes in one customer's files, computed from the bytes of one commit."""

import re
from dataclasses import dataclass, field

from tasks.config import Config, Target
from tasks.git import Mirror
from tasks.gitops import state
from tasks.gitops.fleet import customer as read_customer
from tasks.gitops.fleet import folders, locate, paths, ring_of, target_of
from tasks.gitops.tip import Tip
from tasks.gitops.yaml_bytes import CannotEdit, Document, Scalar
from tasks.models import Customer, Edit, Image, Release, Standing

DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
# Registry/repository, and a tag, a digest or both: without either the tag stands in another key, which would be left.
REFERENCE = re.compile(
    r"[a-z0-9.-]+(:\d+)?(/[a-z0-9._-]+)+((:\w[\w.-]{0,127})(@sha256:[0-9a-f]{64})?|@sha256:[0-9a-f]{64})", re.ASCII
)


@dataclass(frozen=True)
class Change:
    """A customer's standing in a release, its digests now, and its files before and after (None: not there)."""

    standing: Standing
    because: str = ""
    current: dict[str, str] = field(default_factory=dict)
    files: dict[str, tuple[bytes | None, bytes]] = field(default_factory=dict)


def edit_customer(config: Config, tip: str, release: Release, customer: str) -> Edit:
    """The new blobs of one customer at one commit, its state file included: all of its files, or none.

    Writes blobs to the mirror and nothing else; the same commit and release give the same blobs.
    """
    at = Tip.read(config, tip, [*paths(config, customer), *folders(config, customer)])
    change = compute(config, at, release, customer)
    files = {
        p: (_blob(at, p), at.mirror.run("hash-object", "-w", "--stdin", stdin=new))
        for p, (_, new) in change.files.items()
    }
    return Edit(customer=customer, standing=change.standing, because=change.because, files=files)


def compute(config: Config, tip: Tip, release: Release, name: str) -> Change:
    """A pure function of a commit and a release. What stands against the promotion is its standing, not an error."""
    contents = tip.contents(paths(config, name))
    if not contents and not any(tip.obstacle(p) for p in paths(config, name)):
        return Change("refused", f"{name} is no longer in the GitOps repository")
    ring = ring_of(config, name)
    if ring is None:
        return Change("refused", f"{name} stands in no ring of release.yaml any more")
    customer = read_customer(config, tip, contents, name, ring)
    if standing := _against(config, release, customer):
        return standing
    try:
        return _change(config, tip, contents, release, customer)
    except CannotEdit as error:
        return Change("refused", f"{error.problem}; {error.next_step}")


def _against(config: Config, release: Release, customer: Customer) -> Change | None:
    """What keeps a customer where it is: a problem of its files, a hold, or a release that is not older."""
    if customer.problem:
        return Change("refused", f"{customer.problem.what} ({customer.problem.where}); {customer.problem.next_step}")
    if customer.hold:
        until = f" until {customer.hold.until}" if customer.hold.until else ""
        return Change("held", f"held by {customer.hold.owner}{until}: {customer.hold.reason}")
    if customer.release is None or customer.release == release.commit:
        return None
    app = app_mirror(config, release.commit)
    if not app.has_commit(customer.release):
        return Change("refused", f"runs {customer.release[:7]}, which main no longer has; order cannot be told")
    if app.is_ancestor(customer.release, release.commit):
        return None
    newer = app.is_ancestor(release.commit, customer.release)
    return Change(
        "superseded" if newer else "refused",
        f"runs {customer.release[:7]}, which is {'newer' if newer else 'on another line'}",
    )


def app_mirror(config: Config, commit: str) -> Mirror:
    """The app's mirror with this commit in it: a retried run may go on where nothing has been fetched yet."""
    mirror = Mirror.open(config.app.repository)
    if not mirror.has_commit(commit):
        mirror.fetch(config.app.branch)
    return mirror


def _change(config: Config, tip: Tip, contents: dict[str, bytes], release: Release, customer: Customer) -> Change:
    changed, current = rewritten(config, tip, contents, release, customer)
    deployed = {i.component: i.digest for i in release.images}
    stated = {c: d.digest for c, d in customer.components.items()}
    if not changed and customer.head == release.head and stated == deployed:
        return Change("unchanged", "runs these images already", current)
    where = state.path(customer.name)
    return Change(
        "promote", "", current, {**changed, where: (contents.get(where), state.write(customer.name, release))}
    )


def rewritten(
    config: Config, tip: Tip, contents: dict[str, bytes], release: Release, customer: Customer
) -> tuple[dict[str, tuple[bytes | None, bytes]], dict[str, str]]:
    """The files that name the release's images, before and after where they differ, and each component's digest until now.

    Raises `CannotEdit`; nothing but the images' values ever differs.
    """
    documents: dict[str, Document] = {}
    wanted: dict[str, dict[Scalar, str]] = {}
    current: dict[str, str] = {}
    for image in release.images:
        target = target_of(config, tip, image.component, customer.name)
        file = target.file.replace("{customer}", customer.name)
        document = documents.setdefault(file, Document(contents[file]))
        scalar = locate(document, target, customer.name)
        if wanted.setdefault(file, {}).setdefault(scalar, value := _value(scalar, image, target)) != value:
            raise CannotEdit(f"{image.component} and another component name the same value", "correct gitops.targets")
        current[image.component] = _digest(scalar.value)
        _require_ours(customer, image.component, current[image.component], image.digest)
    new = {file: documents[file].replaced(values) for file, values in wanted.items()}
    return {file: (contents[file], content) for file, content in new.items() if content != contents[file]}, current


def _require_ours(customer: Customer, component: str, found: str, wanted: str) -> None:
    """A digest that no release of ours wrote was put there by a person, who knew why; it is kept."""
    known = customer.components.get(component)
    if known and found not in (known.digest, wanted):
        raise CannotEdit(
            f"{component} was changed by hand to {found[:19] or 'something else'}",
            f"put {known.digest[:19]} back, or write the new digest into {state.path(customer.name)} too; "
            "add a hold there if it must stay",
        )


def _value(scalar: Scalar, image: Image, target: Target) -> str:
    """The new text in the form that the old one has: a bare digest, or a whole image reference."""
    if DIGEST.fullmatch(scalar.value):
        return image.digest
    if target.image is None and REFERENCE.fullmatch(scalar.value):
        return image.reference
    raise CannotEdit(
        f"{'.'.join(str(p) for p in scalar.path[1:])} is {scalar.value[:40]!r}, neither a digest nor an image reference",
        "put the running digest there (sha256:...), or the whole reference; a tag may move",
    )


def _digest(value: str) -> str:
    match = DIGEST.search(value)
    return match[0] if match else ""


def _blob(tip: Tip, path: str) -> str:
    return tip.entries[path].blob if path in tip.entries else ""
