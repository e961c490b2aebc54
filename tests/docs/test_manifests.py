"""The manifests in rollout.md: whole, valid, and the migration's image is the app's, set by one line that a release writes."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from tasks.config.file import load_config
from tasks.config.model import Config
from tasks.gitops.layout import Layout
from tasks.gitops.tip import Tip
from tests.contracts import Schemas
from tests.docs.console import File, steps
from tests.test_docs import blocks

ROOT = Path(__file__).parents[2]
KUBERNETES = "1.31"
FILES = {s.name: s.text for s in steps((ROOT / "docs" / "rollout.md").read_text()) if isinstance(s, File)}
BACKEND = (ROOT / "deployments" / "demo" / "gitops" / "base" / "backend.yaml").read_text()
TARGET = {"file": "customers/{customer}/images/kustomization.yaml", "image": "shop/backend"}
OLD = "3f1c0a9b" * 8


def kustomize(folder: Path) -> list[dict[str, Any]]:
    """What kustomize makes of a folder."""
    program = ["kustomize", "build"] if shutil.which("kustomize") else ["kubectl", "kustomize"]
    if not shutil.which(program[0]):
        pytest.skip("there is neither kustomize nor kubectl")
    done = subprocess.run([*program, str(folder)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return list(yaml.safe_load_all(done.stdout))


def images(documents: list[dict[str, Any]]) -> list[str]:
    pods = [d["spec"]["template"]["spec"] for d in documents if d["kind"] in ("Deployment", "Job")]
    return [c["image"] for pod in pods for c in pod["containers"]]


@pytest.fixture
def flux(tmp_path: Path) -> Path:
    """The GitOps repository as the page describes it for Flux."""
    plain = "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [{}]\n"
    more = {
        "migrate/migrate.yaml": FILES["base/migrate.yaml"],
        "migrate/kustomization.yaml": plain.format("migrate.yaml"),
        "base/backend.yaml": BACKEND,
        "base/kustomization.yaml": plain.format("backend.yaml"),
    }
    for name, text in {**FILES, **more}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def test_the_job_is_valid_and_a_hook_of_argo_cd() -> None:
    job = yaml.safe_load(FILES["base/migrate.yaml"])
    kubernetes_validate.validate(job, KUBERNETES, strict=True)
    assert job["metadata"]["annotations"]["argocd.argoproj.io/hook"] == "PreSync"


def test_the_customers_image_reaches_app_and_migration_of_argo_cd(tmp_path: Path) -> None:
    overlay = f"images: [{{name: shop/backend, newName: registry.example.no/shop/backend, digest: sha256:{OLD}}}]\n"
    files = {"migrate.yaml": FILES["base/migrate.yaml"], "backend.yaml": BACKEND}
    for name, text in {**files, "kustomization.yaml": f"resources: [{', '.join(files)}]\n{overlay}"}.items():
        (tmp_path / name).write_text(text)
    assert images(kustomize(tmp_path)) == [f"registry.example.no/shop/backend@sha256:{OLD}"] * 2


def test_the_kustomizations_of_flux_are_valid() -> None:
    schemas = Schemas(yaml.safe_load((ROOT / "tests" / "contracts" / "flux.yaml").read_text()), "request")
    both = list(yaml.safe_load_all(FILES["clusters/prod/bre.yaml"]))
    for document in both:
        assert schemas.errors({"$ref": "#/components/schemas/Kustomization"}, document, "it") == []
    migrate, app = both
    assert app["spec"]["dependsOn"] == [{"name": migrate["metadata"]["name"]}]
    assert (migrate["spec"]["wait"], migrate["spec"]["force"]) == (True, True)
    wrong = {**app, "spec": {**app["spec"], "dependOn": []}}
    assert schemas.errors({"$ref": "#/components/schemas/Kustomization"}, wrong, "it")


def test_one_line_sets_the_image_of_app_and_migration_with_flux(flux: Path) -> None:
    for part in ("app", "migrate"):
        documents = kustomize(flux / "customers" / "bre" / part)
        assert images(documents) == [f"registry.example.no/shop/backend@sha256:{OLD}"]
        for document in documents:
            kubernetes_validate.validate(document, KUBERNETES, strict=True)
    paths = [d["spec"]["path"] for d in yaml.safe_load_all(FILES["clusters/prod/bre.yaml"])]
    assert all((flux / path / "kustomization.yaml").is_file() for path in paths)


def test_a_release_finds_that_line(repository: Callable, tmp_path: Path) -> None:
    (whole,) = blocks("docs/configuration.md")
    gitops = repository("gitops")
    commit = gitops.commit(FILES)
    settings = {**whole, "gitops": {"repository": gitops.url, "targets": {"backend": [TARGET]}}}
    (tmp_path / "release.yaml").write_text(yaml.safe_dump(settings))
    config: Config = load_config(tmp_path / "release.yaml")
    assert Layout.of(config, Tip.read(config, commit)).runs("backend", "bre") == f"sha256:{OLD}"
    assert str(TARGET["file"]) in (ROOT / "docs" / "rollout.md").read_text()
