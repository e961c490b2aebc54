"""A hold keeps a customer where it is, a rollback puts one back and holds it there; each is one commit, pushed as every other."""

from types import SimpleNamespace

import pytest
from conftest_gitops import digest, edits_at, release_of
from test_commit import file_at_tip, promote, remote

from tasks.errors import ReleaseRefused
from tasks.gitops.fleet import read_fleet
from tasks.gitops.hold import hold, release_hold, with_hold
from tasks.gitops.rollback import rollback
from tasks.gitops.yaml_bytes import CannotEdit
from tasks.models import Hold

AUDIT = Hold(reason="audit: until it's over", owner="kari", until="2999-12-31")


def held(world: SimpleNamespace, name: str) -> Hold | None:
    return next(c.hold for c in read_fleet(world.config).customers if c.name == name)


def test_a_held_customer_stays_and_the_others_move(world: SimpleNamespace) -> None:
    promote(world, release_of(world.commits[0], 1), "fjord", "bre")
    done = hold(world.config, ["bre"], AUDIT)
    assert held(world, "bre") == AUDIT
    assert remote(world, "diff", "--name-only", f"{done.commit}~1", done.commit) == ".slipway/customers/bre.yaml"
    assert "Slipway-Hold-Owner: kari" in remote(world, "show", "-s", "--format=%(trailers:only)", done.commit)
    promotions = promote(world, release_of(world.commits[1], 2), "fjord", "bre").promotions
    assert {p.customer: p.standing for p in promotions} == {"fjord": "promote", "bre": "held"}
    assert "held by kari until 2999-12-31: audit: until it's over" in next(
        p.because for p in promotions if p.customer == "bre"
    )


def test_holding_again_writes_nothing_and_letting_go_restores_every_byte(world: SimpleNamespace) -> None:
    promote(world, release_of(world.commits[0], 1), "bre")
    before = file_at_tip(world, ".slipway/customers/bre.yaml")
    first = hold(world.config, ["bre"], AUDIT)
    again = hold(world.config, ["bre"], AUDIT)
    assert (first.created, again.created, again.commit) == (True, False, first.commit)
    release_hold(world.config, ["bre"], "ola")
    assert file_at_tip(world, ".slipway/customers/bre.yaml") == before


def test_a_customer_without_a_release_can_be_held(world: SimpleNamespace) -> None:
    hold(world.config, ["dal", "fjord"], AUDIT)
    assert held(world, "dal") == held(world, "fjord") == AUDIT
    assert promote(world, release_of(world.commits[0], 1), "dal").promotions[0].standing == "held"


def test_a_push_in_between_is_kept(world: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    from tasks.gitops import hold as holding

    make = holding._contents

    def pushed_meanwhile(*arguments: object) -> dict[str, bytes]:
        found = make(*arguments)  # type: ignore[arg-type]
        if not (world.gitops.work / "note.txt").exists():
            world.gitops.git("pull", "--quiet", "origin", "main")
            world.gitops.commit({"note.txt": "somebody was here\n"}, "note")
        return found

    monkeypatch.setattr(holding, "_contents", pushed_meanwhile)
    hold(world.config, ["bre"], AUDIT)
    assert file_at_tip(world, "note.txt") == "somebody was here\n"
    assert held(world, "bre") == AUDIT


@pytest.mark.parametrize(
    "text",
    [
        b"customer: bre # mine\nhold: {reason: old, owner: me}\n# a word at the end\n",
        b"customer: bre\nhold:\n  reason: old\n  owner: me\n  # why\nrelease: null\n",
        b"customer: bre\r\nhold: {reason: old, owner: me} # why\r\nrelease: null\r\n",
        b"customer: bre",
        b"customer: bre\nhold:\n",
        b"customer: bre\nhold: null # nobody\nrelease: null\n",
        b"customer: bre\nhold:\n  owner: me\n  reason: 'old\n    lines'\n",
    ],
)
def test_people_may_write_a_hold_as_they_like(text: bytes) -> None:
    new = with_hold(text, "bre", AUDIT)
    assert new.count(b"hold:") == 1
    assert b"audit" in new
    gone = with_hold(new, "bre", None)
    assert b"hold" not in gone
    assert gone.startswith(b"customer: bre")


def test_a_word_after_a_hold_of_several_lines_stays() -> None:
    text = b"customer: bre\nhold:\n  reason: old\n  owner: me # me\n# call Kari before you touch this\nrelease: null\n"
    assert with_hold(text, "bre", None) == b"customer: bre\n# call Kari before you touch this\nrelease: null\n"


def test_a_broken_state_file_is_left_alone(world: SimpleNamespace) -> None:
    with pytest.raises(CannotEdit):
        with_hold(b"customer: [", "bre", AUDIT)
    world.gitops.commit({".slipway/customers/bre.yaml": "customer: dal\n"}, "wrong")
    tip = remote(world, "rev-parse", "main")
    with pytest.raises(ReleaseRefused, match="bre: the state file is broken"):
        hold(world.config, ["bre", "dal"], AUDIT)
    with pytest.raises(ReleaseRefused, match="nobody: not in the GitOps repository"):
        hold(world.config, ["nobody"], AUDIT)
    assert remote(world, "rev-parse", "main") == tip


def test_a_rollback_restores_the_files_and_holds_exactly_those_customers(world: SimpleNamespace) -> None:
    promote(world, release_of(world.commits[0], 1), "fjord", "bre", "dal")
    before = {p: file_at_tip(world, p) for p in ("customers/bre/kustomization.yaml", "customers/dal/values.yaml")}
    promote(world, release_of(world.commits[1], 2), "fjord", "bre", "dal")
    done = rollback(world.config, ["bre"], AUDIT)
    assert [(b.customer, b.from_commit, b.to.commit) for b in done.customers] == [
        ("bre", world.commits[1], world.commits[0])
    ]
    assert file_at_tip(world, "customers/bre/kustomization.yaml") == before["customers/bre/kustomization.yaml"]
    assert digest(2) in file_at_tip(world, "customers/dal/values.yaml")
    found = {c.name: c for c in read_fleet(world.config).customers}
    assert (found["bre"].release, found["bre"].hold) == (world.commits[0], AUDIT)
    promotions = promote(world, release_of(world.commits[2], 3), "fjord", "bre").promotions
    assert {p.customer: p.standing for p in promotions} == {"fjord": "promote", "bre": "held"}
    release_hold(world.config, ["bre"], "ola")
    assert promote(world, release_of(world.commits[2], 3), "bre").promotions[0].standing == "promote"


def test_a_second_rollback_never_goes_forward_to_the_release_that_was_left(world: SimpleNamespace) -> None:
    for number, commit in enumerate(world.commits, 1):
        promote(world, release_of(commit, number), "bre", "dal")
    first, second, third = world.commits
    rollback(world.config, ["bre"], AUDIT)
    done = rollback(world.config, ["bre"], Hold(reason="further", owner="kari"))
    assert [(b.from_commit, b.to.commit) for b in done.customers] == [(second, first)]
    with pytest.raises(ReleaseRefused, match="there is no release before this one"):
        rollback(world.config, ["bre"], Hold(reason="still further", owner="kari"))
    release_hold(world.config, ["bre"], "ola")
    promote(world, release_of(third, 3), "bre")
    done = rollback(world.config, ["bre"], AUDIT)
    assert [(b.from_commit, b.to.commit) for b in done.customers] == [(third, first)]


def test_the_same_rollback_again_writes_nothing(world: SimpleNamespace) -> None:
    for number, commit in enumerate(world.commits, 1):
        promote(world, release_of(commit, number), "bre", "dal")
    first = rollback(world.config, ["bre", "dal"], AUDIT)
    again = rollback(world.config, ["bre", "dal"], AUDIT)
    assert (first.created, again.created, again.commit) == (True, False, first.commit)
    assert [(b.customer, b.from_commit, b.to.commit) for b in again.customers] == [
        (b.customer, b.from_commit, b.to.commit) for b in first.customers
    ]
    promote(world, release_of(world.commits[2], 3), "fjord")
    hold(world.config, ["fjord"], AUDIT)
    with pytest.raises(ReleaseRefused, match="no release before"):  # held as asked, but nobody put it back
        rollback(world.config, ["fjord"], AUDIT)


def test_a_rollback_over_a_contract_is_refused_by_its_name_and_writes_nothing(world: SimpleNamespace) -> None:
    promote(world, release_of(world.commits[0], 1), "bre", "dal")
    contract = release_of(world.commits[1], 2).model_copy(update={"contracts": ("0007",)})
    promote(world, contract, "bre")
    tip = remote(world, "rev-parse", "main")
    with pytest.raises(ReleaseRefused) as caught:
        rollback(world.config, ["bre", "dal"], AUDIT)
    assert "bre: the contract 0007 has run since" in str(caught.value)
    assert "dal: there is no release before this one" in str(caught.value), "all reasons at once"
    assert remote(world, "rev-parse", "main") == tip


def test_a_value_that_a_person_changed_is_not_rolled_back(world: SimpleNamespace) -> None:
    promote(world, release_of(world.commits[0], 1), "dal")
    promote(world, release_of(world.commits[1], 2), "dal")
    world.gitops.git("pull", "--quiet", "origin", "main")
    text = file_at_tip(world, "customers/dal/values.yaml").replace(digest(2), digest(9))
    world.gitops.commit({"customers/dal/values.yaml": text}, "by hand")
    with pytest.raises(ReleaseRefused, match="was changed by hand"):
        rollback(world.config, ["dal"], AUDIT)


def test_an_older_release_that_comes_late_does_not_undo_a_rollback_or_a_newer_one(world: SimpleNamespace) -> None:
    promote(world, release_of(world.commits[0], 1), "bre")
    promote(world, release_of(world.commits[2], 3), "bre")
    rollback(world.config, ["bre"], AUDIT)
    tip = read_fleet(world.config).tip
    late = edits_at(world, tip, release_of(world.commits[1], 2), "bre")
    assert [p.standing for p in late.promotions] == ["held"]
