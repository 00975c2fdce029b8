"""What an incident and an alert say can be read whole: nothing is truncated by its card, at a desk and on a phone."""

from __future__ import annotations

import pytest
from tests.web.conftest import ALERT

from nephoscope.web.all_pages import list_pages

pytestmark = pytest.mark.system

#: Elements of text that reach beyond their card, where nothing can be scrolled to see the rest; a query among them can.
CUT = """() => [...document.querySelectorAll('main p, main li, main h2, main small, main th, main td')].filter(one => {
  const card = one.closest('.panel');
  if (!card || one.closest('.table-frame, pre, .visually-hidden') || one.querySelector('pre')) return false;
  const range = document.createRange();
  range.selectNodeContents(one);
  return range.getBoundingClientRect().right > card.getBoundingClientRect().right + 1;
}).map(one => one.tagName + ' ' + one.textContent.slice(0, 80))"""


@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (1440, "light")])
@pytest.mark.parametrize("path", ["/incidents/1", f"/alerts/{ALERT}"])
def test_nothing_is_cut(opened, address, path, width, scheme):
    base, _ = address
    page = opened(width, scheme).new_page()
    page.goto(base + path)
    page.evaluate("document.querySelectorAll('details.disclosure').forEach(one => { one.open = true; })")
    assert page.evaluate(CUT) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_details_of_an_alert_need_no_scrolling(opened, address):
    base, _ = address
    page = opened(1440).new_page()
    page.goto(f"{base}/alerts/{ALERT}")
    facts = page.locator(".table-frame:has(table.table--facts)")
    assert facts.evaluate("one => one.scrollWidth <= one.clientWidth")


#: The heads of lists that are too narrow to read their columns.
NARROW = """() => [...document.querySelectorAll('.data-list:not(.data-list--empty) .data-list__head')]
  .filter(one => !one.matches('.data-list__check, .data-list__open') && one.offsetWidth < 64)
  .map(one => `${one.textContent.trim()}: ${one.offsetWidth} px`)"""


@pytest.mark.full  # of half the pages it is seen where they are laid out
def test_every_column_of_a_list_can_be_seen(opened, address):
    base, _ = address
    page = opened(1440).new_page()
    lists, narrow = 0, {}
    for path in (one.path for one in list_pages() if one.template and "{" not in one.path):
        page.goto(base + path)
        lists += page.locator(".data-list").count()
        if found := page.evaluate(NARROW):
            narrow[path] = found
    assert lists > 10
    assert narrow == {}
