"""A secret is read from its place; what is wrong with it is told without showing it."""

from pathlib import Path

import pytest

from tasks.config.operate import Secret
from tasks.errors import ConfigInvalid
from tasks.secrets.secret import read_secret, read_secrets


def test_it_is_read_from_a_file_or_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "s").write_text("correct horse\n")
    monkeypatch.setenv("HOOK", " battery staple ")
    assert read_secret(Secret(secret_file=str(tmp_path / "s")), "the webhook") == "correct horse"
    assert read_secret(Secret(secret_env="HOOK"), "the webhook") == "battery staple"  # noqa: S106 - a variable's name


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "cannot be read"),
        (b"\n", "no secret"),
        (b"short", "too short"),
        (b"two\nlines-of-a-secret", "control characters"),
        (b"\xff\xfe-not-utf-8-at-all", "not UTF-8"),
    ],
)
def test_what_is_wrong_is_told_without_showing_it(tmp_path: Path, content: bytes | None, told: str) -> None:
    path = tmp_path / "s"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigInvalid, match=told) as caught:
        read_secret(Secret(secret_file=str(path)), "the webhook", shortest=16)
    assert "the webhook" in str(caught.value)
    assert str(path) in str(caught.value)
    assert "lines-of-a-secret" not in str(caught.value)


def test_several_lines_are_several_secrets(tmp_path: Path) -> None:
    place = Secret(secret_file=str(tmp_path / "s"))
    (tmp_path / "s").write_text(" one secret of sixteen\r\n\nanother of sixteen\n")
    assert read_secrets(place, "the webhook", 16) == ("one secret of sixteen", "another of sixteen")
    for wrong in ("\n \n", "one secret of sixteen\nshort\n", "one secret\tof sixteen"):
        (tmp_path / "s").write_text(wrong)
        with pytest.raises(ConfigInvalid, match="the webhook"):
            read_secrets(place, "the webhook", 16)
