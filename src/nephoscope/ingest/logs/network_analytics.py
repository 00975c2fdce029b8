"""Traffic analytics in its older schema: AzureNetworkAnalytics_CL, whose names carry the type of their values.

Source: https://learn.microsoft.com/azure/network-watcher/traffic-analytics-schema
"""

from __future__ import annotations

from types import MappingProxyType

import pyarrow as pa
import pyarrow.compute as pc

TABLE = "AzureNetworkAnalytics_CL"
_SAME = MappingProxyType(
    dict(
        (
            *(
                ("TimeGenerated", "TimeGenerated"),
                ("_ResourceId", "_ResourceId"),
                ("_SubscriptionId", "_SubscriptionId"),
                ("FlowIntervalStartTime", "FlowIntervalStartTime_t"),
            ),
            *(
                ("FlowIntervalEndTime", "FlowIntervalEndTime_t"),
                ("FlowStartTime", "FlowStartTime_t"),
                ("FlowEndTime", "FlowEndTime_t"),
                ("TimeProcessed", "TimeProcessed_t"),
            ),
            *(
                ("SubType", "SubType_s"),
                ("FlowType", "FlowType_s"),
                ("SrcIp", "SrcIP_s"),
                ("DestIp", "DestIP_s"),
            ),
            *(
                ("L4Protocol", "L4Protocol_s"),
                ("L7Protocol", "L7Protocol_s"),
                ("NsgRuleType", "NSGRuleType_s"),
                ("NsgRule", "NSGRule_s"),
            ),
            *(
                ("MacAddress", "MACAddress_s"),
                ("SrcPublicIps", "SrcPublicIPs_s"),
                ("DestPublicIps", "DestPublicIPs_s"),
                ("SrcSubscription", "Subscription1_g"),
            ),
            *(
                ("DestSubscription", "Subscription2_g"),
                ("SrcRegion", "Region1_s"),
                ("DestRegion", "Region2_s"),
                ("SrcSubnet", "Subnet1_s"),
            ),
            *(("DestSubnet", "Subnet2_s"), ("SrcNic", "NIC1_s"), ("DestNic", "NIC2_s"), ("SrcVm", "VM1_s")),
            *(("DestVm", "VM2_s"), ("IsFlowCapturedAtUdrHop", "IsFlowCapturedAtUDRHop_b")),
        )
    )
)
_FLOWS = ("AllowedInFlows", "DeniedInFlows", "AllowedOutFlows", "DeniedOutFlows")


def convert_rows(rows: pa.Table) -> pa.Table:
    """Rows of AzureNetworkAnalytics_CL for rows of NTANetAnalytics (columns in storage types)."""
    columns: dict[str, object] = {name: rows.column(given) for given, name in _SAME.items()}
    for given in ("DestPort", *_FLOWS, "CompletedFlows"):
        columns[f"{given}_d"] = rows.column(given).cast(pa.float64())
    inbound = pc.equal(rows.column("FlowDirection"), "Inbound")
    for what in ("Packets", "Bytes"):
        there, back = (rows.column(f"{what}{way}").cast(pa.float64()) for way in ("SrcToDest", "DestToSrc"))
        columns[f"Inbound{what}_d"] = pc.if_else(inbound, there, back)
        columns[f"Outbound{what}_d"] = pc.if_else(inbound, back, there)
    columns["FlowDirection_s"] = pc.if_else(inbound, "I", "O")
    columns["FlowStatus_s"] = pc.if_else(pc.equal(rows.column("FlowStatus"), "Denied"), "D", "A")
    columns["FASchemaVersion_s"] = pa.repeat("2", rows.num_rows)
    columns["NSGList_s"] = _read_group(rows.column("AclGroup"))
    columns["NSGRules_s"] = _format_rules(rows, columns)
    return pa.table(columns)


def _read_group(ids: object) -> object:
    """`subscription/group/name` of network security groups."""
    pattern = r"(?i)^/subscriptions/([^/]+)/resourcegroups/([^/]+)/providers/[^/]+/[^/]+/([^/]+)$"
    return pc.utf8_lower(pc.replace_substring_regex(ids, pattern, r"\1/\2/\3"))


def _format_rules(rows: pa.Table, columns: dict[str, object]) -> object:
    """`index|rule|direction|outcome|flows` of the one rule of a row."""
    flows = rows.column(_FLOWS[0])
    for name in _FLOWS[1:]:
        flows = pc.add(flows, rows.column(name))
    parts = (
        rows.column("NsgRule"),
        columns["FlowDirection_s"],
        columns["FlowStatus_s"],
        flows.cast(pa.string()),
    )
    return pc.binary_join_element_wise(
        pa.repeat("0", rows.num_rows), *(_read_flat(part) for part in parts), "|"
    )


def _read_flat(column: object) -> object:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
