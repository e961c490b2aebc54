"""Hostile customers' names and links of every kind: none is read or written, each is refused by name."""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from pydantic import ValidationError

from tasks.config.model import Config
from tasks.errors import ReleaseRefused
from tasks.gitops.fleet import read_fleet
from tasks.gitops.hold import hold
from tasks.gitops.plan import make_plan
from tasks.gitops.rollback import rollback
from tasks.models import Hold, Plan
from tests.reliability.size import some
from tests.reliability.world import World, config_for, digest, files_of, make_world, path_of, state_path

HOSTILE = (
    ".slipway",
    "-x",
    "--upload-pack=touch x",
    "-c",
    "x-",
    "UPPER",
    "Bre",
    "a b",
    " a",
    "a ",
    "a.b",
    "a..b",
    ".hidden",
    "a_b",
    "a*b",
    "*",
    "?",
    "[a]",
    "{customer}",
    "$(id)",
    "`id`",
    "a;id",
    "a|b",
    "a&b",
    "'a'",
    'a"b',
    "a\\b",
    "C:",
    "a\nb",
    "a\tb",
    "a\rb",
    "\x1b[31mred",
    "\u202egnp",
    "\u0441000",
    "\uff430",
    "é",
    "e\u0301",
    "\ufeffa",
    "x" * 64,
    "%2e%2e",
    "a\x7f",
)
FORGED = ("..", ".", ".git", ".GIT", "git~1")
"""Names that git itself makes no folder of; whoever sends objects of their own making can."""
OUTSIDE = (*FORGED, "../../etc/passwd", "/etc/passwd", "c000/../c001", "a/b", "customers/c000", "~/x", "c000/", "//x")
AUDIT = Hold(reason="audit", owner="kari")


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> tuple[World, str]:
    """A world of this file's own: what is forged here stays among the objects."""
    world = make_world(tmp_path_factory.mktemp("hostile"), customers=3, commits=3)
    return world, world.tip


def tree(world: World, *entries: tuple[str, str, str]) -> str:
    """A tree with any names at all: (mode, name, object id)."""
    ordered = sorted(entries, key=lambda e: e[1].encode() + (b"/" if e[0] == "40000" else b""))
    content = b"".join(f"{mode} {name}\0".encode() + bytes.fromhex(blob) for mode, name, blob in ordered)
    return world.git("hash-object", "-t", "tree", "-w", "--literally", "--stdin", stdin=content)


def blob(world: World, content: bytes) -> str:
    return world.git("hash-object", "-w", "--stdin", stdin=content)


def put(world: World, root: str) -> None:
    """Makes a tree the tip of the branch."""
    identity = ["-c", "user.name=Kari", "-c", "user.email=kari@example.no"]
    world.git("update-ref", "refs/heads/main", world.git(*identity, "commit-tree", "-p", world.tip, "-m", "x", root))


def with_hostile(world: World, names: Sequence[str] = HOSTILE) -> None:
    """Beside the three customers, one of each of these names, with files and a state file."""
    file = blob(world, files_of("x").encode())
    good = [("40000", n, world.git("rev-parse", f"main:customers/{n}")) for n in world.customers]
    folder = tree(world, ("100644", "kustomization.yaml", file))
    customers = tree(world, *good, *(("40000", name, folder) for name in names))
    states = tree(world, *(("100644", f"{name}.yaml", blob(world, b"customer: x\n")) for name in names))
    slipway = tree(world, ("40000", "customers", states))
    put(world, tree(world, ("40000", ".slipway", slipway), ("40000", "customers", customers)))


def planned(world: World) -> Plan:
    return make_plan(world.config, world.release(1), read_fleet(world.config))


def outside(world: World) -> set[str]:
    """Every file beside the repositories and above them, but for the Slipway home."""
    folder = Path(world.gitops).parent
    around = [p for p in folder.rglob("*") if p.parts[len(folder.parts)] not in ("app.git", "gitops.git")]
    return {str(p) for p in (*around, *folder.parent.glob("*"), *folder.parent.parent.glob("*"), *Path.cwd().glob("*"))}


def test_hostile_names_of_folders_and_state_files_are_left_alone_and_said(
    world: World, caplog: pytest.LogCaptureFixture, record_property: Callable
) -> None:
    record_property("cases", len(HOSTILE))
    with_hostile(world)
    before, there = world.git("ls-tree", "-r", "main"), outside(world)
    with caplog.at_level(logging.WARNING):
        plan = planned(world)
    assert [p.customer for r in plan.rings for p in r.promotions] == list(world.customers)
    said = [r.getMessage() for r in caplog.records]
    for name in HOSTILE:
        assert f"not a customer's name, left alone: {ascii(name)}" in said
    assert all(line.isprintable() and line.isascii() for line in said)
    done = world.write(1, world.edits(1, *world.customers))
    assert done.created
    changed = world.git("diff-tree", "-r", "--name-only", "-z", f"{done.commit}~1", done.commit).split("\0")
    own = [p(n) for n in world.customers for p in (path_of, state_path)]
    assert sorted(filter(None, changed)) == sorted(own)
    assert outside(world) == there
    assert len(before.split("\n")) + len(world.customers) == len(world.git("ls-tree", "-r", "main").split("\n"))


@pytest.mark.parametrize("name", some(FORGED, 3))
def test_a_forged_tree_is_refused_by_name_and_nothing_is_written(world: World, name: str) -> None:
    with_hostile(world, [name])
    before = world.tip
    assert [p.customer for r in planned(world).rings for p in r.promotions] == list(world.customers)
    with pytest.raises(ReleaseRefused) as caught:
        world.write(1, world.edits(1, *world.customers))
    assert f"customers/{name}/kustomization.yaml" in str(caught.value)
    assert world.tip == before


def test_a_hostile_name_in_a_ring_is_refused_before_anything_is_read(record_property: Callable) -> None:
    record_property("cases", len(OUTSIDE + HOSTILE))
    settings = config_for("app", "gitops").model_dump(mode="json")
    for name in OUTSIDE + HOSTILE:
        with pytest.raises(ValidationError):
            Config.model_validate(settings | {"rings": [{"name": "all", "customers": [name]}]})


def test_hostile_names_that_a_person_types_are_refused_by_name(world: World, record_property: Callable) -> None:
    record_property("cases", 2 * len(some(OUTSIDE + HOSTILE, 12)))
    with_hostile(world)
    before = world.tip
    for name in some(OUTSIDE + HOSTILE, 12):
        for write in (hold, rollback):
            with pytest.raises(ReleaseRefused, match="not in the GitOps repository") as caught:
                write(world.config, [name], AUDIT)
            assert name in caught.value.reasons[0].what
    assert world.tip == before


def test_hostile_names_in_a_file_of_all_customers_are_left_alone(world: World) -> None:
    names = [n for n in OUTSIDE + HOSTILE if n.isprintable() and n not in ("{customer}",)]
    lines = "".join(
        f"{_quoted(n)}: {{image: 'registry.example.no/shop/backend@{digest(0)}'}}\n" for n in [*names, "c000"]
    )
    world.person({"all.yaml": lines, "customers/c000": None, "customers/c001": None, "customers/c002": None})
    shared = _shared(world)
    plan = planned(shared)
    assert [(p.customer, p.standing) for r in plan.rings for p in r.promotions] == [("c000", "promote")]
    assert shared.write(1, shared.edits(1, "c000")).created
    assert sorted(world.files()) == [".slipway/customers/c000.yaml", "README.md", "all.yaml"]
    assert (world.content("all.yaml") or b"").decode().count(digest(1)) == 1


def _shared(world: World) -> World:
    from dataclasses import replace

    raw = world.config.model_dump(mode="json", by_alias=True)
    target = {"file": "all.yaml", "path": "{customer}.image"}
    raw["gitops"]["targets"] = {"backend": [target], "frontend": [target]}
    raw["components"].pop("frontend")
    raw["gitops"]["targets"].pop("frontend")
    config = Config.model_validate(raw)
    return _Shared(**{**replace(world).__dict__, "config": config})


class _Shared(World):
    """Releases the backend alone."""

    def release(self, number: int, **more: object):  # noqa: ANN201
        return super().release(number, **more).model_copy(update={"images": super().release(number).images[:1]})


def _quoted(name: str) -> str:
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


LINKS = {
    "to a file outside, absolute": "/etc/passwd",
    "to a file outside, relative": "../../../../../../etc/passwd",
    "to another customer's file": "../c000/kustomization.yaml",
    "to a file of its own": "other.yaml",
    "to nothing": "nowhere",
    "to itself": "kustomization.yaml",
    "to .git": "../../.git/config",
    "with an empty target": "",
    "to a device": "/dev/zero",
}


@pytest.mark.parametrize("kind", some(LINKS, 5))
def test_a_link_is_neither_read_nor_written_and_refused_by_name(world: World, kind: str) -> None:
    link = blob(world, LINKS[kind].encode())
    other = blob(world, files_of("c001").encode())
    folder = tree(world, ("120000", "kustomization.yaml", link), ("100644", "other.yaml", other))
    good = [("40000", n, world.git("rev-parse", f"main:customers/{n}")) for n in ("c000", "c002")]
    put(world, tree(world, ("40000", "customers", tree(world, *good, ("40000", "c001", folder)))))
    entry = world.git("ls-tree", "-r", "main", "customers/c001")
    promotions = {p.customer: p for r in planned(world).rings for p in r.promotions}
    assert {n: p.standing for n, p in promotions.items()} == {"c000": "promote", "c001": "refused", "c002": "promote"}
    assert "customers/c001/kustomization.yaml is a link" in promotions["c001"].because
    world.write(1, world.edits(1, *world.customers))
    assert world.git("ls-tree", "-r", "main", "customers/c001") == entry
    assert world.content(state_path("c001")) is None


FOLDERS = {
    "a link to another customer": ("120000", "c000"),
    "a link outside": ("120000", "../../../../etc"),
    "a submodule": ("160000", ""),
}


@pytest.mark.parametrize("kind", FOLDERS)
def test_a_folder_that_is_a_link_or_submodule_is_refused_by_name(world: World, kind: str) -> None:
    mode, to = FOLDERS[kind]
    there = blob(world, to.encode()) if to else "1" * 40
    good = [("40000", n, world.git("rev-parse", f"main:customers/{n}")) for n in ("c000", "c002")]
    put(world, tree(world, ("40000", "customers", tree(world, *good, (mode, "c001", there)))))
    promotions = {p.customer: p for r in planned(world).rings for p in r.promotions}
    assert promotions["c001"].standing == "refused"
    assert "customers/c001 is a link or a submodule" in promotions["c001"].because
    world.write(1, world.edits(1, *world.customers))
    assert world.git("ls-tree", "main", "customers/c001").split()[:3] == [mode, "commit" if not to else "blob", there]


def test_a_file_in_place_of_the_state_folder_is_refused_by_name(world: World) -> None:
    tip = world.person({".slipway": "a note\n"})
    with pytest.raises(ReleaseRefused, match=".slipway"):
        world.write(1, world.edits(1, *world.customers))
    assert world.tip == tip
