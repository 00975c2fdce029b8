"""A rule in a real browser: tried by its page and the worker, with a script that follows it and without one."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect
from tests.browser.test_pages import looked_at
from tests.web.conftest import TRIAL

from nephoscope.alerts.rules.rule_files import load_shipped_rules
from nephoscope.state import State

pytestmark = pytest.mark.system

#: A rule that runs once a day, so that few windows are to be run.
RULE = next(one for one in load_shipped_rules().rules if one.enabled and one.frequency.days == 1)
PATIENCE = 120_000
"""Milliseconds that the worker may take on a busy machine."""


@pytest.mark.full
@pytest.mark.parametrize(
    ("width", "scheme"), [(1440, "light"), pytest.param(390, "dark", marks=pytest.mark.full)]
)
def test_pages_have_no_fault(opened, address, width, scheme):
    first = next(iter(load_shipped_rules().rules)).id
    paths = ["/rules", f"/rules/{first}", f"/rules/{first}/trials/{TRIAL}"]
    wrong = looked_at(opened(width, scheme), address[0], paths)
    assert not wrong, "\n".join(wrong)


def test_a_replay_is_followed_to_its_end(opened, address):
    page = opened().new_page()
    page.goto(f"{address[0]}/rules/{RULE.id}")
    page.get_by_role("button", name="Replay").click()
    expect(page.get_by_role("heading", name=f"Replay: {RULE.name}")).to_be_visible()
    expect(page.get_by_text("would have been raised")).to_be_visible(timeout=PATIENCE)
    assert "returned" in page.locator("main").inner_text()


def test_a_search_for_advice_without_a_script(opened, address):
    base, data = address
    page = opened(java_script_enabled=False).new_page()
    page.goto(f"{base}/rules/{RULE.id}")
    page.get_by_role("button", name="Suggest changes").click()
    ended = page.get_by_text("no alert in this period could be avoided")
    again = page.get_by_role("link", name="Refresh")
    for _ in range(PATIENCE // 500):
        # A page that is still on its way has neither; one of the two comes.
        expect(ended.or_(again)).to_be_visible()
        if ended.is_visible():
            break
        page.wait_for_timeout(500)
        again.click()
    expect(ended).to_be_visible()
    with State.open_folder(data) as state:
        assert any(one.target.startswith("advice of rule") for one in state.audit.entries(most=20))
