"""The program that answers git's questions gives a token to its own host and to no other."""

import subprocess
from pathlib import Path

import pytest

ASKPASS = Path(__file__).parents[2] / "deployments" / "docker" / "askpass"
LINES = "https://kari:t0:k@n@git.example.no\nhttp://ola:other@git.example.no:8080"


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("Username for 'https://git.example.no': ", "kari"),
        ("Password for 'https://kari@git.example.no': ", "t0:k@n"),
        ("Username for 'http://git.example.no:8080': ", "ola"),
        ("Password for 'http://ola@git.example.no:8080': ", "other"),
        ("Password for 'https://kari@git.example.no.evil.example': ", None),
        ("Password for 'https://git.example.no@evil.example': ", None),
        ("Username for 'https://evil.example/https://git.example.no': ", None),
        ("Username for 'https://gitXexample.no': ", None),
        ("Username for 'https://example.no': ", None),
        ("Username for 'https://git.example.no:443': ", None),
        ("what?", None),
    ],
)
def test_each_host_gets_its_own(tmp_path: Path, question: str, answer: str | None) -> None:
    (tmp_path / "credentials").write_text(LINES)
    env = {"SLIPWAY_GIT_CREDENTIALS": str(tmp_path / "credentials"), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(["sh", str(ASKPASS), question], env=env, capture_output=True, text=True, check=False)
    assert done.stdout == (f"{answer}\n" if answer else "")
    assert (done.returncode == 0) == bool(answer)


def test_without_a_file_nothing_is_answered(tmp_path: Path) -> None:
    env = {"PATH": "/usr/bin:/bin"}
    argv = ["sh", str(ASKPASS), "Username for 'https://git.example.no': "]
    assert subprocess.run(argv, env=env, capture_output=True, check=False).returncode == 1
