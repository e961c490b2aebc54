"""What cannot be answered is red and hides no other question, and a shard that failed leaves what the others said."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from prefect import flow

from tasks import nightly
from tasks.config.model import Config
from tasks.errors import ServiceUnavailable
from tasks.images.unused import ImagesNotKnown
from tasks.models import Answer, Reason, SuiteResult, TestCase, Tested, UnusedImage, Version
from tasks.reports.night import IMAGES
from tasks.suites.end_to_end import EndToEndFailed
from tests.harness import prefect_harness
from tests.tasks.gitops.conftest_gitops import config_for, digest

CONFIG = config_for("app", "gitops")
VERSION = Version(release="1a2b3c4" + "0" * 33, images=(), customers=("bre",))
GREEN = SuiteResult(suite="full", component="e2e", passed=3, seconds=2, junit=True)
RED = GREEN.model_copy(update={"failed": (TestCase(name="t", message="m"),), "seconds": 5})


def answered(found: Any) -> Answer:
    """The answer to a question whose step ended with this value or error."""
    future: Any = SimpleNamespace(result=lambda raise_on_failure: found)
    return nightly._answer(CONFIG, "q", future, lambda value: Answer(question="q", said=value))


def test_a_step_that_ended_badly_is_a_red_answer_also_when_nobody_foresaw_it() -> None:
    assert answered("all right") == Answer(question="q", said="all right")
    away = Reason(what="away", next_step="see its log")
    assert answered(ServiceUnavailable(away)).red == (away,)
    assert answered(KeyError("odd")).red[0].what == "a step ended with KeyError: 'odd'"


def test_what_was_learned_of_other_registries_is_told_beside_the_one_that_is_away() -> None:
    image = UnusedImage(repository="r/a", digest=digest(1), tags=("tree-" + "1" * 40,), since="2026-11-01")
    answer = answered(ImagesNotKnown((image,), [Reason(what="r/b is away")]))
    assert (answer.question, len(answer.notes), answer.red) == (IMAGES, 1, (Reason(what="r/b is away"),))


def test_shards_are_one_result_with_every_failure() -> None:
    failed = EndToEndFailed("e2e full: t failed", result=RED)
    tested = nightly._merged(VERSION, [GREEN, failed, ServiceUnavailable.because("the Engine did not answer")])
    assert not tested.green
    assert tested.result
    assert (tested.result.suite, tested.result.passed, tested.result.seconds) == ("full 1a2b3c4", 6, 5)
    assert [r.what for r in tested.reasons] == ["e2e full: t failed", "the Engine did not answer"]
    assert nightly._merged(VERSION, [GREEN, GREEN]).green
    assert not nightly._merged(VERSION, []).green


def test_shards_that_all_ran_no_test_are_red() -> None:
    empty = [GREEN.model_copy(update={"suite": f"full {n} of 2", "passed": 0}) for n in (1, 2)]
    tested = nightly._merged(VERSION, empty)
    assert [r.what for r in tested.reasons] == ["e2e full: none of its 2 parts ran a test"]
    assert nightly._merged(VERSION, [empty[0], GREEN.model_copy(update={"suite": "full 2 of 2"})]).green


def test_another_dockerfile_of_the_tests_is_another_image(repository: Callable, base_images: None) -> None:
    app = repository("app")
    tests = {"e2e/Dockerfile": "FROM python:3.13-slim\n", "e2e/other.Dockerfile": "FROM node:24-slim\n"}
    commit = app.commit({**tests, "backend/Dockerfile": "FROM scratch\n", "frontend/Dockerfile": "FROM scratch\n"})
    settings = config_for(app.url, "gitops").model_dump(mode="json", by_alias=True)

    @flow
    def night(dockerfile: str, smoke: str) -> tuple[Tested, ...]:
        e2e = {"path": "e2e", "smoke": smoke, "dockerfile": dockerfile}
        config = Config.model_validate(settings | {"e2e": e2e})
        return nightly.check_versions(config, [VERSION.model_copy(update={"release": commit})])

    with prefect_harness():
        for dockerfile, smoke in (("Dockerfile", "python --version"), ("other.Dockerfile", "node --version")):
            (tested,) = night(dockerfile, smoke)
            assert tested.green, tested.reasons
