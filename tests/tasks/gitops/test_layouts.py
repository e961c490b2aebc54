"""The layouts of GitOps repositories that people have: one value is found in each, and nothing else changes."""

import pytest

from tasks.gitops.yaml_bytes import CannotEdit, Document
from tasks.gitops.yaml_path import Entry, steps

OLD, NEW = "sha256:" + "1" * 64, "sha256:" + "2" * 64
DEPLOYMENT = f"""\
kind: Deployment
spec:
  template:
    spec:
      initContainers:
      - {{name: migrate, image: r/api@{OLD}}}
      containers:
      - name: api   # ours
        image: "r/api@{OLD}"
      - name: proxy
        image: r/proxy@{OLD}
"""
LAYOUTS = {
    "manifest": (DEPLOYMENT, "spec.template.spec.containers[name=api].image", f'"r/api@{OLD}"', f'"r/api@{NEW}"'),
    "init container": (
        DEPLOYMENT,
        "spec.template.spec.initContainers[name=migrate].image",
        f"migrate, image: r/api@{OLD}",
        f"migrate, image: r/api@{NEW}",
    ),
    "cron job": (
        f"spec:\n  jobTemplate: {{spec: {{template: {{spec: {{containers: [{{image: r/api@{OLD}, name: api}}]}}}}}}}}\n",
        "spec.jobTemplate.spec.template.spec.containers[0].image",
        OLD,
        NEW,
    ),
    "argo cd application": (
        f"spec:\n  source:\n    helm:\n      parameters:\n      - name: replicas\n        value: '2'\n      - name: api.image.digest\n        value: {OLD}\n",
        "spec.source.helm.parameters[name=api.image.digest].value",
        OLD,
        NEW,
    ),
    "one file for all": (
        f"customers:\n- name: bre\n  image: {OLD}\n- name: dal\n  image: {'sha256:' + '3' * 64}\n",
        "customers[name=bre].image",
        OLD,
        NEW,
    ),
    "keys with dots": (
        f"metadata:\n  annotations:\n    shop.no/image: {OLD}\n",
        'metadata.annotations."shop.no/image"',
        OLD,
        NEW,
    ),
}
ENDS = {
    "lf": lambda t: t,
    "crlf": lambda t: t.replace("\n", "\r\n"),
    "mark": lambda t: "\ufeff" + t,
    "no final newline": lambda t: t.rstrip("\n"),
}


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_only_the_named_value_changes(layout: str, end: str) -> None:
    text, path, old, new = LAYOUTS[layout]
    original = ENDS[end](text)
    document = Document(original.encode())
    scalar = document.at(path)
    changed = document.replaced({scalar: scalar.value.replace(OLD, NEW)}).decode()
    assert changed == original.replace(old, new, 1)


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("spec.template.spec.containers[name=web].image", "there is no"),
        ("spec.template.spec.containers[7].image", "there is no"),
        ("spec.template.spec.containers.image", "there is no"),
        ("spec[name=x]", "there is no"),
        ("spec.template.spec.containers", "is not a single value"),
    ],
)
def test_a_path_that_leads_nowhere_is_refused(path: str, told: str) -> None:
    with pytest.raises(CannotEdit, match=told):
        Document(DEPLOYMENT.encode()).at(path)


def test_two_entries_of_the_same_name_are_refused() -> None:
    with pytest.raises(CannotEdit, match="stands 2 times"):
        Document(f"c: [{{name: a, i: {OLD}}}, {{name: a, i: {OLD}}}]\n".encode()).at("c[name=a].i")


def test_a_path_is_read_step_by_step() -> None:
    assert steps('a."b.c"[0].d[name=x.y/z].e') == ["a", "b.c", 0, "d", Entry("name", "x.y/z"), "e"]
    with pytest.raises(ValueError, match="cannot be read"):
        steps("a[name=]")
