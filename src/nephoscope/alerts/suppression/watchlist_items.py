"""The items of watchlists, for conditions that name one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow.parquet as pq

from nephoscope.alerts.suppression.condition import Lists

if TYPE_CHECKING:
    from nephoscope.lake.lake import Lake


def open_watchlist_items(lake: Lake, workspace: str) -> Lists:
    """Gives the search keys of a watchlist as it is now; those of one that is not there are none."""

    def items(alias: str) -> list[str]:
        found = lake.watchlists.get(workspace, alias)
        if found is None:
            return []
        keys: list[str | None] = pq.read_table(found.path, columns=["SearchKey"])[0].to_pylist()
        return [one for one in keys if one]

    return items
