"""Flow logs of virtual networks, version 4.

Source: https://learn.microsoft.com/azure/network-watcher/vnet-flow-logs-overview#log-format
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope.ingest.logs.categories import read_category
from nephoscope.ingest.logs.flow_columns import is_scanner_available, scan_block
from nephoscope.ingest.logs.flow_tuple import TABLE, build_tuple_rows, parse_vnet_values
from nephoscope.ingest.logs.log_format import BadRecordError
from nephoscope.ingest.logs.resource_log import (
    find_first_text,
    parse_integer,
    parse_subscription,
    require_list,
    to_text,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nephoscope.ingest.logs.log_format import LogRow, RecordFault, ScannedRows, StreamContext

CATEGORY = "flowlogflowevent"


class VnetFlowFormat:
    """One row a tuple."""

    name = "vnet-flow"
    title = "Flow logs of virtual networks, version 4"
    tables = (TABLE,)

    def recognizes(self, record: dict[str, object]) -> bool:
        """By the category."""
        return read_category(record) == CATEGORY

    def rows(self, record: dict[str, object], context: StreamContext) -> Iterator[LogRow | RecordFault]:
        """A row for every tuple under `flowRecords.flows[].flowGroups[]`."""
        flows = record.get("flowRecords")
        if not isinstance(flows, dict):
            raise BadRecordError("expected an object", "flowRecords")
        base = build_tuple_columns(record)
        for number, flow in enumerate(require_list(flows, "flows", "flowRecords")):
            path = f"flowRecords.flows[{number}]"
            group = base | {"AclGroup": to_text(flow.get("aclID"))}
            for inner, entry in enumerate(require_list(flow, "flowGroups", path)):
                named = group | {"AclRule": to_text(entry.get("rule"))}
                where = f"{path}.flowGroups[{inner}].flowTuples"
                yield from build_tuple_rows(entry.get("flowTuples"), parse_vnet_values, named, where, context)

    def scan(self, data: bytes, context: StreamContext) -> ScannedRows | None:  # noqa: ARG002 - the protocol's
        """The rows of a block at once, where the extra `numba` is installed."""
        return scan_block(0, data, CATEGORY) if is_scanner_available() else None


def build_tuple_columns(record: dict[str, object]) -> dict[str, object]:
    """Return what a record says of all its tuples."""
    target = find_first_text(record, "targetResourceID", "targetResourceId")
    resource = target.lower() if target.startswith("/") else ""
    return {
        "FlowLogVersion": parse_integer(record.get("flowLogVersion")),
        "FlowLogResourceId": find_first_text(record, "flowLogResourceID", "flowLogResourceId"),
        "TargetResourceId": target,
        "MacAddress": find_first_text(record, "macAddress").upper(),
        "_ResourceId": resource,
        "_SubscriptionId": parse_subscription(resource),
    }


FORMAT = VnetFlowFormat()
