"""While another process writes: what only reads is answered as ever, a change is told to come again, and refusals are kept later."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from tests.api.test_matrix import OPERATIONS, answer
from tests.held_state import held

from nephoscope.state import StateError
from nephoscope.state.access.principals import SecretKind
from nephoscope.state.database.database import DiskFullError
from nephoscope.state.database.sqlite_connection import WAIT_SECONDS
from nephoscope.state.incidents.incidents import Incident

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
_WORKSPACE = (
    "/subscriptions/none/resourceGroups/none/providers/Microsoft.OperationalInsights/workspaces/default"
)
INSIGHTS = f"{_WORKSPACE}/providers/Microsoft.SecurityInsights"
VERSION = "?api-version=2023-11-01"


@pytest.fixture(scope="module")
def subscription(subscriptions):
    return subscriptions["sub-bwf-erp-prod"]


@pytest.fixture(scope="module")
def put(server, owner):
    """Puts a watchlist."""

    def sent(alias: str):
        body = {"displayName": alias, "provider": "us", "itemsSearchKey": "i", "rawContent": "i\n1\n"}
        path = f"{INSIGHTS}/watchlists/{alias}{VERSION}"
        return server.put(path, headers=owner, json={"properties": body})

    return sent


@pytest.mark.parametrize("every", [6, pytest.param(1, marks=pytest.mark.full)])
def test_no_read_waits_for_a_writer(instance, server, owner, subscription, every):
    reads = [one for one in OPERATIONS if not one.changes and one.name != "LogsIngestion_Upload"]
    assert len(reads) > 150
    reads = reads[::every]
    before = {one.name: answer(server, one, subscription, owner).status_code for one in reads}
    with held(instance.state):
        during = {one.name: answer(server, one, subscription, owner).status_code for one in reads}
    assert during == before


@pytest.mark.full
def test_incidents_and_lists_are_read_meanwhile(instance, server, owner, put):
    with instance.state.transaction() as session:
        incident = instance.state.incidents.put(
            session, Incident("default", "One", "", "High", NOON, NOON, NOON, NOON)
        )
    assert put("read").status_code == 201
    items = server.get(f"{INSIGHTS}/watchlists/read/watchlistItems{VERSION}", headers=owner).json()["value"]
    one = f"incidents/{incident.id}"
    asked = [
        ("GET", path) for path in ("incidents", one, f"{one}/comments", f"{one}/tasks", f"{one}/relations")
    ]
    asked += [("POST", f"{one}/{what}") for what in ("alerts", "entities", "bookmarks")]
    asked += [("GET", f"watchlists/read/watchlistItems/{items[0]['name']}")]
    with held(instance.state):
        told = {
            path: server.request(method, f"{INSIGHTS}/{path}{VERSION}", headers=owner).status_code
            for method, path in asked
        }
    assert told == {path: 200 for _, path in asked}


def test_a_read_is_answered_and_its_secret_noted_later(instance, server, token, subscription):
    shown = token(("Reader", f"/subscriptions/{subscription}"))
    with held(instance.state):
        told = server.get(
            "/subscriptions?api-version=2022-12-01", headers={"Authorization": f"Bearer {shown}"}
        )
        newest = instance.state.principals.secrets([SecretKind.TOKEN])[0]
    assert (told.status_code, newest.used) == (200, None), told.text
    instance.guard.flush()
    assert instance.state.principals.secrets([SecretKind.TOKEN])[0].used is not None


def test_a_refusal_is_told_and_kept_later(instance, server, token, subscription, subscriptions):
    shown = {"Authorization": f"Bearer {token(('Reader', f'/subscriptions/{subscription}'))}"}
    other = subscriptions["sub-bwf-data-prod"]
    path = f"/subscriptions/{other}/providers/Microsoft.Security/pricings?api-version=2024-01-01"
    before = instance.state.audit.entries(most=1)[0].number
    with held(instance.state):
        assert server.get(path, headers=shown).status_code == 403
    instance.guard.flush()
    added = [one.outcome for one in instance.state.audit.entries() if one.number > before]
    assert added == ["Denied"]


def test_a_change_is_told_to_come_again(instance, put):
    with held(instance.state):
        told = put("busy")
    assert (told.status_code, told.json()["error"]["code"]) == (503, "ServiceUnavailable"), told.text
    assert int(told.headers["retry-after"]) > 0


def test_a_state_that_cannot_be_read_is_no_fault_of_the_server(instance, server, owner, monkeypatch):
    def gone(*_):
        raise StateError("the server of the database does not answer")

    monkeypatch.setattr(instance.guard, "_find_cached_secret", gone)
    told = server.get("/subscriptions?api-version=2022-12-01", headers=owner)
    assert (told.status_code, told.json()["error"]["code"]) == (503, "ServiceUnavailable")
    assert int(told.headers["retry-after"]) > 0


@pytest.mark.full
def test_a_refusal_is_told_where_the_disk_is_full(instance, server, token, subscriptions, monkeypatch):
    shown = {"Authorization": f"Bearer {token(('Reader', '/subscriptions/none-such'))}"}

    def full(**_):
        raise DiskFullError("the disk is full")

    monkeypatch.setattr(instance.state, "transaction", full)
    path = f"/subscriptions/{subscriptions['sub-bwf-data-prod']}/providers/Microsoft.Security/pricings?api-version=2024-01-01"
    assert server.get(path, headers=shown).status_code == 403


def test_who_waits_is_patient_again_afterwards(instance):
    with held(instance.state), pytest.raises(StateError):
        instance.state.checkpoints.put("busy", "held", 1)
    with instance.state.transaction() as session:
        waited = session.connection().exec_driver_sql("PRAGMA busy_timeout").scalar()
    assert waited == WAIT_SECONDS * 1000
