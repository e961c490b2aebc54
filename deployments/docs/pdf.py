"""One page of the documentation as an A4 PDF: `python -m deployments.docs.pdf docs/delivery.md [OUTPUT.pdf]`."""

import sys
from pathlib import Path

from markdown_it import MarkdownIt

from deployments.browser import browser
from deployments.docs.drawings import FENCE, Pencil

ROOT = Path(__file__).parents[2]
STYLE = """
@page { size: A4; margin: 16mm 17mm 15mm }
body { font: 9.5pt/1.42 'DejaVu Sans', sans-serif; color: #1b2326; margin: 0 }
h1 { font-size: 17pt; line-height: 1.2; margin: 0 0 5mm; color: #00695c }
h2 { font-size: 12pt; margin: 5mm 0 1.5mm; color: #00695c; break-after: avoid }
h3 { font-size: 10.5pt; margin: 4mm 0 1mm; break-after: avoid }
p, ul, ol, table, pre { margin: 0 0 2.5mm }
ul, ol { padding-left: 5mm }
li { margin-bottom: 0.8mm }
a { color: #00695c; text-decoration: none }
code { font: 8.5pt 'DejaVu Sans Mono', monospace; background: #eef3f2; padding: 0 1mm }
pre { background: #eef3f2; padding: 2mm 3mm; break-inside: avoid; white-space: pre-wrap }
pre code { padding: 0 }
table { border-collapse: collapse; width: 100%; font-size: 9pt }
tr { break-inside: avoid }
th, td { text-align: left; vertical-align: top; padding: 1mm 2mm; border-bottom: 0.3mm solid #c9d6d3 }
th { border-bottom-color: #00695c }
svg, img { max-width: 100%; max-height: 110mm; display: block; margin: 0 auto }
"""


def pdf(page: Path, output: Path) -> int:
    """Writes the page as a PDF, drawings and pictures with it; how many sheets it has."""
    from pypdf import PdfReader

    with browser() as started:
        sheet = started.new_page()
        html = output.with_suffix(".html")
        html.write_text(_html(page, started.new_page()))
        try:
            sheet.goto(html.resolve().as_uri())
            sheet.pdf(path=output, prefer_css_page_size=True, print_background=True)
        finally:
            html.unlink()
    return len(PdfReader(output).pages)


def _html(page: Path, scratch: object) -> str:
    """The page as HTML that needs nothing beside it but pictures, which are named by where they are."""
    text = page.read_text()
    if FENCE.search(text):
        pencil = Pencil(scratch)
        text = FENCE.sub(lambda found: pencil.draw(found[1]), text)
    markdown = MarkdownIt("commonmark", {"html": True}).enable("table")
    base = page.resolve().parent.as_uri()
    head = f'<meta charset="utf-8"><base href="{base}/"><title>{page.stem}</title><style>{STYLE}</style>'
    return f"<!doctype html><html><head>{head}</head><body>{markdown.render(text)}</body></html>"


def main() -> None:
    """Says how many sheets it has."""
    if len(sys.argv) not in (2, 3):
        sys.exit((__doc__ or "").strip())
    page = Path(sys.argv[1])
    output = Path(sys.argv[2]) if len(sys.argv) > 2 else page.with_suffix(".pdf")
    sheets = pdf(page, output)
    sys.stdout.write(f"{output}: {sheets} page{'s' if sheets > 1 else ''}, A4\n")


if __name__ == "__main__":
    main()
