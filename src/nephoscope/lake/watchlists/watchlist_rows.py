"""Rows of Watchlist, as Sentinel writes them: of a list, and of its items.

Source: https://learn.microsoft.com/azure/azure-monitor/reference/tables/watchlist
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from nephoscope.state.workspaces.watchlists import WatchlistHead, WatchlistItem

TABLE = "Watchlist"


def list_row(head: WatchlistHead, status: str, now: datetime, by: str) -> dict[str, object]:
    """Return what happened to a list: Create, Update or Delete."""
    return _build_row(head, status, "watchlist", now, by) | {
        "_DTItemId": head.id,
        "_DTTimestamp": now.isoformat(),
    }


def build_item_rows(
    head: WatchlistHead, items: Sequence[WatchlistItem], status: str, now: datetime, by: str
) -> list[dict[str, object]]:
    """Return what happened to items, a row each."""
    common = _build_row(head, status, "watchlist-item", now, by)
    return [
        common
        | {
            "_DTItemId": one.id,
            "_DTTimestamp": one.changed.isoformat(),
            "WatchlistItemId": one.id,
            "WatchlistItem": one.cells,
            "SearchKey": one.key,
            "CreatedTimeUTC": one.created.isoformat(),
            "TimeToLive": one.expires.isoformat() if one.expires else None,
        }
        for one in items
    ]


def _build_row(head: WatchlistHead, status: str, kind: str, now: datetime, by: str) -> dict[str, object]:
    return {
        "TimeGenerated": now.isoformat(),
        "_DTItemType": kind,
        "_DTItemStatus": status,
        "WatchlistId": head.id,
        "WatchlistName": head.name,
        "WatchlistAlias": head.alias,
        "Provider": head.provider,
        "Source": head.source,
        "Notes": head.description,
        "DefaultDuration": f"P{head.days}D" if head.days else "",
        "CreatedTimeUTC": head.created.isoformat(),
        "CreatedBy": {"name": head.created_by},
        "LastUpdatedTimeUTC": now.isoformat(),
        "UpdatedBy": {"name": by},
        "SourceSystem": "Watchlist",
    }
