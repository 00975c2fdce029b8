"""The time range can be chosen on the pages that it narrows, and on no others; from page to page it is kept."""

from __future__ import annotations

import pytest
from tests.web.test_pages import addresses

from nephoscope.web import site
from nephoscope.web.visits.request_context import Visit

PICKER = '<select name="span">'


@pytest.fixture
def looked(monkeypatch):
    """Names the pages that looked at the time range while they were filled."""
    found, at = set[str](), list[str]()
    draw_page, span = site._draw_page, Visit.span.fget

    def drawn(visit, page):
        at[:] = [page.path]
        return draw_page(visit, page)

    def seen(visit):
        found.update(at)
        return span(visit)

    monkeypatch.setattr(site, "_draw_page", drawn)
    monkeypatch.setattr(Visit, "span", property(seen))
    return found, at


@pytest.mark.parametrize("every", [4, pytest.param(1, marks=pytest.mark.full)])
def test_a_time_range_is_chosen_where_it_narrows_what_is_shown(instance, owner, looked, every):
    found, at = looked
    for address in {"/logs", "/alerts", *addresses(instance)[::every]}:
        found.clear()
        query = "&query=print+1" if address == "/logs" else ""
        text = owner.get(f"{address}?span=30d{query}").text
        assert (PICKER in text) == bool(found), (at, found)


def test_other_pages_keep_it(owner):
    text = owner.get("/inventory?span=30d").text
    assert PICKER not in text
    assert '<input type="hidden" name="span" value="30d">' in text
    assert "/alerts?span=30d" in text
    assert '<option value="30d" selected>' in owner.get("/alerts?span=30d").text
