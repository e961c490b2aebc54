"""The text of a first release.yaml: every value with the place it was seen at, and CHECK where it is a guess."""

import re
from collections.abc import Iterable, Sequence

from deployments.init import rollout as init_rollout
from deployments.init.found import Found
from deployments.init.lines import Text, in_flow, scalar
from tasks.config.app import Component
from tasks.config.model import Config
from tasks.gitops.recognised import FoundImage, FoundTarget
from tasks.source.recognised import FoundComponent, FoundEndToEnd, FoundMigrations, Seen

SHOWN = 8
PAGES = ("frontend", "web", "ui", "client", "www", "portal", "app", "site")


def write(found: Found) -> str:
    """The whole file. The same repositories give the same bytes."""
    text = Text()
    _head(text, found)
    _components(text, found)
    _end_to_end(text, found)
    _migrations(text, found)
    _postgres(text, found)
    _gitops(text, found)
    _rings(text, found)
    init_rollout.write(text, found)
    return "\n".join(text.lines) + "\n"


def _head(text: Text, found: Found) -> None:
    text.note(0, "The first release.yaml, written by `slipway init` from what stands in")
    text.note(0, f"  the app                {found.app_place.url}, {found.app_place.branch} at {found.app.commit[:12]}")
    text.note(
        0,
        f"  the GitOps repository  {found.gitops_place.url}, {found.gitops_place.branch} at {found.gitops.commit[:12]}",
    )
    text.note(0, "Comments say where a value was seen. CHECK marks a guess: look at it, then remove the word.")
    text.note(0, "Then: slipway config validate, slipway status, slipway plan. All keys: slipway config schema.")
    text.gap()
    text.put(0, "app:")
    name = "the repository's name" if found.name_is_sure else "a guess from the names of repository and images"
    text.put(2, f"name: {scalar(found.name)}", name, found.name_is_sure)
    text.put(2, f"repository: {scalar(found.app_place.url)}", found.app_place.doubt, not found.app_place.doubt)
    text.put(2, f"branch: {scalar(found.app_place.branch)}")
    text.gap()


def _components(text: Text, found: Found) -> None:
    text.put(0, "components:")
    for component in found.components:
        _component(text, found, component, found.image(component.name))
    for component in found.unplaced:
        text.note(
            2, f"{component.name} is built by {component.why}, but no image like it was found in the GitOps repository."
        )
        text.note(2, "To release it, take the comment signs away and add it under gitops.targets and rollout.versions:")
        text.as_comment = True
        _component(text, found, component, None)
        text.as_comment = False
    text.gap()


def _component(text: Text, found: Found, component: FoundComponent, image: FoundImage | None) -> None:
    language = f", {component.language}" if component.language else ""
    text.put(2, f"{component.name}:", f"{component.why}{language}")
    for note in component.notes:
        text.note(4, note, check=True)
    text.put(4, f"path: {scalar(component.path)}")
    _shared(text, 4, component.shared, component.why)
    text.value(4, "image", repository(found.name, component.name, image))
    if component.dockerfile != "Dockerfile" or component.target:
        text.put(4, "build:")
        if component.dockerfile != "Dockerfile":
            text.put(6, f"dockerfile: {scalar(component.dockerfile)}")
        if component.target:
            text.value(6, "target", component.target)
    _suites(text, component)
    _run(text, component)


def _shared(text: Text, indent: int, places: Sequence[str], dockerfile: str) -> None:
    if places:
        told = f"what {dockerfile} copies besides; the build is given nothing else"
        text.put(indent, f"shared: [{', '.join(map(in_flow, places))}]", told)


def repository(app: str, component: str, image: FoundImage | None) -> Seen:
    """The image repository to push to, as the GitOps repository has it; made up where it says none."""
    name = image.repository if image else ""
    pattern = Component.model_fields["image"].metadata[0].pattern
    if image is None or not re.fullmatch(pattern, name):
        why = f"{name!r} names no registry" if name else "no registry stands in the GitOps repository"
        return Seen(value=f"registry.example.com/{app}/{component}", why=f"{why}; made up", sure=False)
    if not image.sure:
        return Seen(value=name, why="the name is another; is this the component's image?", sure=False)
    host = name.partition("/")[0]
    if not ("." in host or ":" in host or host == "localhost"):
        return Seen(value=name, why="names no registry: Docker Hub is meant", sure=False)
    if image.targets[0].mirror:
        return Seen(value=name, why="customers have different ones; this is the one to push to", sure=False)
    return Seen(value=name, why=f"in {image.targets[0].why}")


def _suites(text: Text, component: FoundComponent) -> None:
    if component.suites:
        text.put(4, "suites:")
    for suite in component.suites:
        text.put(6, f"{suite.name}:")
        text.value(8, "run", suite.run)
        if suite.target != "test":
            text.put(8, f"target: {scalar(suite.target)}", "the build target with the test tools", sure=False)
        if suite.services:
            text.put(8, f"services: [{', '.join(suite.services)}]", "the code speaks to PostgreSQL", sure=False)


def _run(text: Text, component: FoundComponent) -> None:
    text.put(4, "run:")
    text.put(6, f"port: {component.port.value}", component.port.why, component.port.sure)
    if component.health:
        text.value(6, "health", component.health)
    else:
        text.note(
            6, f"no HEALTHCHECK names a path in {component.why}, so /health is asked; else: `health: /`", check=True
        )
    if component.migrate:
        text.value(6, "migrate", component.migrate)
    if component.env:
        text.put(6, "env:")
    for name, seen in component.env.items():
        text.value(8, name, seen)


def _end_to_end(text: Text, found: Found) -> None:
    ready = next((e for e in found.app.end_to_end if e.dockerfile), None)
    if ready:
        _suite(text, found, ready)
    for other in (e for e in found.app.end_to_end if e is not ready):
        why = "are another suite" if ready else "need a Dockerfile with their tools, in a folder of their own; then"
        text.note(0, f"The end-to-end tests in {other.path} ({other.why}) {why}:", check=not ready)
        text.as_comment = True
        _suite(text, found, other)
        text.as_comment = False


def _suite(text: Text, found: Found, suite: FoundEndToEnd) -> None:
    text.put(0, "e2e:", suite.why)
    text.put(2, f"path: {scalar(suite.path)}")
    if suite.dockerfile not in (None, "Dockerfile"):
        text.put(2, f"dockerfile: {scalar(suite.dockerfile or '')}")
    _shared(text, 2, suite.shared, suite.dockerfile or "")
    text.value(2, "smoke", suite.smoke)
    if suite.full:
        text.value(2, "full", suite.full)
    page = _entry(found.components)
    address = f"http://{page.name}:{page.port.value}"
    text.put(2, f"env: {{{suite.address}: '{address}'}}", "the component that the tests open", sure=False)
    text.gap()


def _entry(components: Sequence[FoundComponent]) -> FoundComponent:
    """The component that people open: one called like a page, else one in JavaScript, else the first."""
    named = sorted((c for c in components if c.name in PAGES), key=lambda c: PAGES.index(c.name))
    return (*named, *(c for c in components if c.language == "JavaScript"), *components)[0]


def _migrations(text: Text, found: Found) -> None:
    names = {c.name for c in found.components}
    mine = [m for m in found.app.migrations if m.component in names]
    if mine:
        _tool(text, mine[0])
        text.gap()
    for other in mine[1:]:
        settings = "".join(f", {k}: {scalar(s.value)}" for k, s in other.settings.items())
        text.note(
            0, f"Also seen ({other.why}): migrations: {{component: {other.component}, tool: {other.tool}{settings}}}"
        )
    if mine[1:]:
        text.gap()


def _postgres(text: Text, found: Found) -> None:
    """The database of tests and checks, where the app names another one than ours."""
    seen = found.app.postgres
    if seen and seen.value != Config.model_fields["postgres"].default:
        text.value(0, "postgres", seen)
        text.gap()


def _tool(text: Text, moved: FoundMigrations) -> None:
    text.put(0, "migrations:", moved.why)
    for note in moved.notes:
        text.note(2, note, check=True)
    text.put(2, f"component: {moved.component}")
    text.put(2, f"tool: {moved.tool}")
    for key, seen in moved.settings.items():
        if seen.value:
            text.value(2, key, seen)
        else:
            text.put(2, f"{key}: null", seen.why, seen.sure)


def _gitops(text: Text, found: Found) -> None:
    place = found.gitops_place
    text.put(0, "gitops:")
    text.put(2, f"repository: {scalar(place.url)}", place.doubt, not place.doubt)
    text.put(2, f"branch: {scalar(place.branch)}")
    for writer in found.gitops.writers:
        text.note(2, f"{writer} writes images too; let only one of the two do it", check=True)
    text.put(2, "targets:")
    for component in found.components:
        image = found.image(component.name)
        text.put(4, f"{component.name}:")
        for target in image.targets if image else ():
            text.put(6, f"- {_flow(target)}", _customers(target), target.sure)
        for other in image.others if image else ():
            text.note(6, f"possible too ({_customers(other)}): - {_flow(other)}")
    for problem in found.problems[:SHOWN]:
        text.note(4, problem, check=True)
    if unmatched := [u for u in found.gitops.left_out if u.why.startswith("no component")]:
        text.note(4, "images that no component was found for:")
        for one in unmatched[:SHOWN]:
            text.note(4, f"  {one.what}")
    text.gap()


def _flow(target: FoundTarget) -> str:
    return "{" + ", ".join(f"{k}: {in_flow(v)}" for k, v in target.settings().items()) + "}"


def _customers(target: FoundTarget) -> str:
    count = len(target.customers)
    more = f" and {count - SHOWN} more" if count > SHOWN else ""
    return f"{count} customer{'s' if count != 1 else ''}: {', '.join(target.customers[:SHOWN])}{more}"


def _rings(text: Text, found: Found) -> None:
    text.put(0, "rings:")
    text.put(2, f"- {{name: canary, customers: [{in_flow(found.canary)}]}}", found.canary_why, sure=False)
    if not found.strangers:
        text.put(2, "- {name: all, customers: '*', approve: true}", "everyone else, once a person approves")
        text.gap()
        return
    told = ", ".join(list(found.strangers)[:SHOWN])
    text.note(
        2, f"by name, as '*' would mean these too, which are no customers or cannot be set yet: {told}", check=True
    )
    text.put(2, "- name: all")
    text.put(4, "approve: true", "a person approves before these move")
    text.put(4, "customers:" if found.others else "customers: []")
    for name in found.others:
        text.put(6, f"- {in_flow(name)}")
    text.gap()


def timeless(text: str) -> str:
    """The text without the commits in its head: a push that changes nothing here makes no other file."""
    head, gap, rest = text.partition("\n\n")
    return re.sub(r"\b[0-9a-f]{12}$", "", head, flags=re.MULTILINE) + gap + rest


def checks(lines: Iterable[str]) -> list[int]:
    """Numbers of the lines that a person must look at."""
    return [n for n, line in enumerate(lines, 1) if "# CHECK: " in line]
