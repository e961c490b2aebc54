"""Prefect's own UI in a real browser: the page of one run, and what a person does there."""

import os
from pathlib import Path

from playwright.sync_api import Locator, Page, TimeoutError, expect

PATIENCE_MS = 120_000
CLICKS = 5
# Where pictures for the documentation go: SLIPWAY_PICTURES=docs/images; none are made without it.
PICTURES = os.environ.get("SLIPWAY_PICTURES", "")


def picture(shown: Page | Locator, name: str) -> None:
    """A picture for the documentation, when it is asked for."""
    if PICTURES:
        shown.screenshot(path=Path(PICTURES, f"{name}.png"))


class RunPage:
    """The page of one run."""

    def __init__(self, page: Page, ui: str, run: object) -> None:
        self.page = page
        page.set_default_timeout(PATIENCE_MS)
        page.add_locator_handler(page.locator(".p-toast__close-btn").first, self._close_toasts)
        page.goto(f"{ui}/runs/flow-run/{run}")

    def ask(self) -> Locator:
        """Clicks Resume; the form that comes up."""
        # The page follows its run by itself, and the form may be stored a moment after the run sleeps.
        self.page.get_by_role("button", name="Resume", exact=True).click()
        form = self.page.locator(".p-modal")
        expect(form.get_by_text("Plan Hash")).to_be_visible(timeout=PATIENCE_MS)
        return form.locator(".p-modal__card")

    def fill(self, **given: str) -> None:
        """Fills the form in, fields by their titles in lower case; a field that offers a choice is chosen from."""
        for field, value in given.items():
            place = self._field(field)
            if place.locator("textarea").count():
                place.locator("textarea").fill(value)
                continue
            self._options(field).filter(has_text=value).click()

    def choices(self, field: str) -> list[str]:
        """What a field offers."""
        return self._options(field).all_inner_texts()

    def submit(self) -> None:
        """Sends the form."""
        with self.page.expect_response(lambda r: r.url.endswith("/resume")) as answer:
            self.page.locator(".p-modal").get_by_role("button", name="Submit").click()
        assert answer.value.ok, answer.value.text()

    def submit_nothing(self) -> None:
        """Clicks Submit where the form cannot be sent as it is."""
        self.page.locator(".p-modal").get_by_role("button", name="Submit").click()

    def retry(self) -> None:
        """Clicks Retry, and says that it is meant."""
        self.page.get_by_role("button", name="Retry", exact=True).click()
        with self.page.expect_response(lambda r: r.url.endswith("/set_state")):
            self.page.locator(".p-modal").get_by_role("button", name="Retry").click()

    def _close_toasts(self) -> None:
        """Closes what tells of a step (a form that was not stored yet): it lies over the buttons, and stays while it has the mouse."""
        self.page.locator(".p-toast__close-btn").evaluate_all("buttons => buttons.forEach(button => button.click())")

    def _options(self, field: str) -> Locator:
        """The opened list of a choice. The first click on it may close it again, when it takes the focus."""
        options = self.page.locator(".p-select-option")
        for _ in range(CLICKS):
            self._field(field).locator(".p-select-button__icon").click()
            try:
                options.first.wait_for(timeout=1000)
            except TimeoutError:
                continue
            return options
        raise AssertionError(f"{field} offers nothing")

    def _field(self, name: str) -> Locator:
        title = name.replace("_", " ").title()
        label = self.page.locator(".schema-form-property__label").filter(has_text=title)
        return self.page.locator(".p-modal .schema-form-property").filter(has=label)
