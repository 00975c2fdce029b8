"""Lists with a script: what is typed is sought at once, pages are turned in their place, the address always says what is shown."""

from __future__ import annotations

import pytest
from tests.browser.test_editor import watched

pytestmark = pytest.mark.system


def test_what_is_typed_is_sought_and_pages_are_turned(opened, address):
    base, _ = address
    page, wrong = watched(opened())
    page.set_default_timeout(120_000)
    page.goto(f"{base}/inventory")
    first = page.locator("#list .data-list__cell--title").first.inner_text()
    page.get_by_role("link", name="Next").click()
    page.wait_for_url("**/inventory?start=100")
    page.locator("#list").get_by_text("101–200").wait_for()
    page.go_back()
    page.locator("#list").get_by_text("1–100").wait_for()
    assert page.locator("#list .data-list__cell--title").first.inner_text() == first
    page.get_by_label("Contains").press_sequentially("kv-")
    page.wait_for_url("**q=kv-**")
    assert page.get_by_label("Contains").input_value() == "kv-", "the field keeps what is typed"
    page.locator("#list tbody tr").first.wait_for()
    shown = page.locator("#list .data-list__cell--title").all_inner_texts()
    again = opened(java_script_enabled=False).new_page()
    again.goto(page.url)
    assert again.locator("#list .data-list__cell--title").all_inner_texts() == shown
    assert not wrong, wrong


def test_what_was_put_in_can_be_ticked_as_a_whole(opened, address):
    base, _ = address
    page, wrong = watched(opened())
    page.set_default_timeout(120_000)
    page.goto(f"{base}/content")
    page.get_by_label("Contains").press_sequentially("it ")
    page.wait_for_url("**q=it**")
    every = page.get_by_label("Select all on this page")
    every.wait_for(state="visible")
    every.check()
    ticks = page.locator("#list input[name=key]")
    assert ticks.count() > 0
    assert all(ticks.nth(at).is_checked() for at in range(ticks.count()))
    assert not wrong, wrong
