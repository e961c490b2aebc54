"""`slipway init`: a first release.yaml out of what stands in both repositories, checked before it is written."""

import difflib
import os
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from deployments.init import text as init_text
from deployments.init.found import Found, Place, app_name, branches, place
from tasks.config.file import load_config
from tasks.config.model import Config
from tasks.errors import ReleaseRefused, SlipwayError
from tasks.gitops import recognise as gitops
from tasks.gitops.patterns import may_be_customer
from tasks.gitops.recognised import Checked, FoundImage
from tasks.models import Value
from tasks.source import recognise as source
from tasks.source.recognised import RecognisedApp

HOW = "write release.yaml by hand: README, `Your own app`, has an example; `slipway config schema` all keys"


class Written(Value):
    """What init did: everything that was found, the text, and how the file at `output` differs from it."""

    found: Found
    output: str
    text: str
    diff: str = ""
    created: bool = False


def init(app: Place, gitops_place: Place, output: Path, force: bool = False) -> Written:
    """Recognises both repositories, and writes `output` when it is not there (or `force`).

    What is written passes `load_config`, and every component of every customer that it counts was read with it.
    A file that is there and differs is left, and the difference returned. Raises `ReleaseRefused` when too little
    was recognised, `ServiceUnavailable` when a repository does not answer.
    """
    found = look(app, gitops_place)
    text = init_text.write(found)
    there = _read(output)
    same = there is not None and init_text.timeless(there) == init_text.timeless(text)
    diff = "" if there is None or same else _diff(there, text, output)
    if same or (diff and not force):
        return Written(found=found, output=str(output), text=text, diff=diff)
    _write(output, text, replace=force)
    return Written(found=found, output=str(output), text=text, diff=diff, created=True)


def look(app: Place, gitops_place: Place) -> Found:
    """What both repositories say together, as far as a configuration made of it could read it."""
    seen = _app(app)
    names = [c.name for c in seen.components]
    try:
        there = gitops.recognise_gitops(gitops_place.url, gitops_place.branch, seen.name, names, gitops_place.origin)
    except ReleaseRefused as error:
        raise _with_branches(error, gitops_place) from error
    name, sure = app_name(seen, there)
    found = Found(app_place=app, gitops_place=gitops_place, app=seen, gitops=there, name=name, name_is_sure=sure)
    return _confirmed(found)


def _app(app: Place) -> RecognisedApp:
    try:
        seen = source.recognise_app(app.url, app.branch)
    except ReleaseRefused as error:
        raise _with_branches(error, app) from error
    if not seen.components:
        left = "".join(f"; {one.what}: {one.why}" for one in seen.left_out[:5])
        raise ReleaseRefused.because(
            f"no component was recognised: there is no folder with a Dockerfile that is deployed{left}",
            f"{app.url}, {app.branch} at {seen.commit[:7]}",
            f"add a Dockerfile to each folder that becomes an image, and start again; or {HOW}",
        )
    return seen


def _with_branches(error: ReleaseRefused, where: Place) -> SlipwayError:
    return branches(where) if "there is no branch" in str(error) else error


def _confirmed(found: Found) -> Found:
    """Without the customers and targets that a release could not read; their problems are told instead."""
    while True:
        _require_something(found)
        config = _config(init_text.write(found))
        checked, names = gitops.check(config, found.gitops.commit)
        refused = {(c.component, c.customer) for c in checked if c.problem}
        images = tuple(i for i in (_readable(i, refused) for i in found.gitops.images) if i.targets)
        customers = tuple(sorted({c for i in images for t in i.targets for c in t.customers}))
        kept = found.gitops.model_copy(update={"images": images, "customers": customers})
        told = {
            "gitops": kept,
            "strangers": {n: _why(n, checked) for n in names if n not in customers},
            "problems": tuple(_problems(checked, customers)) if images == found.gitops.images else found.problems,
        }
        if images == found.gitops.images:
            return found.model_copy(update=told)
        lost = tuple(_problems([c for c in checked if c.problem], found.gitops.customers))
        found = found.model_copy(update={**told, "problems": (*found.problems, *lost)})


def _why(name: str, checked: Sequence[Checked]) -> str:
    """Why a name that the targets find is none of the customers."""
    if not may_be_customer(name):
        return "looks like no customer, but its files match"
    return next((c.problem for c in checked if c.customer == name and c.problem), "no image of it was recognised")


def _readable(image: FoundImage, refused: set[tuple[str, str]]) -> FoundImage:
    targets = []
    for target in image.targets:
        customers = tuple(c for c in target.customers if (image.component, c) not in refused)
        if customers:
            targets.append(target.model_copy(update={"customers": customers}))
    return image.model_copy(update={"targets": tuple(targets)})


def _problems(checked: Sequence[Checked], customers: Sequence[str]) -> list[str]:
    """What would keep customers from being released, each problem once, with the names of those that have it."""
    known = set(customers)
    by_problem: dict[tuple[str, str], list[str]] = defaultdict(list)
    for one in checked:
        if one.problem and one.customer in known:
            by_problem[one.component, one.problem.replace(one.customer, "{customer}")].append(one.customer)
    return [
        f"{component}: {problem} ({len(names)} of {len(known)} customers: {', '.join(names[:5])})"
        for (component, problem), names in sorted(by_problem.items())
    ]


def _require_something(found: Found) -> None:
    if found.gitops.images and found.gitops.customers:
        return
    names = ", ".join(c.name for c in found.app.components)
    seen = [f"{one.what}: {one.why}" for one in found.gitops.left_out[:8]] + list(found.problems[:5])
    looked = (
        "looked for images like these in kustomization.yaml (images:), values (repository beside tag or digest, or a whole "
        "reference), containers of Kubernetes objects, Argo CD Applications and Flux HelmReleases, in files whose paths or keys "
        "differ by customer, such as customers/NAME/..."
    )
    raise ReleaseRefused.because(
        f"no customer's image was recognised for {names}; {looked}" + "".join(f"\n    {s}" for s in seen),
        f"{found.gitops_place.url}, {found.gitops_place.branch} at {found.gitops.commit[:7]}",
        f"{HOW}. A target is a file with {{customer}} and one of image, path, manifest: "
        "- {file: 'customers/{customer}/values.yaml', path: backend.image.tag}",
    )


def _config(text: str) -> Config:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "release.yaml"
        path.write_text(text, encoding="utf-8")
        return load_config(path)


def _read(output: Path) -> str | None:
    try:
        return output.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ReleaseRefused.because(
            f"cannot be read: {error.strerror}", str(output), "name a file with --output"
        ) from error


def _diff(old: str, new: str, output: Path) -> str:
    lines = difflib.unified_diff(
        old.splitlines(), new.splitlines(), f"{output} (there now)", f"{output} (init)", lineterm=""
    )
    return "\n".join(lines)


def _write(output: Path, text: str, replace: bool) -> None:
    """The whole file or none; one that came meanwhile is not overwritten without being asked."""
    try:
        with tempfile.NamedTemporaryFile(
            "w", dir=output.parent, prefix=".release-", encoding="utf-8", delete=False
        ) as half:
            half.write(text)
        made = Path(half.name)
        try:
            made.chmod(0o644)
            if replace:
                made.replace(output)
            else:
                os.link(made, output)
        finally:
            made.unlink(missing_ok=True)
    except OSError as error:
        raise ReleaseRefused.because(
            f"cannot be written: {error.strerror}", str(output), "make the folder, or name a file with --output"
        ) from error


__all__ = ["Written", "init", "look", "place"]
