"""The layouts of GitOps repositories that people have: the image's values change, and not one other byte.

Each file in `layouts/` holds the targets as release.yaml has them, a customer's file, and that file after a release.
"""

import itertools
from pathlib import Path

import pytest
import yaml

from tasks.config.gitops import Target
from tasks.gitops.target import identity, wanted
from tasks.gitops.yaml_bytes import CannotEdit, Document
from tasks.models import Image

OLD = "sha256:" + "1" * 64
IMAGES = {
    name: Image(
        component=name,
        repository=f"registry.example.no/shop/{name}",
        digest=f"sha256:{digit * 32}",
        revision=digit[0] * 40,
        tree=digit[0] * 40,
        built=True,
        seconds=1,
    )
    for name, digit in {"backend": "ba", "frontend": "fe"}.items()
}
LAYOUTS = sorted((Path(__file__).parent / "layouts").glob("*.txt"))
CHANGES = {
    "crlf": lambda text: text.replace("\n", "\r\n"),
    "mark": lambda text: "\ufeff" + text,
    "no final newline": lambda text: text.rstrip("\r\n"),
}
FORMS = [names for count in range(4) for names in itertools.combinations(CHANGES, count)]


def parts(layout: Path) -> tuple[dict[str, Target], str, str]:
    targets, _, files = layout.read_text(encoding="utf-8").removeprefix("=== targets\n").partition("=== original\n")
    original, _, expected = files.partition("=== expected\n")
    return {c: Target.model_validate(t) for c, t in yaml.safe_load(targets).items()}, original, expected


def released(content: bytes, targets: dict[str, Target]) -> bytes:
    """The file after a release of all its components, in one edit."""
    document = Document(content)
    values = {s: v for c, t in targets.items() for s, v in wanted(document, t, "acme", IMAGES[c]).items()}
    return document.replaced(values)


def in_form(text: str, form: tuple[str, ...]) -> bytes:
    for name in form:
        text = CHANGES[name](text)
    return text.encode()


@pytest.mark.parametrize("form", FORMS, ids=lambda form: " ".join(form) or "as it is")
@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.stem)
def test_a_release_changes_the_images_and_nothing_else(layout: Path, form: tuple[str, ...]) -> None:
    targets, original, expected = parts(layout)
    after = released(in_form(original, form), targets)
    assert after == in_form(expected, form)
    assert released(after, targets) == after, "a second time nothing changes"


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.stem)
def test_what_runs_after_a_release_is_the_release(layout: Path) -> None:
    targets, _, expected = parts(layout)
    for component, target in targets.items():
        first, *_ = wanted(Document(expected.encode()), target, "acme", IMAGES[component])
        assert identity(first.value) in (IMAGES[component].digest, IMAGES[component].tag)


def test_every_layout_is_one_of_a_kind() -> None:
    assert len(LAYOUTS) > 40
    assert len({parts(layout)[1] for layout in LAYOUTS}) == len(LAYOUTS)


PATH = {"file": "{customer}.yaml", "path": "image.tag"}
REFUSED = {
    "no entry": ({"image": "shop/backend"}, "images: [{name: shop/web, newTag: v1}]", "there is no images"),
    "an entry without a value": ({"image": "shop/backend"}, "images: [{name: shop/backend}]", "there is no images"),
    "an entry twice": (
        {"image": "shop/backend"},
        "images: [{name: shop/backend, newTag: a}, {name: shop/backend, newTag: a}]",
        "stands 2 times",
    ),
    "a key of the entry twice": (
        {"image": "shop/backend"},
        "images: [{name: shop/backend, newTag: a, newTag: b}]",
        "newTag stands 2 times",
    ),
    "an override without a tag": (
        {"image": "shop/backend"},
        "spec: {source: {kustomize: {images: [shop/backend=r/shop/backend]}}}",
        "neither a digest nor an image reference",
    ),
    "a digest that is none": (
        {"image": "shop/backend"},
        "images: [{name: shop/backend, digest: sha256:12}]",
        "which is no digest",
    ),
    "a new name that is none": (
        {"image": "shop/backend"},
        f"images: [{{name: shop/backend, newName: 'a b', digest: {OLD}}}]",
        "which is no newName",
    ),
    "a tag under a key that is called otherwise": ({"path": "stage"}, "stage: v1", "neither a digest"),
    "a key that ends in tag by chance": ({"path": "montag"}, "montag: v1", "neither a digest"),
    "a template": (PATH, "image: {tag: '{{ .Values.tag }}'}", "nor a tag"),
    "nothing": (PATH, "image: {tag: }", "nor a tag"),
    "another registry": (
        {**PATH, "repository": "image.repository"},
        "image: {registry: docker.io, repository: shop/backend, tag: v1}",
        "image.registry is 'docker.io', and the image is in registry.example.no",
    ),
    "a repository that is none": (
        {**PATH, "repository": "image.repository"},
        "image: {repository: 'a b', tag: v1}",
        "which is no repository",
    ),
    "no container": (
        {"manifest": "r.example.no/shop/backend"},
        "spec: {containers: [{image: 'r.example.no/shop/web:v1'}, {image: {a: 1}}, {name: x}, y]}",
        "no container runs",
    ),
    "containers of different versions": (
        {"manifest": "r.example.no/a"},
        "spec: {containers: [{image: 'r.example.no/a:v1'}, {image: 'r.example.no/a:v2'}]}",
        "run 2 versions",
    ),
    "containers through an alias": (
        {"manifest": "r.example.no/a"},
        "x: &c [{image: 'r.example.no/a:v1'}]\ny: {containers: *c}\nz: {containers: [{image: 'r.example.no/a:v1'}]}",
        "shared through an anchor",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_would_be_a_guess_is_refused_in_words(case: str) -> None:
    target, text, told = REFUSED[case]
    with pytest.raises(CannotEdit) as caught:
        released(text.encode(), {"backend": Target.model_validate({"file": "{customer}.yaml", **target})})
    assert told in caught.value.problem
    assert caught.value.next_step


def test_another_container_that_cannot_be_edited_is_in_nobodys_way() -> None:
    text = "spec: {containers: [{image: &s 'sidecar:v1'}, {image: *s}, {image: 'r.example.no/a:v1'}]}"
    target = Target.model_validate({"file": "{customer}.yaml", "manifest": "r.example.no/a"})
    after = released(text.encode(), {"backend": target})
    assert after.decode() == text.replace("r.example.no/a:v1", IMAGES["backend"].reference)


@pytest.mark.parametrize(
    ("value", "runs"),
    [
        (OLD, OLD),
        (f"v1@{OLD}", OLD),
        (f"r.no/shop/api:v1@{OLD}", OLD),
        (f"api=r.no:5000/api@{OLD}", OLD),
        ("r.no:5000/shop/api:v1", "v1"),
        ("api=r.no:5000/api:v1", "v1"),
        ("api:v1", "v1"),
        ("v1", "v1"),
        ("r.no:5000/shop/api", ""),
        ("api=r.no/api", ""),
        ("", ""),
        ("a b", ""),
        ("{{ .Values.tag }}", ""),
    ],
)
def test_a_value_says_what_runs(value: str, runs: str) -> None:
    assert identity(value) == runs
