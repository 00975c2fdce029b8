"""While another process writes: every page is drawn, and a form that changes something is told to come again."""

from __future__ import annotations

import re

import pytest
from tests.held_state import held
from tests.web.conftest import ALERT, HERE
from tests.web.test_pages import addresses

from nephoscope.state.database.database import DiskFullError


@pytest.mark.parametrize("every", [5, pytest.param(1, marks=pytest.mark.full)])
def test_pages_are_drawn_meanwhile(instance, visitor, every):
    person = visitor(("Owner", "/"))
    # what is inside of packets is read with an audit entry, or not at all
    there = [
        one
        for one in addresses(instance)
        if one != "/compliance/standard" and not re.fullmatch("/network/captures/.+/analysis", one)
    ]
    with held(instance.state):
        found = {address: person.get(address).status_code for address in there[::every]}
    assert found == dict.fromkeys(there[::every], 200)


def test_a_form_is_told_to_come_again(instance, owner):
    owner.get("/")
    with held(instance.state):
        told = owner.post(
            f"/alerts/{ALERT}",
            data={"act": "resolve"},
            headers={**HERE, "Accept": "text/html"},
        )
    assert told.status_code == 503, told.text
    assert int(told.headers["retry-after"]) > 0
    assert "<h1>Temporarily unavailable</h1>" in told.text


def test_a_link_is_told_to_come_again_where_the_disk_is_full(instance, anybody, monkeypatch):
    secret = instance.guard.create_first_link("somebody")

    def full(**_):
        raise DiskFullError("the disk is full")

    monkeypatch.setattr(instance.state, "transaction", full)
    told = anybody.post(f"/link/{secret}", headers={**HERE, "Accept": "text/html"})
    assert (told.status_code, "disk is full" in told.text) == (503, True)
    assert int(told.headers["retry-after"]) > 0
