"""The boxes of pages are where they were kept, with and without a scope, empty, refused, in both schemes, at a desk and on a phone.

`pytest tests/browser/test_layout_snapshots.py --full --update-golden` keeps them anew; NEPHOSCOPE_PICTURES is a folder for pictures.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest
from tests.browser.conftest import PATIENCE, keep_cookies, served
from tests.browser.layout_snapshot import (
    BOXES,
    GOLDEN,
    differences,
    is_kept,
    read_snapshot,
    slug,
    write_snapshot,
)
from tests.browser.test_layout import FAULTS

from nephoscope.access.authenticator import Guard
from nephoscope.access.scopes import Hierarchy
from nephoscope.posture.published.snapshot_cache import PublishedSnapshotCache
from nephoscope.state import State
from nephoscope.web.all_pages import list_pages as all_pages

pytestmark = pytest.mark.system

PICTURES = os.environ.get("NEPHOSCOPE_PICTURES", "")
#: Pages that are kept; each is looked at in every state.
PAGES = (
    "/",
    "/changes",
    "/incidents/1",
    "/entities/address/192.0.2.7",
    "/content/coverage",
    "/search?q=192.0.2.7",
)
#: What answers with an error, and the pages of one who has nothing.
ERRORS = ("/nowhere", "/incidents/999999", "/?scope=none", "/logs?query=nonsense+%7C")
STATES = ("everything", "scope", "empty")
UPDATED = "--update-golden" in sys.argv
#: Pages without an id in their address: those that are kept by now, and all of them where they are kept anew.
OTHERS = tuple(
    one.path
    for one in all_pages()
    if one.template and "{" not in one.path and one.path not in PAGES and (UPDATED or is_kept(one.path))
)
CASES = [(path, state) for path in (*PAGES, *OTHERS) for state in STATES] + [
    (path, "error") for path in ERRORS
]


def sign_in(chromium, base: str, data: Path) -> Path:
    with State.open_folder(data) as state:
        link = Guard(state, lambda: Hierarchy({})).create_first_link("grace")
    return keep_cookies(chromium, base, link, data / "cookies.json")


@pytest.fixture(scope="module")
def nothing(chromium, tmp_path_factory):
    """A server over an empty data folder, and the cookies of who may do everything there."""
    data = tmp_path_factory.mktemp("nothing")
    with served(data) as base:
        yield base, sign_in(chromium, base, data)


@pytest.fixture(scope="module")
def untouched(chromium, filled, tmp_path_factory):
    """A server over a data folder that no other test changes, the folder, and the cookies of who may do everything there."""
    data = tmp_path_factory.mktemp("untouched")
    shutil.copytree(filled, data, dirs_exist_ok=True)
    with served(data) as base:
        yield base, data, sign_in(chromium, base, data)


@pytest.fixture(scope="module")
def windows(chromium):
    """Give a window by the file of its cookies, one for all pages: fonts, styles and scripts are loaded once."""
    made = {}

    def give(cookies: Path):
        if cookies not in made:
            made[cookies] = chromium.new_context(ignore_https_errors=True, storage_state=cookies)
            made[cookies].set_default_timeout(PATIENCE)
        return made[cookies]

    yield give
    for context in made.values():
        context.close()


def boxes(page, width: int, scheme: str) -> list[str]:
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=scheme)
    page.evaluate("() => document.fonts.ready")
    return page.evaluate(BOXES)


def look(page, path: str, state: str) -> tuple[dict[str, list[str]], list[str]]:
    """The boxes of a page by state and width, and what is wrong with them: cut off, overlapping, elsewhere in the dark scheme."""
    found: dict[str, list[str]] = {}
    wrong: list[str] = []
    for width in (1440, 390):
        light, dark = (boxes(page, width, scheme) for scheme in ("light", "dark"))
        found[f"{state} {width}"] = light
        wrong += [f"dark at {width}: {one}" for one in differences(light, dark)]
        wrong += [f"at {width}: {one}" for one in page.evaluate(FAULTS)] if state != "error" else []
        if PICTURES:
            for scheme in ("light", "dark"):
                page.emulate_media(color_scheme=scheme)
                page.screenshot(
                    path=Path(PICTURES) / f"{slug(path)}-{state}-{width}-{scheme}.png", full_page=True
                )
    return found, wrong


def find_scope(data: Path) -> str:
    """A subscription with many resources, whichever others are added while the server works."""
    names = PublishedSnapshotCache(data).load_newest().build_info.subscriptions
    return next(id_ for id_, name in names.items() if name == "sub-bwf-erp-prod")


@pytest.mark.full
@pytest.mark.sampled(12, each="state")
@pytest.mark.parametrize(("path", "state"), CASES, ids=[f"{state}-{slug(path)}" for path, state in CASES])
def test_boxes_are_where_they_were(windows, untouched, nothing, request, path, state):
    base, data, cookies = untouched
    scope = find_scope(data) if state == "scope" else ""
    if state == "empty":
        base, cookies = nothing
    page = windows(cookies).new_page()
    page.goto(f"{base}{path}{'&' if '?' in path else '?'}scope={scope}" if scope else f"{base}{path}")
    found, wrong = look(page, path, state)
    page.close()
    if request.config.getoption("--update-golden"):
        write_snapshot(path, found)
    kept = read_snapshot(path)
    wrong += [f"{head}: {one}" for head, several in found.items() for one in differences(kept[head], several)]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    ("path", "style"),
    [
        # the rule of a chart's labels that a note under a scope once took
        (
            "/incidents?scope={}",
            ".page__note { grid-column: 2; display: flex; margin: 0 0 8px; padding: 0; }",
        ),
        ("/incidents/1", ".case-form { position: relative; left: 20px; }"),
        ("/incidents/1", ".case-form { margin-top: 20px; }"),
    ],
    ids=["under", "right", "down"],
)
def test_what_moves_is_told(opened, address, path, style):
    base, data = address
    scope = find_scope(data)
    page = opened(bypass_csp=True).new_page()
    page.goto(base + path.format(scope))
    before = {width: boxes(page, width, "light") for width in (1440, 390)}
    again = {width: boxes(page, width, "light") for width in (1440, 390)}
    assert [differences(before[width], again[width]) for width in before] == [[], []]
    page.add_style_tag(content=style)
    assert all(differences(before[width], boxes(page, width, "light")) for width in before)


def test_every_file_is_of_a_page():
    assert {one.stem for one in GOLDEN.glob("*.txt")} == {slug(path) for path, _ in CASES}
