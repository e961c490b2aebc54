"""A suite's key is another one when anything that could change its verdict is, and tells nobody what its environment holds."""

from typing import Any

from tasks.config.model import Config
from tasks.models import Changes, Claim, ComponentChange, Image
from tasks.suites import claims
from tests.tasks.gitops.conftest_gitops import config_for

DIGESTS = {"postgres:17": "sha256:" + "1" * 64}
SUITE = {"run": "pytest", "services": ["postgres"], "env": {"LEVEL": "not-for-everybody"}}
CHANGE = ComponentChange(name="backend", tree="a" * 40, key="a" * 64, changed=True)


def config(suite: dict[str, Any] | None = None, **sections: Any) -> Config:
    settings = config_for("app", "gitops").model_dump(mode="json", by_alias=True)
    settings["components"]["backend"]["suites"] = {"unit": {**SUITE, **(suite or {})}, "lint": {"run": "ruff"}}
    return Config.model_validate(settings | {"e2e": {"path": "e2e", "smoke": "true"}} | sections)


def unit(suite: dict[str, Any] | None = None, change: ComponentChange = CHANGE, **more: Any) -> Claim:
    return claims.of_suite(config(suite), change, "unit", more.get("digests", DIGESTS))


def smoke(number: int = 1, key: str = "e" * 64, **sections: Any) -> Claim:
    images = [
        Image(
            component=name,
            repository="registry.example/shop/" + name,
            digest="sha256:" + f"{number:064x}",
            revision="1" * 40,
            tree="a" * 40,
            key="a" * 64,
            built=number > 1,
            seconds=number,
        )
        for name in ("backend", "frontend")
    ]
    changes = Changes(base=None, components=(CHANGE,), end_to_end=True, end_to_end_key=key, digests=DIGESTS)
    return claims.of_end_to_end(config(**sections), changes, images, "smoke")


def test_the_same_parts_are_the_same_key_whatever_else_differs() -> None:
    assert unit().key == unit(change=CHANGE.model_copy(update={"changed": False, "because": "x"})).key
    assert smoke().key == smoke().key
    assert unit().tag == f"content-{'a' * 40}.evidence-{unit().key[:40]}"
    assert smoke().repository == "registry.example/shop/backend"


def test_content_settings_services_and_target_make_another_key() -> None:
    others = [
        unit(change=CHANGE.model_copy(update={"key": "b" * 64})),
        unit({"run": "pytest -x"}),
        unit({"target": "dev"}),
        unit({"services": []}),
        unit({"env": {"LEVEL": "other"}}),
        unit(digests={"postgres:17": "sha256:" + "2" * 64}),
        claims.of_suite(config(), CHANGE, "lint", DIGESTS),
    ]
    assert len({c.key for c in [unit(), *others]}) == len(others) + 1


def test_images_by_digest_tests_and_settings_make_another_end_to_end_key() -> None:
    others = [
        smoke(2),
        smoke(key="f" * 64),
        smoke(e2e={"path": "e2e", "smoke": "false"}),
        smoke(postgres="postgres:18"),
    ]
    assert len({c.key for c in [smoke(), *others]}) == len(others) + 1


def test_no_environment_is_told_to_the_registry() -> None:
    assert "not-for-everybody" not in unit().model_dump_json()
    mail = {"name": "mail", "image": "mail:1", "port": 25, "env": {"LEVEL": "not-for-everybody"}}
    beside, quiet = [mail], [{**mail, "env": {}}]
    assert "not-for-everybody" not in unit({"services": beside}).model_dump_json()
    assert unit({"services": beside}).key != unit({"services": quiet}).key
    whole = {"path": "e2e", "smoke": "true"}
    assert "not-for-everybody" not in smoke(e2e={**whole, "services": beside}).model_dump_json()
    assert smoke(e2e={**whole, "services": beside}).key != smoke(e2e={**whole, "services": quiet}).key
