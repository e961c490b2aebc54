"""The site is built of the real pages, and what a reader would stumble over fails the build."""

import re
import shutil
from pathlib import Path

import httpx
import pytest

from deployments.docs import site
from deployments.docs.drawings import ROOT, pages

# What takes the pictures: the `make screenshots` of the Makefile.
CAMERAS = (
    "tests/deployments/dashboard/pictures.py",
    "tests/tasks/reports/pictures.py",
    "tests/flows/test_approval.py",
)
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
LINKS = [(page, place) for page in pages() for place in LINK.findall(page.read_text())]


def copy(folder: Path) -> Path:
    """The documentation in a folder of its own."""
    for name in ("docs", "mkdocs.yml", "README.md"):
        made = folder / name
        shutil.copytree(ROOT / name, made) if (ROOT / name).is_dir() else shutil.copy(ROOT / name, made)
    return folder


def broken(folder: Path, page: str, text: str) -> str:
    """What the build says when a page has more text."""
    with (folder / "docs" / page).open("a") as file:
        file.write(text)
    with pytest.raises(site.SiteBroken) as said:
        site.build(folder)
    return str(said.value)


def test_the_site_is_built_and_its_drawings_need_no_other_server(tmp_path: Path, mermaid: None) -> None:
    built = site.build(copy(tmp_path))
    html = (built / "architecture" / "index.html").read_text()
    assert html.count('class="mermaid"') == 7
    (script,) = re.findall(r'<script src="\.\./(mermaid[^"]*)"', html)
    assert (built / script).stat().st_size > 1_000_000
    assert not re.findall(r'<(?:script|link)[^>]* (?:src|href)="https?://', html), "it loads something from elsewhere"
    assert (built / "images" / "dashboard-matrix.png").exists()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("\n[gone](gone.md)\n", "page does not exist"),
        ("\n[gone](gitops.md#gone)\n", "anchor does not exist"),
        ("\n[gone](#nowhere)\n", "anchor does not exist"),
        ("\n![gone](images/gone.png)\n", "there is no picture"),
    ],
)
def test_a_broken_link_fails_the_build(text: str, told: str, tmp_path: Path) -> None:
    said = broken(copy(tmp_path), "approval.md", text)
    assert told in said and "approval.md" in said


def test_a_page_without_a_place_and_a_place_without_a_page_fail_the_build(tmp_path: Path) -> None:
    folder = copy(tmp_path)
    (folder / "docs" / "nightly.md").rename(folder / "docs" / "reference" / "lost.md")
    (folder / "docs" / "images" / "lost.png").write_bytes(b"")
    said = site.problems(folder)
    assert said == [
        "docs/reference/lost.md: no place in mkdocs.yml, nav",
        "mkdocs.yml, nav: there is no docs/nightly.md",
        "docs/images/lost.png: no page shows it",
    ]


def test_every_page_has_a_place_and_every_picture_is_shown() -> None:
    assert site.problems(ROOT) == []


@pytest.mark.parametrize("picture", sorted((ROOT / "docs" / "images").iterdir()), ids=lambda p: p.name)
def test_a_picture_is_taken_anew_by_make_screenshots(picture: Path) -> None:
    recipe = (ROOT / "Makefile").read_text().partition("\nscreenshots:")[2].partition("\n\n")[0]
    assert not [camera for camera in CAMERAS if camera not in recipe]
    names = (picture.name, picture.stem, picture.stem.removeprefix("dashboard-"))
    assert any(f'"{name}"' in (ROOT / camera).read_text() for camera in CAMERAS for name in names)


@pytest.mark.parametrize(("page", "place"), LINKS, ids=lambda v: str(v).removeprefix(f"{ROOT}/"))
def test_a_link_leads_somewhere(page: Path, place: str) -> None:
    """Out of the repository by its form alone; in it to a file, and to a heading that is there."""
    if "://" in place or place.startswith("mailto:"):
        url = httpx.URL(place)
        assert url.scheme in ("https", "mailto") and (url.host or url.scheme == "mailto"), place
        return
    name, _, anchor = place.partition("#")
    there = (page.parent / name).resolve() if name else page
    assert there.exists(), f"{page}: there is no {name}"
    if anchor:
        assert anchor in anchors(there.read_text()), f"{page}: {name} has no #{anchor}"


def anchors(text: str) -> set[str]:
    """The anchors of a page's headings, as GitHub and the site make them."""
    plain = re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)
    titles = re.findall(r"^#+ (.+)$", plain, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
