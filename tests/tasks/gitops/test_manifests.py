"""Kubernetes objects of one customer in several files: the deployment and the job that migrates move together."""

from collections.abc import Callable
from types import SimpleNamespace

import pytest
from conftest_gitops import NONE, commit_of, config_for, digest, edits_at, release_of
from test_commit import file_at_tip, promote

from tasks.gitops.fleet import read_fleet
from tasks.gitops.plan import make_plan

BACKEND, FRONTEND = (f"registry.example.no/shop/{c}" for c in ("backend", "frontend"))


def deployment(image: str) -> str:
    return f"kind: Deployment\nspec: {{template: {{spec: {{containers: [{{name: x, image: '{image}@{NONE}'}}]}}}}}}\n"


def job(image: str) -> str:
    inside = f"{{spec: {{containers: [{{name: migrate, image: {image}@{NONE}}}], restartPolicy: Never}}}}"
    return f"kind: Job\nspec: {{template: {inside}}}   # before the rollout\n"


@pytest.fixture
def manifests(repository: Callable) -> SimpleNamespace:
    """Two customers with four files each, of which two hold the backend and one the frontend."""
    app, gitops = repository("app"), repository("gitops")
    commits = [app.commit({"backend/a": str(n), "frontend/a": "1"}, f"change {n}") for n in range(2)]
    for customer in ("bre", "fjord"):
        gitops.commit(
            {
                f"{customer}/backend.yaml": deployment(BACKEND),
                f"{customer}/migrate.yaml": job(BACKEND),
                f"{customer}/frontend.yaml": deployment(FRONTEND),
                f"{customer}/service.yaml": "kind: Service\nspec: {ports: [{port: 80}]}\n",
            }
        )
    targets = {
        name: [{"file": "{customer}/*.yaml", "manifest": image}]
        for name, image in (("backend", BACKEND), ("frontend", FRONTEND))
    }
    plain = config_for(app.url, gitops.url).model_dump()
    config = config_for(app.url, gitops.url).model_validate(
        {**plain, "gitops": {**plain["gitops"], "targets": targets}}
    )
    return SimpleNamespace(app=app, gitops=gitops, commits=commits, config=config)


def test_every_file_that_runs_the_image_moves_and_no_other(manifests: SimpleNamespace) -> None:
    promote(manifests, release_of(manifests.commits[0], 1), "bre")
    for file, before in (
        ("backend", deployment(BACKEND)),
        ("migrate", job(BACKEND)),
        ("frontend", deployment(FRONTEND)),
    ):
        assert file_at_tip(manifests, f"bre/{file}.yaml") == before.replace(NONE, digest(1))
        assert file_at_tip(manifests, f"fjord/{file}.yaml") == before
    assert "Service" in file_at_tip(manifests, "bre/service.yaml")
    assert not promote(manifests, release_of(manifests.commits[0], 1), "bre").created


def test_files_that_run_two_versions_are_refused_for_that_customer(manifests: SimpleNamespace) -> None:
    manifests.gitops.commit({"bre/migrate.yaml": job(BACKEND).replace(NONE, digest(9))})
    plan = make_plan(manifests.config, release_of(manifests.commits[0], 1), read_fleet(manifests.config))
    found = {p.customer: p for ring in plan.rings for p in ring.promotions}
    assert "bre/backend.yaml, bre/migrate.yaml run 2 versions of backend" in found["bre"].because
    assert (found["bre"].standing, found["fjord"].standing) == ("refused", "promote")


def test_an_image_that_no_file_runs_is_refused_with_where_it_was_looked_for(manifests: SimpleNamespace) -> None:
    manifests.gitops.commit({"bre/frontend.yaml": None})
    told = str(next(c.problem for c in read_fleet(manifests.config).customers if c.name == "bre"))
    assert "no container of bre/backend.yaml, bre/migrate.yaml, bre/service.yaml runs" in told


def test_a_file_that_is_added_between_plan_and_push_moves_too(manifests: SimpleNamespace) -> None:
    release = release_of(manifests.commits[0], 1)
    edits = edits_at(manifests, read_fleet(manifests.config).tip, release, "bre")
    manifests.gitops.commit({"bre/cron.yaml": job(BACKEND)})
    commit_of(manifests, release, edits)
    assert digest(1) in file_at_tip(manifests, "bre/cron.yaml")
