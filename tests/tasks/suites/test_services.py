"""Services beside a suite: any image, ready before the tests begin, on a network that no other suite is on."""

import re
from typing import Any

import pytest

from tasks.errors import ReleaseRefused, ServiceUnavailable
from tasks.suites.verdict import SuiteFailed
from tests.tasks.suites.suite_app import run

pytestmark = pytest.mark.usefixtures("base_images")
# A base image has no CMD that serves; PYTHONSTARTUP and the like would be tricks. postgres serves by itself.
DATABASE = {"name": "data-base", "image": "postgres:17", "env": {"POSTGRES_PASSWORD": "test"}, "port": 5432}
REACH = 'python -c \'import os, socket; socket.create_connection((os.environ["DATA_BASE_HOST"], int(os.environ["DATA_BASE_PORT"])), 5)\''


def service(**changed: Any) -> dict[str, Any]:
    return {**DATABASE, **changed}


def test_each_service_is_ready_and_named_in_the_environment() -> None:
    ready = "pg_isready -h 127.0.0.1 -U postgres"
    result = run(f'{REACH} && test -n "$DATABASE_URL" && env', services=["postgres", service(ready=ready)])
    assert (result.failed, result.passed) == ((), 0)


def test_a_suites_own_environment_may_name_a_service_otherwise_but_not_the_database() -> None:
    own = {"DATA_BASE_HOST": "http://data-base:8025", "DATABASE_URL": "nowhere"}
    told = 'test "$DATA_BASE_HOST" = http://data-base:8025 && test "$DATA_BASE_PORT" = 5432 && test "${DATABASE_URL%%:*}" = postgresql'
    assert run(told, services=["postgres", service()], env=own).failed == ()


def test_a_service_that_ends_says_why() -> None:
    with pytest.raises(
        ReleaseRefused, match=r"(?s)data-base was not ready: ended with exit code [12].*POSTGRES_PASSWORD"
    ):
        run("true", services=[service(env={})])


def test_a_service_that_does_not_become_ready_says_what_was_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.containers.service.READY_SECONDS", 1)
    with pytest.raises(ReleaseRefused, match=r"`exit 7` ended with 7 after 1 s"):
        run("true", services=[service(ready="exit 7")])
    with pytest.raises(ReleaseRefused, match=r"`sleep 99` has not ended after 1 s"):
        run("true", services=[service(ready="sleep 99")])
    with pytest.raises(ReleaseRefused, match=r"port 1: .*refused after 1 s"):
        run("true", services=[service(port=1)])


def test_a_service_that_a_suite_ends_is_named() -> None:
    kill = "psql -h data-base -U postgres -c \"COPY (SELECT 1) TO PROGRAM 'kill -INT 1'\"; sleep 3; exit 1"
    with pytest.raises(SuiteFailed, match=r"(?s)its service data-base ended with exit code 0 meanwhile.*shut down"):
        run(kill, services=[service()], env={"PGPASSWORD": "test"}, image="postgres:17")


def test_an_image_that_is_nowhere_is_told() -> None:
    with pytest.raises(ServiceUnavailable, match="(?s)cannot be pulled.*registry.invalid/none"):
        run("true", services=[service(image="registry.invalid/none:1")])


def test_an_image_may_be_named_by_digest() -> None:
    from tasks.containers import engine

    digest = engine().images.get("postgres:17").id
    assert re.fullmatch("sha256:[0-9a-f]{64}", digest)
    assert run(REACH, services=[service(image=digest)]).failed == ()
