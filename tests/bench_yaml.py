"""What one edit of a GitOps file costs, beside reading it with PyYAML's libyaml loader. Printed, never asserted.

Run as `python -m tests.bench_yaml`.
"""

import time
from collections.abc import Callable

import yaml

from tasks.config.gitops import Target
from tasks.gitops.target import wanted
from tasks.gitops.yaml_bytes import Document
from tasks.models import Image

DIGEST = "sha256:" + "1" * 64
KUSTOMIZATION = f"""\
# acme: bigger database (do not remove)
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
namespace: acme
resources:
- ../../base
- ingress.yaml
images:
- name: shop/backend   # the API
  newName: registry.example.no/shop/backend
  digest: {DIGEST}
- name: shop/frontend
  newName: registry.example.no/shop/frontend
  digest: {DIGEST}
patches:
- target: {{kind: Deployment, name: backend}}
  patch: |
    - op: replace
      path: /spec/replicas
      value: 3
configMapGenerator:
- name: settings
  behavior: merge
  literals:
  - LOG_LEVEL=info
  - REGION=north
replicas:
- name: frontend
  count: 2
labels:
- pairs: {{customer: acme}}
"""
SECTION = """\
service{n}:
  enabled: true
  image:
    repository: registry.example.no/shop/service{n}
    tag: v{n}   # set by releases
  resources:
    limits: {{cpu: 100m, memory: 128Mi}}
  env:
  - name: A
    value: 'b{n}'
"""
VALUES = "".join(SECTION.format(n=n) for n in range(20))
IMAGE = Image(
    component="backend",
    repository="registry.example.no/shop/backend",
    digest="sha256:" + "2" * 64,
    revision="2" * 40,
    tree="2" * 40,
    built=True,
    seconds=1,
)
FILES = {
    "kustomization": (KUSTOMIZATION, {"image": "shop/backend"}),
    "values": (VALUES, {"path": "service7.image.tag", "repository": "service7.image.repository"}),
}


def microseconds(call: Callable[[], object], times: int = 200, rounds: int = 7) -> float:
    """The quickest of some rounds, per call; time of this process only, as others may be busy."""
    best = float("inf")
    for _ in range(rounds):
        start = time.process_time()
        for _ in range(times):
            call()
        best = min(best, time.process_time() - start)
    return best / times * 1e6


def main() -> None:
    """Prints one block of lines for each file."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    for name, (text, how) in FILES.items():
        content, target = text.encode(), Target.model_validate({"file": "{customer}.yaml", **how})
        document = Document(content)
        values = wanted(document, target, "acme", IMAGE)
        figures = {
            "Document: read, bounds, tree": microseconds(lambda c=content: Document(c)),
            "wanted: find the values": microseconds(lambda d=document, t=target: wanted(d, t, "acme", IMAGE)),
            "replaced: splice, read again, compare": microseconds(lambda d=document, v=values: d.replaced(v)),
            "all of it": microseconds(lambda c=content, t=target: edited(c, t)),
            "yaml.load, libyaml (the raw tool, once)": microseconds(lambda t=text: yaml.load(t, loader)),  # noqa: S506
        }
        print(f"{name}, {text.count(chr(10))} lines, {len(content)} bytes")
        for figure, value in figures.items():
            print(f"  {figure:<42} {value:8.0f} us")


def edited(content: bytes, target: Target) -> bytes:
    """What a release does with one file."""
    document = Document(content)
    return document.replaced(wanted(document, target, "acme", IMAGE))


if __name__ == "__main__":
    main()
