"""Every page with and without a scope, at a desk and on a phone: filters and lists stand below each other, whole, in sight."""

from __future__ import annotations

from contextlib import suppress

import pytest
from playwright import sync_api
from tests.browser.conftest import NOON
from tests.browser.test_nothing_cut import NARROW
from tests.browser.test_pages import addresses
from tests.web.conftest import LONG

from nephoscope.alerts.suppression.condition import SuppressionCondition
from nephoscope.alerts.tuning.tuning_service import TuningEditor
from nephoscope.posture.published.snapshot_cache import PublishedSnapshotCache
from nephoscope.state import State

pytestmark = pytest.mark.system

#: Milliseconds that a page has to settle after a window changed.
SETTLED = 15_000
#: What a page shows wrongly, by the boxes of its filters, its lists and all that stands in its content.
FAULTS = """
() => {
  const wrong = [], main = document.querySelector('main'), width = window.innerWidth;
  const style = getComputedStyle(main), box = (one) => one.getBoundingClientRect();
  const inner = main.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
  const shown = (one) => one.checkVisibility() && box(one).height > 0;
  const name = (one) => `${one.tagName.toLowerCase()}${one.id ? '#' + one.id : ''}.${[...one.classList].join('.')}`;
  const px = (one, side) => `${Math.round(box(one)[side])} pixels`;
  const scrolled = (one) => one.closest('.table-frame, pre, .visually-hidden, .cm-editor') !== null;
  const blocks = [...main.children].filter((one) => shown(one) && !one.matches('.visually-hidden'));
  for (const one of blocks) {
    // a form may be narrower than the page, where its style says so
    if (box(one).width < 0.98 * inner && getComputedStyle(one).maxWidth === 'none')
      wrong.push(`${name(one)} is ${px(one, 'width')} of ${Math.round(inner)} wide`);
  }
  for (const [at, one] of blocks.entries()) for (const other of blocks.slice(at + 1)) {
    const [a, b] = [box(one), box(other)];
    if (Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1 && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 1)
      wrong.push(`${name(one)} lies over ${name(other)}`);
  }
  // where a page is a list, people see its filters and where it begins without scrolling
  const listed = document.querySelector('.nav a[aria-current=page]') !== null;
  for (const one of main.querySelectorAll('form.filter-bar[method=get]')) {
    if (listed && shown(one) && box(one).top + scrollY > 0.6 * window.innerHeight) wrong.push(`filters begin ${px(one, 'top')} down`);
  }
  const list = main.querySelector('#list .table-frame, #list');
  const least = (width > 900 ? 0.6 : 0.9) * inner;
  if (list && shown(list) && box(list).width < least) wrong.push(`the list is ${px(list, 'width')} wide`);
  if (listed && list && shown(list) && box(list).top + scrollY > window.innerHeight)
    wrong.push(`the list begins ${px(list, 'top')} down`);
  for (const one of width > 900 ? main.querySelectorAll('#list .table-frame') : []) {
    if (one.scrollWidth > one.clientWidth + 1) wrong.push(`the list hides ${one.scrollWidth - one.clientWidth} pixels`);
  }
  for (const one of main.querySelectorAll('*')) {
    if (!shown(one) || scrolled(one) || one.closest('svg')) continue;
    const { left, right } = box(one);
    if (right > width + 0.5 || left < -0.5) wrong.push(`${name(one)} reaches from ${Math.round(left)} to ${Math.round(right)} pixels`);
    if (['hidden', 'clip'].includes(getComputedStyle(one).overflowX) && one.scrollWidth > one.clientWidth + 1
        && getComputedStyle(one).textOverflow !== 'ellipsis')
      wrong.push(`${name(one)} cuts off ${one.scrollWidth - one.clientWidth} pixels`);
  }
  if (document.documentElement.scrollWidth > width) wrong.push(`the page is ${document.documentElement.scrollWidth} pixels wide`);
  return wrong;
}
"""


def lasting_faults(page):
    """What is wrong once drawings had time to follow the window's new width: they redraw some frames after it."""
    with suppress(sync_api.TimeoutError):
        page.wait_for_function(f"() => ({FAULTS})().length === 0", timeout=SETTLED)
    return page.evaluate(FAULTS)


@pytest.mark.parametrize(
    ("scoped", "pages"),
    [
        # one page in four in either
        pytest.param(False, slice(0, None, 12), id="everything"),
        pytest.param(True, slice(1, None, 4), id="scope"),
        pytest.param(False, slice(None), id="everything-each", marks=pytest.mark.full),
        pytest.param(True, slice(None), id="scope-each", marks=pytest.mark.full),
    ],
)
def test_every_page_is_laid_out(opened, address, scoped, pages):
    """Each page is fetched once; a window that becomes narrower lays the same page out anew."""
    base, data = address
    with State.open_folder(data) as state:
        resource = SuppressionCondition("entities.azureresource.resourceId", "equals", (LONG,))
        TuningEditor(state, "default", "ada", NOON).suppress(
            f"layout {scoped} {pages}", "a-rule", [resource], comment=LONG
        )
    subscription = next(iter(PublishedSnapshotCache(data).load_newest().build_info.subscriptions))
    wrong: list[str] = []
    page = opened(1440, "dark").new_page()
    for path in addresses(data)[pages]:
        scope = f"{'&' if '?' in path else '?'}scope={subscription}" if scoped else ""
        page.set_viewport_size({"width": 1440, "height": 900})
        page.goto(f"{base}{path}{scope}")
        wrong += [f"{path}{scope}: too narrow to read: {one}" for one in page.evaluate(NARROW)]
        for width in (1440, 390):
            page.set_viewport_size({"width": width, "height": 900})
            wrong += [f"{path}{scope} at {width}: {one}" for one in lasting_faults(page)]
    assert not wrong, "\n".join(wrong)
