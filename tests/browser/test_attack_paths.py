"""Attack paths in a real browser: the graph is drawn under the strict policy, and its steps are there without a script."""

from __future__ import annotations

import pytest
from tests.browser.test_pages import looked_at

from nephoscope.model.read_scope import EVERYTHING
from nephoscope.posture.published.snapshot_cache import PublishedSnapshotCache

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def longest(address):
    _, data = address
    return max(
        PublishedSnapshotCache(data).load_newest().attack_paths.list_wanted(EVERYTHING),
        key=lambda one: len(one.entities),
    )


@pytest.mark.full
@pytest.mark.parametrize(
    ("width", "scheme"), [(1440, "light"), pytest.param(390, "dark", marks=pytest.mark.full)]
)
def test_pages_have_no_fault(opened, address, longest, width, scheme):
    wrong = looked_at(opened(width, scheme), address[0], ["/attack-paths", f"/attack-paths/{longest.name}"])
    assert not wrong, "\n".join(wrong)


def test_the_graph_is_drawn(opened, address, longest):
    page = opened().new_page()
    page.goto(f"{address[0]}/attack-paths")
    page.locator(f'a[href^="/attack-paths/{longest.name}"]').click()
    drawn = page.get_by_role("img", name=longest.entities[-1].name)
    drawn.locator("canvas").first.wait_for()
    assert drawn.bounding_box()["height"] > 200


def test_steps_without_a_script(opened, address, longest):
    page = opened(java_script_enabled=False).new_page()
    page.goto(f"{address[0]}/attack-paths/{longest.name}")
    assert page.locator(".step-list > li").count() == len(longest.entities) - 1
    assert page.locator("canvas").count() == 0
    page.locator(".step-list a").first.click()
    assert "/recommendations/" in page.url
