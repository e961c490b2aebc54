"""Which checks a release needs."""

import pytest

from tasks.config import Config
from tasks.models import Changes, ComponentChange, Customer, Fleet
from tasks.steps import _migrations
from tests.tasks.gitops.conftest_gitops import config_for

BASE = "a" * 40


def needed(changed: bool, *heads: str | None) -> bool:
    """Whether the migrations are checked when customers with a release are at these heads, and one has none yet."""
    settings = config_for("app", "gitops").model_dump(mode="json", by_alias=True)
    config = Config.model_validate(settings | {"migrations": {"component": "backend", "tool": "sql"}})
    changes = Changes(
        base=BASE, components=(ComponentChange(name="backend", tree=BASE, changed=changed),), end_to_end=False
    )
    customers = [Customer(name=f"c{n}", ring="all", release=BASE, head=head) for n, head in enumerate(heads)]
    fleet = Fleet(tip=BASE, customers=(*customers, Customer(name="new", ring="all")))
    return _migrations(config, changes, fleet) is not None


@pytest.mark.parametrize(
    ("changed", "heads", "wanted"),
    [
        (True, ("0002", "0002"), True),
        (False, ("0002", "0002"), False),
        (False, ("0002", "0001"), True),
        (False, ("0002", None), True),
        (False, (), False),
    ],
)
def test_migrations_are_checked_when_any_customer_has_some_to_run(
    changed: bool, heads: tuple[str | None, ...], wanted: bool
) -> None:
    assert needed(changed, *heads) is wanted
