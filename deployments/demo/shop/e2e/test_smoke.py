import re

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.smoke


def test_an_order_is_added_and_ticked_off(page: Page) -> None:
    page.get_by_label("New order").fill("3 rope")
    page.get_by_role("button", name="Add").click()
    row = page.get_by_role("listitem").filter(has_text="rope").last
    expect(row).to_contain_text("3")
    row.get_by_role("checkbox").click()
    expect(row.locator("label")).to_have_class("done")


def test_both_components_answer_a_version(page: Page) -> None:
    expect(page.get_by_test_id("version")).to_have_text(re.compile("^[0-9a-f]{7}$"))
    assert re.fullmatch("[0-9a-f]{40}", page.request.get("/api/version").json()["commit"])
