"""Size guard: the text and elements that one step of a query may create at once.

DuckDB counts its tables, but not every text and list that an expression makes over a batch of rows, and it looks at its limits and at
interrupts between steps alone. A function whose result can be many times as long as its arguments asks for room before.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from nephoscope_kql.functions.declaration import declare_arrow_function
from nephoscope_kql.sql.batch_size_limit import MOST, REFUSED
from nephoscope_kql.sql.routines import ArrowFunction

__all__ = ["MOST"]
SMALL = 2**16
"""A value up to this size needs no room: a batch of them is no more than MOST."""
GROWTH = 16
"""A function that makes a text at most so many times as long asks for no room."""


@dataclass
class SizeGuard:
    """Gives room to one query at a time, until it is refused once.

    An expression in TRY does not show the error: it computes its rows again one by one. So all that comes later is refused too, and
    an engine looks at `refused` when the query has ended.
    """

    refused: bool = False

    def ask(self, sizes: pa.Array) -> pa.Array:
        """True for every row of a batch; MemoryError where the sizes are too much together."""
        total = pc.sum(pc.cast(sizes, pa.float64())).as_py()
        self.refused = self.refused or (total is not None and total > MOST)
        if self.refused:
            raise MemoryError(REFUSED)
        return pa.array([True] * len(sizes), pa.bool_())

    def build_function(self) -> ArrowFunction:
        """The function under the name that ROOM has."""
        return ArrowFunction("kql_room", ("BIGINT",), "BOOLEAN", lambda sizes: self.ask(sizes))


ROOM = declare_arrow_function("kql_room", ("BIGINT",), "BOOLEAN", lambda sizes: SizeGuard().ask(sizes))


def guard_value_size(value: str, most: str, size: str = "") -> str:
    """The SQL of a value that `most` (bytes) is a bound of; `size` is a closer one, asked where `most` is not small. Uses ROOM."""
    asked = f"kql_room(CAST({size or most} AS BIGINT))"
    return f"CASE WHEN CASE WHEN {most} <= {SMALL} THEN TRUE ELSE {asked} END THEN {value} END"
