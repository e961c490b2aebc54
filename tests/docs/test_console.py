"""A guide that does not say what happens is found out: wrong line, wrong exit code, wrong file, one command too many."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.docs.console import File, changed, difference, steps
from tests.docs.terminal import Reader, Wrong

ID = "0b6a1d4e-3f5c-4e0a-9d2b-7c8e9f001122"


@pytest.fixture
def do(tmp_path: Path) -> Callable[..., Reader]:
    """Does a guide that has these blocks."""

    def follow(*blocks: str, **examples: str) -> Reader:
        environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(tmp_path)}
        reader = Reader(tmp_path, environment, examples)
        try:
            reader.follow("guide", steps("Text.\n\n" + "\n".join(f"```{b}\n```\n" for b in blocks)))
        finally:
            reader.stop()
        return reader

    return follow


def test_folder_and_variables_stay_from_one_command_to_the_next(do: Callable[..., Reader], tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    reader = do("console\n$ cd app\n$ export X=1", "console\n$ echo $X in $(basename $PWD)\n1 in app")
    assert reader.done == ["cd app", "export X=1", "echo $X in $(basename $PWD)"]


@pytest.mark.parametrize(
    ("block", "told"),
    [
        ("console\n$ echo one\ntwo", "the guide shows\n    two\nand what came is\n    one"),
        ("console\n$ echo one", "and what came is\n    one"),
        ("console\n$ true\none", "the guide shows\n    one"),
        ("console\n$ false", "line 4: false: ended with 1"),
        ("console\n$ (exit 3)\n$ echo $?\n2", "line 5: echo $?: the guide shows\n    2\nand what came is\n    3"),
        ("console\n$ echo x >&2\ny", "and what came is\n    x"),
        ('diff title="release.yaml"\n-a\n+b', "release.yaml cannot be changed so"),
    ],
)
def test_what_is_not_so_is_named_with_its_line(do: Callable[..., Reader], block: str, told: str) -> None:
    with pytest.raises(Wrong, match=r"guide, line [45]: ") as wrong:
        do(block)
    assert told in str(wrong.value)


def test_an_exit_code_that_the_guide_shows_is_right(do: Callable[..., Reader]) -> None:
    do("console\n$ (exit 3)\n$ echo $?\n3")


def test_a_command_may_go_over_several_lines(do: Callable[..., Reader]) -> None:
    do("console\n$ cat <<END\n> one\n> END\none")


def test_files_are_written_and_changed(do: Callable[..., Reader], tmp_path: Path) -> None:
    do(
        'yaml title="a/b.yaml"\none: 1\ntwo: 2',
        'diff title="a/b.yaml"\n-two: 2\n+two: 3',
        "console\n$ tail -n 1 a/b.yaml\ntwo: 3",
    )
    assert (tmp_path / "a" / "b.yaml").read_text() == "one: 1\ntwo: 3\n"


def test_what_a_second_terminal_does_is_seen_in_the_first(do: Callable[..., Reader], tmp_path: Path) -> None:
    waiting = f"console\n$ echo run {ID}; until [ -f go ]; do sleep 0.1; done; cat go\nrun RUN"
    go = 'console title="second terminal"\n$ echo RUN > go.half && mv go.half go'
    reader = do(waiting, go, "console\nRUN\n$ echo end\nend")
    assert (reader.known, (tmp_path / "go").read_text()) == ({"RUN": ID}, f"{ID}\n")
    with pytest.raises(Wrong, match=r"and what came is\n.*\n    " + ID):
        do(waiting, "console\nsomething else")


def test_a_command_that_ended_too_soon_is_told(do: Callable[..., Reader]) -> None:
    with pytest.raises(Wrong, match="it has ended, with 0"):
        do("console\n$ echo one\ntwo", 'console title="second terminal"\n$ true', "console\nthree")


def test_addresses_of_the_guide_are_those_of_the_world(do: Callable[..., Reader]) -> None:
    do(
        "console\n$ echo http://127.0.0.1:4200 | sed s/http/https/\nhttps://127.0.0.1:4200",
        **{"127.0.0.1:4200": "10.0.0.1:1"},
    )


@pytest.mark.parametrize(
    ("shown", "came", "same"),
    [
        ("commit 1f3a9c2", "commit 0c77d1e", True),
        ("commit 1f3a9c2", "commit orders1", False),
        ("done (1.2 s)", "done (61 s)", True),
        ("done (1.2 s)", "done (a s)", False),
        ("a ... c", "a b b c", True),
        ("a ... c", "a b b", False),
        ("2 ok", "3 ok", False),
        ("...\nend", "one\ntwo\nend", True),
        ("...\nend", "one\nend\ntwo", False),
        ("run RUN\nrun RUN", f"run {ID}\nrun {ID}", True),
        ("run RUN\nrun RUN", f"run {ID}\nrun {ID[:-1]}3", False),
        ("run RUN", "run RUN", True),
        ("a(b)*", "a(b)*", True),
    ],
)
def test_lines_are_the_same_but_for_what_differs(shown: str, came: str, same: bool) -> None:
    assert (difference(shown.split("\n"), came.split("\n"), {}) == "") is same


def test_lines_of_a_diff_must_stand_there_once() -> None:
    assert changed("a\nb\nc\n", "-a\n+x\n b\n@@\n-c\n") == "x\nb\n"
    for diff in ("-d\n", "-a\n", "-b\n-a\n"):
        with pytest.raises(ValueError, match="do not stand there once"):
            changed("a\na\nb\n", diff)


def test_blocks_without_a_title_are_no_files() -> None:
    assert steps("```yaml\na: 1\n```\n") == []
    (file,) = steps('```python title="x.py"\n"""It."""\n```\n')
    assert file == File("x.py", 2, '"""It."""\n', False)
