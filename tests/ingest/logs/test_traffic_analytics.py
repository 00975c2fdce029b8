"""Traffic analytics: flows joined with an estate and summed; every number of the flows is in the sums."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nephoscope.estate.addresses import AddressSet
from nephoscope.estate.estate import Estate
from nephoscope.ingest.logs.address_lookup import AddressKind, AddressLookup
from nephoscope.ingest.logs.discovery import load_formats
from nephoscope.ingest.logs.log_format import Destination, StreamContext
from nephoscope.ingest.logs.log_reader import read
from nephoscope.lake.schema.tables import Tables
from nephoscope.state.workspaces.workspace import Workspace
from nephoscope_policy.model.coverage import Coverage
from nephoscope_policy.model.resource import Resource
from nephoscope_policy.model.resource_id import ResourceId

SUBSCRIPTION = "11111111-2222-4333-8444-555555555555"
GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-net/providers/Microsoft.Network"
COMPUTE = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-app/providers/Microsoft.Compute"
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
START = datetime(2026, 6, 1, 10, tzinfo=UTC)


def _network(name: str, prefix: str, peers: tuple[str, ...] = (), **subnets: str) -> dict[str, Any]:
    id_ = f"{GROUP}/virtualNetworks/{name}"
    return {
        "id": id_,
        "location": "West Europe",
        "properties": {
            "addressSpace": {"addressPrefixes": [prefix]},
            "subnets": [
                {"id": f"{id_}/subnets/{subnet}", "name": subnet, "properties": {"addressPrefix": text}}
                for subnet, text in subnets.items()
            ],
            "virtualNetworkPeerings": [
                {"properties": {"remoteVirtualNetwork": {"id": f"{GROUP}/virtualNetworks/{peer}"}}}
                for peer in peers
            ],
        },
    }


def _card(name: str, address: str, subnet: str, machine: str = "", group: str = "") -> dict[str, Any]:
    body: dict[str, Any] = {
        "ipConfigurations": [
            {
                "properties": {
                    "privateIPAddress": address,
                    "subnet": {"id": f"{GROUP}/virtualNetworks/{subnet}"},
                }
            }
        ]
    }
    if machine:
        body["virtualMachine"] = {"id": f"{COMPUTE}/virtualMachines/{machine}"}
    if group:
        body["networkSecurityGroup"] = {"id": f"{GROUP}/networkSecurityGroups/{group}"}
    return {"id": f"{GROUP}/networkInterfaces/{name}", "location": "westeurope", "properties": body}


BODIES = [
    _network("hub", "10.4.0.0/16", ("spoke",), web="10.4.1.0/24", data="10.4.2.0/24"),
    _network("spoke", "10.5.0.0/16", ("hub",), app="10.5.0.0/24"),
    # the same space as hub, and no peer of it
    _network("island", "10.4.0.0/16", web="10.4.1.0/24"),
    _card("nic-web", "10.4.1.7", "hub/subnets/web", "vm-web", "nsg-web"),
    _card("nic-island", "10.4.1.7", "island/subnets/web", "vm-island"),
    _card("nic-app", "10.5.0.4", "spoke/subnets/app"),
    {
        "id": f"{GROUP}/localNetworkGateways/office",
        "properties": {"localNetworkAddressSpace": {"addressPrefixes": ["192.168.7.0/24"]}},
    },
    {
        "id": f"{GROUP}/virtualNetworkGateways/vpn",
        "properties": {
            "vpnClientConfiguration": {"vpnClientAddressPool": {"addressPrefixes": ["172.16.9.0/24"]}}
        },
    },
    {"id": f"{GROUP}/publicIPAddresses/pip", "properties": {"ipAddress": "198.51.100.77"}},
]


def _resource(body: dict[str, Any]) -> Resource:
    id_ = ResourceId.parse(body["id"])
    return Resource(id_, {"name": body["id"].rsplit("/", 1)[-1], "type": id_.type, **body}, complete=True)


ESTATE = Estate.of(map(_resource, BODIES), Coverage.cover_everything())
HUB = f"{GROUP}/virtualNetworks/hub".lower()
TAGS = {"azurecloud.northeurope": AddressSet.of(["203.0.113.0/25"])}
WHEREABOUTS = AddressLookup(ESTATE, TAGS)


@pytest.mark.parametrize(
    ("address", "near", "kind", "names"),
    [
        (
            "10.4.1.7",
            HUB,
            AddressKind.NETWORK,
            ("rg-net/hub/web", "rg-net/nic-web", "rg-app/vm-web", "westeurope"),
        ),
        (
            "10.4.1.7",
            f"{GROUP}/virtualNetworks/island".lower(),
            AddressKind.NETWORK,
            ("rg-net/island/web", "rg-net/nic-island", "rg-app/vm-island", "westeurope"),
        ),
        (
            "10.4.1.7",
            f"{GROUP}/networkSecurityGroups/nsg-web".lower(),
            AddressKind.NETWORK,
            ("rg-net/hub/web", "rg-net/nic-web", "rg-app/vm-web", "westeurope"),
        ),
        ("10.4.2.9", HUB, AddressKind.NETWORK, ("rg-net/hub/data", "", "", "westeurope")),
        ("10.5.0.4", HUB, AddressKind.NETWORK, ("rg-net/spoke/app", "rg-net/nic-app", "", "westeurope")),
        ("10.99.0.1", HUB, AddressKind.PRIVATE, ("", "", "", "")),
        ("192.168.7.20", HUB, AddressKind.SITE, ("", "", "", "")),
        ("172.16.9.4", HUB, AddressKind.CLIENT, ("", "", "", "")),
        ("203.0.113.9", HUB, AddressKind.AZURE, ("", "", "", "northeurope")),
        ("198.51.100.77", HUB, AddressKind.AZURE, ("", "", "", "")),
        ("168.63.129.16", HUB, AddressKind.AZURE, ("", "", "", "")),
        ("8.8.8.8", HUB, AddressKind.INTERNET, ("", "", "", "")),
        ("2600::1", HUB, AddressKind.INTERNET, ("", "", "", "")),
        ("fd00::1", HUB, AddressKind.PRIVATE, ("", "", "", "")),
        ("not an address", HUB, AddressKind.UNKNOWN, ("", "", "", "")),
    ],
)
def test_where_an_address_is(address: str, near: str, kind: AddressKind, names: tuple[str, ...]) -> None:
    place = WHEREABOUTS.of(address, near)
    assert place.kind == kind
    assert (place.subnet, place.interface, place.machine, place.region) == names


def _tuple(
    second: int,
    source: str,
    target: str,
    port: int,
    direction: str,
    state: str,
    numbers: str,
    source_port: int = 40000,
) -> str:
    at = int(START.timestamp() * 1000) + second * 1000
    return f"{at},{source},{target},{source_port},{port},6,{direction},{state},NX,{numbers}"


def _read(tuples: list[str], destination: str = "both") -> dict[str, list[dict[str, Any]]]:
    record = {
        "time": "2026-06-01T10:00:00Z",
        "category": "FlowLogFlowEvent",
        "flowLogVersion": 4,
        "macAddress": "0022487A0001",
        "flowLogResourceID": "/SUBSCRIPTIONS/X/FL",
        "targetResourceID": f"{GROUP}/virtualNetworks/hub",
        "flowRecords": {
            "flows": [
                {
                    "aclID": f"{GROUP}/networkSecurityGroups/nsg-web",
                    "flowGroups": [{"rule": "UserRule_allow", "flowTuples": tuples}],
                }
            ]
        },
    }
    context = StreamContext(
        source="t", now=NOW, destination=Destination(destination), whereabouts=WHEREABOUTS
    )
    options: Any = {"tables": Tables.builtin(), "workspace": Workspace.from_name("default")}
    found: dict[str, list[dict[str, Any]]] = {}
    for parsed in read(io.BytesIO(json.dumps(record).encode()), load_formats(), context, **options):
        assert not parsed.bad
        for name, table in parsed.tables.items():
            found.setdefault(name, []).extend(table.to_pylist())
    return found


def test_flows_of_an_hour_are_one_row_for_each_key() -> None:
    found = _read(
        [
            _tuple(0, "10.4.1.7", "10.4.2.9", 1433, "O", "B", "0,0,0,0", 40000),
            _tuple(300, "10.4.1.7", "10.4.2.9", 1433, "O", "C", "1,10,2,20", 40000),
            _tuple(400, "10.4.1.7", "10.4.2.9", 1433, "O", "E", "3,30,4,40", 40000),
            _tuple(500, "10.4.1.7", "10.4.2.9", 1433, "O", "B", "0,0,0,0", 40001),
            _tuple(4000, "10.4.1.7", "10.4.2.9", 1433, "O", "B", ",,,", 40002),
        ]
    )["NTANetAnalytics"]
    assert [row["AllowedOutFlows"] for row in found] == [2, 1]
    first = found[0]
    wanted = {
        "FlowType": "IntraVNet",
        "SrcIp": "10.4.1.7",
        "DestIp": "10.4.2.9",
        "DestPort": 1433,
        "L4Protocol": "T",
        "L7Protocol": "ms-sql-s",
        "SrcVm": "rg-app/vm-web",
        "SrcNic": "rg-net/nic-web",
        "SrcSubnet": "rg-net/hub/web",
        "DestSubnet": "rg-net/hub/data",
        "PacketsSrcToDest": 4,
        "BytesSrcToDest": 40,
        "PacketsDestToSrc": 6,
        "BytesDestToSrc": 60,
        "CompletedFlows": 1,
        "NsgRule": "allow",
        "NsgRuleType": "User Defined",
        "SubType": "FlowLog",
        "TargetResourceType": "VirtualNetwork",
        "FlowIntervalStartTime": START,
        "FlowIntervalEndTime": START + timedelta(hours=1),
        "FlowStartTime": START,
        "FlowEndTime": START + timedelta(seconds=500),
        "FlowEncryption": "Unencrypted",
        "SrcRegion": "westeurope",
        "SrcSubscription": SUBSCRIPTION,
        "SrcPublicIps": "",
        "DestPublicIps": "",
        "DeniedInFlows": 0,
        "RecordCount": 4,
        "_SubscriptionId": SUBSCRIPTION,
        "_ResourceId": HUB,
        "Type": "NTANetAnalytics",
    }
    assert {name: first[name] for name in wanted} == wanted


@pytest.mark.parametrize(
    ("number", "name"), [("6", "T"), ("17", "U"), ("1", "ICMP"), ("58", "58"), ("50", "50")]
)
def test_protocols_have_the_names_that_azure_knows(number: str, name: str) -> None:
    sent = _tuple(0, "10.4.1.7", "10.4.2.9", 0, "O", "B", "0,0,0,0").replace(",6,O", f",{number},O")
    (row,) = _read([sent])["NTANetAnalytics"]
    assert row["L4Protocol"] == name


def test_public_addresses_are_listed_and_not_part_of_the_key() -> None:
    found = _read(
        [
            _tuple(0, "8.8.8.8", "10.4.1.7", 22, "I", "D", ",,,"),
            _tuple(1, "9.9.9.9", "10.4.1.7", 22, "I", "D", ",,,"),
            _tuple(2, "9.9.9.9", "10.4.1.7", 22, "I", "D", ",,,", 40001),
            _tuple(3, "10.4.1.7", "203.0.113.9", 443, "O", "E", "1,2,3,4"),
        ]
    )["NTANetAnalytics"]
    denied, allowed = sorted(found, key=lambda row: row["DestPort"])
    assert (denied["FlowType"], denied["SrcIp"], denied["DeniedInFlows"]) == ("ExternalPublic", "", 3)
    assert set(denied["SrcPublicIps"].split(" ")) == {"8.8.8.8|1|0|0|0|0|0", "9.9.9.9|2|0|0|0|0|0"}
    assert (allowed["FlowType"], allowed["DestIp"]) == ("AzurePublic", "")
    assert allowed["DestPublicIps"] == "203.0.113.9|0|1|1|3|2|4"
    assert allowed["DestServiceTags"] == "azurecloud.northeurope"
    assert allowed["DestRegion"] == "northeurope"


@pytest.mark.parametrize(
    ("source", "target", "kind"),
    [
        ("10.4.1.7", "10.4.2.9", "IntraVNet"),
        ("10.4.1.7", "10.5.0.4", "InterVNet"),
        ("10.4.1.7", "192.168.7.20", "S2S"),
        ("172.16.9.4", "10.4.1.7", "P2S"),
        ("10.4.1.7", "203.0.113.9", "AzurePublic"),
        ("10.4.1.7", "8.8.8.8", "ExternalPublic"),
        ("10.4.1.7", "10.99.0.1", "Unknown Private"),
    ],
)
def test_types_of_flows(source: str, target: str, kind: str) -> None:
    assert [
        row["FlowType"] for row in _read([_tuple(0, source, target, 1, "O", "B", ",,,")])["NTANetAnalytics"]
    ] == [kind]


def test_the_older_table() -> None:
    tuples = [_tuple(0, "8.8.8.8", "10.4.1.7", 22, "I", "E", "1,2,3,4")]
    assert set(_read(tuples, "dedicated")) == {"AzureFlowLogs", "NTANetAnalytics"}
    found = _read(tuples, "azure-diagnostics")
    assert set(found) == {"AzureFlowLogs", "AzureNetworkAnalytics_CL"}
    wanted = {
        "SubType_s": "FlowLog",
        "FlowType_s": "ExternalPublic",
        "FlowDirection_s": "I",
        "FlowStatus_s": "A",
        "DestPort_d": 22.0,
        "InboundPackets_d": 1.0,
        "InboundBytes_d": 2.0,
        "OutboundPackets_d": 3.0,
        "OutboundBytes_d": 4.0,
        "VM2_s": "rg-app/vm-web",
        "NSGList_s": f"{SUBSCRIPTION}/rg-net/nsg-web",
        "NSGRules_s": "0|allow|I|A|0",
        "SrcPublicIPs_s": "8.8.8.8|0|1|1|3|2|4",
    }
    assert {name: found["AzureNetworkAnalytics_CL"][0][name] for name in wanted} == wanted


_ADDRESSES = st.sampled_from(
    [
        "10.4.1.7",
        "10.4.2.9",
        "10.5.0.4",
        "8.8.8.8",
        "9.9.9.9",
        "203.0.113.9",
        "192.168.7.20",
        "10.99.0.1",
        "2600::1",
    ]
)


@given(
    st.lists(
        st.tuples(
            st.integers(0, 7000), _ADDRESSES, _ADDRESSES, st.sampled_from([22, 443]), st.sampled_from("IO"), st.sampled_from("BCED"),
            st.tuples(*[st.integers(0, 10**6)] * 4), st.integers(1, 3),
        ),
        min_size=1, max_size=30,
    )
)  # fmt: skip
@settings(max_examples=40)
def test_every_number_is_in_the_sums(flows: list[Any]) -> None:
    tuples = [_tuple(*flow[:6], ",".join(map(str, flow[6])), flow[7]) for flow in flows]
    rows = _read(tuples)["NTANetAnalytics"]
    assert sum(row["RecordCount"] for row in rows) == len(flows)
    for place, name in enumerate(
        ("PacketsSrcToDest", "BytesSrcToDest", "PacketsDestToSrc", "BytesDestToSrc")
    ):
        assert sum(row[name] for row in rows) == sum(flow[6][place] for flow in flows)
    assert sum(row["DeniedInFlows"] + row["DeniedOutFlows"] for row in rows) == sum(
        flow[5] == "D" for flow in flows
    )
    assert sum(row["AllowedInFlows"] + row["AllowedOutFlows"] for row in rows) == sum(
        flow[5] == "B" for flow in flows
    )
    assert sum(row["CompletedFlows"] for row in rows) == sum(flow[5] == "E" for flow in flows)
    for row in rows:
        listed = [entry.split("|") for side in ("Src", "Dest") for entry in row[f"{side}PublicIps"].split()]
        assert all(len(entry) == 7 for entry in listed)
