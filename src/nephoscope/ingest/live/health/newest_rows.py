"""Newest rows: the last row that each diagnostic setting or flow log delivered."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING

from nephoscope.ingest.logs.azure_diagnostics import TABLE as DIAGNOSTICS
from nephoscope.ingest.logs.categories import load_category_tables
from nephoscope.lake.maintenance.table_inventory import list_table_inventory
from nephoscope_kql.errors import KqlError
from nephoscope_policy.model.resource_id import MANAGEMENT_GROUP_TYPE, SUBSCRIPTION_TYPE

if TYPE_CHECKING:
    from pathlib import Path

    from nephoscope.lake.lake import Lake

ACTIVITY = "AzureActivity"
#: What flow logs, and the traffic analytics made of them, are written to.
FLOWS = frozenset({"AzureFlowLogs", "NTANetAnalytics", "AzureNetworkAnalytics_CL"})
STORAGE = "microsoft.storage/storageaccounts"
#: An account's settings for requests lie at its services, never at the account.
#: Source: https://learn.microsoft.com/azure/storage/blobs/monitor-blob-storage
STORAGE_SERVICES = tuple(f"{STORAGE}/{one}services" for one in ("blob", "file", "queue", "table"))
#: Scopes whose diagnostic settings send the activity log.
ACTIVITY_SCOPES = frozenset({SUBSCRIPTION_TYPE, MANAGEMENT_GROUP_TYPE})

Counts = Callable[[str, str], bool]
"""(table, category in lower case, '' = none): whether a row of these is one that should have come."""


@cache
def _map_dedicated_tables(kind: str) -> dict[str, frozenset[str]]:
    """The tables that a resource type's logs have of their own, each with the categories that go there."""
    found: dict[str, set[str]] = {}
    kinds = STORAGE_SERVICES if kind == STORAGE else (kind,)
    for key, table in load_category_tables().items():
        owner, _, category = key.rpartition(":")
        if owner in kinds:
            found.setdefault(table, set()).add(category)
    return {table: frozenset(categories) for table, categories in found.items()}


@dataclass(frozen=True, slots=True)
class DiagnosticStream:
    """Categories that a diagnostic setting sends for type `kind`: `categories` in lower case, or `every` one (a category group)."""

    kind: str
    categories: frozenset[str] = frozenset()
    every: bool = False

    def __bool__(self) -> bool:
        return self.every or bool(self.categories)

    def includes(self, table: str, category: str) -> bool:
        """Return whether a row is one of these logs."""
        if self.kind in ACTIVITY_SCOPES:
            return table == ACTIVITY and (self.every or not category or category in self.categories)
        if table == DIAGNOSTICS:
            return self.every or category in self.categories
        own = _map_dedicated_tables(self.kind).get(table)
        if own is None:
            return False
        known = frozenset[str]().union(*_map_dedicated_tables(self.kind).values())
        # Azure has older names of categories whose records go to the same tables.
        if self.every or not self.categories <= known:
            return True
        return category in self.categories if category in own else not own.isdisjoint(self.categories)


def has_flows(table: str, _category: str) -> bool:
    """Return whether a row tells of flows."""
    return table in FLOWS


class NewestRows:
    """The newest row of each (resource id in lower case, table, category in lower case)."""

    def __init__(self, rows: Iterable[tuple[str, str, str, datetime]] = ()) -> None:
        self._seen: dict[str, dict[tuple[str, str], datetime]] = {}
        for id_, table, category, moment in rows:
            own = self._seen.setdefault(id_, {})
            own[table, category] = max(own.get((table, category), moment), moment)
        self._ids = sorted(self._seen)

    def find_newest_time(self, key: str, counts: Counts) -> datetime | None:
        """Return the time of the newest row that counts of a resource or of one in it (a subnet of a network), None without rows."""
        moments = (
            moment for id_ in self._iterate_ids_below(key) for (table, category), moment in self._seen[id_].items()
            if counts(table, category)
        )  # fmt: skip
        return max(moments, default=None)

    def has_any(self, keys: Iterable[str]) -> bool:
        """Return whether any of these resources has a row, however old."""
        return any(next(self._iterate_ids_below(key), None) is not None for key in keys)

    def _iterate_ids_below(self, key: str) -> Iterator[str]:
        if key in self._seen:
            yield key
        within = f"{key}/"
        for place in range(bisect_left(self._ids, within), len(self._ids)):
            if not self._ids[place].startswith(within):
                return
            yield self._ids[place]


def list_log_tables() -> frozenset[str]:
    """List the tables that logs of resources are written to."""
    own = {table for key, table in load_category_tables().items() if ":" in key}
    return frozenset(own | {DIAGNOSTICS, *FLOWS})


def read_newest_rows(
    lake: Lake, data: Path, workspaces: Iterable[str], now: datetime, back: timedelta
) -> NewestRows:
    """The newest rows of late of every resource that has any in a table of logs; those of the activity log by subscription."""
    logs = list_log_tables() | {ACTIVITY}
    return NewestRows(
        (id_, held.table, category, moment)
        for workspace in workspaces
        for held in list_table_inventory(data, workspace)
        if held.table in logs
        for id_, category, moment in _query_newest(lake, workspace, held.table, now, back)
    )


def _query_newest(
    lake: Lake, workspace: str, table: str, now: datetime, back: timedelta
) -> Iterator[tuple[str, str, datetime]]:
    from nephoscope.ingest.live.ingestion.transform import convert_ticks_to_datetime

    try:
        rows = lake.query(_build_query(table, now - back), workspace=workspace, now=now)[-1].table.to_pylist()
    except KqlError:
        # A table whose definition is gone: it says nothing on any resource that is known.
        return
    for row in rows:
        yield row["Of"], row["In"], convert_ticks_to_datetime(row["Last"])


def _build_query(table: str, since: datetime) -> str:
    """The query for ids, categories and newest rows; `column_ifexists` as not every table of logs tells the category."""
    of, category = "_ResourceId", "column_ifexists('Category', '')"
    if table == ACTIVITY:
        of = "iff(isempty(_SubscriptionId), _ResourceId, strcat('/subscriptions/', _SubscriptionId))"
        category = "CategoryValue"
    return (
        f"['{table}'] | where TimeGenerated > datetime({since.isoformat()}) "
        f"| extend Of = tolower({of}), In = tolower({category}) | where isnotempty(Of) "
        "| summarize Last = max(TimeGenerated) by Of, In"
    )
