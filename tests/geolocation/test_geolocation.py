"""Places: packages offline, databases of the operator over them, one provider for behavior, KQL, flow tables and pages."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta

import pytest
from tests.behavior.conftest import NOON, put, routine, signin  # noqa: F401 - put is a fixture
from tests.geolocation.address_files import write_database

from nephoscope.behavior.behavior_run import BehaviorAnalysis
from nephoscope.behavior.observation_reader import ObservationSpan, Observer
from nephoscope.behavior.observation_source import load_shipped_sources
from nephoscope.estate.estate import Estate
from nephoscope.geolocation.address_databases import GeolocationError
from nephoscope.geolocation.place import NOWHERE, Origin
from nephoscope.geolocation.provider import GeolocationLookup, Geolocator
from nephoscope.ingest.logs.address_lookup import AddressKind, AddressLookup
from nephoscope.operations.declaration.operation import OperationCall
from nephoscope.operations.identity import place_sources
from nephoscope.service.local_user import LocalUser
from nephoscope.service.service_context import ServiceContext
from nephoscope_policy.model.coverage import Coverage

CITY = {
    "country": {"iso_code": "PT", "names": {"en": "Portugal"}}, "city": {"names": {"en": "Porto"}},
    "subdivisions": [{"names": {"en": "North"}}], "location": {"latitude": 41.15, "longitude": -8.62},
}  # fmt: skip
NETWORK = {"autonomous_system_number": 64500, "autonomous_system_organization": "Example Net"}
BUILT = datetime(2026, 5, 1, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path):
    """A data folder with a database of cities and one of networks."""
    (tmp_path / "places").mkdir()
    for name, record, kind in (("city.mmdb", CITY, "GeoLite2-City"), ("net.mmdb", NETWORK, "GeoLite2-ASN")):
        made = write_database(record, kind=kind, built=int(BUILT.timestamp()))
        (tmp_path / "places" / name).write_bytes(made)
    return tmp_path


@pytest.mark.parametrize(
    ("address", "country", "origin"),
    [
        ("185.220.101.1", "DE", Origin.TOR),
        ("20.42.0.1", "US", Origin.HOSTING),
        ("10.0.0.1", "", Origin.UNKNOWN),
        ("no address", "", Origin.UNKNOWN),
        ("", "", Origin.UNKNOWN),
    ],
)
def test_packages_know_countries_and_anonymisers(tmp_path, address, country, origin):
    place = Geolocator.open(tmp_path).locate(address)
    assert (place.country, place.origin) == (country, origin)
    assert (place == NOWHERE) == (not country)


def test_a_database_is_believed_before_the_packages(folder):
    places = Geolocator.open(folder)
    place = places.locate("20.42.0.1")
    assert (place.country, place.city, place.network, place.network_name) == (
        "PT",
        "Porto",
        "AS64500",
        "Example Net",
    )
    assert (place.origin, place.service) == (Origin.HOSTING, "Microsoft Azure")
    assert places.locate("185.220.101.1").country == "DE", "not in the database"


def test_sources_have_their_age(folder):
    named = {one.name: one for one in Geolocator.open(folder).sources}
    assert list(named) == ["GeoLite2-City", "GeoLite2-ASN", "iptocc", "iporigin"]
    assert (named["GeoLite2-City"].built, named["GeoLite2-ASN"].tells) == (BUILT, "networks")
    assert named["iporigin"].version
    assert named["iporigin"].built > datetime(2026, 1, 1, tzinfo=UTC)


def test_a_damaged_database_is_named(tmp_path):
    (tmp_path / "places").mkdir()
    (tmp_path / "places" / "broken.mmdb").write_text("no database")
    with pytest.raises(GeolocationError, match=r"broken\.mmdb: not a readable address database"):
        Geolocator.open(tmp_path)


def test_records_of_another_shape_are_nothing(tmp_path):
    (tmp_path / "places").mkdir()
    (tmp_path / "places" / "odd.mmdb").write_bytes(write_database({"country": "Portugal"}))
    assert Geolocator.open(tmp_path).locate("20.42.0.1").country == "US"


def test_kql_asks_the_same_provider(lake):
    text = "print geo_info_from_ip_address('185.220.101.1'), geo_info_from_ip_address('x')"
    (row,) = lake.rows(text, workspace="default").to_pylist()
    found, nothing = row.values()
    assert (json.loads(found), nothing) == ({"country": "Germany"}, None)
    (lake.data / "places").mkdir()
    (lake.data / "places" / "city.mmdb").write_bytes(write_database(CITY))
    (row,) = lake.rows("print geo_info_from_ip_address('20.42.0.1')", workspace="default").to_pylist()
    assert json.loads(next(iter(row.values()))) == {
        "country": "Portugal", "state": "North", "city": "Porto", "latitude": 41.15, "longitude": -8.62,
    }  # fmt: skip


def test_a_newer_database_is_read(folder):
    lookup = GeolocationLookup.find(folder)
    assert lookup("20.42.0.1")["country"] == "Portugal"
    path = folder / "places" / "city.mmdb"
    path.unlink()
    path.write_bytes(write_database({**CITY, "country": {"iso_code": "ES"}}))
    os.utime(path.parent, ns=(1, 1))
    assert lookup("20.42.0.1")["country"] == "Spain"


def test_flows_have_the_country_of_the_internet(folder):
    whereabouts = AddressLookup(Estate.of([], Coverage({}, declared=True)), places=Geolocator.open(folder))
    found = whereabouts.of("20.42.0.1", "")
    assert (found.kind, found.country) == (AddressKind.INTERNET, "PT")
    assert whereabouts.of("10.0.0.1", "").country == ""


def test_rows_without_a_place_have_that_of_the_sign_ins_beside_them(lake, put):  # noqa: F811
    put("SigninLogs", [signin("u01", NOON, country="FR", IPAddress="203.0.113.9")], NOON)
    by = {"user": {"id": "id-u01", "userPrincipalName": "u01@contoso.com"}}
    rows = [
        {
            "TimeGenerated": NOON.isoformat(), "OperationName": "Update user", "Category": "UserManagement", "Result": "success",
            "Id": address, "InitiatedBy": {"user": {**by["user"], "ipAddress": address}}, "TargetResources": [{}],
        }
        for address in ("203.0.113.9", "20.42.0.1")
    ]  # fmt: skip
    put("AuditLogs", rows, NOON)
    observer = Observer(lake, "default", load_shipped_sources(), {}, Geolocator.open(lake.data))
    span = ObservationSpan(
        NOON - timedelta(hours=1), NOON + timedelta(hours=1), None, NOON + timedelta(hours=1)
    )
    seen = [one for one in observer.observe(span).to_pylist() if one["source"] == "AuditLogs"]
    assert {(one["Address"], one["Country"]) for one in seen} == {("203.0.113.9", "FR"), ("20.42.0.1", "US")}


def test_an_anomaly_says_that_its_address_is_an_anonymiser(lake, state, put):  # noqa: F811
    attack = signin("u03", NOON, country="DE", IPAddress="185.220.101.1", AutonomousSystemNumber="60729")
    put("SigninLogs", [*routine([f"u{at:02}" for at in range(8)], 21), attack], NOON)
    BehaviorAnalysis(lake, state, "default").run(NOON + timedelta(minutes=5))
    lake.flush()
    text = "BehaviorAnalytics | where SourceIPAddress == '185.220.101.1' | project DevicesInsights, ActivityInsights.Why"
    (row,) = lake.rows(text, workspace="default").to_pylist()
    devices, why = (json.loads(one) for one in row.values())
    assert (devices["AddressOrigin"], devices["AddressService"]) == ("tor", "Tor")
    assert "the address is of a Tor exit (Tor)" in why


def test_sources_and_a_place_are_operations(folder, state):
    call = OperationCall(ServiceContext(LocalUser.current(), state, folder, lambda: NOON), lambda: None)
    rows = {one.name: one for one in place_sources.list_place_sources(call).value}
    assert (rows["GeoLite2-City"].days, rows["iptocc"].days) == ((NOON - BUILT).days, None)
    assert place_sources.show_place(call, "20.42.0.1").origin == "a hosting provider"
