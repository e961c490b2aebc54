"""The manifests are what Kubernetes takes, and keep what the compose file keeps."""

import json
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

FOLDER = Path(__file__).parents[2] / "deployments" / "kubernetes"
MANIFESTS = ("deploy.yaml", "networkpolicies.yaml", "receiver.yaml", "volumes.yaml", "worker.yaml")
VERSION = "1.31"


def documents() -> list[dict[str, Any]]:
    return [d for name in MANIFESTS for d in yaml.safe_load_all((FOLDER / name).read_text())]


def job() -> dict[str, Any]:
    """The job of a run, as the Kubernetes worker fills it in."""
    values = yaml.safe_load((FOLDER / "prefect-worker.yaml").read_text())
    template = json.loads(values["worker"]["config"]["baseJobTemplate"]["configuration"])
    variables = {k: v.get("default") for k, v in template["variables"]["properties"].items()}
    return filled(template["job_configuration"]["job_manifest"], variables | {"command": ["prefect"], "env": []})


def filled(value: Any, variables: dict[str, Any]) -> Any:
    if isinstance(value, dict):
        return {k: filled(v, variables) for k, v in value.items()}
    if isinstance(value, list):
        return [filled(v, variables) for v in value]
    for name, given in variables.items():
        if value == f"{{{{ {name} }}}}":
            return given
        if isinstance(value, str):
            value = value.replace(f"{{{{ {name} }}}}", str(given))
    return value


def pods() -> list[dict[str, Any]]:
    kinds = ("Deployment", "Job", "StatefulSet")
    return [d["spec"]["template"]["spec"] for d in [*documents(), job()] if d["kind"] in kinds]


@pytest.mark.parametrize(
    "document", [*documents(), job()], ids=lambda d: f"{d['kind']} {d['metadata'].get('name', '')}"
)
def test_each_document_is_valid(document: dict[str, Any]) -> None:
    kubernetes_validate.validate(document, VERSION, strict=True)


def test_kustomize_names_every_manifest() -> None:
    listed = yaml.safe_load((FOLDER / "kustomization.yaml").read_text())["resources"]
    assert sorted(listed) == sorted(MANIFESTS)


def test_containers_may_no_more_than_they_need() -> None:
    for pod in pods():
        assert pod["automountServiceAccountToken"] is False
        for container in pod["containers"]:
            may = container["securityContext"]
            assert may["runAsNonRoot"]
            assert may["readOnlyRootFilesystem"]
            assert not may["allowPrivilegeEscalation"]
            assert may["capabilities"] == {"drop": ["ALL"]}
            assert container["resources"]["limits"]["memory"]
        # Nothing of the node: the Engine is the pod's own.
        assert not any("hostPath" in volume for volume in pod["volumes"])
        assert not any(pod.get(key) for key in ("hostNetwork", "hostPID", "hostIPC"))


def test_no_secret_stands_in_an_environment_by_value() -> None:
    text = "".join((FOLDER / name).read_text() for name in MANIFESTS)
    assert "AUTH_STRING," not in text  # only AUTH_STRING_FILE
