"""What people do in the GitOps repository between plan and push: their bytes are kept, the outcome has a name, nobody else is affected."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tasks.errors import ReleaseRefused
from tasks.gitops import again as agains
from tasks.gitops.tip import Tip
from tasks.models import Edits, RingCommit
from tests.reliability.world import World, digest, files_of, path_of, state_path

NAME, OTHERS = "c001", ("c000", "c002")
PATH, STATE, FOLDER = path_of(NAME), state_path(NAME), f"customers/{NAME}"
HELD = f'customer: "{NAME}"\nhold: {{reason: audit, owner: kari}}\n'
Changes = dict[str, str | bytes | None]


@dataclass(frozen=True)
class Edit:
    """What a person does, from the file and state file that are there; how the customer ends; what must be there after."""

    changes: Callable[[World], Changes]
    standing: str
    """Of the customer that was touched."""
    kept: Callable[[World], Changes]
    """Its files after the release, where they are not the released ones; None: not there."""


def file_at(number: int | None, old: str = "", new: str = "") -> str:
    text = files_of(NAME, number)
    assert old in text
    return text.replace(old, new)


def state_of(world: World, more: str = "") -> str:
    return (world.content(STATE) or b"").decode() + more


EDITS = {
    "another line": Edit(
        lambda w: {PATH: file_at(0, "replicas: 2", "replicas: 5")},
        "promote",
        lambda w: {PATH: file_at(1, "replicas: 2", "replicas: 5")},
    ),
    "a comment on the same line": Edit(
        lambda w: {PATH: file_at(0, "# set by releases", "# see ticket 7")},
        "promote",
        lambda w: {PATH: file_at(1, "# set by releases", "# see ticket 7")},
    ),
    "the same line": Edit(
        lambda w: {PATH: file_at(0, digest(0), digest(9))},
        "conflict",
        lambda w: {PATH: file_at(0, digest(0), digest(9)), STATE: state_of(w)},
    ),
    "one line of two": Edit(
        lambda w: {PATH: file_at(0, digest(0, "frontend"), digest(9))},
        "conflict",
        lambda w: {PATH: file_at(0, digest(0, "frontend"), digest(9)), STATE: state_of(w)},
    ),
    "the value that is coming": Edit(
        lambda w: {PATH: file_at(0, digest(0), digest(1))}, "promote", lambda w: {PATH: file_at(1)}
    ),
    "a key twice": Edit(
        lambda w: {PATH: file_at(0) + "resources: [x]\n"},
        "refused",
        lambda w: {PATH: file_at(0) + "resources: [x]\n", STATE: state_of(w)},
    ),
    "no YAML": Edit(lambda w: {PATH: "{{ x }}: ["}, "refused", lambda w: {PATH: "{{ x }}: [", STATE: state_of(w)}),
    "file deleted": Edit(lambda w: {PATH: None}, "gone", lambda w: {PATH: None, STATE: state_of(w)}),
    "state file deleted": Edit(lambda w: {STATE: None}, "promote", lambda w: {}),
    "both deleted": Edit(lambda w: {PATH: None, STATE: None}, "gone", lambda w: {PATH: None, STATE: None}),
    "folder renamed": Edit(
        lambda w: {PATH: None, path_of("c009"): file_at(0)},
        "gone",
        lambda w: {PATH: None, path_of("c009"): file_at(0), STATE: state_of(w)},
    ),
    "customer added": Edit(
        lambda w: {path_of("c009"): file_at(0)},
        "promote",
        lambda w: {path_of("c009"): file_at(0), state_path("c009"): None},
    ),
    "hold added": Edit(
        lambda w: {STATE: state_of(w, "hold: {reason: audit, owner: kari}\n")},
        "held",
        lambda w: {PATH: file_at(0), STATE: state_of(w, "hold: {reason: audit, owner: kari}\n")},
    ),
    "state file broken": Edit(
        lambda w: {STATE: "customer: [\n"}, "refused", lambda w: {PATH: file_at(0), STATE: "customer: [\n"}
    ),
    "state file of another": Edit(
        lambda w: {STATE: 'customer: "c002"\n'}, "refused", lambda w: {PATH: file_at(0), STATE: 'customer: "c002"\n'}
    ),
    "a file in place of the folder": Edit(
        lambda w: {FOLDER: None, f"{FOLDER}": "a note\n"}, "gone", lambda w: {FOLDER: "a note\n", STATE: state_of(w)}
    ),
}


def is_promoted(files: dict[str, bytes], world: World, name: str) -> bool:
    return (
        files.get(path_of(name)) == files_of(name, 1).encode() and world.commits[1].encode() in files[state_path(name)]
    )


def standings(done: RingCommit) -> dict[str, str]:
    return {p.customer: p.standing for p in done.promotions}


def outcome(done: RingCommit) -> str:
    return next(p.because for p in done.promotions if p.customer == NAME)


@pytest.mark.parametrize("what", EDITS)
def test_a_persons_edit_between_plan_and_push_is_kept(released: World, what: str) -> None:
    edit, edits = EDITS[what], released.edits(1, *released.customers)
    kept = edit.kept(released)
    released.person(edit.changes(released))
    done = released.write(1, edits)
    files = released.files()
    assert standings(done) == {NAME: edit.standing, **dict.fromkeys(OTHERS, "promote")}
    assert outcome(done) or edit.standing == "promote"
    assert all(is_promoted(files, released, name) for name in OTHERS)
    expected = {PATH: files_of(NAME, 1)} if edit.standing == "promote" else {}
    for path, content in {**expected, **kept}.items():
        assert files.get(path) == (content.encode() if isinstance(content, str) else content), path
    assert released.git("fsck", "--strict", "--no-dangling") == ""


SPECIAL = {"link": ("120000", b"../c000/kustomization.yaml"), "submodule": ("160000", b"")}


@pytest.mark.parametrize("where", [PATH, FOLDER, STATE, ".slipway/customers", ".slipway"])
@pytest.mark.parametrize("kind", SPECIAL)
def test_a_link_or_submodule_put_there_is_not_followed(released: World, kind: str, where: str) -> None:
    edits = released.edits(1, *released.customers)
    entry = _special(released, kind, where)
    done = released.write(1, edits)
    own = {".slipway", ".slipway/customers"} & {where}
    expected = dict.fromkeys(released.customers if own else (NAME,), "refused")
    assert standings(done) == {**dict.fromkeys(OTHERS, "promote"), **expected}
    assert "link" in outcome(done)
    assert released.git("ls-tree", "main", where) == entry
    assert digest(1).encode() not in (released.files().get(PATH) or b"")


def _special(world: World, kind: str, where: str) -> str:
    """Puts a link or a submodule there; the entry as git lists it."""
    mode, content = SPECIAL[kind]
    blob = world.git("hash-object", "-w", "--stdin", stdin=content) if content else "1" * 40
    world.person({where: None})
    line = f"M {mode} {blob} {where}\n"
    head = (
        f"commit refs/heads/main\ncommitter Kari <kari@example.no> 1700000000 +0000\ndata 4\nlink\nfrom {world.tip}\n"
    )
    world.git("fast-import", "--quiet", "--force", stdin=(head + line).encode())
    return world.git("ls-tree", "main", where)


def test_a_file_mode_that_a_person_changed_is_kept(released: World) -> None:
    edits = released.edits(1, *released.customers)
    blob = released.git("rev-parse", f"main:{PATH}")
    head = f"commit refs/heads/main\ncommitter Kari <kari@example.no> 1700000000 +0000\ndata 4\nmode\nfrom {released.tip}\n"
    released.git("fast-import", "--quiet", stdin=f"{head}M 100755 {blob} {PATH}\n".encode())
    assert standings(released.write(1, edits))[NAME] == "promote"
    assert released.git("ls-tree", "main", PATH).startswith("100755 ")
    assert is_promoted(released.files(), released, NAME)


def test_a_hold_that_a_person_took_away_moves_nobody_that_the_plan_left_alone(released: World) -> None:
    before = released.content(STATE)
    released.person({STATE: state_of(released, "hold: {reason: audit, owner: kari}\n")})
    edits = released.edits(1, *released.customers)
    released.person({STATE: before})
    assert standings(released.write(1, edits)) == {NAME: "held", **dict.fromkeys(OTHERS, "promote")}
    assert released.content(PATH) == file_at(0).encode()


def test_a_branch_put_back_by_force_is_planned_from_where_it_is(released: World) -> None:
    first = released.tip
    released.person({PATH: file_at(0, "replicas: 2", "replicas: 5"), "README.md": "secret\n"})
    edits = released.edits(1, *released.customers)
    released.git("update-ref", "refs/heads/main", first)
    done = released.write(1, edits)
    assert released.since(first) == [done.commit]
    assert released.files()["README.md"] == b"hands off\n"
    assert all(is_promoted(released.files(), released, name) for name in released.customers)


def test_a_branch_that_goes_on_and_is_put_back_again_carries_nothing_of_what_was_taken_back(released: World) -> None:
    """The first push meets a person's commit, the second one a branch that is where the plan was made."""
    first = released.tip
    edits = released.edits(1, *released.customers)
    gone = released.person({PATH: file_at(0, "replicas: 2", "replicas: 5")})
    living = "unset GIT_QUARANTINE_PATH GIT_OBJECT_DIRECTORY GIT_ALTERNATE_OBJECT_DIRECTORIES; "
    back = f"[ $(git rev-parse main) = {gone} ] || exit 0; {living}git update-ref refs/heads/main {first}"
    released.hook("pre-receive", back)
    done = released.write(1, edits)
    assert released.since(first) == [done.commit]
    assert released.files()[PATH] == file_at(1).encode()


def test_a_deleted_branch_is_told_and_stays_deleted(released: World) -> None:
    edits = released.edits(1, *released.customers)
    released.git("update-ref", "-d", "refs/heads/main")
    with pytest.raises(ReleaseRefused, match="there is no branch main"):
        released.write(1, edits)
    assert released.git("for-each-ref") == ""


@pytest.mark.parametrize("component", ["backend", "frontend"])
def test_a_value_that_a_person_put_there_before_the_first_release_is_kept(world: World, component: str) -> None:
    """No state file tells yet that the value is another one than the plan saw."""
    edits = world.edits(0, *world.customers)
    theirs = file_at(None, files_of(NAME).splitlines()[5 if component == "backend" else 6], "").encode()
    line = files_of(NAME, 9).splitlines()[5 if component == "backend" else 6]
    theirs = files_of(NAME).replace(files_of(NAME).splitlines()[5 if component == "backend" else 6], line).encode()
    world.person({PATH: theirs})
    done = world.write(0, edits)
    assert standings(done) == {NAME: "conflict", **dict.fromkeys(OTHERS, "promote")}
    assert f"changed {component} to" in outcome(done)
    assert world.content(PATH) == theirs
    assert world.content(STATE) is None


def approved(world: World, edits: Edits) -> RingCommit:
    return world.write(1, edits, approve=True)


ASKS_AGAIN = {
    "another line": (lambda w: {PATH: file_at(0, "replicas: 2", "replicas: 5")}, False),
    "another file": (lambda w: {"README.md": "theirs\n"}, False),
    "the same line": (lambda w: {PATH: file_at(0, digest(0), digest(9))}, True),
    "the value that is coming": (lambda w: {PATH: file_at(0, digest(0), digest(1))}, True),
    "hold added": (lambda w: {STATE: state_of(w, "hold: {reason: audit, owner: kari}\n")}, True),
    "file deleted": (lambda w: {PATH: None}, True),
    "state file deleted": (lambda w: {STATE: None}, True),
    "customer added": (lambda w: {path_of("c009"): file_at(0)}, False),
}


@pytest.mark.parametrize("what", ASKS_AGAIN)
def test_who_approved_is_asked_again_when_that_is_another_plan_and_only_then(released: World, what: str) -> None:
    changes, asks = ASKS_AGAIN[what]
    edits = released.edits(1, *released.customers)
    theirs = released.person(changes(released))
    done = approved(released, edits)
    assert (done.asks_again is not None) == asks
    assert (released.tip == theirs) == asks
    if done.asks_again is not None:
        again = Edits(tip=done.commit, edits=done.asks_again)
        assert done.commit == theirs
        assert approved(released, again).created
        assert all(is_promoted(released.files(), released, name) for name in OTHERS)


def test_edits_of_customers_that_nobody_touched_are_not_made_again(
    released: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    edits, made = released.edits(1, *released.customers), []
    whole = agains.edit_customers
    monkeypatch.setattr(agains, "edit_customers", lambda *a: made.append(a[3]) or whole(*a))
    released.person({PATH: file_at(0, "replicas: 2", "replicas: 5")})
    released.write(1, edits)
    assert made == [[NAME]]
    assert Tip.read(released.config).commit == released.tip
