"""Nothing is wider than the window of a phone, whatever stands in a list of choices and whichever menu is open."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.system

WIDE = """
() => [...document.querySelectorAll('main *, header *')]
  .filter((one) => one.checkVisibility() && !one.closest('.table-frame')
    && one.getBoundingClientRect().right > window.innerWidth + 0.5)
  .map((one) => `${one.tagName}.${one.className}`)
"""
QUERY = "/logs?workspace=estate&query=resources | take 3"


def fits(page: Page) -> None:
    assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0
    assert page.evaluate(WIDE) == []


@pytest.mark.sampled(2, each="script")
@pytest.mark.parametrize(
    "path", ["/inventory", "/inventory?q=vm", "/alerts", "/incidents", "/recommendations", QUERY]
)
@pytest.mark.parametrize("script", [True, False])
def test_a_list_fits(opened, address, path, script):
    base, _ = address
    page = opened(390, java_script_enabled=script).new_page()
    page.goto(base + path)
    fits(page)


@pytest.mark.parametrize("name", ["Saved queries", "Save this query"])
def test_an_open_menu_fits(opened, address, name):
    base, _ = address
    page = opened(390).new_page()
    page.goto(base + QUERY)
    page.locator("summary", has_text=name).click()
    expect(page.locator("details.menu[open] .menu__panel")).to_be_visible()
    fits(page)
