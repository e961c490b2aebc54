"""Argo CD: a customer passes when it is synced to the release, healthy after that, and runs the planned digest.

Argo CD cannot run here. Every request and answer was tried against the contract in tests/contracts/argocd.yaml only.
"""

import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tasks.errors import ReleaseRefused, ServiceUnavailable, Superseded
from tasks.rollout.verify import verify_customer, verify_customers
from tests.contracts import Answer, ContractServer, Cut, Request, Response
from tests.tasks.rollout.situations import (
    AFTER_SYNC,
    BEFORE,
    GITOPS,
    LATER,
    MINUTES,
    OLDER,
    OTHER,
    OURS,
    PLANNED,
    RELEASE,
    REPOSITORY,
    SYNC_ENDED,
    TOKEN,
    application,
    argocd_document,
    assert_waits,
    carries,
    config_of,
    operation,
    pod_node,
    served,
    synced,
)

ONE = "GET /api/v1/applications/{name}"
LIST = "GET /api/v1/applications"
TREE = "GET /api/v1/applications/{applicationName}/resource-tree"


class Argo:
    """An Argo CD whose answers to one operation follow each other; the last one stays."""

    def __init__(self) -> None:
        self.answers: dict[str, list[Answer]] = {}
        self.server = ContractServer(argocd_document(), self.answer)

    def says(self, *documents: dict[str, Any] | Answer, to: str = ONE) -> None:
        self.answers[to] = [Response(200, d) if isinstance(d, dict) else d for d in documents]

    def answer(self, request: Request) -> Answer:
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return Response(401, {"error": "no session information", "code": 16, "message": "no session information"})
        following = self.answers.get(request.operation, [Response(404, {"code": 5, "message": "not found"})])
        return following.pop(0) if len(following) > 1 else following[0]

    def rollout(self, timeout: float = 0, **settings: Any) -> dict[str, Any]:
        usual = {"url": self.server.url, "token_env": "ARGO_TOKEN", "application": "shop-{customer}", "project": "shop"}
        return {"verify": "argocd", "timeout": timeout, "argocd": usual | {"refresh": False} | settings}

    def verify(self, timeout: float = 0, carries: Callable[[str], bool] = carries, **settings: Any) -> dict[str, str]:
        return verify_customer(config_of(self.rollout(timeout, **settings)), RELEASE, "bre", OURS, carries)

    def queries(self, operation: str = ONE) -> list[dict[str, list[str]]]:
        return [r.query for r in self.server.requests if r.operation == operation]


@pytest.fixture
def argo(monkeypatch: pytest.MonkeyPatch) -> Iterator[Argo]:
    yield from served(Argo, "ARGO_TOKEN", monkeypatch)


def test_synced_healthy_and_running_is_seen_with_one_request(argo: Argo) -> None:
    argo.says(application())
    assert argo.verify() == {"backend": PLANNED}
    assert argo.queries() == [{"project": ["shop"]}]


def test_health_from_before_the_sync_ended_does_not_pass(argo: Argo) -> None:
    argo.says(application(reconciledAt="2026-11-24T12:03:01Z"))
    assert_waits(argo, "synced 1a2b3c4", "health Healthy is of 2026-11-24T12:03:01Z", SYNC_ENDED)


def test_the_second_in_which_the_sync_ended_is_not_after_it(argo: Argo) -> None:
    argo.says(application(reconciledAt=SYNC_ENDED))
    assert_waits(argo, "not after the sync")


def test_health_without_any_time_does_not_pass(argo: Argo) -> None:
    argo.says(_without(application(), "reconciledAt"))
    assert_waits(argo, "is of no known time")


def test_an_old_transition_time_alone_keeps_nobody_waiting(argo: Argo) -> None:
    argo.says(application(health={"status": "Healthy", "lastTransitionTime": "2020-01-01T00:00:00Z"}))
    assert argo.verify() == {"backend": PLANNED}


def test_an_application_that_a_commit_did_not_change_needs_no_sync_of_its_own(argo: Argo) -> None:
    argo.says(application(sync=synced(LATER), operationState=operation("Succeeded", OURS)))
    assert argo.verify() == {"backend": PLANNED}


def test_a_descendant_that_carries_the_digests_passes(argo: Argo) -> None:
    argo.says(application(sync=synced(LATER), operationState=operation("Succeeded", LATER)))
    assert argo.verify() == {"backend": PLANNED}


def test_the_release_s_own_commit_needs_no_question_to_git(argo: Argo) -> None:
    def unasked(revision: str) -> bool:
        raise AssertionError(revision)

    argo.says(application())
    assert argo.verify(carries=unasked) == {"backend": PLANNED}


def test_a_descendant_that_does_not_carry_them_is_superseded_by_name(argo: Argo) -> None:
    def asked(revision: str) -> bool:
        raise Superseded.because(f"{revision} carries other digests")

    argo.says(application(sync=synced(OTHER)))
    assert_waits(argo, "superseded", OTHER, kind=Superseded, timeout=MINUTES, carries=asked)


def test_an_older_commit_from_argo_cd_s_cache_is_not_taken_for_a_newer_release(argo: Argo) -> None:
    progressing = application(health={"status": "Progressing"})
    argo.says(progressing, application(sync=synced(OLDER)), application())
    assert argo.verify(MINUTES) == {"backend": PLANNED}


def test_a_revision_from_before_the_release_is_waited_for(argo: Argo) -> None:
    argo.says(application(sync=synced(OLDER)), application())
    assert argo.verify(MINUTES) == {"backend": PLANNED}
    argo.says(application(sync=synced(OLDER)))
    assert_waits(argo, f"compared with {OLDER[:7]}, which does not carry this release")


def test_git_being_away_is_waited_out_and_the_last_state_is_kept(argo: Argo) -> None:
    asked: list[str] = []

    def away_once(revision: str) -> bool:
        asked.append(revision)
        if len(asked) == 1:
            raise ServiceUnavailable.because("the GitOps repository did not answer")
        return True

    argo.says(application(sync=synced(LATER)))
    assert argo.verify(MINUTES, away_once) == {"backend": PLANNED}


def test_out_of_sync_names_resources_and_that_nobody_syncs(argo: Argo) -> None:
    bad = application(
        sync=synced(OURS, "OutOfSync"), resources=[{"kind": "Deployment", "name": "backend", "status": "OutOfSync"}]
    )
    bad["spec"]["syncPolicy"] = {}
    argo.says(bad)
    assert_waits(argo, "OutOfSync against 1a2b3c4 (Deployment backend), automatic sync is off", "sync the application")


def test_a_comparison_error_is_told(argo: Argo) -> None:
    error = {"type": "ComparisonError", "message": "failed to generate manifest:\n\x1b[31mno such file"}
    argo.says(application(sync=synced(OURS, "Unknown"), conditions=[error]))
    assert_waits(argo, "ComparisonError: failed to generate manifest: [31mno such file")


def test_progressing_then_healthy_passes(argo: Argo) -> None:
    argo.says(application(health={"status": "Progressing", "message": "2 of 3 updated"}), application())
    assert argo.verify(MINUTES) == {"backend": PLANNED}


@pytest.mark.parametrize("status", ["Progressing", "Degraded", "Suspended", "Missing", "Unknown"])
def test_no_other_health_passes(argo: Argo, status: str) -> None:
    argo.says(application(health={"status": status, "message": "m", "lastTransitionTime": AFTER_SYNC}))
    assert_waits(argo, f"health {status} since {AFTER_SYNC}: m")


@pytest.mark.parametrize("phase", ["Failed", "Error"])
def test_a_failed_sync_ends_the_wait_at_once_in_its_own_words(argo: Argo, phase: str) -> None:
    hook = {"kind": "Job", "name": "migrate", "hookPhase": "Failed", "message": "exit 1"}
    result = {"revision": OURS, "resources": [hook]}
    argo.says(application(operationState=operation(phase, message="one or more hooks failed", syncResult=result)))
    assert_waits(
        argo,
        f"sync to 1a2b3c4 ended {phase}: one or more hooks failed (Job migrate: exit 1)",
        kind=ReleaseRefused,
        timeout=MINUTES,
    )


def test_a_sync_that_failed_before_this_revision_is_history(argo: Argo) -> None:
    argo.says(application(operationState=operation("Failed", OLDER)), application())
    assert argo.verify(MINUTES) == {"backend": PLANNED}


def test_a_dry_run_says_nothing(argo: Argo) -> None:
    dry = operation("Failed", operation={"sync": {"dryRun": True}})
    argo.says(application(operationState=dry, reconciledAt="2026-11-24T12:00:00Z"))
    assert argo.verify() == {"backend": PLANNED}


@pytest.mark.parametrize("phase", ["Running", "Terminating"])
def test_a_sync_that_runs_or_retries_is_waited_for(argo: Argo, phase: str) -> None:
    argo.says(application(operationState=operation(phase, message="Retrying attempt #2")))
    assert_waits(argo, f"sync to 1a2b3c4 is {phase}: Retrying attempt #2")


def test_a_sync_that_is_asked_for_and_not_begun_is_waited_for(argo: Argo) -> None:
    argo.says(application() | {"operation": {"sync": {}}})
    assert_waits(argo, "a sync is asked for and has not begun")


def several_sources(*revisions: str, repositories: tuple[str, ...]) -> dict[str, Any]:
    sources = [{"repoURL": r, "targetRevision": "main"} for r in repositories]
    app = application(sync={"status": "Synced", "revisions": list(revisions), "comparedTo": {"sources": sources}})
    app["status"]["operationState"]["syncResult"] = {"revisions": list(revisions)}
    app["spec"] = {"project": "shop", "sources": sources}
    return app


def test_of_several_sources_the_gitops_repository_counts(argo: Argo) -> None:
    places = ("https://charts.example.no", "git@git.example.no:shop/gitops")
    argo.says(several_sources("1.4.0", OURS, repositories=places))
    assert argo.verify() == {"backend": PLANNED}
    argo.says(several_sources("1.4.0", OLDER, repositories=places))
    assert_waits(argo, f"compared with {OLDER[:7]}")


def test_commits_of_other_repositories_are_not_asked_about(argo: Argo) -> None:
    argo.says(several_sources(OTHER, OURS, repositories=("https://git.example.no/charts", GITOPS)))
    assert argo.verify() == {"backend": PLANNED}


def test_every_source_of_the_gitops_repository_must_carry(argo: Argo) -> None:
    argo.says(several_sources(OURS, OLDER, repositories=(GITOPS, GITOPS)))
    assert_waits(argo, f"compared with {OLDER[:7]}")


def test_sources_that_tell_nothing_are_named(argo: Argo) -> None:
    argo.says(several_sources(OURS, OURS, repositories=("https://a.example.no/x", "https://b.example.no/x")))
    assert_waits(argo, "none of its sources", "rollout.argocd.repository", kind=ReleaseRefused)
    assert argo.verify(repository="ssh://git@a.example.no:22/x.git") == {"backend": PLANNED}


def test_a_failed_sync_of_several_sources_ends_the_wait(argo: Argo) -> None:
    app = several_sources("1.4.0", OURS, repositories=("https://charts.example.no", GITOPS))
    app["status"]["operationState"]["phase"] = "Failed"
    argo.says(app)
    assert_waits(argo, "ended Failed", kind=ReleaseRefused)


def test_a_source_edited_since_the_comparison_is_not_compared_yet(argo: Argo) -> None:
    app = application()
    app["spec"]["source"] = app["spec"]["source"] | {"targetRevision": "other"}
    argo.says(app)
    assert_waits(argo, "not compared yet with a commit of the source it has now")


def test_with_a_hydrator_the_commit_it_was_made_from_counts(argo: Argo) -> None:
    done = {"lastSuccessfulOperation": {"drySHA": OURS, "hydratedSHA": OTHER}}
    app = application(sync=synced(OTHER), operationState=operation("Succeeded", OTHER), sourceHydrator=done)
    app["spec"] = {"project": "shop", "sourceHydrator": {}}
    argo.says(app)
    assert argo.verify() == {"backend": PLANNED}
    app["status"]["sync"]["revision"] = OLDER
    assert_waits(argo, "not compared yet")


def test_the_wrong_digest_under_the_right_tag_does_not_pass(argo: Argo) -> None:
    argo.says(application(summary={"images": [f"{REPOSITORY}:v2@{BEFORE}"]}))
    argo.says({"nodes": [pod_node(f"{REPOSITORY}:v2@{BEFORE}")]}, to=TREE)
    assert_waits(argo, "backend runs sha256:9c079c07… instead of sha256:1f3a1f3a…")


def test_a_tag_is_no_digest(argo: Argo) -> None:
    argo.says(application(summary={"images": [f"{REPOSITORY}:v2"]}))
    argo.says({"nodes": [pod_node(f"{REPOSITORY}:v2")]}, to=TREE)
    assert_waits(argo, f"backend runs {REPOSITORY}:v2, a tag", "rollout.kubernetes")


def test_an_old_pod_beside_the_new_ones_does_not_pass(argo: Argo) -> None:
    both = [f"{REPOSITORY}@{PLANNED}", f"{REPOSITORY}@{BEFORE}"]
    argo.says(application(summary={"images": both}))
    argo.says({"nodes": [pod_node(image, reason="Terminating") for image in both]}, to=TREE)
    assert_waits(argo, "backend still runs sha256:9c079c07… beside sha256:1f3a1f3a…")


@pytest.mark.parametrize(
    "old", [pod_node(f"{REPOSITORY}@{BEFORE}", "Job"), pod_node(f"{REPOSITORY}@{BEFORE}", reason="Evicted")]
)
def test_pods_that_serve_nobody_are_no_old_pods(argo: Argo, old: dict[str, Any]) -> None:
    argo.says(application(summary={"images": [f"{REPOSITORY}@{PLANNED}", f"{REPOSITORY}@{BEFORE}"]}))
    argo.says({"nodes": [pod_node(f"{REPOSITORY}@{PLANNED}"), old]}, to=TREE)
    assert argo.verify() == {"backend": PLANNED}


def test_no_pod_at_all_does_not_pass_and_a_mirror_can_be_named(argo: Argo) -> None:
    argo.says(application(summary={"images": [f"mirror.example.no/backend@{PLANNED}"]}))
    argo.says({"nodes": []}, to=TREE)
    assert_waits(argo, f"no pod has an image of {REPOSITORY}", "rollout.argocd.images")
    assert argo.verify(images={"backend": "mirror.example.no/backend"}) == {"backend": PLANNED}


def test_a_refresh_is_asked_for_once_and_not_at_every_look(argo: Argo) -> None:
    behind = application(sync=synced(OLDER))
    argo.says(behind, behind, behind, behind, application())
    assert argo.verify(MINUTES, refresh=True) == {"backend": PLANNED}
    assert [q.get("refresh") for q in argo.queries()].count(["normal"]) == 1


def test_a_look_at_many_asks_for_few_refreshes(argo: Argo) -> None:
    names = [f"c{n}" for n in range(100)]
    argo.says({"items": [application(f"shop-{n}", sync=synced(OLDER)) for n in names]}, to=LIST)
    argo.says(application(sync=synced(OLDER)))
    verify_customers(
        config_of(argo.rollout(selector="app=shop", refresh=True)), RELEASE, names, lambda _: carries, OURS
    )
    assert len(argo.queries()) == 16


def test_namespace_and_project_go_into_the_question(argo: Argo) -> None:
    argo.says(application())
    argo.verify(app_namespace="apps-{customer}", project="p-{customer}")
    assert argo.queries() == [{"appNamespace": ["apps-bre"], "project": ["p-bre"]}]


def test_a_token_that_is_not_accepted_ends_the_wait(argo: Argo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARGO_TOKEN", "another")
    argo.says(application())
    assert_waits(argo, "the token is not accepted (HTTP 401", kind=ReleaseRefused, timeout=MINUTES)


def test_a_missing_right_is_named_and_ends_the_wait(argo: Argo) -> None:
    argo.says(Response(403, {"code": 7, "message": "permission denied"}))
    assert_waits(argo, "the right to get applications, shop/shop-bre", kind=ReleaseRefused, timeout=MINUTES)


def test_without_a_project_403_may_mean_that_there_is_none_yet(argo: Argo) -> None:
    argo.says(Response(403, {"code": 7, "message": "permission denied"}), application())
    assert argo.verify(MINUTES, project=None) == {"backend": PLANNED}


def test_an_application_that_is_not_there_is_waited_for_a_while(argo: Argo, monkeypatch: pytest.MonkeyPatch) -> None:
    argo.says(Response(404, {"code": 5, "message": "not found"}), application())
    assert argo.verify(MINUTES) == {"backend": PLANNED}
    monkeypatch.setattr("tasks.rollout.watch.MISSING_SECONDS", 0.02)
    argo.says(Response(404, {"code": 5, "message": "not found"}))
    assert_waits(argo, "no application shop-bre", "was made", kind=ReleaseRefused, timeout=MINUTES)


@pytest.mark.parametrize(
    "trouble",
    [
        Response(500, {"code": 13, "message": "cluster cache"}),
        Response(502, "<html>bad gateway</html>"),
        Response(503, "down"),
        Response(409, {"message": "conflict"}),
        Response(429, "slow down", {"Retry-After": "0"}),
        Cut(),
        Cut(Response(200, application())),
    ],
    ids=str,
)
def test_a_server_s_trouble_is_waited_out(argo: Argo, trouble: Answer) -> None:
    argo.says(trouble, trouble, application())
    assert argo.verify(MINUTES) == {"backend": PLANNED}


def test_trouble_to_the_end_is_told_with_the_last_known_state(argo: Argo, monkeypatch: pytest.MonkeyPatch) -> None:
    argo.says(application(health={"status": "Progressing"}), Response(500, {"message": "cluster cache"}))
    assert_waits(argo, "HTTP 500: cluster cache; before that: synced 1a2b3c4, health Progressing", timeout=0.3)


def test_a_wait_longer_than_the_limit_is_not_begun(argo: Argo) -> None:
    argo.says(Response(429, "slow down", {"Retry-After": "3600"}))
    assert_waits(argo, "asks to wait 3600 s (HTTP 429)", timeout=MINUTES)
    assert len(argo.queries()) == 1


@pytest.mark.parametrize("status", [400, 422])
def test_a_question_that_is_not_understood_ends_the_wait(argo: Argo, status: int) -> None:
    argo.says(Response(status, {"message": "bad selector"}))
    assert_waits(argo, f"HTTP {status}: bad selector", kind=ReleaseRefused, timeout=MINUTES)


def test_the_token_does_not_follow_a_redirect(argo: Argo) -> None:
    asked: list[Request] = []
    with ContractServer(argocd_document(), lambda r: asked.append(r) or Response(200, application())) as elsewhere:
        argo.says(Response(307, {}, {"Location": f"{elsewhere.url}/api/v1/applications/shop-bre"}))
        assert_waits(argo, "redirects elsewhere", kind=ReleaseRefused, timeout=MINUTES)
    assert not asked


def test_the_token_is_in_no_log_and_no_error(argo: Argo, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    argo.says(Response(403, {"message": "no"}))
    with pytest.raises(ReleaseRefused) as caught:
        argo.verify()
    assert TOKEN not in caplog.text + str(caught.value) + repr(caught.value.__context__)


def test_a_token_file_is_read_anew_for_each_question(argo: Argo, tmp_path: Any) -> None:
    place = tmp_path / "token"
    place.write_text(TOKEN + "\n")
    argo.says(application())
    assert argo.verify(token_env=None, token_file=str(place)) == {"backend": PLANNED}
    place.write_text("")
    assert_waits(argo, "there is no token", str(place), token_env=None, token_file=str(place), kind=ReleaseRefused)


def test_many_customers_are_read_with_one_list_and_each_ends_by_itself(argo: Argo) -> None:
    names = [f"c{n}" for n in range(200)]
    apps = [application(f"shop-{n}") for n in names]
    apps[0]["status"]["health"] = {"status": "Degraded", "message": "crash"}
    apps[1]["status"]["operationState"] = operation("Failed", message="boom")
    del apps[2]["status"]["sync"]
    apps[3]["status"]["sync"] = synced(OTHER)
    argo.says({"items": apps[:199]}, to=LIST)
    config = config_of(argo.rollout(selector="app=shop"))
    endings = verify_customers(config, RELEASE, names, lambda _: carries, OURS)
    assert len(argo.server.requests) == 1
    assert "health Degraded: crash" in str(endings["c0"])
    assert isinstance(endings["c1"], ReleaseRefused) and "boom" in str(endings["c1"])
    assert "not compared yet" in str(endings["c2"])
    assert "does not carry" in str(endings["c3"])
    assert "no application shop-c199" in str(endings["c199"])
    assert all(endings[n].versions == {"backend": PLANNED} for n in names[4:199])


def test_an_answer_of_an_unknown_form_harms_one_customer_only(argo: Argo) -> None:
    argo.says({"items": [application("shop-a"), application("shop-b")]}, to=LIST)

    def broken(customer: str) -> Callable[[str], bool]:
        return carries if customer == "a" else lambda _: {}["no such key"]

    bad = application("shop-b", sync=synced(LATER))
    argo.says({"items": [application("shop-a"), bad]}, to=LIST)
    endings = verify_customers(config_of(argo.rollout(selector="app=shop")), RELEASE, ["a", "b"], broken, OURS)
    assert endings["a"].versions == {"backend": PLANNED}
    assert "form that is not known" in str(endings["b"])


def test_a_list_that_is_refused_is_told_to_each_customer(argo: Argo) -> None:
    argo.says(Response(403, {"message": "permission denied"}), to=LIST)
    endings = verify_customers(config_of(argo.rollout(selector="a=b")), RELEASE, ["a", "b"], lambda _: carries, OURS)
    assert [str(e).split(":")[0] for e in endings.values()] == ["a", "b"]
    assert all(isinstance(e, ReleaseRefused) for e in endings.values())


def _without(app: dict[str, Any], key: str) -> dict[str, Any]:
    return app | {"status": {k: v for k, v in app["status"].items() if k != key}}
