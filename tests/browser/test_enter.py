"""Enter in a form with several buttons: in the comment of the bulk bar it closes with that comment, in a box it does nothing."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect
from tests.browser.conftest import NOON
from tests.web.conftest import ALERT

from nephoscope.state import State
from nephoscope.state.incidents.incidents import Incident

pytestmark = pytest.mark.system


@pytest.fixture
def number(address):
    with State.open_folder(address[1]) as state, state.transaction() as session:
        made = Incident("default", "Enter closes it", "", "Low", NOON, NOON, NOON, NOON)
        return state.incidents.put(session, made).number


@pytest.mark.parametrize("script", [True, False], ids=["script", "no script"])
def test_enter_in_the_comment_closes_with_it(opened, address, number, script):
    base, _ = address
    page = opened(java_script_enabled=script).new_page()
    page.goto(f"{base}/incidents?span=90d")
    page.get_by_label("Enter closes it", exact=True).check()
    if not script:
        page.get_by_role("button", name="Choose an action").click()
    page.locator(".bulk-bar summary", has_text="Close").click()
    page.get_by_label("Comment").fill("a test of ours")
    page.get_by_label("Comment").press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("a classification is required")
    expect(page.get_by_label("Comment")).to_have_value("a test of ours")
    expect(page.get_by_label("Enter closes it", exact=True)).to_be_checked()
    page.get_by_label("Close as").select_option("FalsePositive/InaccurateData")
    page.get_by_label("Comment").press("Enter")
    expect(page.get_by_role("status")).to_have_text("1 changed.")
    page.goto(f"{base}/incidents/{number}")
    expect(page.get_by_text("a test of ours").first).to_be_visible()
    expect(page.locator(".page__head")).to_contain_text("Closed")
    expect(page.locator(".page__head ~ p").first).not_to_contain_text("owner ada")


@pytest.mark.parametrize("script", [True, False], ids=["script", "no script"])
def test_enter_on_a_ticked_alert_changes_nothing(opened, address, script):
    base, data = address
    page = opened(java_script_enabled=script).new_page()
    page.goto(f"{base}/alerts?span=90d")
    box = page.locator(f"input[name=alert][value^='{ALERT}']")
    box.check()
    with State.open_folder(data) as state:
        before = state.alerts.get(ALERT).changed
    sent: list[str] = []
    page.on("request", lambda one: sent.append(one.url) if one.method == "POST" else None)
    box.press("Enter")
    page.wait_for_load_state("networkidle")
    assert sent == []
    with State.open_folder(data) as state:
        assert state.alerts.get(ALERT).changed == before
