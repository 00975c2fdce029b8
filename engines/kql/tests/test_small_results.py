"""Results that are fetched as values are those that are fetched as Arrow tables."""

from __future__ import annotations

from datetime import UTC, datetime

import pyarrow as pa

from nephoscope_kql.catalog import MemoryCatalog
from nephoscope_kql.compile import compile_results
from nephoscope_kql.engines.duckdb import DuckDBEngine

EVERY_TYPE = """
let rows = range N from 1 to 3 step 1 | extend Odd = N % 2 == 1;
rows
| extend Bool = iff(Odd, true, bool(null)), Int = iff(Odd, toint(N), int(null)), Long = iff(Odd, N, long(null)),
    Real = iff(Odd, N / 7.0, real(null)), Decimal = todecimal('1.25'), Text = iff(Odd, 'a\\u00e9', ''),
    When = datetime(2026-06-01) + N * 1d, Span = N * 90s, Guid = guid(74be27de-1e4e-49d9-b579-fe0b331d3642),
    Bag = bag_pack('n', N, 'l', pack_array(1, 'x')), Nothing = dynamic(null)
| order by N asc
"""


def test_values_make_the_same_table() -> None:
    now = datetime(2026, 6, 1, tzinfo=UTC)
    for query in (EVERY_TYPE, f"{EVERY_TYPE} | where N > 5"):
        compiled = compile_results(query, MemoryCatalog({}), now=now)[-1]
        with DuckDBEngine(threads=1) as engine, DuckDBEngine(threads=1, small=True) as small:
            found, wanted = small.run(compiled), engine.run(compiled)
        assert isinstance(found, pa.Table)
        assert found.schema.equals(wanted.schema, check_metadata=True)
        assert found.to_pylist() == wanted.to_pylist()
