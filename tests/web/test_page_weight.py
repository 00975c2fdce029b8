"""Page weight: what a browser that has nothing yet gets for a page, compressed: at most 250 kB."""

from __future__ import annotations

import re
from functools import cache
from urllib.parse import urljoin, urlsplit

import pytest
from starlette.testclient import TestClient
from tests.web.conftest import BASE
from tests.web.test_pages import addresses

from nephoscope.serve.response_compression import CompressedAnswers
from nephoscope.web.static_files import get_static_address

MOST = 250_000
#: What shows text in the second font, which a browser fetches where it is wanted.
_CODE = re.compile(r"<(code|pre|textarea)\b")
#: What a page names by an address, a script by an import (also one that waits until it is wanted).
_NAMED = {
    "text/html": re.compile(r'(?:src|href)="(/static/[^"#]+)'),
    "text/javascript": re.compile(r'(?:from|import)\s*\(?\s*"(\.[^"]+)"'),
}


@pytest.fixture(scope="module")
def fetch(owner):
    """Fetches an address: the bytes on the wire, and the static files that the answer names."""
    client = TestClient(
        CompressedAnswers(owner.app), base_url=BASE, headers={"Cookie": owner.headers["Cookie"]}
    )

    @cache
    def fetched(address: str) -> tuple[int, frozenset[str]]:
        answer = client.get(address, headers={"Accept-Encoding": "gzip"})
        assert answer.status_code == 200, address
        named = _NAMED.get(answer.headers["content-type"].partition(";")[0])
        found = named.findall(answer.text) if named else []
        if _CODE.search(answer.text) and named is _NAMED["text/html"]:
            found.append(get_static_address("vendor/jetbrains-mono.woff2"))
        here = urlsplit(address).path
        return answer.num_bytes_downloaded, frozenset(urljoin(here, one) for one in found)

    return fetched


def weigh(fetch, address: str) -> int:
    """Add up a page and all that it names, once each, the same file under two addresses as one."""
    seen: dict[str, int] = {}
    waiting = [address]
    while waiting:
        one = waiting.pop()
        if urlsplit(one).path not in seen:
            seen[urlsplit(one).path], named = fetch(one)
            waiting.extend(named)
    return sum(seen.values())


@pytest.mark.parametrize("every", [4, pytest.param(1, marks=pytest.mark.full)])
def test_no_page_is_heavier(fetch, instance, every):
    there = [one for one in addresses(instance) if one != "/compliance/standard"]  # test_pages.py
    weights = {one: weigh(fetch, one) for one in {"/logs", *there[::every]}}
    assert {one: weight for one, weight in weights.items() if weight > MOST} == {}
    assert weights["/logs"] > 150_000, "the editor is not weighed: what names it is no longer found"
