"""Named locations by command line, and what queries see of them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.cli.test_detect import run

from nephoscope.estate.coverage import Coverage
from nephoscope.estate.estate import Estate
from nephoscope.estate.estate_store import EstateStore
from nephoscope_policy.model.resource import Resource

GRAPH = {
    "value": [
        {
            "@odata.type": "#microsoft.graph.ipNamedLocation",
            "displayName": "Offices",
            "isTrusted": True,
            "ipRanges": [
                {"@odata.type": "#microsoft.graph.iPv4CidrRange", "cidrAddress": "203.0.113.0/28"},
                {"@odata.type": "#microsoft.graph.iPv6CidrRange", "cidrAddress": "2001:db8:1::/48"},
            ],
        },
        {
            "@odata.type": "#microsoft.graph.ipNamedLocation",
            "displayName": "Partners",
            "isTrusted": False,
            "ipRanges": [{"cidrAddress": "198.51.100.0/24"}],
        },
        {
            "@odata.type": "#microsoft.graph.countryNamedLocation",
            "displayName": "Home",
            "countriesAndRegions": ["DE", "nl"],
        },
    ]
}


def asked(data: Path, text: str) -> list[dict[str, object]]:
    (table,) = json.loads(run(data, "query", text, "-o", "json").stdout)["tables"]
    names = [one["name"] for one in table["columns"]]
    return [dict(zip(names, row, strict=True)) for row in table["rows"]]


def test_entras_locations_are_read_by_queries(tmp_path: Path) -> None:
    data = tmp_path / "data"
    (tmp_path / "graph.json").write_text(json.dumps(GRAPH))
    assert "5 added" in run(data, "locations", "import", str(tmp_path / "graph.json")).stderr
    assert "5 as they were" in run(data, "locations", "import", str(tmp_path / "graph.json")).stderr
    assert "1 added" in run(data, "locations", "add", "192.0.2.7", "--name", "VPN").stderr
    rows = json.loads(run(data, "locations", "list", "-o", "json").stdout)
    assert [(row["range"], row["kind"], row["trusted"], row["source"]) for row in rows] == [
        ("192.0.2.7", "ip", True, "KnownEgress"),
        ("198.51.100.0/24", "ip", False, "NamedLocations"),
        ("2001:db8:1::/48", "ip", True, "NamedLocations"),
        ("203.0.113.0/28", "ip", True, "NamedLocations"),
        ("DE", "country", False, "NamedLocations"),
        ("NL", "country", False, "NamedLocations"),
    ]
    found = asked(
        data,
        "datatable(a:string)['203.0.113.9', '203.0.113.99', '2001:db8:1::5', '192.0.2.7', '', 'here']"
        " | extend t = _IsTrustedAddress(a)",
    )
    assert [row["t"] for row in found] == [True, False, True, True, False, False]


NETWORK = "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/rg/providers/Microsoft.Network"


def address(name: str, value: str, **more: object) -> dict[str, object]:
    id_ = f"{NETWORK}/publicIPAddresses/{name}"
    return {"id": id_, "type": "Microsoft.Network/publicIPAddresses", "name": name,
            "properties": {"ipAddress": value, **more}}  # fmt: skip


def keep_estate(data: Path, bodies: list[dict[str, object]], day: int) -> None:
    estate = Estate.of(map(Resource.of, bodies), Coverage.cover_everything())
    EstateStore(data).append(estate, datetime(2026, 6, day, tzinfo=UTC))


def held_by(kind: str, name: str) -> dict[str, str]:
    return {"id": f"{NETWORK}/{kind}/{name}/ipConfigurations/default"}


@pytest.mark.full
def test_egress_is_taken_from_the_estate_and_given_up_with_it(tmp_path: Path) -> None:
    data = tmp_path / "data"
    assert "has no estate yet" in run(data, "locations", "estate", code=2).stderr
    vpn = address("pip-vpn", "203.0.113.25", ipConfiguration=held_by("virtualNetworkGateways", "vgw"))
    nat = address("pip-nat", "203.0.113.26", natGateway={"id": f"{NETWORK}/natGateways/nat"})
    listed_by_nat = address("pip-nat2", "203.0.113.27")
    gateway = {"id": f"{NETWORK}/natGateways/nat", "type": "Microsoft.Network/natGateways", "name": "nat",
               "properties": {"publicIpAddresses": [{"id": listed_by_nat["id"]}]}}  # fmt: skip
    site = {"id": f"{NETWORK}/localNetworkGateways/office", "type": "Microsoft.Network/localNetworkGateways", "name": "office",
            "properties": {"gatewayIpAddress": "198.51.100.9"}}  # fmt: skip
    machine = address("pip-vm", "203.0.113.30", ipConfiguration=held_by("networkInterfaces", "nic"))
    waiting = address("pip-new", "")
    keep_estate(data, [vpn, nat, listed_by_nat, gateway, site, machine, waiting], 1)
    rows = json.loads(run(data, "locations", "estate", "-o", "json").stdout)
    assert [(row["address"], row["kind"], row["known"]) for row in rows] == [
        ("203.0.113.26", "NAT gateway", False),
        ("203.0.113.27", "NAT gateway", False),
        ("203.0.113.25", "VPN gateway", False),
        ("198.51.100.9", "site behind a VPN", False),
    ]
    everything = json.loads(run(data, "locations", "estate", "--all", "-o", "json").stdout)
    assert [row["address"] for row in everything if row not in rows] == ["203.0.113.30"]
    run(data, "locations", "add", "198.51.100.9", "--name", "Office")
    assert "3 added" in run(data, "locations", "estate", "--take").stderr
    trusted = [row["range"] for row in json.loads(run(data, "locations", "list", "-o", "json").stdout)]
    assert trusted == ["198.51.100.9", "203.0.113.25", "203.0.113.26", "203.0.113.27"]
    keep_estate(data, [vpn], 2)
    assert "2 removed that no longer exist" in run(data, "locations", "estate", "--take").stderr
    names = {
        row["range"]: row["name"] for row in json.loads(run(data, "locations", "list", "-o", "json").stdout)
    }
    assert names == {"198.51.100.9": "Office", "203.0.113.25": "VPN gateway pip-vpn"}


def location(id_: str, **body: object) -> dict[str, object]:
    type_ = "microsoft.graph/namedlocations"
    return {"id": f"/providers/{type_}/{id_}", "type": type_, "name": id_, "properties": {"id": id_, **body}}


def test_entras_locations_are_taken_from_the_estate_and_given_up_with_it(tmp_path: Path) -> None:
    data = tmp_path / "data"
    ranges = [{"cidrAddress": "203.0.113.0/28"}, {"cidrAddress": "198.51.100.0/24"}]
    office = location("1", displayName="Offices", isTrusted=True, ipRanges=ranges)
    home = location("2", displayName="Home", countriesAndRegions=["de"])
    keep_estate(data, [office, home], 1)
    rows = json.loads(run(data, "locations", "entra", "-o", "json").stdout)
    assert [(row["range"], row["trusted"], row["known"]) for row in rows] == [
        ("203.0.113.0/28", "true", False),
        ("198.51.100.0/24", "true", False),
        ("DE", "false", False),
    ]
    (tmp_path / "own.csv").write_text("Address,Name,Country,Trusted,Tags\nDE,Germany,DE,true,\n")
    run(data, "watchlists", "create", "NamedLocations", str(tmp_path / "own.csv"), "--key", "Address")
    assert "2 added" in run(data, "locations", "entra", "--take").stderr
    assert "0 removed that no longer exist" in run(data, "locations", "entra", "--take").stderr
    assert asked(data, "print a = _IsTrustedAddress('203.0.113.9'), b = _IsTrustedCountry('DE')") == [
        {"a": True, "b": True}
    ]
    keep_estate(data, [home], 2)
    assert "2 removed that no longer exist" in run(data, "locations", "entra", "--take").stderr
    names = [row["name"] for row in json.loads(run(data, "locations", "list", "-o", "json").stdout)]
    assert names == ["Germany"]
    keep_estate(data, [location("3", displayName="Odd", ipRanges=[{"cidrAddress": "here"}])], 3)
    assert "ipRanges[0]: cidrAddress 'here' is not a range" in run(data, "locations", "entra", code=2).stderr


def test_without_locations_nothing_is_trusted(tmp_path: Path) -> None:
    found = asked(
        tmp_path / "data", "print t = _IsTrustedAddress('203.0.113.9'), c = _IsTrustedCountry('de')"
    )
    assert found == [{"t": False, "c": False}]


@pytest.mark.full
def test_an_address_with_many_people_is_suggested_until_it_is_known(tmp_path: Path) -> None:
    data = tmp_path / "data"
    (tmp_path / "s.json").write_text(
        "\n".join(
            json.dumps(signin(day, user, "203.0.113.25" if user < 12 else f"198.51.100.{user}"))
            for day in range(4)
            for user in range(20)
        )
    )
    run(data, "ingest", str(tmp_path / "s.json"))
    (row,) = json.loads(run(data, "locations", "suggest", "-o", "json").stdout)
    assert row == {"address": "203.0.113.25", "accounts": 12, "days": 4, "failed": 0.0}
    run(data, "locations", "add", "203.0.113.25")
    assert json.loads(run(data, "locations", "suggest", "-o", "json").stdout) == []


def signin(day: int, user: int, address: str) -> dict[str, object]:
    moment = (datetime.now(UTC) - timedelta(days=day, hours=1)).isoformat()
    properties = {
        "id": f"{day}-{user}", "createdDateTime": moment, "userPrincipalName": f"u{user}@contoso.com", "ipAddress": address,
        "status": {"errorCode": 0},
    }  # fmt: skip
    return {
        "time": moment, "category": "SignInLogs", "operationName": "Sign-in activity", "resultType": "0",
        "resourceId": "/tenants/t/providers/Microsoft.aadiam", "tenantId": "t", "properties": properties,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("document", "told"),
    [
        ("{", "not JSON"),
        (
            '{"value": [{"@odata.type": "#microsoft.graph.planet", "displayName": "x"}]}',
            "value[0]: @odata.type 'planet'",
        ),
        ('{"value": [{"displayName": "x"}]}', "value[0]: @odata.type is missing"),
        (
            '[{"@odata.type": "#microsoft.graph.ipNamedLocation", "displayName": "x", "ipRanges": [{"cidrAddress": "no"}]}]',
            "value[0].ipRanges[0]: cidrAddress 'no' is not a range",
        ),
        ("[1]", "value[0]: must be an object, not a number"),
    ],
)
def test_what_is_no_list_of_locations(tmp_path: Path, document: str, told: str) -> None:
    (tmp_path / "graph.json").write_text(document)
    assert told in run(tmp_path / "data", "locations", "import", str(tmp_path / "graph.json"), code=2).stderr
    assert "is not an address" in run(tmp_path / "data", "locations", "add", "10.0.0.300", code=2).stderr
