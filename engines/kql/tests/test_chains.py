"""Long sums are no nesting, and arithmetic of any shape ends: in rows, or in a KqlError."""

from __future__ import annotations

import pyarrow as pa
import pytest

import nephoscope_kql as kql
from nephoscope_kql.catalog import TableSchema
from nephoscope_kql.parser.expressions import MAX_TERMS
from nephoscope_kql.types import KqlType

TABLE = pa.table(
    {
        "a": [1, 2**62],
        "i": pa.array([1, 2**30], pa.int32()),
        "r": [0.5, 1.5],
        "d": pa.array([3, 4], pa.int64()),
    }
)


def wrapped(value: int, bits: int) -> int:
    return (value + 2 ** (bits - 1)) % 2**bits - 2 ** (bits - 1)


def x(expression: str) -> list[object]:
    rows = kql.run(f"T | extend x = {expression}", {"T": TABLE})
    found: list[object] = rows["x"].to_pylist()
    return found


@pytest.mark.parametrize("terms", [5, 65, MAX_TERMS])
def test_a_long_sum_is_computed_from_the_left(terms: int) -> None:
    assert x("+".join(["1"] * terms)) == [terms, terms]
    assert x("+".join(["a"] * terms)) == [terms, wrapped(terms * 2**62, 64)]
    assert x("-".join(["a"] * terms)) == [2 - terms, wrapped((2 - terms) * 2**62, 64)]
    # an int is computed as a long
    assert x("+".join(["i"] * terms)) == [terms, terms * 2**30]
    assert x("+".join(["r"] * terms)) == [terms * 0.5, terms * 1.5]
    assert x("+".join(["a * d"] * terms)) == [3 * terms, wrapped(2**64 * terms, 64)]
    assert x("1d * d" + " + 1d" * min(terms, 60)) == [
        (3 + min(terms, 60)) * 864_000_000_000,
        (4 + min(terms, 60)) * 864_000_000_000,
    ]


def test_a_sum_has_a_limit() -> None:
    with pytest.raises(kql.KqlError, match=f"a sum of more than {MAX_TERMS} terms"):
        x("+".join(["a"] * (MAX_TERMS + 1)))


@pytest.mark.parametrize(
    ("expression", "wanted"),
    [
        ("a" + " * d" * 25, [3**25, 0]),
        ("a" + " / d" * 25, [0, 4096]),
        ("a" + " % d" * 25, [1, 0]),
        ("(" * 12 + "d" + " * d + a)" * 12, None),
        ("a - (" * 20 + "d" + ")" * 20, [3, 4]),
        ("datetime(2020-01-01)" + " + d * 1h" * 25, None),
        ("a" + " - d * 2" * 25, [1 - 150, 2**62 - 200]),
    ],
)
def test_no_shape_takes_for_ever(expression: str, wanted: list[int] | None) -> None:
    """What is written out at several places doubles with every level: 25 levels would not end."""
    assert wanted is None or x(expression) == wanted
    assert len(x(expression)) == 2


def test_a_routine_outside_of_the_database_is_written_for_each_output_once() -> None:
    """What is read again, or compared, is a column by then: one call costs more than many expressions of SQL."""
    query = """T | make-series S = count() on A from 0 to 10 step 1
    | extend (Flags, Scores, Baseline) = series_decompose_anomalies(S)
    | where toreal(Flags[-1]) > 0
    | extend Expected = round(toreal(Baseline[-1]), 1), Score = round(toreal(Scores[-1]), 1)
    | extend Anomaly = min_of(1.0, Score / 20), Why = strcat(Score, ' ', Expected)
    | project Expected, Score, Anomaly, Why"""
    catalog = kql.MemoryCatalog({"T": TableSchema("T", (("A", KqlType.LONG),))})
    sql = kql.compile(query, catalog).sql.lower()
    assert sql.count("kql_series_decompose_anomalies(") == 3
