"""Paths are read as people write them, and what cannot be read is refused with its place when release.yaml is read."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tasks.config.gitops import Target
from tasks.yaml_path import Entry, Step, steps, written


@pytest.mark.parametrize(
    ("path", "way"),
    [
        ("image", ["image"]),
        ("a.b.c", ["a", "b", "c"]),
        ('a."b.c"[0].d[name=x.y/z].e', ["a", "b.c", 0, "d", Entry("name", "x.y/z"), "e"]),
        ("images[0]", ["images", 0]),
        ("[0][1].a", [0, 1, "a"]),
        ("[name={customer}].image", [Entry("name", "{customer}"), "image"]),
        ("customers.{customer}.tag", ["customers", "{customer}", "tag"]),
        ("a.0.b", ["a", "0", "b"]),
        ("helm.parameters[name=backend.image.tag].value", ["helm", "parameters", Entry("name", "backend.image.tag"), "value"]),
        ('a[name="x]y"].b', ["a", Entry("name", "x]y"), "b"]),
        ('a["my name"="it\'s \\"x\\""].b', ["a", Entry("my name", 'it\'s "x"'), "b"]),
        ("a[app.kubernetes.io/name=x].b", ["a", Entry("app.kubernetes.io/name", "x"), "b"]),
        ("a[url=http://x/?a=b].b", ["a", Entry("url", "http://x/?a=b"), "b"]),
        ('a."\\\\".b', ["a", "\\", "b"]),
        ("næring.名前.two words", ["næring", "名前", "two words"]),
    ],
)  # fmt: skip
def test_a_path_is_read_step_by_step(path: str, way: list[Step]) -> None:
    assert steps(path) == way
    assert steps(written(way)) == way


words = st.text(min_size=1, max_size=12)
ways = st.lists(st.one_of(words, st.integers(0, 999_999), st.builds(Entry, words, words)), min_size=1, max_size=6)


# The first run on a machine builds hypothesis's table of characters, which takes up to half a minute.
@settings(deadline=None, max_examples=500, suppress_health_check=[HealthCheck.too_slow])
@given(ways)
def test_every_way_can_be_written_and_read_again(way: list[Step]) -> None:
    assert steps(written(way)) == way


@settings(deadline=None, max_examples=500, suppress_health_check=[HealthCheck.too_slow])
@given(st.text('ab.[]=0"\\ {}', max_size=12))
def test_what_can_be_read_is_read_the_same_when_it_is_written_again(path: str) -> None:
    try:
        way = steps(path)
    except ValueError as error:
        assert "cannot be read from character" in str(error)
    else:
        assert steps(written(way)) == way


def refusal(**given: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        Target.model_validate({"file": "customers/{customer}.yaml", **given})
    return str(caught.value)


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("", "character 1 on"),
        (".a", "character 1 on"),
        ("a..b", "character 2 on, '..b'"),
        ("a.", "character 2 on, '.'"),
        ("a[", "character 2 on, '['"),
        ("a[].b", "character 2 on, '[].b'"),
        ("a[-1].b", "character 2 on"),
        ("a[name].b", "character 2 on"),
        ("a[name=].b", "character 2 on"),
        ("a[=x].b", "character 2 on"),
        ("a[name= x].b", "character 2 on"),
        ("a[0]b", "character 5 on, 'b'"),
        ("a[9999999]", "character 2 on"),
        ('a"b"', "character 2 on"),
        ('a."b', "character 2 on"),
        ('a.""', "character 2 on"),
        ('a."\\x"', "character 2 on"),
        (" a", "character 1 on"),
        ("a .b", "character 2 on"),
        ("a\nb", "character 2 on"),
        ("a[٣].b", "character 2 on"),
    ],
)
def test_a_path_that_cannot_be_read_is_refused_with_its_place(path: str, place: str) -> None:
    assert place in refusal(path=path)
    assert place in refusal(path="a", repository=path)


def test_a_path_that_ends_at_an_entry_is_refused() -> None:
    assert "add the key in it" in refusal(path="spec.containers[name=api]")


@pytest.mark.parametrize("text", ["{costumer}", "{}", "{ customer }", "{customer"])
def test_a_placeholder_that_stands_for_nothing_is_refused(text: str) -> None:
    assert "stands for nothing" in refusal(path=f"a.{text}.tag")
    assert "stands for nothing" in refusal(file=f"{{customer}}/{text}.yaml", path="a")


def test_one_value_for_all_customers_is_refused() -> None:
    shared = {"file": "all.yaml"}
    assert "needs {customer} in file or path" in refusal(**shared, path="image.tag")
    assert "needs {customer} in file or path" in refusal(**shared, image="shop/api")
    beside = {"path": "{customer}.tag", "repository": "image.repository"}
    assert "repository needs {customer} too" in refusal(**shared, **beside)
    beside |= {"repository": "{customer}.repository", "registry": "registry"}
    assert "registry needs {customer} too" in refusal(**shared, **beside)


def test_a_target_is_found_in_one_way() -> None:
    assert "needs one of" in refusal()
    assert "needs one of" in refusal(path="a", image="b")
    assert "stands beside path only" in refusal(image="a", repository="b")
    assert "registry beside repository" in refusal(path="a", registry="b")
    assert "at least 1 character" in refusal(image="")
