"""Images of ours in the registry that no customer runs or may go back to; taken away only when the configuration says so."""

import datetime
import hashlib
import json
import logging
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tasks.config.model import Config
from tasks.errors import ReleaseRefused, SlipwayError, combine
from tasks.home import home
from tasks.images.registry_api import Manifest, Repository
from tasks.models import Reason, UnusedImage

log = logging.getLogger(__name__)
EVIDENCE = ".evidence-"
OURS = re.compile("(?:content|tree)-[0-9a-f]{40}(?:[.]evidence-[0-9a-f]{40})?")
AT_ONCE = 8
DAY = 86400
Needed = Callable[[], Collection[str]]


def unused_images(config: Config, needed: Needed, today: datetime.date | None = None) -> tuple[UnusedImage, ...]:
    """Every image that has tags of ours only (`content-...`, `tree-...`) and is not needed, with the day on which that was first seen.

    `needed` looks anew at each call: digests and tags that must stay. With `nightly.unused_images: delete` those that have been
    unused for `nightly.keep` are taken away, after another look. An index is needed when one of its platforms is; a platform's
    manifest goes with its last index. Evidence is listed and goes as an image does. Days are kept in the Slipway
    home: without it the wait begins anew, which keeps more.
    One repository's trouble hides no other: raises what they all said, once each was looked at.
    """
    today = today or datetime.datetime.now(datetime.UTC).date()
    found: list[UnusedImage] = []
    errors: list[SlipwayError] = []
    for name in sorted({c.image for c in config.components.values()}):
        try:
            with Repository(name) as repository:
                found += _of(config, repository, needed, today)
        except SlipwayError as error:
            found += getattr(error, "found", ())
            errors.append(error)
    if errors:
        raise ImagesNotKnown(tuple(found), combine(errors).reasons)
    return tuple(found)


class ImagesNotKnown(ReleaseRefused):
    """A registry did not do what it was asked for; `found` is what was learned of the others."""

    def __init__(self, found: tuple[UnusedImage, ...], reasons: Iterable[Reason | str] = ()) -> None:
        super().__init__(*reasons)
        self.found = found


def _of(config: Config, repository: Repository, needed: Needed, today: datetime.date) -> list[UnusedImage]:
    there = _tagged(repository)
    unused = _unused(there, needed())
    since = _since(config, repository.name, [digest for digest, _ in unused], today)
    images = [
        UnusedImage(repository=repository.name, digest=d, tags=tuple(sorted(tags)), since=since[d].isoformat())
        for d, tags in unused
    ]
    ripe = {i.digest for i in images if (today - since[i.digest]).days >= config.nightly.keep / DAY}
    if config.nightly.unused_images != "delete" or not ripe:
        return images
    try:
        gone = _delete(repository, ripe, needed)
    except SlipwayError as error:
        raise ImagesNotKnown(tuple(images), error.reasons) from error
    return [i.model_copy(update={"deleted": i.digest in gone}) for i in images]


def _tagged(repository: Repository) -> dict[str, Manifest]:
    """Tag -> its manifest."""
    tags = sorted(repository.tags())
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return {tag: m for tag, m in zip(tags, pool.map(repository.manifest, tags), strict=True) if m}


def _unused(there: Mapping[str, Manifest], needed: Collection[str]) -> list[tuple[str, set[str]]]:
    """Digest and tags of what nobody needs. A tag of somebody else on the same image keeps it: it would be lost, too."""
    tags: dict[str, set[str]] = {}
    for tag, manifest in there.items():
        tags.setdefault(manifest.digest, set()).add(tag)
    kept = {m.digest for tag, m in there.items() if not OURS.fullmatch(tag) or _is_needed(tag, m, needed)}
    # Evidence is kept as long as the content that it is of, by whichever of its names that is kept.
    contents = {tag for tag, m in there.items() if m.digest in kept}
    kept |= {m.digest for tag, m in there.items() if _content(tag) in contents}
    below = {child for m in there.values() if m.digest in kept for child in m.children}
    return sorted((digest, names) for digest, names in tags.items() if digest not in kept | below)


def _is_needed(tag: str, manifest: Manifest, needed: Collection[str]) -> bool:
    return any(name in needed for name in (_content(tag), manifest.digest, *manifest.children))


def _content(tag: str) -> str:
    """The tag of the image, of evidence that of the image it is of."""
    return tag.partition(EVIDENCE)[0]


def _delete(repository: Repository, ripe: Collection[str], needed: Needed) -> set[str]:
    """Takes these away, but for what is needed, tagged anew or below another index by now; the digests that went."""
    there = _tagged(repository)
    now = {digest for digest, _ in _unused(there, needed())} & set(ripe)
    children = {child for m in there.values() if m.digest in now for child in m.children}
    staying = {m.digest for m in there.values() if m.digest not in now}
    staying |= {child for m in there.values() if m.digest not in now for child in m.children}
    for digest in [*sorted(now), *sorted(children - staying - now)]:  # an index before what it names
        repository.delete(digest)
        log.info("%s: unused image %s deleted", repository.name, digest)
    return now


def _since(config: Config, repository: str, digests: Iterable[str], today: datetime.date) -> dict[str, datetime.date]:
    """Digest -> when it was first found unused; what is used again is forgotten."""
    name = hashlib.sha256(f"{config.gitops.repository} {repository}".encode()).hexdigest()[:16]
    place = home() / "unused" / f"{name}.json"
    known = _known(place)
    days = {d: known.get(d, today) for d in digests}
    place.parent.mkdir(parents=True, exist_ok=True)
    new = place.with_suffix(".new")
    new.write_text(json.dumps({d: day.isoformat() for d, day in days.items()}))
    new.replace(place)
    return days


def _known(place: Path) -> dict[str, datetime.date]:
    """What was noted before; a note that cannot be read is none, so that everything waits anew."""
    try:
        return {d: datetime.date.fromisoformat(day) for d, day in json.loads(place.read_text()).items()}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}
