"""A page becomes an A4 PDF, and the pages that are handed over have two sheets at most."""

from pathlib import Path

import pytest
from pypdf import PdfReader

from deployments.docs.pdf import ROOT, pdf

MOST = 2
MILLIMETRES = 25.4 / 72


def test_a_page_with_a_drawing_a_table_and_a_picture_is_a_sheet_of_a4(tmp_path: Path, mermaid: None) -> None:
    page = tmp_path / "page.md"
    picture = ROOT / "docs" / "images" / "dashboard-phone.png"
    drawing = '```mermaid\nflowchart LR\n  a["drawn here"] --> b["and there"]\n```'
    page.write_text(f"# Ærlig sagt\n\n| a | b |\n| --- | --- |\n| æ ø å | `code` |\n\n{drawing}\n\n![x]({picture})\n")
    assert pdf(page, tmp_path / "page.pdf") == 1
    (sheet,) = PdfReader(tmp_path / "page.pdf").pages
    assert (round(sheet.mediabox.width * MILLIMETRES), round(sheet.mediabox.height * MILLIMETRES)) == (210, 297)
    text = sheet.extract_text()
    for words in ("Ærlig sagt", "æ ø å", "drawn here"):
        assert words in text
    pictures = [found.get_object() for found in sheet["/Resources"]["/XObject"].values()]
    assert (390, 844) in [(one.get("/Width"), one.get("/Height")) for one in pictures]
    assert [p.name for p in tmp_path.iterdir() if p.suffix == ".html"] == []


def test_a_long_page_has_more_sheets(tmp_path: Path) -> None:
    (tmp_path / "page.md").write_text("# Long\n\n" + "A line of words.\n\n" * 150)
    assert pdf(tmp_path / "page.md", tmp_path / "page.pdf") > MOST


@pytest.mark.parametrize("name", ["leveranse.md", "delivery.md"])
def test_what_is_handed_over_has_two_sheets_at_most(name: str, tmp_path: Path) -> None:
    sheets = pdf(ROOT / "docs" / name, tmp_path / "page.pdf")
    assert sheets <= MOST, f"docs/{name} has {sheets} sheets: say it in fewer words"
