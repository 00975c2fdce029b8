"""What has an address, names it or is vulnerable to a CVE is found by it, with the place, within the reach, and by nothing else."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from nephoscope.model.read_scope import EVERYTHING, Reach
from nephoscope.posture.published.build_info import BuildInfo
from nephoscope.posture.published.document import PublishedDocument
from nephoscope.posture.published.observable_index import parse_sought
from nephoscope.posture.published.publishing import publish_documents
from nephoscope.posture.published.snapshot_cache import PublishedSnapshotCache

ONE, OTHER = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"
SUBS = "microsoft.security/assessments/subassessments"
ASSESSMENT = "/providers/Microsoft.Security/assessments/1195afff-c881-495e-9bc5-1486211ae03f"


def id_(subscription: str, type_: str, name: str) -> str:
    return f"/subscriptions/{subscription}/resourceGroups/rg/providers/{type_}/{name}"


def body(subscription: str, type_: str, name: str, **properties: Any) -> dict[str, Any]:
    return {"id": id_(subscription, type_, name), "name": name, "type": type_, "properties": properties}


NIC, PIP = "Microsoft.Network/networkInterfaces", "Microsoft.Network/publicIPAddresses"
NSG, VM = "Microsoft.Network/networkSecurityGroups", "Microsoft.Compute/virtualMachines"
RESOURCES = [
    body(ONE, NIC, "nic", ipConfigurations=[{"properties": {"privateIPAddress": "10.90.1.4"}}], macAddress="00-0D-3A-10-90-14"),
    body(ONE, NIC, "other", ipConfigurations=[{"properties": {"privateIPAddress": "10.90.1.40"}}]),
    body(OTHER, NIC, "far", ipConfigurations=[{"properties": {"privateIPAddress": "10.90.1.4"}}]),
    body(ONE, PIP, "six", ipAddress="2001:DB8:0:0::1", createdAt="03:00:00"),
    body(ONE, NSG, "nsg", securityRules=[{"properties": {"sourceAddressPrefixes": ["10.90.1.4/32", "10.90.1.0/24"]}}]),
    body(ONE, VM, "vm", note="see 10.90.1.4 and CVE-2021-44228"),
]  # fmt: skip
SUB = {
    "id": f"{id_(ONE, VM, 'vm')}{ASSESSMENT}/subAssessments/s1",
    "name": "s1",
    "type": "Microsoft.Security/assessments/subAssessments",
    "properties": {
        "displayName": "Log4Shell",
        "additionalData": {"cve": [{"title": "CVE-2021-44228"}, {"title": "CVE-2021-442280"}]},
    },
}


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory):
    data = tmp_path_factory.mktemp("published")
    several = [(PublishedDocument.of(one), "resources") for one in RESOURCES]
    several.append((PublishedDocument.of(SUB), "securityresources"))
    when = datetime(2026, 11, 1, 12, tzinfo=UTC)
    publish_documents(data, several, BuildInfo(when, "", 6, None, 0, 0, {}, (), {}, (), (), 0, {}, {}))
    found = PublishedSnapshotCache(data).load_newest()
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        pytest.param("10.90.1.4", [("nic", "properties.ipConfigurations[0].properties.privateIPAddress"),
                                   ("nsg", "properties.securityRules[0].properties.sourceAddressPrefixes[0]"),
                                   ("far", "properties.ipConfigurations[0].properties.privateIPAddress")], id="private"),
        pytest.param("10.90.1.40/32", [("other", "properties.ipConfigurations[0].properties.privateIPAddress")], id="as a network"),
        pytest.param("::ffff:10.90.1.40", [("other", "properties.ipConfigurations[0].properties.privateIPAddress")], id="mapped"),
        pytest.param(" 10.90.1.40 ", [("other", "properties.ipConfigurations[0].properties.privateIPAddress")], id="longer"),
        pytest.param("2001:db8::1", [("six", "properties.ipAddress")], id="IPv6"),
        pytest.param("2001:0DB8:0000::0001", [("six", "properties.ipAddress")], id="IPv6 written otherwise"),
        pytest.param("10.90.1.5", [], id="nobody's"),
        pytest.param("10.90.1", [], id="a part"),
        pytest.param("CVE-2021-44228", [("vm", "properties.note")], id="CVE of a resource"),
        pytest.param("03:00:00", [], id="a time"),
        pytest.param("' OR 1=1", [], id="no address"),
        pytest.param("", [], id="nothing"),
    ],
)  # fmt: skip
def test_what_names_an_address(snapshot, text, wanted):
    found = snapshot.mentions.find_mentions(EVERYTHING, text, parts=("resources",))
    assert [(one.title, *one.places) for one in found] == wanted


@pytest.mark.parametrize("text", ["CVE-2021-44228", "cve-2021-44228", "CVE-2021-442280"])
def test_what_a_cve_was_found_in(snapshot, text):
    (one,) = snapshot.mentions.find_mentions(EVERYTHING, text, type_=SUBS)
    assert (one.title, one.resource) == ("Log4Shell", id_(ONE, VM, "vm"))
    assert snapshot.mentions.find_mentions(EVERYTHING, "CVE-2021-4422", type_=SUBS) == []


def test_no_more_than_may_be_read_are_told(snapshot):
    reach = Reach(subscriptions=frozenset({OTHER}))
    assert [one.title for one in snapshot.mentions.find_mentions(reach, "10.90.1.4")] == ["far"]
    assert [one.title for one in snapshot.mentions.find_mentions(EVERYTHING, "10.90.1.4", most=1)] == ["nic"]


@pytest.mark.parametrize("text", ["1.2.3", "1.2.3.4/24", "CVE-21-1", "CVE-2021-44228 ", "x"])
def test_what_is_neither_is_not_sought(text):
    assert parse_sought(text) is None
