"""Rows of a firewall's log in any number, the same every time; in the order of their time but for a little."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pyarrow as pa

from nephoscope.lake.lake import Lake
from nephoscope.lake.schema.row_conversion import complete_rows

TABLE = "CommonSecurityLog"
CHUNK = 50_000


class Firewall:
    """Makes appends of CHUNK rows."""

    def __init__(self, lake: Lake, seed: int = 1) -> None:
        self._lake = lake
        self._table = lake.tables[TABLE]
        self._random = np.random.default_rng(seed)
        self._addresses = pa.array(
            [f"10.{a}.{b}.{c}" for a, b, c in self._random.integers(0, 256, (20_000, 3))]
        )
        self._resources = pa.array(
            [
                f"/subscriptions/{one:08x}-0000-4000-8000-000000000000/resourcegroups/rg{one}"
                for one in range(50)
            ]
        )

    def chunk(self, first: dt.datetime, size: int = CHUNK) -> pa.Table:
        """Rows of the second that begins at a time."""
        draw = self._random
        micros = (
            int(first.timestamp() * 1_000_000)
            + np.sort(draw.integers(0, 1_000_000, size))
            - draw.integers(0, 9, size)
        )
        columns = {
            "TimeGenerated": pa.array(micros, pa.int64()).cast(pa.timestamp("us", "UTC")),
            "DeviceVendor": self._of(["Contoso"], size),
            "DeviceAction": self._of(["allow", "deny", "reset"], size),
            "Protocol": self._of(["TCP", "UDP"], size),
            "SourceIP": self._some(self._addresses, size),
            "DestinationIP": self._some(self._addresses, size),
            "SourcePort": pa.array(draw.integers(1024, 65536, size), pa.int32()),
            "DestinationPort": pa.array(draw.choice([443, 80, 53, 22, 3389], size), pa.int32()),
            "SentBytes": pa.array(draw.integers(40, 2_000_000, size), pa.int64()),
            "ReceivedBytes": pa.array(draw.integers(40, 2_000_000, size), pa.int64()),
            "_ResourceId": self._some(self._resources, size),
        }
        rows = pa.table(
            {name: values.cast(self._table.schema.field(name).type) for name, values in columns.items()}
        )
        return complete_rows(
            self._table, rows, workspace=self._lake.workspace(), now=dt.datetime.now(dt.UTC)
        ).table

    def _some(self, of: pa.Array, size: int) -> pa.Array:
        return of.take(pa.array(self._random.integers(0, len(of), size)))

    def _of(self, words: list[str], size: int) -> pa.Array:
        return self._some(pa.array(words), size)
