"""Coverage reports of Python, JavaScript and Go tools in one figure; anything else in none."""

from pathlib import Path

import pytest

from tasks.suites.coverage import line_rate
from tests.tasks.suites.suite_app import run


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ('<?xml version="1.0" ?><!DOCTYPE coverage SYSTEM "x.dtd"><coverage line-rate="0.834" version="7"/>', 0.834),
        ('\ufeff<coverage line-rate="1"><packages>', 1.0),
        ("TN:\nSF:src/a.ts\nDA:1,1\nLF:4\nLH:3\nend_of_record\nSF:b\nLF:4\nLH:1\nend_of_record\n", 0.5),
        ('<coverage line-rate="7"/>', None),
        ('<coverage line-rate="many"/>', None),
        ("<coverage/>", None),
        ("<report/>", None),
        ("<", None),
        ("LF:x\n", None),
        ("mode: set\n", None),
        ("", None),
    ],
)
def test_the_share_of_lines_is_read(tmp_path: Path, text: str, rate: float | None) -> None:
    (tmp_path / "coverage").write_text(text, encoding="utf-8")
    assert line_rate(tmp_path / "coverage") == rate


def test_without_a_file_there_is_none(tmp_path: Path) -> None:
    assert line_rate(tmp_path / "none") is None
    assert line_rate(tmp_path) is None


@pytest.mark.usefixtures("base_images")
def test_a_suites_report_is_kept_beside_its_log(slipway_home: Path) -> None:
    assert run("echo '<coverage line-rate=\"0.25\"/>' > $COVERAGE").coverage == 0.25
    (kept,) = (slipway_home / "runs").glob("*/api-unit/coverage")
    assert kept.read_text() == '<coverage line-rate="0.25"/>\n'
