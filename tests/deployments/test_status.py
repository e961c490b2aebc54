"""The fleet as a person reads it: at any width, with what stands against each customer, and what to do."""

from types import SimpleNamespace

import pytest

from deployments.status import lines
from tasks.models import Customer, Deployed, Fleet, Hold, Reason

ONE, OTHER = f"sha256:{'1' * 64}", f"sha256:{'a' * 64}"
CONFIG = SimpleNamespace(app=SimpleNamespace(name="shop"), components={"backend": 1, "frontend": 2})


def customer(name: str, runs: str = ONE, **more: object) -> Customer:
    done = Deployed(digest=ONE, revision="1" * 40, tree="2" * 40)
    facts = {"release": "3" * 40, "components": {"backend": done, "frontend": done}}
    return Customer(
        name=name, ring="all", **{**facts, "runs": {"backend": runs, "frontend": f"tree-{'2' * 40}"}, **more}
    )


FLEET = Fleet(
    tip="4" * 40,
    customers=(
        customer("bre"),
        customer("dal", OTHER, head="0002"),
        customer("elv", hold=Hold(reason="the auditors look at it", owner="kari", until="2999-12-31")),
        customer("fjord", release=None, components={}),
        customer(
            "gol",
            runs="",
            release=None,
            components={},
            problem=Reason(what="gol: there is no digest", where="gol.yaml", next_step="add it to gol.yaml"),
        ),
    ),
)


def shown(width: int | None) -> list[str]:
    return list(lines(CONFIG, FLEET, width))  # type: ignore[arg-type]


def test_every_customer_is_one_line_where_nobody_looks() -> None:
    assert shown(None) == [
        "shop: 5 customers at 4444444 of the GitOps repository",
        "customer  ring  release  backend    frontend   head",
        "bre       all   3333333  1111111    1111111    -",
        "dal       all   3333333  (aaaaaaa)  1111111    0002  backend changed by hand",
        "elv       all   3333333  1111111    1111111    -     held by kari until 2999-12-31: the auditors look at it",
        "fjord     all   -        (1111111)  (2222222)  -",
        "gol       all   -        -          (2222222)  -     there is no digest (gol.yaml)",
        "In brackets: the image that the files name, which no release put there.",
        "gol: add it to NAME.yaml",
    ]


@pytest.mark.parametrize("width", [24, 50, 60, 80, 200])
def test_no_line_is_wider_than_the_terminal_and_nothing_is_lost(width: int) -> None:
    table = shown(width)[1:-2]
    assert max(map(len, table)) <= width
    words = " ".join(table).split()
    for word in ("auditors", "2999-12-31:", "hand", "0002", "(aaaaaaa)", "gol", "(gol.yaml)"):
        assert word in words or f"{word}," in words, word


def test_a_head_that_nobody_has_takes_no_room() -> None:
    fleet = Fleet(tip="4" * 40, customers=(customer("bre"),))
    assert list(lines(CONFIG, fleet, 80)) == [  # type: ignore[arg-type]
        "shop: 1 customer at 4444444 of the GitOps repository",
        "customer  ring  release  backend  frontend",
        "bre       all   3333333  1111111  1111111",
    ]


def test_control_characters_of_a_file_are_spelled_out() -> None:
    bad = customer("bre", hold=Hold(reason="x\x1b[31m\ny", owner="k"), head="\x07")
    assert not any(c for line in lines(CONFIG, Fleet(tip="4" * 40, customers=(bad,)), None) for c in line if c < " ")  # type: ignore[arg-type]
