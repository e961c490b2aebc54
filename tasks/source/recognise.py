"""Recognises an app's repository for a first release.yaml: components, suites, migrations, end-to-end tests."""

import re
from collections.abc import Sequence
from pathlib import PurePosixPath

from tasks.git import Mirror
from tasks.source import addresses, databases, end_to_end, packages, suites
from tasks.source import context as contexts
from tasks.source import dockerfile as dockerfiles
from tasks.source.dockerfile import Dockerfile
from tasks.source.recognised import (
    FoundComponent,
    FoundMigrations,
    LeftOut,
    RecognisedApp,
    Seen,
)
from tasks.source.snapshot import Snapshot, is_below, joined

FILES = r"(Dockerfile|Containerfile)([.-](prod|production|release))?"
MAX_COMPONENTS = 50
NOT_DEPLOYED = (
    *("node_modules", "vendor", "third_party", ".devcontainer", ".github", ".gitlab", ".ci", ".circleci"),
    *(".git", "examples", "example", "samples", "sample", "test", "tests", "testdata", "fixtures", "__tests__"),
    *("hack", "scripts", "docs", "benchmark", "benchmarks"),
)
# Names of repositories that say nothing about the app.
GENERIC = (
    "app",
    "apps",
    "repo",
    "repository",
    "src",
    "source",
    "monorepo",
    "application",
    "remote",
    "code",
    "main",
    "work",
    "web",
    "project",
)


def recognise_app(repository: str, branch: str = "main") -> RecognisedApp:
    """Fetches the branch and looks at its tip, from git objects alone. The same commit gives the same answer.

    Raises `ServiceUnavailable` when the remote does not answer, `ReleaseRefused` without such a branch.
    """
    mirror = Mirror.open(repository)
    snapshot = Snapshot.of(mirror, mirror.fetch(branch))
    name = name_of(repository.rstrip("/").removesuffix("/.git").removesuffix(".git").rstrip("/").rpartition("/")[2])
    found = end_to_end.end_to_end(snapshot)
    places, left_out = _places(snapshot, {joined(e.path, e.dockerfile) for e in found if e.dockerfile})
    components = tuple(_component(snapshot, p, n) for n, p in _named(snapshot, places[:MAX_COMPONENTS], name).items())
    moved = _migrations(snapshot, components)
    components = tuple(_with_neighbours(snapshot, _with_migrate(c, moved), components) for c in components)
    return RecognisedApp(
        commit=snapshot.commit,
        name=name,
        name_is_sure=name not in GENERIC,
        components=components,
        migrations=moved,
        end_to_end=found,
        postgres=databases.postgres(snapshot),
        left_out=tuple(left_out[:MAX_COMPONENTS]),
    )


def name_of(text: str) -> str:
    """The text as a DNS label: lower case, letters, digits and dashes."""
    label = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:63].strip("-")
    return label or "app"


def _places(snapshot: Snapshot, tests: set[str]) -> tuple[list[str], list[LeftOut]]:
    """Paths of the Dockerfiles that deploy something, one a folder; and those that do not, with the reason.

    `tests` are the Dockerfiles of end-to-end tests.
    """
    taken: dict[str, str] = {}
    left_out: list[LeftOut] = []
    found = snapshot.named(FILES)
    snapshot.load(found)
    for file in found:
        folder = str(PurePosixPath(file).parent)
        if any(is_below(file, str(PurePosixPath(t).parent)) for t in tests if t.endswith("/Dockerfile")):
            continue
        if part := next((p for p in PurePosixPath(folder).parts if p in NOT_DEPLOYED), None):
            left_out.append(LeftOut(what=file, why=f"{part}/ is not deployed"))
        elif not dockerfiles.parse(snapshot.text(file)).stages:
            left_out.append(LeftOut(what=file, why="has no FROM that could be read"))
        elif folder in taken:
            left_out.append(LeftOut(what=file, why=f"{taken[folder]} is taken"))
        else:
            taken[folder] = file
    named = [
        f
        for f in snapshot.named(r"[\w.-]+\.(Dockerfile|dockerfile)|Dockerfile\.[\w.-]+")
        if f not in found and f not in tests
    ]
    left_out += [LeftOut(what=f, why="only files called Dockerfile are taken; set build.dockerfile") for f in named]
    return sorted(taken.values()), left_out


def _named(snapshot: Snapshot, files: list[str], app: str) -> dict[str, str]:
    """Component name -> Dockerfile: the folder's name, with the folder above where two would be the same."""
    wanted = {f: _folder_name(f, app) for f in files}
    names: dict[str, str] = {}
    for file, name in wanted.items():
        if list(wanted.values()).count(name) > 1:
            name = name_of(str(PurePosixPath(file).parent)) if "/" in file else name
        while name in names:
            name = f"{name[:60]}-2"
        names[name] = file
    return names


def _folder_name(file: str, app: str) -> str:
    parts = [p for p in PurePosixPath(file).parts[:-1] if p not in contexts.FOLDERS_OF_DOCKERFILES]
    return name_of(parts[-1]) if parts else app


def _component(snapshot: Snapshot, file: str, name: str) -> FoundComponent:
    dockerfile = dockerfiles.parse(snapshot.text(file))
    made_of = contexts.context(snapshot, file, dockerfile)
    context, notes = made_of.path, [made_of.note] if made_of.note else []
    own = str(PurePosixPath(file).parent)
    found = packages.read(snapshot, own)
    found = found if found.language else packages.read(snapshot, context)
    made = suites.suites(snapshot, found, dockerfile)
    if not made:
        notes.append(_no_suites(dockerfile, file))
    if not any("COMMIT" in value for value in dockerfile.values("ARG")):
        notes.append(f"{file} has no ARG COMMIT: without it the running app cannot answer which commit it is")
    return FoundComponent(
        name=name,
        path=context,
        shared=made_of.shared,
        dockerfile=str(PurePosixPath(file).relative_to(context)),
        why=file,
        language=found.language,
        target=_target(dockerfile, file),
        test_target=(dockerfile.test_target() or ("", False))[0],
        port=addresses.port(dockerfile, file, found),
        health=addresses.health(dockerfile, file),
        version=addresses.version(snapshot, own if own != "." and snapshot.has(own) else context),
        suites=made,
        notes=tuple(notes),
    )


def _no_suites(dockerfile: Dockerfile, file: str) -> str:
    if dockerfile.test_target() is None:
        return (
            f"no suites: {file} has no build target `test` with the test tools (FROM ... AS test); where its last stage "
            "has them: `target: null`, and `files` for tests that it leaves out (docs/testing.md)"
        )
    return "no suites: no test command that is known was found"


def _target(dockerfile: Dockerfile, file: str) -> Seen | None:
    """The target to deploy, where that is not the last stage."""
    deployed = dockerfile.deployed
    if deployed is None or deployed is dockerfile.stages[-1] or not dockerfiles.TARGET.fullmatch(deployed.name):
        return None
    return Seen(value=deployed.name, why=f"the last stage of {file} is for tests", sure=False)


def _migrations(snapshot: Snapshot, components: tuple[FoundComponent, ...]) -> tuple[FoundMigrations, ...]:
    """Every component's migrations; a file belongs to the component with the deepest folder."""
    found: dict[str, FoundMigrations] = {}
    for component in sorted(components, key=lambda c: (-c.path.count("/"), c.path == ".", c.path)):
        for moved in databases.migrations(snapshot, component.name, packages.read(snapshot, component.path)):
            found.setdefault(moved.why, _in_target(moved, component))
    order = ("alembic", "command", "sql")
    return tuple(sorted(found.values(), key=lambda m: (order.index(m.tool), m.component, m.why)))


def _in_target(moved: FoundMigrations, component: FoundComponent) -> FoundMigrations:
    """With the build target that has the tool, where that is not `test`."""
    target = component.test_target
    if moved.tool == "sql" or target == "test":
        return moved
    if target:
        seen = Seen(value=target, why=f"a build target of {component.why}", sure=False)
        return moved.model_copy(update={"settings": {**moved.settings, "target": seen}})
    last = Seen(value="", why=f"the last stage of {component.why}, which has no build target `test`", sure=False)
    return moved.model_copy(update={"settings": {**moved.settings, "target": last}})


def _with_migrate(component: FoundComponent, moved: tuple[FoundMigrations, ...]) -> FoundComponent:
    mine = next((m for m in moved if m.component == component.name), None)
    command = databases.migrate_command(mine) if mine else None
    return component.model_copy(update={"migrate": command}) if command else component


def _with_neighbours(
    snapshot: Snapshot, component: FoundComponent, all_of_them: Sequence[FoundComponent]
) -> FoundComponent:
    ports = {c.name: c.port.value for c in all_of_them if c.name != component.name}
    folder = component.path if component.path != "." else str(PurePosixPath(component.why).parent)
    return component.model_copy(update={"env": addresses.neighbours(snapshot, folder, ports)})
