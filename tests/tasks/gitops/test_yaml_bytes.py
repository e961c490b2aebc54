"""Only the wanted scalar changes; every other byte of the file stays, in every style that people write."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tasks.gitops.yaml_bytes import CannotEdit, Document

OLD, NEW = "sha256:" + "1" * 64, "sha256:" + "2" * 64
STYLES = {
    "plain": f"a:\n  b: {OLD}\n",
    "comment": f"# top\na:\n  b: {OLD}   # why\n  c: 1\n",
    "single quotes": f"a: {{b: '{OLD}', c: 'it''s'}}\n",
    "double quotes": f'a:\n    b:   "{OLD}"\n',
    "flow": f"{{a: {{c: [1, 2], b: {OLD}}}}}",
    "other documents": f"---\nx: 1\n---\na:\n  b: {OLD}\n...\n---\ny: {OLD}\n",
    "block scalar beside": f"a:\n  b: {OLD}\n  text: |\n    b: {OLD}\n",
    "an anchor elsewhere": f"x: &x {{k: v}}\ny: *x\na:\n  b: {OLD}\n",
    "unicode before": f"æøå: '🚢'\na:\n  b: {OLD}\n",
}
ENDS = {
    "lf": lambda t: t,
    "crlf": lambda t: t.replace("\n", "\r\n"),
    "mark": lambda t: "\ufeff" + t,
    "no final newline": lambda t: t.rstrip("\n"),
}


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("style", STYLES)
def test_only_the_wanted_bytes_change(style: str, end: str) -> None:
    original = ENDS[end](STYLES[style]).encode()
    document = Document(original)
    scalar = document.at("a.b")
    assert scalar.value == OLD
    at = scalar.start + len(scalar.quote)
    text = original.decode()
    expected = text[:at] + NEW + text[at + len(OLD) :]
    assert document.replaced({scalar: NEW}) == expected.encode()


KUSTOMIZE = f"images:\n- name: shop/web\n  digest: {OLD}\n- name: shop/api\n  newName: r/api\n  digest: {OLD} # api\n"


def test_the_entry_of_one_image_is_found_by_its_name() -> None:
    document = Document(KUSTOMIZE.encode())
    changed = document.replaced({document.kustomize_digest("shop/api"): NEW}).decode()
    assert changed == KUSTOMIZE.replace(f"{OLD} # api", f"{NEW} # api")


def test_two_values_of_one_file_change_together() -> None:
    document = Document(KUSTOMIZE.encode())
    both = {document.kustomize_digest(i): NEW for i in ("shop/api", "shop/web")}
    assert document.replaced(both).decode() == KUSTOMIZE.replace(OLD, NEW)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: {c: 1}", "there is no a.b"),
        ("a: [1]", "there is no a.b"),
        ("", "there is no a.b"),
        (f"a: {{b: {OLD}}}\na: {{b: {OLD}}}", "stands 2 times"),
        (f"a:\n  b: {OLD}\n  b: {OLD}", "stands 2 times"),
        (f"a: {{b: {OLD}}}\n---\na: {{b: {OLD}}}", "stands 2 times"),
        (f"a: {{b: &x {OLD}}}\nc: *x", "shared through an anchor"),
        (f"x: &x {{b: {OLD}}}\na: *x", "shared through an anchor"),
        (f"a: {{b: &x {OLD}}}", "carries an anchor"),
        (f"a: {{b: !!str {OLD}}}", "carries an anchor or a tag"),
        ("a: {b: [1]}", "not a single value"),
        (f"a:\n  b: |\n    {OLD}\n", "not a single value"),
        ("a: {b: [", "not YAML"),
        ("{{ .Values.x }}: [", "not YAML"),
        ("[" * 200_000, "nested too deeply"),
        ("a" * 600_000, "larger than"),
        ("a: \x00", "not YAML"),
    ],
)
def test_what_cannot_be_changed_safely_is_refused_in_words(text: str, told: str) -> None:
    with pytest.raises(CannotEdit) as caught:
        Document(text.encode()).at("a.b")
    assert told in str(caught.value)
    assert caught.value.next_step


def test_a_file_that_is_not_utf8_is_refused() -> None:
    with pytest.raises(CannotEdit, match="not UTF-8 at byte 3"):
        Document(b"a: \xff").at("a")


def test_an_entry_with_a_tag_alone_says_what_to_add() -> None:
    with pytest.raises(CannotEdit) as caught:
        Document(b"images: [{name: shop/api, newTag: v1}]").kustomize_digest("shop/api")
    assert "add `digest:`" in caught.value.next_step


def test_an_alias_bomb_is_read_in_a_moment() -> None:
    bomb = (
        "x0: &x0 [1]\n"
        + "".join(f"x{n}: &x{n} [{', '.join([f'*x{n - 1}'] * 9)}]\n" for n in range(1, 30))
        + f"a:\n  b: {OLD}\n"
    )
    document = Document(bomb.encode())
    assert NEW.encode() in document.replaced({document.at("a.b"): NEW})


keys = st.text("abcdefg-_ æ", min_size=1, max_size=8).map(lambda k: f"k{k}k")
values = st.recursive(
    st.text(max_size=20) | st.integers() | st.booleans() | st.none(),
    lambda v: st.lists(v, max_size=3) | st.dictionaries(keys, v, max_size=3),
    max_leaves=12,
)


# The first run on a machine builds hypothesis's table of characters, which takes up to half a minute.
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    before=st.dictionaries(keys, values, max_size=4),
    after=st.dictionaries(keys, values, max_size=4),
    style=st.sampled_from(["", "'", '"']),
    flow=st.booleans(),
)
def test_in_any_document_only_the_target_differs(before: dict, after: dict, style: str, flow: bool) -> None:
    import yaml

    target = f"{{b: {style}{OLD}{style}}}"
    top = yaml.safe_dump(before, default_flow_style=flow, allow_unicode=True) if before else ""
    end = yaml.safe_dump({f"z{k}": v for k, v in after.items()}, allow_unicode=True) if after else ""
    if top.startswith("{"):
        top = f"x: {top}"
    text = f"{top}a: {target}   # here\n{end}"
    document = Document(text.encode())
    changed = document.replaced({document.at("a.b"): NEW}).decode()
    assert changed == text.replace(OLD, NEW)
    assert yaml.safe_load(changed) == {**yaml.safe_load(text), "a": {"b": NEW}}
