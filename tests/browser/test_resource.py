"""Pages of a machine, a store and an account, and what search finds, in a real browser: nothing at fault, wide or narrow."""

from __future__ import annotations

import pytest
from tests.browser.test_pages import looked_at

from nephoscope.model.read_scope import EVERYTHING
from nephoscope.posture.published.snapshot_cache import PublishedSnapshotCache

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def paths(address):
    """Addresses of a machine that the Internet reaches, of one that an attack path ends in, of an account, and of searches."""
    snapshot = PublishedSnapshotCache(address[1]).load_newest()
    every = snapshot.attack_paths.list_wanted(EVERYTHING)
    machine = next(one.entry.key for one in every if "/virtualmachines/" in one.entry.key)
    store = next(one.target.key for one in every if one.target.key)
    account = next(one.entry for one in every if one.entry.type == "user")
    return [
        f"/resource{machine}",
        f"/resource{store}",
        f"/resource/providers/microsoft.graph/users/{account.identifiers.entra_object_id}",
        f"/search?q={account.name}",
        "/search?q=storage",
    ]


@pytest.mark.full
@pytest.mark.parametrize(
    ("width", "scheme"), [(1440, "light"), pytest.param(390, "dark", marks=pytest.mark.full)]
)
def test_pages_have_no_fault(opened, address, paths, width, scheme):
    wrong = looked_at(opened(width, scheme), address[0], paths)
    assert not wrong, "\n".join(wrong)


def test_an_account_is_sought_and_followed_to_its_path(opened, address, paths):
    """Without a script."""
    page = opened(java_script_enabled=False).new_page()
    page.goto(address[0])
    name = paths[3].rsplit("=", 1)[1]
    page.get_by_role("searchbox", name="Search").fill(name)
    page.get_by_role("searchbox", name="Search").press("Enter")
    page.get_by_role("main").get_by_role("link", name=name, exact=True).click()
    page.get_by_role("heading", name=name).wait_for()
    page.locator("#paths").get_by_role("link", name="Show all").click()
    assert "/attack-paths?through=" in page.url
    assert page.get_by_role("main").get_by_text(name).count() > 0
