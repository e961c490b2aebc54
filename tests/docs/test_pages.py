"""Every page that is made from the code says what the code says now."""

import pytest

from deployments.docs import pages


@pytest.mark.parametrize("name", pages.PAGES)
def test_the_page_is_current(name: str) -> None:
    assert pages.is_current(name, pages.PAGES[name]()), f"docs/{name} is not what the code says: run `make docs`"


def test_a_page_that_differs_is_written_anew(monkeypatch: pytest.MonkeyPatch, tmp_path: pages.Path) -> None:
    monkeypatch.setattr(pages, "DOCS", tmp_path)
    assert pages.write() == list(pages.PAGES)
    assert pages.write() == []
    (tmp_path / "reference/errors.md").write_text("# Errors\n")
    assert pages.write() == ["reference/errors.md"]
