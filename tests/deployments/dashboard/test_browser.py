"""The pages in a real browser: keyboard, phone, both colour schemes, without JavaScript, and by axe-core's rules."""

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from tasks.gitops.hold import hold, release_hold
from tasks.models import Hold
from tests.published import Package, published

AXE = Package(
    "axe-core",
    "4.14.1",
    "sha512-FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ==",
)
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
DESKTOP, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}


@contextmanager
def opened(browser: Any, url: str, **options: Any) -> Iterator[Any]:
    """A page that fails the test when it asks for anything elsewhere, opens a dialog, or has an error in its console."""
    context = browser.new_context(**{"viewport": DESKTOP, **options})
    page, trouble = context.new_page(), []
    page.set_default_timeout(90_000)
    page.on("request", lambda r: None if r.url.startswith(url) else trouble.append(r.url))
    page.on("dialog", lambda d: (trouble.append(d.message), d.dismiss()))
    page.on("console", lambda m: trouble.append(m.text) if m.type in ("error", "warning") else None)
    page.on("pageerror", lambda e: trouble.append(str(e)))
    try:
        yield page
        assert trouble == []
    finally:
        context.close()


def paths(ten: SimpleNamespace) -> list[str]:
    """Every kind of page, with the most that can stand on it."""
    back = ten.fleet.commits[1]
    return [
        "/shop",
        "/shop?sort=state",
        "/shop/releases",
        f"/shop/releases/{back}",
        f"/shop/customers/{ten.rest[2]}",
        "/shop/dora?weeks=52",
    ]


@pytest.mark.parametrize(("scheme", "size"), [("light", DESKTOP), ("dark", PHONE)], ids=["desktop", "phone"])
def test_axe_has_nothing_to_say(browser: Any, ten: SimpleNamespace, scheme: str, size: dict[str, int]) -> None:
    axe = published(AXE, "axe.min.js").decode()
    with opened(browser, ten.url, viewport=size, color_scheme=scheme) as page:
        for path in paths(ten):
            page.goto(ten.url + path)
            page.evaluate(axe)
            page.eval_on_selector_all("details", "all => all.forEach(d => d.open = true)")
            found = page.evaluate("rules => axe.run({runOnly: rules})", RULES)
            assert [(v["id"], [n["html"] for n in v["nodes"]][:3]) for v in found["violations"]] == [], path
            assert len(found["passes"]) > 10


def test_a_phone_is_wide_enough(browser: Any, ten: SimpleNamespace) -> None:
    with opened(browser, ten.url, viewport=PHONE) as page:
        for path in paths(ten):
            page.goto(ten.url + path)
            assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], path
            tables = page.locator(".scroll:has(.customers, .plain)")
            assert tables.evaluate_all("all => all.every(e => e.scrollWidth <= e.clientWidth)"), path
        page.goto(ten.url + "/shop")
        assert page.get_by_role("row").count() > 11  # cards to the eye, rows of a table to a screen reader
        assert page.get_by_role("rowheader", name="fjord").is_visible()
        label = "e => getComputedStyle(e, '::before').content"
        assert page.locator("td[data-label=Since]").first.evaluate(label) == '"Since"'


def test_the_keyboard_reaches_everything_and_shows_where_it_is(browser: Any, ten: SimpleNamespace) -> None:
    with opened(browser, ten.url) as page:
        page.goto(ten.url + "/shop")
        page.keyboard.press("Tab")
        skip = page.get_by_role("link", name="Skip to content")
        assert skip.evaluate("e => e === document.activeElement && e.getBoundingClientRect().top >= 0")
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        inside = "e => document.getElementById('main').contains(document.activeElement)"
        assert page.evaluate(inside)
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
        page.goto(ten.url + "/shop/dora")
        summary = page.get_by_text("As a table")
        summary.focus()
        page.keyboard.press("Enter")
        assert page.get_by_role("table", name="Deployments by week").is_visible()


def test_everything_works_without_javascript(browser: Any, ten: SimpleNamespace) -> None:
    with opened(browser, ten.url, java_script_enabled=False) as page:
        page.goto(ten.url + "/shop")
        assert page.get_by_label("Keep this page up to date").is_hidden()
        page.get_by_label("State", exact=True).select_option("held")
        page.get_by_role("button", name="Show").click()
        assert page.get_by_role("rowheader").all_inner_texts()[:3] == sorted(ten.rest[:3])
        assert "3 customers of 11 shown" in page.get_by_role("status").all_inner_texts()[0]
        page.get_by_role("link", name=ten.rest[0]).click()
        assert page.get_by_role("heading", level=1).inner_text() == ten.rest[0]
        page.get_by_role("link", name=ten.fleet.commits[1][:7]).first.click()
        assert "Orders can be cancelled" in page.get_by_role("heading", level=1).inner_text()


def test_rows_are_filtered_while_one_types(browser: Any, ten: SimpleNamespace) -> None:
    with opened(browser, ten.url) as page:
        page.goto(ten.url + "/shop")
        page.get_by_label("Customer or commit").fill("FJO")
        shown = page.locator("section.ring tbody tr:visible")
        assert shown.get_by_role("rowheader").all_inner_texts() == ["fjord"]
        assert page.locator("#live").inner_text() == "1 shown"
        page.get_by_label("Customer or commit").fill("")
        assert shown.count() == 11


def test_the_page_keeps_itself_up_to_date_and_keeps_what_was_opened(browser: Any, ten: SimpleNamespace) -> None:
    with opened(browser, ten.url) as page:
        page.goto(ten.url + "/shop/dora")
        page.get_by_text("As a table").click()
        page.evaluate("document.activeElement.blur()")
        page.evaluate("refresh()")  # what the timer calls
        assert page.get_by_role("table", name="Deployments by week").is_visible()
        page.goto(ten.url + "/shop")
        assert page.get_by_role("row", name="fjord newest").is_visible()
        write(ten, hold, Hold(reason="a look at the logs", owner="kari"))
        try:
            told = "document.getElementById('main').textContent.includes('held by kari: a look at the logs')"
            page.wait_for_function(f"async () => {{ await refresh(); return {told}; }}", polling=200)
            page.get_by_label("Keep this page up to date").uncheck()
            page.evaluate("document.activeElement.blur()")
            asked: list[str] = []
            page.on("request", lambda r: asked.append(r.url))
            page.evaluate("refresh()")
            assert asked == []
            page.reload()
            assert not page.get_by_label("Keep this page up to date").is_checked()
        finally:
            write(ten, release_hold, "kari")


def write(ten: SimpleNamespace, how: Any, *what: Any) -> None:
    how(ten.config, ["fjord"], *what)


def test_a_thousand_customers_can_be_searched(browser: Any, thousand: SimpleNamespace) -> None:
    with opened(browser, thousand.url) as page:
        page.goto(thousand.url + "/shop")
        assert "101 of 1,001 customers run" in page.get_by_role("heading", level=1).inner_text()
        assert page.locator("section.ring tbody tr").count() < 20
        page.get_by_label("Customer or commit").fill("customer-0777")
        assert page.get_by_role("link", name="customer-0777").is_visible()
        assert page.locator("section.ring li:visible a, section.ring tbody tr:visible").count() == 1
        page.keyboard.press("Enter")
        page.wait_for_url("**name=customer-0777*")
        assert page.get_by_role("row", name="customer-0777 behind by 5 commits").is_visible()
