"""Traffic analytics: rows of flow logs, summed and joined with the estate.

Flows that share addresses, destination port, group, rule, direction, protocol and outcome become one row an hour (the source port is
dropped). Public addresses are left out of the key: they are listed, `address|begun|ended|packets out|packets in|bytes out|bytes in`.
Every number adds up, so rows are made block by block with the flows they come from, and a later flow adds a row.
Source: https://learn.microsoft.com/azure/network-watcher/traffic-analytics-schema
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from nephoscope.ingest.logs.address_lookup import AddressKind
from nephoscope.ingest.logs.flow_tuple import COUNTERS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from numpy.typing import NDArray

    from nephoscope.ingest.logs.address_lookup import AddressLookup

TABLE = "NTANetAnalytics"
MINUTES = 60
_SIDES = ("Src", "Dest")
_TEXTS = ("subscription", "region", "subnet", "interface", "machine", "service", "country")
_NAMES = MappingProxyType(
    {
        "subscription": "Subscription",
        "region": "Region",
        "subnet": "Subnet",
        "interface": "Nic",
        "machine": "Vm",
    }
)
_PUBLIC = (int(AddressKind.AZURE), int(AddressKind.INTERNET))
_KEYS = (
    *(
        "FlowIntervalStartTime",
        "SrcIp",
        "DestIp",
        "DestPort",
        "Protocol",
        "FlowDirection",
        "FlowStatus",
        "FlowEncryption",
    ),
    *(
        "AclGroup",
        "AclRule",
        "MacAddress",
        "FlowLogResourceId",
        "TargetResourceId",
        "_ResourceId",
        "_SubscriptionId",
        "FlowType",
        "Country",
    ),
    *(f"{side}{name}" for side in _SIDES for name in (*_NAMES.values(), "Service")),
)
_SUMS = (
    *COUNTERS,
    "AllowedInFlows",
    "AllowedOutFlows",
    "DeniedInFlows",
    "DeniedOutFlows",
    "CompletedFlows",
    "RecordCount",
)
_PORTS = MappingProxyType(
    dict(
        (
            *(("20", "ftp-data"), ("21", "ftp"), ("22", "ssh"), ("23", "telnet")),
            *(("25", "smtp"), ("53", "domain"), ("67", "bootps"), ("69", "tftp")),
            *(("80", "http"), ("88", "kerberos"), ("110", "pop3"), ("123", "ntp")),
            *(("135", "epmap"), ("137", "netbios-ns"), ("139", "netbios-ssn"), ("143", "imap")),
            *(("161", "snmp"), ("389", "ldap"), ("443", "https"), ("445", "microsoft-ds")),
            *(("465", "smtps"), ("514", "syslog"), ("587", "submission"), ("636", "ldaps")),
            *(("993", "imaps"), ("995", "pop3s"), ("1433", "ms-sql-s"), ("1521", "oracle")),
            *(("2049", "nfs"), ("3306", "mysql"), ("3389", "ms-wbt-server"), ("5432", "postgresql")),
            *(("5671", "amqps"), ("5672", "amqp"), ("5985", "wsman"), ("5986", "wsmans")),
            *(("6379", "redis"), ("8080", "http-alt")),
        )
    )
)
#: The names of the documented schema, and the one that Sentinel's parser of the table knows besides; others keep their IANA number.
_TRANSPORTS = MappingProxyType({"6": "T", "17": "U", "1": "ICMP"})
_SAME = (
    *(
        "DestPort",
        "FlowDirection",
        "FlowStatus",
        "FlowEncryption",
        "AclGroup",
        "AclRule",
        "MacAddress",
        "FlowType",
        "Country",
    ),
    *("FlowLogResourceId", "TargetResourceId", "_ResourceId", "_SubscriptionId", "SrcIp", "DestIp"),
    *("FlowStartTime", "FlowEndTime", "FlowIntervalStartTime"),
)
_LIST_ORDER = ("PacketsSrcToDest", "PacketsDestToSrc", "BytesSrcToDest", "BytesDestToSrc")
_TARGETS = MappingProxyType(
    {
        "virtualnetworks": "VirtualNetwork",
        "subnets": "Subnet",
        "networkinterfaces": "NetworkInterface",
        "networksecuritygroups": "NetworkSecurityGroup",
    }
)


def build_traffic_analytics(flows: pa.Table, whereabouts: AddressLookup, now: datetime) -> pa.Table:
    """Rows of NTANetAnalytics (columns in storage types) for rows of AzureFlowLogs."""
    located = _locate_flow_ends(flows, whereabouts)
    first = _sum_rows(located, [*_KEYS, *_list_listed_columns()])
    whole = _sum_rows(_add_address_lists(first), list(_KEYS), lists=True)
    return _finish_rows(whole, now)


def _locate_flow_ends(flows: pa.Table, whereabouts: AddressLookup) -> pa.Table:
    """The flows with the places of their ends, what they count, and public addresses moved aside."""
    near = flows.column("_ResourceId").combine_chunks().dictionary_encode()
    networks: dict[str, int] = {}
    ends = {
        side: _describe_addresses(flows.column(f"{side}Ip"), near, whereabouts, networks) for side in _SIDES
    }
    kinds = {side: ends[side]["kind"] for side in _SIDES}
    found = flows.select([name for name in flows.column_names if name not in ("Type", "TenantId")])
    found = found.append_column("FlowType", _classify_flows(ends))
    countries = [ends[side]["country"] for side in _SIDES]
    found = found.append_column("Country", pc.if_else(pc.equal(countries[0], ""), countries[1], countries[0]))
    for side in _SIDES:
        public = np.isin(kinds[side], _PUBLIC)
        address = flows.column(f"{side}Ip").combine_chunks()
        found = found.set_column(
            found.column_names.index(f"{side}Ip"), f"{side}Ip", pc.if_else(pa.array(public), "", address)
        )
        found = found.append_column(f"{side}Public", pc.if_else(pa.array(public), address, ""))
        for text, name in (*_NAMES.items(), ("service", "Service")):
            found = found.append_column(f"{side}{name}", ends[side][text])
    return _add_counts(found)


def _describe_addresses(
    addresses: pa.ChunkedArray, near: pa.DictionaryArray, whereabouts: AddressLookup, networks: dict[str, int]
) -> dict[str, Any]:
    """Return what is known of the addresses of one side: each pair of address and flow log is looked up once.

    `networks` numbers the virtual networks, alike for both sides.
    """
    encoded = addresses.combine_chunks().dictionary_encode()
    texts, logs = encoded.dictionary.to_pylist(), near.dictionary.to_pylist()
    pairs = encoded.indices.to_numpy().astype(np.int64) * len(logs) + near.indices.to_numpy()
    distinct, which = np.unique(pairs, return_inverse=True)
    places = [whereabouts.of(texts[pair // len(logs)], logs[pair % len(logs)]) for pair in distinct.tolist()]
    made: dict[str, object] = {"kind": np.array([int(place.kind) for place in places], np.int8)[which]}
    for text in _TEXTS:
        made[text] = _spread_texts([getattr(place, text) for place in places], which)
    numbers = [networks.setdefault(place.network, len(networks)) for place in places]
    made["network"] = np.array(numbers, np.int64)[which]
    return made


def _spread_texts(texts: list[str], which: NDArray[np.int64]) -> pa.Array:
    return pa.array(texts, pa.string()).take(pa.array(which))


def _classify_flows(ends: Mapping[str, Mapping[str, object]]) -> pa.Array:
    """The type of each flow, by what its two ends are."""
    one, other = ends["Src"]["kind"], ends["Dest"]["kind"]

    def matches_either(kind: AddressKind) -> NDArray[np.bool_]:
        return np.asarray((one == kind) | (other == kind))

    both = (one == AddressKind.NETWORK) & (other == AddressKind.NETWORK)
    same = ends["Src"]["network"] == ends["Dest"]["network"]
    names = np.select(
        [
            *(both & same, both, matches_either(AddressKind.AZURE), matches_either(AddressKind.INTERNET)),
            *(
                matches_either(AddressKind.SITE),
                matches_either(AddressKind.CLIENT),
                matches_either(AddressKind.PRIVATE),
            ),
        ],
        ["IntraVNet", "InterVNet", "AzurePublic", "ExternalPublic", "S2S", "P2S", "Unknown Private"],
        "Unknown",
    )
    return pa.array(names.astype(object), pa.string())


def _add_counts(flows: pa.Table) -> pa.Table:
    """The flows with what each adds to the numbers: a flow counts where it begins (versions without states: every tuple)."""
    state, denied = flows.column("FlowState"), pc.equal(flows.column("FlowStatus"), "Denied")
    inbound = pc.equal(flows.column("FlowDirection"), "Inbound")
    begins = pc.is_in(state, pa.array(["B", "D", ""]))
    allowed = pc.and_(begins, pc.invert(denied))
    refused = pc.and_(denied, pc.invert(pc.is_in(state, pa.array(["C", "E"]))))
    numbers = {
        "AllowedInFlows": pc.and_(allowed, inbound),
        "AllowedOutFlows": pc.and_(allowed, pc.invert(inbound)),
        "DeniedInFlows": pc.and_(refused, inbound),
        "DeniedOutFlows": pc.and_(refused, pc.invert(inbound)),
        "CompletedFlows": pc.equal(state, "E"),
        "RecordCount": pc.is_valid(state),
    }
    for name, flags in numbers.items():
        flows = flows.append_column(name, flags.cast(pa.int64()))
    interval = pc.floor_temporal(flows.column("TimeGenerated"), multiple=MINUTES, unit="minute")
    flows = flows.append_column("FlowIntervalStartTime", interval)
    flows = flows.append_column("FlowStartTime", flows.column("TimeGenerated"))
    return flows.append_column("FlowEndTime", flows.column("TimeGenerated"))


def _list_listed_columns() -> list[str]:
    return [f"{side}Public" for side in _SIDES]


def _sum_rows(rows: pa.Table, keys: list[str], *, lists: bool = False) -> pa.Table:
    """The rows by their keys; with `lists` what is listed of public addresses is joined."""
    asked: list[tuple[str, str]] = [(name, "sum") for name in _SUMS]
    asked += [("FlowStartTime", "min"), ("FlowEndTime", "max")]
    if lists:
        asked += [(f"{side}PublicIps", "list") for side in _SIDES]
    found = rows.group_by(keys, use_threads=False).aggregate(asked)
    suffix = {f"{name}_{how}": name for name, how in asked}
    return found.rename_columns([suffix.get(name, name) for name in found.column_names])


def _add_address_lists(rows: pa.Table) -> pa.Table:
    """The rows with the text that lists a public address in place of the address."""
    begun = rows.column("AllowedInFlows")
    for name in ("AllowedOutFlows", "DeniedInFlows", "DeniedOutFlows"):
        begun = pc.add(begun, rows.column(name))
    numbers = [
        begun,
        rows.column("CompletedFlows"),
        *(pc.fill_null(rows.column(name), 0) for name in _LIST_ORDER),
    ]
    texts = [number.cast(pa.string()) for number in numbers]
    for side in _SIDES:
        address = rows.column(f"{side}Public")
        listed = pc.if_else(pc.equal(address, ""), "", pc.binary_join_element_wise(address, *texts, "|"))
        rows = rows.append_column(f"{side}PublicIps", listed)
    return rows


def _finish_rows(rows: pa.Table, now: datetime) -> pa.Table:
    """The rows under the table's names."""
    count = rows.num_rows
    moment = pa.timestamp("us", "UTC")
    interval = rows.column("FlowIntervalStartTime")
    columns: dict[str, object] = {name: rows.column(name) for name in _SUMS}
    columns |= {name: rows.column(name) for name in _SAME}
    for side in _SIDES:
        columns |= {f"{side}{name}": rows.column(f"{side}{name}") for name in _NAMES.values()}
        columns[f"{side}ServiceTags"] = rows.column(f"{side}Service")
        columns[f"{side}PublicIps"] = _join_lists(rows.column(f"{side}PublicIps"))
    columns |= {
        "TimeGenerated": rows.column("FlowStartTime"),
        "TimeProcessed": pa.repeat(pa.scalar(now, moment), count),
        "FlowIntervalEndTime": pc.add(interval, pa.scalar(MINUTES * 60 * 10**6, pa.duration("us"))),
        "SubType": pa.repeat("FlowLog", count),
        "FaSchemaVersion": pa.repeat("3", count),
        "IsFlowCapturedAtUdrHop": pa.repeat(pa.scalar(value=False), count),
        "L4Protocol": _map_distinct(
            rows.column("Protocol"), lambda number: _TRANSPORTS.get(str(number), str(number))
        ),
        "L7Protocol": _map_distinct(rows.column("DestPort"), lambda port: _PORTS.get(str(port), "")),
        "NsgRule": _map_distinct(rows.column("AclRule"), _get_rule_name),
        "NsgRuleType": _map_distinct(rows.column("AclRule"), _get_rule_type),
        "TargetResourceType": _map_distinct(rows.column("TargetResourceId"), _get_target_type),
    }
    return pa.table({name: _flatten_column(column) for name, column in columns.items()})


def _flatten_column(column: object) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def _join_lists(lists: pa.ChunkedArray) -> pa.Array:
    """Return what is listed, apart by blanks; nothing where there is nothing."""
    flat = _flatten_column(lists)
    return pc.utf8_trim(pc.binary_join(flat, " "), " ")


def _map_distinct(values: pa.ChunkedArray, change: Any) -> pa.Array:
    """Each distinct value changed once."""
    encoded = _flatten_column(values).dictionary_encode()
    return pa.array([change(value) for value in encoded.dictionary.to_pylist()], pa.string()).take(
        encoded.indices
    )


def _get_rule_name(rule: str) -> str:
    return rule.removeprefix("UserRule_").removeprefix("DefaultRule_")


def _get_rule_type(rule: str) -> str:
    return "Default" if rule.startswith("DefaultRule_") else "User Defined" if rule else ""


def _get_target_type(resource: str) -> str:
    parts = resource.lower().rstrip("/").split("/")
    return _TARGETS.get(parts[-2], "") if len(parts) > 2 else ""
