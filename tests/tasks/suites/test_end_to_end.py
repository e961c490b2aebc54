"""The whole app on a real Engine: services, migration, seed, health, tests, a second attempt, and what is kept of it."""

import contextlib
import datetime
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from docker.errors import ImageNotFound

from tasks import containers
from tasks.config.model import Config
from tasks.errors import ReleaseRefused
from tasks.models import Image, Quarantine, QuarantineEntry
from tasks.suites import kept
from tasks.suites.end_to_end import EndToEndFailed, EndToEndPart, parts, run_end_to_end
from tasks.suites.unit import run_suite
from tasks.suites.verdict import SuiteFailed
from tests.tasks.gitops.conftest_gitops import config_for

SAMPLE = Path(__file__).parents[2] / "samples" / "e2e"
MAIL = {"name": "mail", "image": "", "env": {"PORT": "2500", "NAME": "mail"}, "port": 2500}


FILES = ("output.log", "junit.xml", "backend.log", "mail.log")


@pytest.fixture(scope="module")
def image(base_images: None, registry_address: str) -> Iterator[Image]:
    """One image for the app, its tests and the mail catcher, in the registry."""
    client, repository = containers.engine(), f"{registry_address}/e2e-sample/backend"
    built, _ = client.images.build(path=str(SAMPLE), tag=f"{repository}:1")
    client.images.push(repository, tag="1")
    built.reload()
    digest = built.attrs["RepoDigests"][0].partition("@")[2]
    yield Image(
        component="backend",
        repository=repository,
        digest=digest,
        revision="1" * 40,
        tree="2" * 40,
        built=True,
        seconds=1,
    )
    for name in (f"{repository}:1", f"{repository}@{digest}"):
        with contextlib.suppress(ImageNotFound):
            client.images.remove(name)


@pytest.fixture
def config(image: Image) -> Callable[..., Config]:
    """A configuration with these end-to-end tests."""

    def make(
        smoke: str = "true", run: dict[str, Any] | None = None, unit: dict[str, Any] | None = None, **more: Any
    ) -> Config:
        settings = config_for("app", "gitops").model_dump(by_alias=True)
        backend = settings["components"]["backend"]
        backend["run"] = {"port": 8000, **(run or {})}
        backend["suites"] = {"unit": unit} if unit else {}
        return Config.model_validate({**settings, "e2e": {"path": "e2e", "smoke": smoke, **more}})

    return make


def mail(image: Image, **more: Any) -> dict[str, Any]:
    return {**MAIL, "image": image.reference, **more}


def test_two_attempts_of_a_part_and_what_is_kept_of_them(config: Callable[..., Config], image: Image) -> None:
    settings = config(
        "python mail.py && python suite.py first:pass second:flaky bad:fail late:fail",
        run={"migrate": "python mail.py migrated"},
        seed={"backend": "python mail.py seeded"},
        services=[mail(image)],
        projects=["chromium", "firefox"],
        shards=2,
    )
    entry = QuarantineEntry(test="late", suite="e2e", owner="kari", reason="-", until=datetime.date(2026, 12, 1))
    quarantine, part = Quarantine(day=entry.until, entries=(entry,)), parts(settings)[3]
    with pytest.raises(EndToEndFailed) as caught:
        run_end_to_end(settings, [image], image.reference, "smoke", part, quarantine)
    assert [r.what.splitlines()[0] for r in caught.value.reasons] == [
        "e2e smoke firefox 2 of 2: bad failed: bad went wrong",
        "e2e: the last lines of backend",
        "e2e: the last lines of mail",
    ]
    result = caught.value.result
    assert result
    assert caught.value.gate == "e2e"
    assert (result.passed, [t.name for t in result.flaky]) == (2, ["second"])
    assert [q.entry.test for q in result.forgiven] == ["late"]
    assert result.failed[0].where == "suite.py:21"
    name = "e2e-smoke-firefox-2-of-2"
    run = kept.runs() / containers.run_id()
    assert {f"{run.name}/{name}/{file}" for file in FILES} | {
        f"{run.name}/{name}/artifacts/{test}/screenshot.png" for test in ("second", "bad", "late")
    } <= set(result.kept)
    for attempt, ran in ((name, "all"), (f"{name}-2", "['second', 'bad']")):
        said = (run / attempt / "output.log").read_text().splitlines()
        assert [line for line in said if line] == ["migrated", "seeded", f"ran {ran} of firefox 2"]
    assert "mail was asked" in (run / name / "mail.log").read_text()


def test_each_project_has_its_shards(config: Callable[..., Config]) -> None:
    every = parts(config(projects=["chromium", "firefox"], shards=2))
    assert [p.of("smoke") for p in every] == [
        f"smoke {project} {n} of 2" for project in ("chromium", "firefox") for n in (1, 2)
    ]
    assert parts(config()) == (EndToEndPart(),)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"seed": {"backend": "echo no rows; exit 4"}}, "(?s)the seed ended with exit code 4.*no rows.*backend, `echo"),
        (
            {"run": {"env": {"BROKEN": "1"}}},
            "(?s)backend did not become healthy: its container is exited.*no such luck",
        ),
        (
            {"run": {"env": {"SLEEP": "60"}, "starts_within": "1s"}},
            "(?s)backend did not become healthy: .*refused.*raise components.backend.run.starts_within",
        ),
        (
            {"services": [{"env": {"BROKEN": "1"}}]},
            "(?s)service mail was not ready: ended with exit code 1.*no such luck",
        ),
        (
            {"services": [{"ready": "test -e /never"}]},
            "(?s)service mail was not ready: `test -e /never` (ended with 1|has not ended) after 2 s",
        ),
    ],
)
def test_an_app_that_does_not_come_says_why_and_is_no_failed_test(
    config: Callable[..., Config], image: Image, more: dict, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.containers.service.READY_SECONDS", 2)
    if "services" in more:
        more = {**more, "services": [mail(image, **service) for service in more["services"]]}
    with pytest.raises(ReleaseRefused, match=said) as caught:
        run_end_to_end(config(**more), [image], image.reference, "smoke")
    assert not isinstance(caught.value, SuiteFailed)


def test_app_and_tests_may_name_a_service_in_their_own_way(config: Callable[..., Config], image: Image) -> None:
    told = 'test "$MAIL_HOST" = {} && test "$MAIL_PORT" = 2500 && test "${{DATABASE_URL%%:*}}" = {}'
    settings = config(
        told.format("http://mail:80", "''"),
        run={"env": {"MAIL_HOST": "smtp", "DATABASE_URL": "nowhere"}},
        seed={"backend": told.format("smtp", "postgresql")},
        services=[mail(image)],
        env={"MAIL_HOST": "http://mail:80"},
    )
    assert run_end_to_end(settings, [image], image.reference, "smoke").failed == ()


def test_a_unit_suite_is_run_again_by_its_own_command(config: Callable[..., Config], image: Image) -> None:
    again = "grep -qx second $FAILED_TESTS && python suite.py second:pass"
    unit = {"run": "python suite.py first:pass second:fail", "retry": again}
    result = run_suite(config(unit=unit), "backend", "unit", image.reference, "")
    assert [t.name for t in result.flaky] == ["second"]
    with pytest.raises(SuiteFailed) as caught:
        run_suite(config(unit={**unit, "retries": 0}), "backend", "unit", image.reference, "")
    assert caught.value.gate == "suites"


def test_a_command_that_leaves_no_file_at_junit_where_it_names_it_has_passed_nothing(
    config: Callable[..., Config], image: Image
) -> None:
    with pytest.raises(EndToEndFailed, match=r"names \$JUNIT, but no file was written there"):
        run_end_to_end(config(smoke="true $JUNIT"), [image], image.reference, "smoke")


def test_old_files_are_removed_run_by_run() -> None:
    old, new = kept.folder("a"), kept.folder("b").parent
    other = kept.runs() / "older-run" / "e2e"
    other.mkdir(parents=True)
    for path in (other, other.parent):
        os.utime(path, (time.time() - 7200,) * 2)
    assert kept.remove_old(3600) == 1
    assert old.exists()
    assert new.exists()
    assert not other.parent.exists()
