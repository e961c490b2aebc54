"""Only the wanted scalar changes; every other byte of the file stays, in every style that people write."""

import pytest

from tasks.gitops.yaml_bytes import CannotEdit, Document
from tasks.gitops.yaml_tree import read, same

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
    "other line breaks before": f'x: "p\u2028q\x85r"\n# \u2029\na:\n  b: {OLD}\n',
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
    text = original.decode()
    at = text.startswith("\ufeff") + scalar.start + len(scalar.quote)
    expected = text[:at] + NEW + text[at + len(OLD) :]
    assert document.replaced({scalar: NEW}) == expected.encode()


def test_two_values_of_one_file_change_together() -> None:
    text = f"images:\n- name: shop/web\n  digest: {OLD}\n- name: shop/api\n  digest: '{OLD}' # api\n"
    document = Document(text.encode())
    both = {document.at(f"images[name=shop/{i}].digest"): NEW for i in ("api", "web")}
    assert document.replaced(both).decode() == text.replace(OLD, NEW)


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
        ("a" * 2_000_001, "larger than"),
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


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: {b: x}", "y, c: z"),
        ("a: {b: x}", "y}"),
        ("a:\n  b: x\n", "y: z"),
        ("a:\n  b: x\n", "y # z"),
        ("a:\n  b: x\n", "y\n  c: z"),
        ("a:\n  b: x\n", "y\n---\nz"),
        ("a:\n  b: x\n", "&y z"),
        ("a:\n  b: x\n", "!y z"),
        ("a:\n  b: x\n", "[y]"),
        ("a:\n  b: x\n", "|"),
        ("a:\n  b: x\n", "'y'"),
        ("a:\n  b: x\n", " y"),
        ("a:\n  b: x\n", "\x00"),
        ("a:\n  b: 'x'\n", "y'z"),
        ("a:\n  b: 'x'\n", "y', c: 'z"),
        ('a:\n  b: "x"\n', "y\\n"),
    ],
)
def test_a_text_that_would_mean_something_else_there_is_refused(text: str, value: str) -> None:
    document = Document(text.encode())
    with pytest.raises(CannotEdit, match="would not stay where it belongs"):
        document.replaced({document.at("a.b"): value})


@pytest.mark.parametrize(
    "value", ["1.10", "7e10", "0o17", "0x1f", "yes", "null", "~", "", "2024-01-31", "1_000", "12:30"]
)
def test_a_tag_that_would_be_a_number_without_quotes_is_refused(value: str) -> None:
    bare, quoted = Document(b"a: {b: v1}"), Document(b"a: {b: 'v1'}")
    with pytest.raises(CannotEdit, match="would not be read as text"):
        bare.replaced({bare.at("a.b"): value})
    assert quoted.replaced({quoted.at("a.b"): value}) == f"a: {{b: '{value}'}}".encode()


def test_a_number_may_follow_a_number() -> None:
    document = Document(b"a: {b: 1.10}")
    assert document.replaced({document.at("a.b"): "1.11"}) == b"a: {b: 1.11}"


def test_what_the_parser_says_names_the_place_and_never_the_line() -> None:
    with pytest.raises(CannotEdit) as caught:
        Document(b"a: 1\npassword: hunter2: [\n")
    assert "at line 2, column" in caught.value.problem
    assert "hunter2" not in caught.value.problem


def test_an_alias_of_nothing_is_refused() -> None:
    with pytest.raises(CannotEdit, match="nothing is called"):
        Document(b"a: &x 1\n---\nb: *x\n")


def test_an_anchor_may_be_given_twice_and_the_last_one_counts() -> None:
    document = Document(b"a: &x p\nb: &x q\nc: *x\nd: e\n")
    assert document.replaced({document.at("d"): "f"}) == b"a: &x p\nb: &x q\nc: *x\nd: f\n"
    with pytest.raises(CannotEdit, match="carries an anchor"):
        document.at("a")
    with pytest.raises(CannotEdit, match="shared through an anchor"):
        document.at("b")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("a: b", "a: c"),
        ("a: b", "c: b"),
        ("a: b", "a: 'b'"),
        ("a: b", "a: !!str b"),
        ("a: b", "a: &x b"),
        ("a: [b]", "a:\n- b"),
        ("a: [b]", "a: {b: }"),
        ("a: [b]", "a: &x [b]"),
        ("a: {b: c}", "a: !x {b: c}"),
        ("[&a b, &c d, *a]", "[&a b, &c d, *c]"),
        ("a: b", "--- \na: b"),
        ("a: b", "%YAML 1.1\n---\na: b"),
        ("a: b", "a: b\n..."),
    ],
)
def test_files_that_say_something_else_are_not_the_same(old: str, new: str) -> None:
    before, after = list(read(old)), list(read(new))
    assert all(same(event, event) for event in before + after)
    assert not all(map(same, before, after))


def test_files_that_say_the_same_in_other_places_are_the_same() -> None:
    before, after = list(read("a: [b, 'c']\n")), list(read("# top\na:   [ b,\n 'c' ] # end"))
    assert len(before) == len(after)
    assert all(map(same, before, after))
