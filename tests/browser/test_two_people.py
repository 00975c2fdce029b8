"""Two people at one incident, in two browsers: who looked earlier is told what the other decided, and decides anew."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect
from tests.browser.conftest import NOON, PATIENCE
from tests.browser.test_pages import AXE, looked_at

from nephoscope.access.authenticator import Guard
from nephoscope.access.scopes import Hierarchy
from nephoscope.state import State
from nephoscope.state.incidents.incidents import Incident

pytestmark = pytest.mark.system


@pytest.fixture
def number(address):
    """An incident that nobody touched."""
    with State.open_folder(address[1]) as state, state.transaction() as session:
        story = Incident("default", "Two look at it", "", "High", NOON, NOON, NOON, NOON)
        return state.incidents.put(session, story).number


@pytest.fixture
def bob(chromium, address):
    """The window of another person, in which no script runs."""
    with State.open_folder(address[1]) as state:
        link = Guard(state, lambda: Hierarchy({})).create_first_link("bob")
    context = chromium.new_context(ignore_https_errors=True, java_script_enabled=False)
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    page.goto(f"{address[0]}/link/{link}")
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", name="Overview").wait_for()
    yield page
    context.close()


def test_the_later_page_is_told_and_decides_anew(opened, address, bob, number):
    path = f"{address[0]}/incidents/{number}"
    ada = opened().new_page()
    ada.goto(path)
    bob.goto(path)
    ada.get_by_label("Classification").select_option("TruePositive/SuspiciousActivity")
    ada.get_by_label("Comment", exact=False).last.fill("the key was used")
    ada.get_by_role("button", name="Close").click()
    expect(ada.get_by_role("button", name="Reopen")).to_be_visible()
    bob.get_by_label("Classification").select_option("FalsePositive/InaccurateData")
    bob.get_by_label("Comment", exact=False).last.fill("a test of ours")
    bob.get_by_role("button", name="Close").click()
    told = bob.get_by_role("alert")
    expect(told).to_contain_text("Not saved")
    expect(told).to_contain_text("ada set the status to Closed, the classification to TruePositive")
    expect(bob.get_by_label("Classification")).to_have_value("FalsePositive/InaccurateData")
    expect(bob.get_by_label("Comment", exact=False).last).to_have_value("a test of ours")
    bob.get_by_role("button", name="Change classification").click()
    expect(bob.get_by_role("alert")).to_have_count(0)
    expect(bob.get_by_text("FalsePositive InaccurateData").first).to_be_visible()


def test_of_several_those_that_changed_stay_ticked(opened, address, bob, number):
    address_of_list = f"{address[0]}/incidents?span=90d"
    bob.goto(address_of_list)
    selected = bob.get_by_role("checkbox", name="Two look at it").last
    selected.check()
    bob.get_by_role("button", name="Choose an action for the selected rows").click()
    ada = opened().new_page()
    ada.goto(f"{address[0]}/incidents/{number}")
    ada.get_by_role("button", name="Assign to me").click()
    expect(ada.get_by_text("owner ada").first).to_be_visible()
    bob.locator("summary", has_text="Assign").click()
    bob.locator("select[name=owner]").select_option("bob")
    bob.get_by_role("button", name="Assign incidents").click()
    expect(bob.get_by_role("alert")).to_contain_text(f"#{number} Two look at it is Active, owner ada")
    expect(selected).to_be_checked()
    expect(bob.locator("select[name=owner]")).to_have_value("bob")
    bob.locator("summary", has_text="Assign").click()
    bob.get_by_role("button", name="Assign incidents").click()
    expect(bob.get_by_role("status")).to_have_text("1 changed.")


@pytest.mark.full
@pytest.mark.parametrize(
    ("width", "scheme"), [(1440, "light"), pytest.param(390, "dark", marks=pytest.mark.full)]
)
def test_pages_have_no_fault(opened, address, number, width, scheme):
    paths = [f"/incidents/{number}", "/incidents?span=90d"]
    wrong = looked_at(opened(width, scheme), address[0], paths)
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(("width", "scheme"), [(1440, "dark"), (390, "light")])
def test_what_is_told_has_no_fault(opened, address, number, width, scheme):
    """A page that came of a form is looked at without a reload."""
    context = opened(width, scheme)
    page = context.new_page()
    page.goto(f"{address[0]}/incidents/{number}")
    page.evaluate("document.querySelectorAll('[name=etag]').forEach(one => one.value = '0')")
    page.get_by_role("button", name="Assign to me").click()
    expect(page.get_by_role("alert")).to_contain_text("Not saved")
    assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0
    page.evaluate(AXE.read_text())
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    assert [one["id"] for one in found["violations"]] == []
