"""The query editor in a real browser: completion, the place of an error, running by a key, a chart, saving for others."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.system


def watched(context):
    """A page, and what its console complains of."""
    page, wrong = context.new_page(), []
    page.on("console", lambda told: wrong.append(told.text) if told.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    return page, wrong


def test_a_query_is_completed_mended_run_drawn_and_shared(opened, address):
    base, _ = address
    page, wrong = watched(opened())
    page.goto(f"{base}/logs?workspace=estate")
    editor = page.get_by_role("textbox", name="Query")
    editor.click()
    page.keyboard.type("resources | summ")
    page.locator(".cm-tooltip-autocomplete").get_by_text("summarize", exact=True).wait_for()
    page.wait_for_timeout(
        100
    )  # a completion that has just opened takes no key, so that nobody accepts what was not seen
    page.keyboard.press("Enter")
    page.keyboard.type(" n = count() by nonsense")
    page.locator(".cm-lintRange-error").wait_for()
    assert page.locator(".cm-lintRange-error").inner_text() == "nonsense"
    for _ in "nonsense":
        page.keyboard.press("Backspace")
    page.keyboard.press("Escape")
    page.keyboard.type("location | render barchart")
    page.keyboard.press("Escape")
    page.keyboard.press("Control+Enter")
    page.locator("table.chart-bars").wait_for()
    assert "summarize" in page.url
    page.get_by_text("Save this query").click()
    page.get_by_label("Name").fill("Resources by place")
    page.get_by_label("share with everyone who can read estate").check()
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_text("Saved queries (1)").click()
    page.get_by_role("link", name="Resources by place").click()
    page.locator("table.chart-bars").wait_for()
    assert not wrong, wrong


def test_an_error_of_the_server_is_underlined_and_a_chart_over_time_drawn(opened, address):
    base, _ = address
    page, wrong = watched(opened(scheme="dark"))
    page.goto(f"{base}/logs?query=print '😀' | wher x")
    assert page.locator(".cm-lintRange-error").inner_text() == "wher"
    page.goto(
        f"{base}/logs?query=range n from 1 to 9 step 1 | project at=datetime(2026-01-01) %2B n * 1h, n | render timechart"
    )
    page.locator(".uplot canvas").wait_for()
    assert not wrong, wrong
    plain = opened(java_script_enabled=False).new_page()
    plain.goto(page.url)
    assert plain.locator("svg.chart-plot path").count() == 1
    assert plain.locator("textarea").is_visible()
