"""A log that cannot be read is not a log without rows: nothing is told from the others alone."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import timedelta

import pytest
from tests.analyze.world import NOW

from nephoscope.analyze import arriving_logs
from nephoscope.analyze.hardening import observed_traffic
from nephoscope.analyze.transport import logged_flows
from nephoscope.estate.data_gap import DataNotCollectedError
from nephoscope.estate.estate import Estate
from nephoscope.estate.estate_view import EstateView
from nephoscope.estate.log_queries import DeclaredReads, FileAggregate
from nephoscope_policy.model.coverage import Coverage
from nephoscope_policy.model.resource import Resource
from nephoscope_policy.model.state import ComplianceState

VAULTS = "/subscriptions/11111111-1111-4111-8111-111111111111/resourceGroups/rg/providers/Microsoft.KeyVault/vaults"
REASON = "rows of logs: the query takes too long"


class UnreadableTable:
    """Logs (estate.Logs) of which one table cannot be read; another has a row of one vault, and the rest have none."""

    def __init__(self, unreadable: str) -> None:
        self.unreadable = unreadable

    def aggregate(self, asked: FileAggregate, declared: DeclaredReads) -> list[dict[str, object]]:
        if asked.table == self.unreadable:
            raise DataNotCollectedError(REASON)
        if asked.table == "AZKVAuditLogs":
            return [{"Of": f"{VAULTS}/other".lower(), "In": "auditevent", "Last": NOW - timedelta(hours=1)}]
        return []

    def query(self, text: str, declared: DeclaredReads) -> list[dict[str, object]]:
        if self.unreadable in text and self.unreadable in declared.tables:
            raise DataNotCollectedError(REASON)
        return []

    def read_versions(self, tables: Collection[str]) -> dict[str, object]:
        return dict.fromkeys(tables)


def view(unreadable: str) -> EstateView:
    bodies = [{"id": f"{VAULTS}/{name}", "name": name, "properties": {}} for name in ("silent", "other")]
    found = [Resource.of({**body, "type": "Microsoft.KeyVault/vaults"}) for body in bodies]
    return EstateView(Estate.of(found, Coverage.cover_everything()), NOW, logs=UnreadableTable(unreadable))


READERS: dict[str, tuple[Callable[[EstateView], object], str]] = {
    "flows, of two tables": (logged_flows.read_clear_flows, "NTANetAnalytics"),
    "targets of flows": (logged_flows.read_logged_targets, "AzureFlowLogs"),
    "traffic of machines": (observed_traffic.read_traffic, "AzureFlowLogs"),
    "listed addresses": (observed_traffic.read_traffic, observed_traffic.OLD_INDICATORS),
}


@pytest.mark.parametrize(("read", "table"), READERS.values(), ids=READERS)
def test_what_reads_several_tables_tells_nothing_without_one(
    read: Callable[[EstateView], object], table: str
) -> None:
    seen = view(table)
    seen.declared = DeclaredReads((table,))
    with pytest.raises(DataNotCollectedError, match=REASON):
        read(seen)


def test_no_resource_is_silent_where_a_table_cannot_be_read() -> None:
    found = list(arriving_logs.analyze(view(arriving_logs.TABLES[-1])))
    assert [(one.state, one.description) for one in found] == [
        (ComplianceState.UNKNOWN, found[0].description)
    ] * 2
    assert REASON in found[0].description
