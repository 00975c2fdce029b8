"""Flow logs of network security groups, versions 1 and 2.

Source: https://learn.microsoft.com/azure/network-watcher/nsg-flow-logs-overview#log-format
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope.ingest.logs.categories import category_of
from nephoscope.ingest.logs.flow_columns import available, scan_block
from nephoscope.ingest.logs.flow_tuple import TABLE, nsg_values, tuple_rows
from nephoscope.ingest.logs.resource_log import (
    as_text,
    integer,
    properties_of,
    require_list,
    resource_id_of,
    subscription_of,
    text_of,
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

    def recognises(self, record: dict[str, object]) -> bool:
        """By the category."""
        return category_of(record) == CATEGORY

    def rows(self, record: dict[str, object], context: StreamContext) -> Iterator[LogRow | RecordFault]:
        """A row for every tuple under `properties.flows[].flows[]`."""
        properties = properties_of(record)
        group = resource_id_of(record, context)
        base = {
            "FlowLogVersion": integer(properties.get("Version", properties.get("version"))),
            "TargetResourceId": text_of(record, "resourceId", "ResourceId") or group,
            "AclGroup": text_of(record, "resourceId", "ResourceId") or group,
            "_ResourceId": group,
            "_SubscriptionId": subscription_of(group),
        }
        for number, rule in enumerate(require_list(properties, "flows", "properties")):
            path = f"properties.flows[{number}]"
            named = base | {"AclRule": as_text(rule.get("rule"))}
            for inner, flow in enumerate(require_list(rule, "flows", path)):
                mac = {"MacAddress": as_text(flow.get("mac")).upper()}
                where = f"{path}.flows[{inner}].flowTuples"
                yield from tuple_rows(flow.get("flowTuples"), nsg_values, named | mac, where, context)

    def scan(self, data: bytes, context: StreamContext) -> ScannedRows | None:  # noqa: ARG002 - the protocol's
        """The rows of a block at once, where the extra `numba` is installed."""
        return scan_block(1, data, CATEGORY) if available() else None


FORMAT = NsgFlowFormat()
