"""The layouts of GitOps repositories that people have are recognised, and what is no customer's is left out."""

from collections.abc import Callable

import pytest

from tasks.errors import ReleaseRefused, ServiceUnavailable
from tasks.gitops.recognise import recognise_gitops
from tasks.gitops.recognised import RecognisedGitOps

D = "sha256:" + "1" * 64
R = "registry.example.no/shop"
BOTH = ("backend", "frontend")


def overlay(*components: str, registry: str = R) -> str:
    entries = "".join(f"- name: shop/{c}\n  newName: {registry}/{c}\n  digest: {D}\n" for c in components)
    return f"apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [../base]\nimages:\n{entries}"


def deployment(image: str, sidecar: str = "") -> str:
    more = f"      - {{name: side, image: {sidecar}}}\n" if sidecar else ""
    return (
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x}\nspec:\n  template:\n    spec:\n"
        f"      containers:\n      - name: main\n        image: {image}\n{more}"
    )


def application(customer: str, tag: str) -> str:
    return (
        f"apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {{name: shop-{customer}}}\nspec:\n  source:\n"
        "    repoURL: https://git.example.no/charts.git\n    targetRevision: '1.2'\n    helm:\n      parameters:\n"
        f"      - {{name: backend.image.tag, value: {tag}}}\n      - {{name: frontend.image.tag, value: {tag}}}\n"
        f"      - {{name: ingress.host, value: {customer}.shop.example.no}}\n"
    )


def release(customer: str) -> str:
    return (
        f"apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {{name: shop, namespace: {customer}}}\nspec:\n"
        f"  values:\n    backend:\n      image: {{registry: registry.example.no, repository: shop/backend, tag: v1.2.3}}\n"
        f"    frontend: {{image: '{R}/frontend:v1.2.3'}}\n"
    )


LAYOUTS: dict[str, tuple[dict[str, str], set[str], dict[str, list[dict[str, str]]]]] = {
    "kustomize overlays beside a base": (
        {
            "apps/shop/base/kustomization.yaml": overlay(*BOTH),
            **{f"apps/shop/overlays/{c}/kustomization.yaml": overlay(*BOTH) for c in ("bre", "dal", "test")},
        },
        {"bre", "dal", "test"},
        {c: [{"file": "apps/shop/overlays/{customer}/kustomization.yaml", "image": f"shop/{c}"}] for c in BOTH},
    ),
    "helm values in a file for each customer": (
        {
            "charts/shop/values.yaml": f"backend:\n  image: {{repository: {R}/backend, tag: latest}}\n",
            **{
                f"values/values-{c}.yaml": f"backend:\n  image: {{repository: {R}/backend, tag: v1}}\n"
                f"frontend:\n  image: {{repository: {R}/frontend, tag: v1, digest: '{D}'}}\n"
                for c in ("bre", "acme-corp")
            },
        },
        {"bre", "acme-corp"},
        {
            "backend": [
                {
                    "file": "values/values-{customer}.yaml",
                    "path": "backend.image.tag",
                    "repository": "backend.image.repository",
                }
            ],
            "frontend": [
                {
                    "file": "values/values-{customer}.yaml",
                    "path": "frontend.image.digest",
                    "repository": "frontend.image.repository",
                }
            ],
        },
    ),
    "plain manifests": (
        {f"{c}/{k}.yaml": deployment(f"{R}/{k}:v1", "docker.io/library/redis:7") for c in ("bre", "dal") for k in BOTH},
        {"bre", "dal"},
        {k: [{"file": f"{{customer}}/{k}.yaml", "manifest": f"{R}/{k}"}] for k in BOTH},
    ),
    "manifests with a registry for each customer": (
        {f"customers/{c}/app.yaml": deployment(f"{c}.example.no/shop/backend:v1") for c in ("bre", "dal")},
        {"bre", "dal"},
        {
            "backend": [
                {
                    "file": "customers/{customer}/app.yaml",
                    "path": "spec.template.spec.containers[name=main].image",
                    "mirror": True,  # type: ignore[dict-item]
                }
            ]
        },
    ),
    "argo cd applications with helm parameters": (
        {
            "root.yaml": "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: root}\nspec: {source: {path: apps}}\n",
            **{f"apps/{c}.yaml": application(c, "v1") for c in ("bre", "dal", "elv")},
        },
        {"bre", "dal", "elv"},
        {
            c: [
                {
                    "file": "apps/{customer}.yaml",
                    "path": f"spec.source.helm.parameters[name={c}.image.tag].value",
                }
            ]
            for c in BOTH
        },
    ),
    "flux releases by region": (
        {f"clusters/{region}/{c}/shop.yaml": release(c) for region, c in (("eu", "bre"), ("eu", "dal"), ("us", "elv"))},
        {"bre", "dal", "elv"},
        {
            "backend": [
                {
                    "file": "clusters/*/{customer}/shop.yaml",
                    "path": "spec.values.backend.image.tag",
                    "repository": "spec.values.backend.image.repository",
                }
            ],
            "frontend": [{"file": "clusters/*/{customer}/shop.yaml", "path": "spec.values.frontend.image"}],
        },
    ),
    "flux kustomizations with images": (
        {
            f"clusters/{c}/shop.yaml": "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nspec:\n  images:\n"
            f"  - {{name: backend, newName: {R}/backend, newTag: v1}}\n"
            for c in ("bre", "dal")
        },
        {"bre", "dal"},
        {
            "backend": [
                {
                    "file": "clusters/{customer}/shop.yaml",
                    "path": "spec.images[name=backend].newTag",
                    "repository": "spec.images[name=backend].newName",
                }
            ]
        },
    ),
    "one file for all by key": (
        {"versions.yaml": "".join(f"{c}:\n  backend: {{image: {R}/backend:v1}}\n" for c in ("bre", "dal", "elv"))},
        {"bre", "dal", "elv"},
        {"backend": [{"file": "versions.yaml", "path": "{customer}.backend.image"}]},
    ),
    "one file for all by list": (
        {
            "fleet.yaml": "customers:\n"
            + "".join(f"- name: {c}\n  backend_tag: v1\n  frontend_tag: v2\n" for c in ("bre", "dal"))
        },
        {"bre", "dal"},
        {c: [{"file": "fleet.yaml", "path": f"customers[name={{customer}}].{c}_tag"}] for c in BOTH},
    ),
    "argo cd application set": (
        {
            "appset.yaml": "apiVersion: argoproj.io/v1alpha1\nkind: ApplicationSet\nmetadata: {name: shop}\nspec:\n"
            "  generators:\n  - list:\n      elements:\n"
            + "".join(f"      - {{customer: {c}, backendTag: v1}}\n" for c in ("bre", "dal"))
            + "  template: {metadata: {name: '{{customer}}'}}\n"
        },
        {"bre", "dal"},
        {
            "backend": [
                {"file": "appset.yaml", "path": "spec.generators[0].list.elements[customer={customer}].backendTag"}
            ]
        },
    ),
    "a single customer in a folder that says so": (
        {"customers/bre/kustomization.yaml": overlay("backend")},
        {"bre"},
        {"backend": [{"file": "customers/{customer}/kustomization.yaml", "image": "shop/backend"}]},
    ),
    "components in folders of their own": (
        {f"apps/{k}/overlays/{c}/kustomization.yaml": overlay(k) for k in BOTH for c in ("bre", "dal", "production")},
        {"bre", "dal", "production"},
        {k: [{"file": f"apps/{k}/overlays/{{customer}}/kustomization.yaml", "image": f"shop/{k}"}] for k in BOTH},
    ),
    "customer and stage": (
        {
            f"customers/{c}/{stage}/values.yaml": f"backend: {{image: '{R}/backend:v1'}}\n"
            for c in ("bre", "dal", "elv")
            for stage in ("prod", "dev")
        },
        {"bre", "dal", "elv"},
        {"backend": [{"file": "customers/{customer}/prod/values.yaml", "path": "backend.image"}]},
    ),
}


def recognised(repository: Callable, files: dict[str, str], components: tuple[str, ...] = BOTH) -> RecognisedGitOps:
    gitops = repository("gitops")
    gitops.commit(files)
    return recognise_gitops(gitops.url, "main", "shop", components)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layout_is_recognised(layout: str, repository: Callable) -> None:
    files, customers, targets = LAYOUTS[layout]
    found = recognised(repository, {"README.md": "hands off\n", **files})
    assert {i.component: [t.settings() for t in i.targets] for i in found.images} == targets
    assert set(found.customers) == customers


def test_a_pattern_that_is_as_good_is_told(repository: Callable) -> None:
    files, _, _ = LAYOUTS["customer and stage"]
    found = recognised(repository, files)
    assert [t.file for t in found.images[0].others] == ["customers/{customer}/dev/values.yaml"]


def test_the_base_and_sidecars_are_left_out_with_the_reason(repository: Callable) -> None:
    files, _, _ = LAYOUTS["kustomize overlays beside a base"]
    found = recognised(
        repository, {**files, "apps/shop/overlays/bre/db.yaml": deployment("docker.io/library/postgres:17")}
    )
    told = {u.what: u.why for u in found.left_out}
    assert told[f"{R}/backend in apps/shop/base/kustomization.yaml"] == "base is no customer"
    assert "beside the app" in told["docker.io/library/postgres in apps/shop/overlays/bre/db.yaml"]


def test_a_base_beside_the_customers_is_no_customer(repository: Callable) -> None:
    found = recognised(repository, {f"envs/{c}/kustomization.yaml": overlay("backend") for c in ("base", "bre", "dal")})
    assert found.customers == ("bre", "dal")


def test_an_image_without_a_component_is_told(repository: Callable) -> None:
    files = {f"customers/{c}/app.yaml": deployment(f"{R}/backend:v1", f"{R}/reports:v1") for c in ("bre", "dal")}
    found = recognised(repository, files, ("backend",))
    assert [(u.what, u.why) for u in found.left_out] == [
        (f"{R}/reports in customers/bre/app.yaml and 1 more", "no component has a name like it")
    ]


@pytest.mark.parametrize(
    ("image", "component", "sure"),
    [
        ("r.no/shop/shop-backend", "backend", True),
        ("r.no/backend-service", "backend", True),
        ("r.no/backend/server", "backend", True),
        ("r.no/shop/bakend", "backend", False),
        ("r.no/shop/orders", "backend", False),  # the only image and the only component that are left
    ],
)
def test_an_image_is_matched_by_its_name(image: str, component: str, sure: bool, repository: Callable) -> None:
    found = recognised(
        repository, {f"customers/{c}/app.yaml": deployment(f"{image}:v1") for c in ("bre", "dal")}, ("backend",)
    )
    assert [(i.component, i.repository, i.sure) for i in found.images] == [(component, image, sure)]


def test_of_two_images_like_a_component_the_better_one_counts(repository: Callable) -> None:
    files = {f"customers/{c}/app.yaml": deployment(f"{R}/backend:v1", f"{R}/a-backend:v1") for c in ("bre", "dal")}
    found = recognised(repository, files, ("backend",))
    assert [i.repository for i in found.images] == [f"{R}/backend"]


def test_who_rolls_out_and_where_customers_answer_is_seen(repository: Callable) -> None:
    files, _, _ = LAYOUTS["argo cd applications with helm parameters"]
    found = recognised(repository, files)
    assert found.rollout is not None
    assert (found.rollout.tool, found.rollout.why) == ("argocd", "Application in apps/bre.yaml")
    assert found.address == "https://{customer}.shop.example.no"


def test_an_address_of_another_form_is_kept_for_that_customer(repository: Callable) -> None:
    hosts = {"bre": "bre.shop.example.no", "dal": "dal.shop.example.no", "elv": "orders.elvia.example"}
    files = {
        f"customers/{c}/values.yaml": f"backend: {{image: '{R}/backend:1'}}\nhost: {h}\n" for c, h in hosts.items()
    }
    found = recognised(repository, files)
    assert found.address == "https://{customer}.shop.example.no"
    assert found.addresses == {"elv": "https://orders.elvia.example"}


def test_another_writer_of_images_is_told(repository: Callable) -> None:
    automation = "apiVersion: image.toolkit.fluxcd.io/v1\nkind: ImageUpdateAutomation\nmetadata: {name: x}\n"
    found = recognised(
        repository, {"flux/update.yaml": automation, "customers/bre/kustomization.yaml": overlay("backend")}
    )
    assert found.writers == ("Flux's image automation (flux/update.yaml)",)


def test_values_that_no_target_can_set_are_told(repository: Callable) -> None:
    block = (
        application("bre", "v1").split("    helm:")[0]
        + "    helm:\n      values: |\n        image:\n          tag: v1\n"
    )
    found = recognised(
        repository,
        {
            "apps/bre.yaml": block,
            "customers/bre/kustomization.yaml": "kind: Kustomization\nimages:\n- {name: shop/backend, newName: x/y}\n",
        },
    )
    told = {u.what: u.why for u in found.left_out}
    assert "block of text" in told["apps/bre.yaml"]
    assert "neither digest nor newTag" in told["customers/bre/kustomization.yaml"]
    assert found.images == ()


HOSTILE = {
    "brackets": "[" * 200_000,
    "mappings": "{a: " * 50_000,
    "aliases": "b0: &b0 [x, x]\n" + "".join(f"b{n}: &b{n} [*b{n - 1}, *b{n - 1}]\n" for n in range(1, 60)),
    "no YAML": "a: b: c: [\n\x00",
    "large": "a: " + "x" * 3_000_000,
    "many": "".join(f"image{n}: r.no/shop/backend:v{n}\n" for n in range(3_000)),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_file_keeps_nothing_else_out(kind: str, repository: Callable) -> None:
    found = recognised(
        repository,
        {
            "customers/aaa/values.yaml": HOSTILE[kind],
            **{f"customers/{c}/kustomization.yaml": overlay("backend") for c in ("bre", "dal")},
        },
    )
    assert {"bre", "dal"} <= set(found.customers)


def test_links_and_names_with_control_characters_are_no_customers(repository: Callable) -> None:
    gitops = repository("gitops")
    gitops.commit(
        {f"customers/{c}/kustomization.yaml": overlay("backend") for c in ("bre", "dal", "e\x1b[31mvil", "UPPER")}
    )
    (gitops.work / "customers" / "link").symlink_to("bre")
    (gitops.work / "customers" / "passwd.yaml").symlink_to("/etc/passwd")
    gitops.commit({}, "links")
    found = recognise_gitops(gitops.url, "main", "shop", ("backend",))
    assert found.customers == ("bre", "dal")


def test_an_empty_repository_and_one_that_is_not_there_are_two_errors(repository: Callable) -> None:
    with pytest.raises(ReleaseRefused, match="no branch main"):
        recognise_gitops(repository("gitops").url, "main", "shop", BOTH)
    with pytest.raises(ServiceUnavailable):
        recognise_gitops("/nowhere/at/all.git", "main", "shop", BOTH)


def test_reading_is_bounded(repository: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    from tasks.gitops import recognise

    monkeypatch.setattr(recognise, "MAX_READ", 3)
    found = recognised(repository, {f"customers/c{n}/kustomization.yaml": overlay("backend") for n in range(5)})
    assert len(found.customers) == 3
    assert [u.why for u in found.left_out if "YAML files" in u.what] == ["only the first 3 were read"]


def test_the_same_commit_gives_the_same_answer(repository: Callable) -> None:
    gitops = repository("gitops")
    gitops.commit({k: v for files, _, _ in LAYOUTS.values() for k, v in files.items()})
    assert len({recognise_gitops(gitops.url, "main", "shop", BOTH).model_dump_json() for _ in range(2)}) == 1
