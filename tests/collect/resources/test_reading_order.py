"""Of readings of different times the newer holds, in whatever order they are given."""

from __future__ import annotations

import itertools
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from nephoscope.collect import resources
from nephoscope.collect.resources.subscription_spool import SnapshotSpool

S = "/subscriptions/11111111-1111-1111-1111-111111111111"
GROUP = f"{S}/resourceGroups/g/providers"
STORAGE = "Microsoft.Storage/storageAccounts"
TENANT = "22222222-2222-2222-2222-222222222222"
OLD, NEW = "2026-11-01T00:00:00Z", "2026-11-30T00:00:00Z"


def account(name, *, secure):
    return {
        "id": f"{GROUP}/{STORAGE}/{name}",
        "properties": {"supportsHttpsTrafficOnly": secure},
    }


def reading(folder, bodies, read_at=None, types=("*",)):
    folder.mkdir()
    subscription = {"id": S, "tenantId": TENANT, "properties": {"subscriptionId": S[15:], "tenantId": TENANT}}
    (folder / "all.json").write_text(json.dumps([subscription, *bodies]))
    if read_at is not None:
        read = {"scopes": {S: list(types)}, "readAt": read_at}
        manifest = {"schemaVersion": 2, "tenants": {TENANT: read}}
        (folder / "coverage.json").write_text(json.dumps(manifest))
    return folder


def accounts(*folders):
    """Name -> whether it is secure, and the estate; a spool, which reads part by part, must find the same."""
    estate = resources.load(folders)
    with TemporaryDirectory() as folder:
        (survey,) = SnapshotSpool.of(folders, Path(folder)).read_surveys()
        parts = {key: value for part in survey.iterate_parts(1) for key, value in secured(part).items()}
        assert survey.whole.quarantine == estate.quarantine
    assert secured(estate) == parts
    return parts, estate


def secured(estate):
    return {
        one.id.name: one.body["properties"]["supportsHttpsTrafficOnly"]
        for one in estate.list_of_type(STORAGE.lower())
    }


@pytest.mark.parametrize("turned", [False, True])
def test_the_newer_of_two_bodies_holds(tmp_path, turned):
    old = reading(tmp_path / "old", [account("a", secure=True)], OLD)
    new = reading(tmp_path / "new", [account("a", secure=False)], NEW)
    found, estate = accounts(*((new, old) if turned else (old, new)))
    assert found == {"a": False}
    assert estate.quarantine == ()


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize(
    ("types", "left"),
    [(("*",), {"b": True}), ((STORAGE,), {"b": True}), (("Other.One/things",), {"a": True, "b": True})],
)
def test_what_a_newer_reading_did_not_find_is_gone(tmp_path, turned, types, left):
    old = reading(tmp_path / "old", [account("a", secure=True), account("b", secure=False)], OLD)
    new = reading(tmp_path / "new", [account("b", secure=True)], NEW, types)
    found, _ = accounts(*((new, old) if turned else (old, new)))
    assert found == left


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("types", [("*",), (STORAGE,)])
@pytest.mark.parametrize(
    ("text", "left"),
    [
        (f'[{{"id": "{GROUP}/{STORAGE}/a", "properties": }}]', True),
        (f'[{{"id": "{GROUP}/Microsoft.KeyVault/vaults/a", "properties": }}]', False),
        ('[{"id": ', True),
        ('{"count": 0, "data": [], "total_records": 2, "skip_token": "t"}', True),
    ],
    ids=["a record of the type", "a record of another type", "the end of a file", "a page"],
)
def test_what_a_newer_reading_lost_is_not_gone(tmp_path, turned, types, text, left):
    old = reading(tmp_path / "old", [account("a", secure=True)], OLD)
    new = reading(tmp_path / "new", [account("b", secure=True)], NEW, types)
    (new / "more.json").write_text(text)
    found, estate = accounts(*((new, old) if turned else (old, new)))
    assert found == ({"a": True, "b": True} if left else {"b": True})
    assert estate.quarantine


@pytest.mark.parametrize("turned", [False, True])
def test_what_a_newer_reading_lists_without_properties_is_not_gone(tmp_path, turned):
    old = reading(tmp_path / "old", [account("a", secure=True)], OLD)
    new = reading(tmp_path / "new", [{"id": account("a", secure=True)["id"]}], NEW)
    assert accounts(*((new, old) if turned else (old, new)))[0] == {"a": True}


def test_what_an_older_reading_did_not_find_is_there(tmp_path):
    old = reading(tmp_path / "old", [], OLD)
    new = reading(tmp_path / "new", [account("b", secure=True)], NEW)
    assert accounts(new, old)[0] == accounts(old, new)[0] == {"b": True}


def test_three_readings_hold_as_the_newest_in_every_order(tmp_path):
    folders = [
        reading(tmp_path / f"at-{day}", [account("a", secure=day == 20)], f"2026-11-{day}T00:00:00Z")
        for day in (10, 20, 30)
    ]
    for several in itertools.permutations(folders):
        assert accounts(*several)[0] == {"a": False}


@pytest.mark.parametrize(
    ("first", "second", "told"), [(None, None, 1), (OLD, None, 1), (None, NEW, 1), (OLD, NEW, 0)]
)
def test_records_that_differ_are_told_where_no_time_tells_which_is_newer(tmp_path, first, second, told):
    one = reading(tmp_path / "one", [account("a", secure=True)], first)
    two = reading(tmp_path / "two", [account("a", secure=False)], second)
    found, estate = accounts(one, two)
    assert found == {"a": False}, "the last holds"
    assert [quarantined.place.file for quarantined in estate.quarantine] == [str(two / "all.json")] * told
    assert all("no time tells which is newer" in quarantined.reason for quarantined in estate.quarantine)


def test_records_that_are_equal_are_not_told(tmp_path):
    one = reading(tmp_path / "one", [account("a", secure=True)] * 2)
    _, estate = accounts(one)
    assert (estate.duplicates, estate.quarantine) == (1, ())


def test_a_reading_of_the_future_is_refused(tmp_path):
    ahead = (datetime.now(UTC) + timedelta(days=2)).isoformat()
    _, estate = accounts(reading(tmp_path / "one", [account("a", secure=True)], ahead))
    (told,) = estate.quarantine
    assert "'readAt' lies in the future" in told.reason


LISTED = {
    "id": f"{GROUP}/{STORAGE}/a",
    "tags": {"env": "test"},
    "sku": {"name": "Standard_LRS"},
    "identity": None,
}
WHOLE = {**LISTED, "tags": {"env": "prod"}, "identity": {"type": "SystemAssigned"}, "location": "westeurope",
         "properties": {"supportsHttpsTrafficOnly": True, "minimumTlsVersion": "TLS1_2"}}  # fmt: skip
CUT_BODY = {
    **LISTED,
    "properties": {"supportsHttpsTrafficOnly": False, "minimumTlsVersion": "System.Object[]"},
}


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize(
    ("older", "newer", "told"),
    [
        # what the newer one lists beside the properties replaces what the older one did; null is a value, a lacking key is none
        (WHOLE, LISTED, {"tags": {"env": "test"}, "identity": None, "location": "westeurope", "complete": True}),
        (LISTED, WHOLE, {"tags": {"env": "prod"}, "location": "westeurope", "complete": True}),
        # a newer one that was cut tells what it tells, and the older one says nothing of the rest
        (WHOLE, CUT_BODY, {"tags": {"env": "test"}, "secure": False, "complete": False}),
        (CUT_BODY, WHOLE, {"tags": {"env": "prod"}, "secure": True, "complete": True}),
        (LISTED, {**LISTED, "tags": {}}, {"tags": {}, "complete": False}),
    ],
)  # fmt: skip
def test_a_newer_reading_holds_in_what_it_tells(tmp_path, older, newer, told, turned):
    given = [reading(tmp_path / "old", [older], OLD), reading(tmp_path / "new", [newer], NEW)]
    estate = resources.load(given[::-1] if turned else given)
    with TemporaryDirectory() as folder:
        (survey,) = SnapshotSpool.of(given, Path(folder)).read_surveys()
        (part,) = survey.iterate_parts()
    for found in (estate, part):
        (one,) = found.list_of_type(STORAGE.lower())
        secure = one.body.get("properties", {}).get("supportsHttpsTrafficOnly")
        body = {**one.body, "complete": one.complete, "secure": secure}
        assert {key: body.get(key) for key in told} == told
