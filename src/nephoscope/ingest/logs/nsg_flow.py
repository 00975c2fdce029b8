"""Flow logs of network security groups, versions 1 and 2.

Source: https://learn.microsoft.com/azure/network-watcher/nsg-flow-logs-overview#log-format
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope.ingest.logs.categories import read_category
from nephoscope.ingest.logs.flow_columns import is_scanner_available, scan_block
from nephoscope.ingest.logs.flow_tuple import TABLE, build_tuple_rows, parse_nsg_values
from nephoscope.ingest.logs.resource_log import (
    find_first_text,
    parse_integer,
    parse_subscription,
    read_properties,
    read_resource_id,
    require_list,
    to_text,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nephoscope.ingest.logs.log_format import LogRow, RecordFault, ScannedRows, StreamContext

CATEGORY = "networksecuritygroupflowevent"


class NsgFlowFormat:
    """One row a tuple."""

    name = "nsg-flow"
    title = "Flow logs of network security groups, versions 1 and 2"
    tables = (TABLE,)

    def recognizes(self, record: dict[str, object]) -> bool:
        """By the category."""
        return read_category(record) == CATEGORY

    def rows(self, record: dict[str, object], context: StreamContext) -> Iterator[LogRow | RecordFault]:
        """A row for every tuple under `properties.flows[].flows[]`."""
        properties = read_properties(record)
        group = read_resource_id(record, context)
        base = {
            "FlowLogVersion": parse_integer(properties.get("Version", properties.get("version"))),
            "TargetResourceId": find_first_text(record, "resourceId", "ResourceId") or group,
            "AclGroup": find_first_text(record, "resourceId", "ResourceId") or group,
            "_ResourceId": group,
            "_SubscriptionId": parse_subscription(group),
        }
        for number, rule in enumerate(require_list(properties, "flows", "properties")):
            path = f"properties.flows[{number}]"
            named = base | {"AclRule": to_text(rule.get("rule"))}
            for inner, flow in enumerate(require_list(rule, "flows", path)):
                mac = {"MacAddress": to_text(flow.get("mac")).upper()}
                where = f"{path}.flows[{inner}].flowTuples"
                yield from build_tuple_rows(
                    flow.get("flowTuples"), parse_nsg_values, named | mac, where, context
                )

    def scan(self, data: bytes, context: StreamContext) -> ScannedRows | None:  # noqa: ARG002 - the protocol's
        """The rows of a block at once, where the extra `numba` is installed."""
        return scan_block(1, data, CATEGORY) if is_scanner_available() else None


FORMAT = NsgFlowFormat()
