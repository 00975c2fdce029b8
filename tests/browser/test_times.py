"""Times stand in the reader's zone on every page whose address asks for it, with seconds and the zone; none beside them is in UTC."""

from __future__ import annotations

import re

import pytest
from tests.browser.test_pages import addresses

pytestmark = pytest.mark.system

ZONE = "America/New_York"
#: The texts of times, and what looks like a time elsewhere than in code, in the details of a source, or in a field.
TOLD = """
() => {
  const times = [...document.querySelectorAll('main time')];
  const walker = document.createTreeWalker(document.querySelector('main'), NodeFilter.SHOW_TEXT);
  const others = [];
  while (walker.nextNode()) {
    const text = walker.currentNode;
    const shown = !text.parentElement.closest('time, pre, textarea, option, script');
    if (shown && /\\d{4}-\\d\\d-\\d\\d[T ]\\d\\d:\\d\\d/.test(text.data)) others.push(text.data);
  }
  return {
    shown: times.filter((one) => !('ago' in one.dataset)).map((one) => one.textContent),
    titles: times.filter((one) => 'ago' in one.dataset).map((one) => one.title),
    others,
  };
}
"""
LOCAL = re.compile(r"[A-Z][a-z]{2} \d{1,2}, \d{4}, \d{1,2}:\d\d:\d\d(\.\d+)?\s[AP]M E[SD]T")
EXACT = "/logs?zone=local&query=print At=datetime(2026-11-26T02:16:05.1234567Z), Said='2026-11-26'"


@pytest.mark.parametrize("every", [24, pytest.param(1, marks=pytest.mark.full)])
def test_every_page_has_one_clock(opened, address, every):
    base, data = address
    page = opened(timezone_id=ZONE, locale="en-US").new_page()
    wrong, seen = [], 0
    for path in [
        *addresses(data)[::every],
        "/alerts?span=90d",
        "/incidents",
        "/alerts/0a000000-0000-0000-0000-000000000001?rows=1",
        "/incidents/1",
        "/settings/audit",
    ]:
        page.goto(f"{base}{path}{'&' if '?' in path else '?'}zone=local")
        told = page.evaluate(TOLD)
        seen += len(told["shown"])
        wrong += [(path, one) for one in [*told["shown"], *told["titles"]] if not LOCAL.fullmatch(one)]
        wrong += [(path, one) for one in told["others"]]
    assert not wrong
    assert seen > 10


def test_a_cell_keeps_all_digits_of_its_time(opened, address):
    base, _ = address
    page = opened(timezone_id=ZONE, locale="en-US").new_page()
    page.goto(base + EXACT)
    cell = page.locator("table.table--results time")
    assert cell.inner_text().replace("\u202f", " ") == "Nov 25, 2026, 9:16:05.1234567 PM EST"
    assert cell.get_attribute("title") == "2026-11-26T02:16:05.1234567Z (UTC)"
    page.goto(base + EXACT.replace("local", "utc"))
    assert cell.inner_text() == "2026-11-26T02:16:05.1234567Z"
