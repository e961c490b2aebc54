"""What Prefect is handed by tasks and artifacts holds no known secret."""

import inspect
from typing import Any

import pytest
from prefect import artifacts
from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_KEY, temporary_settings

from tasks.run import masked
from tasks.secrets.masking import learn, mask
from tests.canaries import CANARIES

TOKEN = CANARIES["token"]


def test_a_task_is_prefects_with_the_functions_own_parameters_and_masked_errors() -> None:
    learn(TOKEN)

    def asks(customer: str, count: int = 1) -> None:
        raise LookupError(f"{customer}: {TOKEN} x {count}")

    made = masked.task(asks, name="ask", task_run_name="ask {customer}", retries=2)
    decorated = masked.task(name="ask", retries=2)(asks)
    for task in (made, decorated):
        assert (task.name, task.retries, list(inspect.signature(task.fn).parameters)) == (
            "ask",
            2,
            ["customer", "count"],
        )
        with pytest.raises(LookupError, match=r"^'?acme: \*\*\* x 2'?$"):
            task.fn("acme", count=2)


def test_artifacts_are_masked_in_every_field(monkeypatch: pytest.MonkeyPatch) -> None:
    learn(TOKEN)
    stored: list[Any] = []
    for name in ("create_markdown_artifact", "create_table_artifact"):
        monkeypatch.setattr(artifacts, name, lambda content, **more: stored.append((content, more)))
    masked.create_markdown_artifact(f"# {TOKEN}", key="plan", description=TOKEN)
    masked.create_table_artifact([{"test": f"t[{TOKEN}]", "seconds": 1.5, TOKEN: None}], key="tests")
    assert stored == [
        ("# ***", {"key": "plan", "description": "***"}),
        ([{"test": "t[***]", "seconds": 1.5, "***": None}], {"key": "tests"}),
    ]


def test_what_the_worker_logs_in_to_prefect_with_is_known() -> None:
    with temporary_settings({PREFECT_API_AUTH_STRING: "admin:c4nary-basic-auth", PREFECT_API_KEY: "pnu_c4nary0123"}):
        masked.learn_own()
    assert mask("admin:c4nary-basic-auth, c4nary-basic-auth, pnu_c4nary0123") == "***, ***, ***"
