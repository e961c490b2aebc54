"""The distinct versions of a fleet, newest first by main's own line."""

from collections.abc import Callable

from tasks.models import Customer, Deployed, Fleet, Reason
from tasks.source.versions import versions
from tests.tasks.gitops.conftest_gitops import config_for, digest


def customer(name: str, release: str, backend: int, frontend: int = 1, **more: object) -> Customer:
    numbers = {"backend": backend, "frontend": frontend}
    components = {c: Deployed(digest=digest(n), revision=release, tree=release) for c, n in numbers.items()}
    runs = {c: digest(n) for c, n in numbers.items()}
    return Customer.model_validate(
        {"name": name, "ring": "all", "release": release, "components": components, "runs": runs, **more}
    )


def test_customers_of_the_same_images_are_one_version_and_the_newest_comes_first(repository: Callable) -> None:
    app = repository("app")
    old, middle, new = (app.commit({"backend/a": str(n)}, f"change {n}") for n in range(3))
    gone = "f" * 40
    fleet = Fleet(
        tip=new,
        customers=(
            customer("aal", old, 1),
            customer("bre", gone, 9),
            customer("dal", new, 3),
            customer("eid", middle, 1),
            customer("fjord", new, 3),
            customer("hand", new, 4, runs={"backend": digest(99), "frontend": digest(1)}),
            customer("odd", new, 5, problem=Reason(what="broken")),
            Customer(name="none", ring="all"),
        ),
    )
    found = versions(config_for(app.url, "gitops"), fleet)
    assert [(v.release, v.customers) for v in found] == [
        (new, ("dal", "fjord")),
        (middle, ("eid", "aal")),
        (gone, ("bre",)),
    ]
    assert [i.reference for i in found[0].images] == [
        f"registry.example.no/shop/backend@{digest(3)}",
        f"registry.example.no/shop/frontend@{digest(1)}",
    ]


def test_a_component_that_the_configuration_no_longer_has_makes_no_version_of_its_own(repository: Callable) -> None:
    app = repository("app")
    release = app.commit({"backend/a": "1"})
    extra = Deployed(digest=digest(7), revision=release, tree=release)
    one, other = customer("aal", release, 1), customer("bre", release, 1)
    other = other.model_copy(update={"components": {**other.components, "worker": extra}})
    (found,) = versions(config_for(app.url, "gitops"), Fleet(tip=release, customers=(one, other)))
    assert found.customers == ("aal", "bre")
    assert {i.component for i in found.images} == {"backend", "frontend"}
