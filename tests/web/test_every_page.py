"""Every page, drawn once for all that holds for each of them."""

from __future__ import annotations

import csv
import io
import re
from urllib.parse import urljoin

import pytest
from tests.web.conftest import ALERT
from tests.web.test_buttons import faults
from tests.web.test_csv_of_every_table import cards, excepted
from tests.web.test_pages import addresses

#: Pages as they are when something is asked for: tables and forms that are not there else.
ASKED = [
    "/logs?query=print%201", "/content?kind=packs", "/content?kind=rules", "/content/coverage?all=1", "/recommendations?open=1",
    "/incidents?span=90d", "/alerts?span=90d", f"/alerts/{ALERT}?rows=1",
]  # fmt: skip


@pytest.fixture(scope="module")
def drawn(instance, owner):
    """Address of each page -> what a person who owns everything is answered."""
    # the own initiative has no controls: tests of compliance judge by one that has
    there = [one for one in addresses(instance) if one != "/compliance/standard"]
    return {address: owner.get(address) for address in [*there, *ASKED]}


def test_it_is_drawn_and_has_nothing_inline(drawn):
    for address, answer in drawn.items():
        assert answer.status_code == 200, f"{address}: {answer.text[:300]}"
        assert "style=" not in answer.text
        assert "<script" not in re.sub(r'<script src="/static/[^"]+"[^>]*></script>', "", answer.text)
        assert not re.search(r"\son\w+=", answer.text)
        assert "script-src 'self';" in answer.headers["content-security-policy"]
        assert len(re.findall(r"<h1[ >]", answer.text)) == 1, address


def test_enter_does_nothing_by_accident(drawn):
    assert [fault for address, answer in drawn.items() for fault in faults(address, answer.text)] == []


def test_every_table_has_a_file_that_is_there(drawn, owner):
    lacking, asked = [], set()
    for address, page in drawn.items():
        for card in cards(page.text):
            if card.tables and not card.files and not excepted(address, card):
                lacking.append(f"{address}: {card.heading or 'the page'}")
            asked.update(urljoin(address, one) for one in card.files if not address.startswith("/design"))
    assert not lacking
    for file in sorted(asked):
        answer = owner.get(file)
        assert answer.status_code == 200, f"{file}: {answer.text[:300]}"
        assert answer.headers["content-type"].startswith("text/csv")
        assert next(csv.reader(io.StringIO(answer.text))), file
