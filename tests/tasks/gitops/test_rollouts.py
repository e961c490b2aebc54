"""Who rolls out is recognised by real repositories' objects, under names that release.yaml can say."""

from collections.abc import Callable
from typing import Any

import pytest

from tasks.gitops.recognise import recognise_gitops
from tasks.gitops.recognised import Rollout

R = "registry.example.no/shop"
URL = "https://git.example.no/shop/gitops.git"
CUSTOMERS = ("bre", "dal", "elv")
COMPONENTS = ("backend", "frontend")


def overlay(top: str = "", tag: bool = False) -> str:
    runs = "newTag: v1" if tag else f"digest: sha256:{'1' * 64}"
    return (
        top
        + "resources: [../../base]\nimages:\n"
        + "".join(f"- {{name: shop/{c}, newName: {R}/{c}, {runs}}}\n" for c in COMPONENTS)
    )


def overlays(top: str = "") -> dict[str, str]:
    return {f"customers/{c}/kustomization.yaml": overlay(top.replace("NAME", c)) for c in CUSTOMERS}


def application(name: str, customer: str, url: str = URL, namespace: str = "argocd", more: str = "") -> str:
    return (
        "apiVersion: argoproj.io/v1alpha1\nkind: Application\n"
        f"metadata: {{name: {name}, namespace: {namespace}, labels: {{part-of: shop, customer: {customer}}}}}\n"
        f"spec:\n  project: shop\n  source: {{repoURL: '{url}', path: customers/{customer}{more}}}\n"
    )


def kustomization(name: str, customer: str, more: str = "") -> str:
    return (
        "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\n"
        f"metadata: {{name: {name}, namespace: flux-system, labels: {{app: shop}}}}\n"
        f"spec: {{path: ./customers/{customer}{more}}}\n"
    )


def helm_release(name: str, namespace: str) -> str:
    images = "".join(f"    {c}: {{image: {{repository: {R}/{c}, tag: v1}}}}\n" for c in COMPONENTS)
    return (
        "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\n"
        f"metadata: {{name: {name}, namespace: {namespace}}}\nspec:\n  values:\n{images}"
    )


def deployment(name: str, image: str, namespace: str = "", labels: str = "{app: shop}", container: str = "main") -> str:
    where = f", namespace: {namespace}" if namespace else ""
    return (
        f"apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}{where}, labels: {labels}}}\n"
        f"spec: {{template: {{metadata: {{labels: {{app: shop, x: y}}}}, spec: {{containers: "
        f"[{{name: side, image: redis:7}}, {{name: {container}, image: '{image}'}}]}}}}}}\n"
    )


def template(name: str) -> str:
    return (
        "apiVersion: argoproj.io/v1alpha1\nkind: ApplicationSet\nmetadata: {name: shop, namespace: argocd}\nspec:\n"
        "  generators: [{git: {directories: [{path: customers/*}]}}]\n  template:\n"
        f"    metadata: {{name: '{name}', labels: {{part-of: shop}}}}\n"
        f"    spec: {{project: shop, source: {{repoURL: '{URL}', path: '{{{{path}}}}'}}}}\n"
    )


ARGOCD: dict[str, tuple[dict[str, str], dict[str, Any]]] = {
    "an application for each customer": (
        {**{f"argocd/{c}.yaml": application(f"shop-{c}", c) for c in CUSTOMERS}, **overlays()},
        {"application": "shop-{customer}", "sure": True, "project": "shop", "selector": "part-of=shop"},
    ),
    "several for each in one file, and one for all": (
        {
            "apps.yaml": "---\n".join(application(n + c, c) for c in CUSTOMERS for n in ("db-", "shop-")),
            "root.yaml": application("root", "all"),
            **overlays(),
        },
        {
            "application": "shop-{customer}",
            "sure": False,
            "project": "shop",
            "selector": "part-of=shop",
            "others": ("db-{customer}",),
        },
    ),
    "one is missing": (
        {**{f"argocd/{c}.yaml": application(f"shop-{c}", c) for c in CUSTOMERS[:2]}, **overlays()},
        {"application": "shop-{customer}", "sure": False, "project": "shop"},
    ),
    "in namespaces of the customers": (
        {**{f"argocd/{c}.yaml": application("shop", c, namespace=f"apps-{c}") for c in CUSTOMERS}, **overlays()},
        {
            "application": "shop",
            "sure": True,
            "app_namespace": "apps-{customer}",
            "project": "shop",
            "selector": "part-of=shop",
        },
    ),
    "on a server for each customer": (
        {**{f"customers/{c}/app.yaml": application("shop", c) for c in CUSTOMERS}, **overlays()},
        {"application": "shop", "sure": True, "project": "shop", "selector": "part-of=shop", "own_server": True},
    ),
    "an application set": (
        {"set.yaml": template("shop-{{ .path.basename }}"), **overlays()},
        {"application": "shop-{customer}", "sure": False, "project": "shop", "selector": "part-of=shop"},
    ),
    "by another URL of the repository": (
        {
            **{f"argocd/{c}.yaml": application(f"shop-{c}", c, "https://mirror.example.no/x.git") for c in CUSTOMERS},
            **overlays(),
        },
        {
            "application": "shop-{customer}",
            "sure": True,
            "project": "shop",
            "selector": "part-of=shop",
            "repository": "https://mirror.example.no/x.git",
        },
    ),
    "images in applications of a chart": (
        {
            f"apps/{c}.yaml": application(
                f"shop-{c}",
                c,
                "https://git.example.no/charts.git",
                more=", helm: {parameters: [{name: backend.image.tag, value: v1}]}",
            )
            for c in CUSTOMERS
        },
        {
            "application": "shop-{customer}",
            "sure": True,
            "project": "shop",
            "selector": "part-of=shop",
            "repository": "https://git.example.no/charts.git",
            "elsewhere": True,
        },
    ),
}
FLUX: dict[str, tuple[dict[str, str], dict[str, Any]]] = {
    "a kustomization for each customer": (
        {**{f"clusters/eu/{c}.yaml": kustomization(f"shop-{c}", c, ", wait: true") for c in CUSTOMERS}, **overlays()},
        {
            "kustomization": "shop-{customer}",
            "sure": True,
            "waits": True,
            "helm_namespace": "{customer}",
            "helm_sure": False,
            "selector": "app=shop",
        },
    ),
    "one that waits, and two that do not": (
        {
            **{
                f"clusters/eu/{c}.yaml": kustomization(f"shop-{c}", c, w)
                for c, w in zip(CUSTOMERS, ("", ", wait: true", ""), strict=True)
            },
            **overlays(),
        },
        {
            "kustomization": "shop-{customer}",
            "sure": True,
            "waits": False,
            "helm_namespace": "{customer}",
            "helm_sure": False,
            "selector": "app=shop",
        },
    ),
    "helm releases with the images": (
        {f"clusters/eu/{c}/shop.yaml": helm_release("shop", f"shop-{c}") for c in CUSTOMERS},
        {
            "kustomization": "flux-system",
            "sure": False,
            "waits": False,
            "helm_releases": ("shop",),
            "helm_namespace": "shop-{customer}",
        },
    ),
    "a cluster for each customer": (
        {
            **{f"clusters/{c}/apps.yaml": kustomization("apps", c) for c in CUSTOMERS},
            **{f"customers/{c}/shop.yaml": helm_release("shop", "shop") for c in CUSTOMERS},
        },
        {
            "kustomization": "apps",
            "sure": True,
            "waits": False,
            "helm_releases": ("shop",),
            "helm_namespace": "shop",
            "own_cluster": True,
        },
    ),
    "a helm release in the base": (
        {
            **{f"clusters/{c}.yaml": kustomization(f"shop-{c}", c, f", targetNamespace: {c}-web") for c in CUSTOMERS},
            "base/release.yaml": helm_release("web", "web"),
            **overlays(),
        },
        {
            "kustomization": "shop-{customer}",
            "sure": True,
            "waits": False,
            "helm_releases": ("web",),
            "helm_namespace": "{customer}-web",
            "helm_sure": False,
        },
    ),
}
KUBERNETES: dict[str, tuple[dict[str, str], dict[str, Any]]] = {
    "plain manifests": (
        {f"{c}/{k}.yaml": deployment(k, f"{R}/{k}:v1", f"shop-{c}") for c in CUSTOMERS for k in COMPONENTS},
        {
            "namespace": "shop-{customer}",
            "selector": "app=shop",
            "workloads": {k: ("Deployment", k, "main", ()) for k in COMPONENTS},
        },
    ),
    "in one namespace, named by the customer, with a label that pods do not have": (
        {
            f"{c}/{k}.yaml": deployment(f"{c}-{k}", f"{R}/{k}:v1", "shop", labels="{part-of: shop}")
            for c in CUSTOMERS
            for k in COMPONENTS
        },
        {"namespace": "shop", "workloads": {k: ("Deployment", f"{{customer}}-{k}", "main", ()) for k in COMPONENTS}},
    ),
    "a base that kustomize renames": (
        {
            **overlays("namePrefix: NAME-\nnameSuffix: -v2\nnamespace: shop-NAME\n"),
            "base/all.yaml": "---\n".join(
                deployment(n, i, container=n)
                for n, i in (("backend", "shop/backend"), ("worker", "shop/backend:x"), ("frontend", "shop/frontend"))
            ),
        },
        {
            "namespace": "shop-{customer}",
            "selector": "app=shop",
            "workloads": {
                "backend": ("Deployment", "{customer}-backend-v2", "backend", ("Deployment {customer}-worker-v2",)),
                "frontend": ("Deployment", "{customer}-frontend-v2", "frontend", ()),
            },
        },
    ),
    "a list": (
        {
            f"{c}/all.yaml": "apiVersion: v1\nkind: List\nitems:\n"
            + "".join("- " + deployment(k, f"{R}/{k}:v1").replace("\n", "\n  ").rstrip(" ") for k in COMPONENTS)
            for c in CUSTOMERS
        },
        {"namespace": "{customer}", "workloads": {k: ("Deployment", k, "main", ()) for k in COMPONENTS}},
    ),
}


def rollout(repository: Callable, files: dict[str, str], origin: str = URL) -> Rollout:
    gitops = repository("gitops")
    gitops.commit({"README.md": "hands off\n", **files})
    found = recognise_gitops(gitops.url, "main", "shop", COMPONENTS, origin)
    assert found.customers == CUSTOMERS
    assert found.rollout is not None
    return found.rollout


@pytest.mark.parametrize("layout", ARGOCD)
def test_argo_cds_applications_are_found_by_name(layout: str, repository: Callable) -> None:
    files, expected = ARGOCD[layout]
    found = rollout(repository, files)
    assert found.tool == "argocd"
    assert found.argocd is not None
    assert found.argocd.model_dump(exclude_defaults=True, exclude={"why"}) == expected


@pytest.mark.parametrize("layout", FLUX)
def test_fluxs_objects_are_found_by_name(layout: str, repository: Callable) -> None:
    files, expected = FLUX[layout]
    found = rollout(repository, files)
    assert found.tool == "flux"
    assert found.flux is not None
    assert found.flux.model_dump(exclude_defaults=True, exclude={"why"}) == {"namespace": "flux-system", **expected}


@pytest.mark.parametrize("layout", KUBERNETES)
def test_workloads_are_found_by_their_images(layout: str, repository: Callable) -> None:
    files, expected = KUBERNETES[layout]
    found = rollout(repository, files)
    assert found.tool == "kubernetes"
    assert found.kubernetes is not None
    told = found.kubernetes.model_dump(exclude_defaults=True, exclude={"namespace_why", "workloads"})
    seen = {c: (w.kind, w.name, w.container, w.others) for c, w in found.kubernetes.workloads.items()}
    assert {**told, "workloads": seen} == expected


@pytest.mark.parametrize("url", [URL, "git@git.example.no:shop/gitops.git", "ssh://git@git.example.no/shop/gitops"])
def test_one_repository_has_several_urls(url: str, repository: Callable) -> None:
    files = {**{f"argocd/{c}.yaml": application(f"shop-{c}", c, url) for c in CUSTOMERS}, **overlays()}
    found = rollout(repository, files)
    assert found.argocd is not None
    assert found.argocd.repository == ""


def test_a_workload_that_one_customer_lacks_is_none_for_all(repository: Callable) -> None:
    files = {f"{c}/{k}.yaml": deployment(k, f"{R}/{k}:v1") for c in CUSTOMERS for k in COMPONENTS}
    files["bre/frontend.yaml"] = deployment("other", f"{R}/frontend:v1")
    found = recognised_or_none(repository, files)
    assert found is None


def recognised_or_none(repository: Callable, files: dict[str, str]) -> Rollout | None:
    gitops = repository("gitops")
    gitops.commit(files)
    return recognise_gitops(gitops.url, "main", "shop", COMPONENTS).rollout


@pytest.mark.parametrize("name", ["{{a}}-{{b}}", "Shop_{{a}}", "shop", "]{{a}}"])
def test_a_template_whose_names_cannot_be_said_gives_none(name: str, repository: Callable) -> None:
    found = rollout(repository, {"set.yaml": template(name), **overlays()})
    assert (found.tool, found.argocd) == ("argocd", None)


@pytest.mark.parametrize(
    "metadata", ["[1]", "{name: [a]}", "{name: 'shop-bre\"x'}", "{name: shop-bre, name: shop-dal}", "{labels: 7}", "''"]
)
def test_odd_objects_are_no_names(metadata: str, repository: Callable) -> None:
    odd = f"apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {metadata}\nspec: [x]\n"
    found = rollout(repository, {"odd.yaml": odd, **overlays()})
    assert (found.tool, found.argocd) == ("argocd", None)


def test_tags_are_told_from_digests(repository: Callable) -> None:
    gitops = repository("gitops")
    gitops.commit({f"customers/{c}/kustomization.yaml": overlay(tag=c == "dal") for c in CUSTOMERS})
    found = recognise_gitops(gitops.url, "main", "shop", COMPONENTS)
    assert [t.tagged for i in found.images for t in i.targets] == [True, True]
    gitops.commit(overlays())
    found = recognise_gitops(gitops.url, "main", "shop", COMPONENTS)
    assert [t.tagged for i in found.images for t in i.targets] == [False, False]
