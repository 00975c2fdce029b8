"""Lists by the keyboard, and without a script: rows are reached, opened, previewed, ticked, and acted on."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect
from tests.browser.conftest import NOON
from tests.browser.test_editor import watched

from nephoscope.state import State
from nephoscope.state.incidents.incidents import Incident

pytestmark = pytest.mark.system


@pytest.fixture
def title(address):
    with State.open_folder(address[1]) as state, state.transaction() as session:
        state.incidents.put(session, Incident("default", "Keys reach it", "", "Low", NOON, NOON, NOON, NOON))
    return "Keys reach it"


def test_keys_move_preview_tick_and_act(opened, address, title):
    base, _ = address
    page, wrong = watched(opened())
    page.goto(f"{base}/incidents?q={title}")
    page.keyboard.press("/")
    expect(page.get_by_label("Contains")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_label("Contains")).not_to_be_focused()
    expect(page.get_by_label("Contains")).to_have_value(title)
    page.keyboard.press("j")
    expect(page.get_by_role("link", name=title, exact=True)).to_be_focused()
    page.keyboard.press("p")
    page.wait_for_url("**preview=**")
    expect(page.get_by_role("complementary", name="Preview")).to_contain_text(title)
    page.keyboard.press("j")
    page.keyboard.press("x")
    expect(page.get_by_role("region", name="Selected")).to_contain_text("1 selected")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_contain_text("Next row")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Assign to me").click()
    expect(page.get_by_role("status")).to_have_text("1 changed.")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url("**/incidents/*")
    assert not wrong, wrong


def test_keys_can_be_turned_off(opened, address):
    base, _ = address
    page, wrong = watched(opened())
    page.goto(f"{base}/rules")
    page.keyboard.press("?")
    page.get_by_label("Turn these keys off").check()
    page.get_by_role("dialog").get_by_role("button", name="Close").click()
    page.keyboard.press("/")
    expect(page.get_by_label("Contains")).not_to_be_focused()
    assert not wrong, wrong


def test_without_a_script_links_and_forms_do_the_same(opened, address, title):
    base, _ = address
    page = opened(java_script_enabled=False).new_page()
    page.goto(f"{base}/incidents?q={title}")
    page.get_by_role("link", name=f"Preview: {title}").first.click()
    expect(page.get_by_role("complementary", name="Preview")).to_contain_text(title)
    page.get_by_role("link", name="Close", exact=True).click()
    page.get_by_role("checkbox", name=title).first.check()
    page.get_by_role("button", name="Choose an action").click()
    page.get_by_role("button", name="Assign to me").click()
    expect(page.get_by_role("status")).to_have_text("1 changed.")
