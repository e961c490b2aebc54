"""Recognises a GitOps repository for a first release.yaml: where images stand, and which part of a path is the customer."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import PurePosixPath

from tasks.config.gitops import Target
from tasks.config.model import Config
from tasks.errors import ReleaseRefused
from tasks.gitops import matching, naming, patterns, rollouts
from tasks.gitops.layout import Layout
from tasks.gitops.matching import Match
from tasks.gitops.patterns import Candidate
from tasks.gitops.recognised import (
    Checked,
    FoundImage,
    FoundTarget,
    RecognisedGitOps,
    Unmatched,
)
from tasks.gitops.sites import ADDRESS, Objects, Site, Unusable
from tasks.gitops.sites import sites as find_sites
from tasks.gitops.tip import REGULAR, Tip
from tasks.gitops.yaml_bytes import MAX_BYTES, CannotEdit
from tasks.models import Image

YAML = re.compile(r"\.ya?ml$|^Kustomization$")
MAX_PATHS = 500_000
MAX_READ = 5_000
MAX_ALL_BYTES = 32_000_000
MAX_SITES = 50_000
MAX_CHECKED = 20_000
WRITERS = {"ImageUpdateAutomation": "Flux's image automation", "ImageUpdater": "Argo CD Image Updater"}


def recognise_gitops(
    repository: str, branch: str, app: str, components: Sequence[str], origin: str = ""
) -> RecognisedGitOps:
    """Fetches the branch and looks at its tip, from git objects alone. The same commit gives the same answer.

    `components` are the names that images are matched with; `origin` is where a local repository came from. Raises
    `ServiceUnavailable`, or `ReleaseRefused` for a repository without such a branch or with more files than are looked at.
    """
    tip = Tip.fetched(repository, branch)
    _require_bounds(tip, repository)
    files, left_out = _readable(tip)
    objects = Objects()
    found, broken = _sites(tip, files, objects)
    matched = matching.match(found, app, components)
    images, rest = _images(found, matched, app, components)
    customers = tuple(sorted({c for i in images for t in i.targets for c in t.customers}))
    address, single, why = _addresses(objects.addresses, customers)
    return RecognisedGitOps(
        commit=tip.commit,
        images=images,
        customers=customers,
        rollout=rollouts.recognised(objects.manifests, images, customers, app, (repository, origin)),
        address=address,
        addresses=single,
        address_why=why,
        writers=tuple(
            sorted(
                f"{t} ({objects.kinds[k]})" for k in objects.kinds for w, t in WRITERS.items() if k.startswith(f"{w}.")
            )
        ),
        left_out=(*left_out, *broken, *_left_out(rest, app, components)),
    )


def check(config: Config, commit: str) -> tuple[tuple[Checked, ...], tuple[str, ...]]:
    """Reads each component of each customer as a release would; and the names of all customers that the targets find.

    Looks at 20,000 places and 32 MB at most; what comes after is told by the first release.
    """
    tip = Tip.read(config, commit)
    layout = Layout.of(config, tip)
    names = _within_bounds(layout)
    tip.load(file for name in names for file in layout.paths(name))
    pairs = ((component, name) for name in names for component in config.components)
    checked = tuple(_check(layout, c, n) for c, n in islice(pairs, MAX_CHECKED))
    return checked, tuple(sorted(layout.names))


def _within_bounds(layout: Layout) -> list[str]:
    """The customers whose files together are small enough to be read at once."""
    names: list[str] = []
    size = 0
    for name in sorted(layout.names)[:MAX_CHECKED]:
        size += sum(layout.tip.entries[f].size for f in layout.paths(name))
        if size > MAX_ALL_BYTES:
            break
        names.append(name)
    return names


def _check(layout: Layout, component: str, customer: str) -> Checked:
    image = Image(
        component=component,
        repository=layout.config.components[component].image,
        digest="sha256:" + "1" * 64,
        revision="1" * 40,
        tree="1" * 40,
        built=False,
        seconds=0,
    )
    try:
        files = layout.values(component, customer, image)
    except CannotEdit as error:
        return Checked(component=component, customer=customer, problem=error.problem)
    return Checked(component=component, customer=customer, file=", ".join(files))


def _require_bounds(tip: Tip, repository: str) -> None:
    if len(tip.entries) > MAX_PATHS:
        raise ReleaseRefused.because(
            f"the GitOps repository has more than {MAX_PATHS:,} files",
            f"{repository} at {tip.commit[:7]}",
            "write gitops.targets by hand; `slipway config schema` says what stands in it",
        )


def _readable(tip: Tip) -> tuple[list[str], list[Unmatched]]:
    """The YAML files that are read, small ones first so that a large one cannot keep others out; and why others are not."""
    charts = {str(PurePosixPath(p).parent) for p in tip.entries if PurePosixPath(p).name == "Chart.yaml"}
    named = [
        p for p in tip.entries if YAML.search(PurePosixPath(p).name) and _is_text(p) and not _is_template(p, charts)
    ]
    plain = [p for p in named if tip.entries[p].mode in REGULAR and tip.entries[p].size <= MAX_BYTES]
    left_out = [Unmatched(what=p, why=tip.obstacle(p) or "is not read") for p in sorted(set(named) - set(plain))]
    taken: list[str] = []
    size = 0
    for path in sorted(plain, key=lambda p: (tip.entries[p].size > 65_536, p)):
        size += tip.entries[path].size
        if len(taken) >= MAX_READ or size > MAX_ALL_BYTES:
            left_out.append(
                Unmatched(what=f"{len(plain) - len(taken)} YAML files", why=f"only the first {len(taken)} were read")
            )
            break
        taken.append(path)
    return sorted(taken), left_out


def _is_text(path: str) -> bool:
    """Whether release.yaml could name the file: no control characters, UTF-8, not Slipway's own."""
    # Braces mean {customer} in release.yaml, and nothing else can stand in them there.
    return path.isprintable() and not re.search("[{}]", path) and not path.startswith((".slipway/", ".github/"))


def _is_template(path: str, charts: set[str]) -> bool:
    """A Helm chart's templates are no YAML before Helm has filled them in."""
    parents = [PurePosixPath(path), *PurePosixPath(path).parents]
    return any(p.name in ("templates", "crds") and str(p.parent) in charts for p in parents)


def _sites(tip: Tip, files: Sequence[str], objects: Objects) -> tuple[list[Site], list[Unmatched]]:
    found: list[Site] = []
    left_out: list[Unmatched] = []
    unusable: list[Unusable] = []
    tip.load(files)
    for file in files:
        try:
            for seen in islice(find_sites(tip.document(file), file, objects), 1_000):
                if isinstance(seen, Unusable):
                    unusable.append(seen)
                elif len(found) < MAX_SITES:
                    found.append(seen)
        except CannotEdit as error:
            left_out.append(Unmatched(what=file, why=error.problem))
        except RecursionError:
            left_out.append(Unmatched(what=file, why="the file is nested too deeply"))
    replaced = {s.name for s in found if s.kind == "image"}
    left_out += [Unmatched(what=u.file, why=u.why) for u in unusable if _is_missed(u, replaced)]
    return found, left_out


def _is_missed(seen: Unusable, replaced: set[str]) -> bool:
    """Whether a person would miss the image: no sidecar, not in a base, and not one that kustomize replaces."""
    parents = PurePosixPath(seen.file).parts[:-1]
    return not (
        matching.is_sidecar(seen.image) or seen.image in replaced or set(parents) & {"base", "bases", "components"}
    )


def _images(
    found: Sequence[Site], matched: Mapping[Site, Match], app: str, components: Sequence[str]
) -> tuple[tuple[FoundImage, ...], list[Site]]:
    """For each component its image and targets; and the sites that none of the targets means."""
    images: list[FoundImage] = []
    used: set[Site] = set()
    for component in components:
        mine = [s for s in found if s in matched and matched[s].component == component]
        chosen, others = patterns.choose(mine, (app, *components))
        if not chosen:
            continue
        used |= {s for c in chosen for s in c.sites.values()}
        running = [s for c in chosen for s in c.sites.values()]
        names = Counter(s.repository for s in running if s.repository)
        mirrored = len(names) > 1
        best = max(names, key=lambda n: (names[n], n)) if names else ""
        images.append(
            FoundImage(
                component=component,
                repository=best,
                targets=tuple(_target(c, mirrored) for c in chosen),
                others=tuple(_target(c, mirrored) for c in others),
                sure=all(matched[s].sure for s in running),
            )
        )
    return tuple(images), [s for s in found if s not in used]


def _target(candidate: Candidate, mirrored: bool) -> FoundTarget:
    pattern = candidate.pattern
    first = candidate.sites[candidate.customers[0]]
    return FoundTarget(
        file=pattern.file,
        image=pattern.name if pattern.kind == "image" else None,
        path=pattern.path or None,
        repository=pattern.repository or None,
        manifest=pattern.name if pattern.kind == "manifest" else None,
        mirror=mirrored,
        customers=candidate.customers,
        why=first.file,
        sure=bool(candidate.merit[1]) or len(candidate.customers) > 2,
        tagged=any(s.tagged for s in candidate.sites.values()),
    )


def _addresses(seen: Sequence[tuple[str, str]], customers: Sequence[str]) -> tuple[str, dict[str, str], str]:
    """The address that most customers have, with {customer}; those whose own files say another; and a file that says so."""
    told: dict[str, tuple[str, str]] = {}
    known = frozenset(customers)
    for file, value in seen:
        found = ADDRESS.fullmatch(value)
        host = found[1] if found else ""
        named = naming.names_in(host) & known
        for customer in (
            sorted(named or naming.names_in(PurePosixPath(file).with_suffix("").as_posix()) & known) if host else ()
        ):
            if customer not in told or (customer in named and not naming.stands_in(customer, told[customer][0])):
                told[customer] = (host, file)
    forms = Counter(naming.form(c, host) for c, (host, _) in told.items() if naming.stands_in(c, host))
    form = max(forms, key=lambda f: (forms[f], f)) if forms else ""
    single = {c: f"https://{host}" for c, (host, _) in sorted(told.items()) if form and naming.form(c, host) != form}
    why = next((file for c, (host, file) in sorted(told.items()) if naming.form(c, host) == form), "")
    return (f"https://{form}" if form else ""), single, why


def _left_out(rest: Sequence[Site], app: str, components: Sequence[str]) -> Iterator[Unmatched]:
    """What stands in the repository and is not taken: images that no component has, and places that are no customer's."""
    by_image: dict[str, list[Site]] = defaultdict(list)
    for site in rest:
        if site.repository and site.strong:
            by_image[site.repository].append(site)
    for image, where in sorted(by_image.items()):
        files = sorted({s.file for s in where})
        place = files[0] if len(files) == 1 else f"{files[0]} and {len(files) - 1} more"
        yield Unmatched(what=f"{image} in {place}", why=_reason(image, files, app, components))


def _reason(image: str, files: Sequence[str], app: str, components: Sequence[str]) -> str:
    matched = matching.by_name(image, app, components)
    if matched is None:
        known = matching.is_sidecar(image)
        return "runs beside the app, is no component" if known else "no component has a name like it"
    parts = [p.removesuffix(".yaml").removesuffix(".yml") for p in files[0].split("/")]
    if part := next(
        (p for p in parts if p in patterns.NOT_CUSTOMERS and p not in ("kustomization", "values", "apps")), None
    ):
        return f"{part} is no customer"
    return f"looks like {matched.component}, and another place is taken for it"


def as_target(found: FoundTarget) -> Target:
    """The target as release.yaml would be read. Raises pydantic's `ValidationError` for a path that cannot be written."""
    return Target.model_validate(found.settings())
