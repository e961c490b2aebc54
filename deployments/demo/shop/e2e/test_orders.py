from playwright.sync_api import Page, expect


def test_orders_stay_after_a_reload(page: Page) -> None:
    page.get_by_label("New order").fill("2 anchor")
    page.get_by_role("button", name="Add").click()
    expect(page.get_by_role("listitem").filter(has_text="anchor").last).to_be_visible()
    page.reload()
    expect(page.get_by_role("listitem").filter(has_text="anchor").last).to_be_visible()


def test_an_empty_order_is_not_added(page: Page) -> None:
    expect(page.locator(".summary")).to_be_visible()
    before = page.get_by_role("listitem").count()
    page.get_by_role("button", name="Add").click()
    expect(page.get_by_role("listitem")).to_have_count(before)


def test_the_summary_counts_what_is_left(page: Page) -> None:
    page.get_by_label("New order").fill("buoy")
    page.get_by_role("button", name="Add").click()
    expect(page.locator(".summary")).to_contain_text("to do")
