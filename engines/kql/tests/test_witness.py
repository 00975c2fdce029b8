"""The engine and the witness (tests/oracle/rowwise.py: plain Python, row by row) give the same rows on the same bound tree."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

CASES = yaml.load(
    (Path(__file__).parent / "cases/witness.yaml").read_text(encoding="utf-8"), yaml.CSafeLoader
)

import kql_compare  # noqa: E402
import kql_engine  # noqa: E402
import kql_witness  # noqa: E402

Result = kql_compare.Result
QUERIES = [case["query"] for case in CASES["queries"]]
SCHEMAS = {name: list(table["columns"].items()) for name, table in CASES["tables"].items()}


def cell(kind: str, value: Any) -> Any:
    return value if kind == "dynamic" else kql_compare.recorded(kind, value)


TABLES = {
    name: Result(
        tuple(table["columns"].items()),
        tuple(
            tuple(cell(kind, value) for kind, value in zip(table["columns"].values(), row, strict=True))
            for row in table["rows"]
        ),
    )
    for name, table in CASES["tables"].items()
}
WORDS = st.sampled_from(
    ["", "alpha", "Alpha Beta", "beta_gamma", "a", "A", "10.0.0.1", "ä", "12", "1.5", "[1]", '{"a":2}', "x y"]
)
CELLS = {
    "long": st.one_of(st.none(), st.integers(-3, 9), st.sampled_from([2**63 - 1, -(2**63), 2**53 + 1])),
    "int": st.one_of(st.none(), st.integers(-9, 9), st.sampled_from([2**31 - 1, -(2**31)])),
    "real": st.one_of(
        st.none(), st.sampled_from([0.0, 1.5, -2.5, 0.25, float("nan"), float("inf"), float("-inf")])
    ),
    "bool": st.sampled_from([None, True, False]),
    "string": WORDS,
    "datetime": st.one_of(st.none(), st.integers(639_040_752 * 10**9, 639_041_752 * 10**9)),
    "timespan": st.one_of(st.none(), st.integers(-(10**13), 10**13)),
    "dynamic": st.sampled_from(
        [
            None,
            '{"a":1,"b":[1,2]}',
            "[1,2]",
            "[]",
            "{}",
            '{"a":"1"}',
            '"x"',
            "1",
            "1.5",
            "true",
            '{"c":{"d":"y"}}',
            "[null]",
        ]
    ),
}


@st.composite
def tables(draw: st.DrawFn) -> dict[str, Any]:
    """Both tables with up to six rows each."""
    made = {}
    for name, columns in SCHEMAS.items():
        row = st.tuples(*[CELLS[kind] for _, kind in columns])
        made[name] = Result(tuple(columns), tuple(draw(st.lists(row, max_size=6))))
    return made


def disagreement(query: str, given_tables: dict[str, Any]) -> str:
    """Why the engine's rows are not the witness's; '' where they agree."""
    witness = kql_witness.rows(query, given_tables)
    answer = kql_engine.nephoscope({name: kql_engine.arrow(table) for name, table in given_tables.items()})(
        query
    )
    assert answer.result is not None, answer.message
    if answer.result.columns != witness.columns:
        return f"columns {answer.result.columns}, witness {witness.columns}"
    if len(answer.result.rows) != len(witness.rows):
        return f"{len(answer.result.rows)} rows, witness {len(witness.rows)}"
    return kql_compare.compare_rows(answer.result, witness.rows, query)


@pytest.mark.sampled(3)
@pytest.mark.parametrize("query", QUERIES)
def test_the_rows_of_the_table(query: str) -> None:
    assert disagreement(query, TABLES) == ""


@pytest.mark.parametrize(
    "case", [case for case in CASES["queries"] if "rows" in case], ids=lambda case: case["query"]
)
def test_the_rows_that_a_person_worked_out(case: dict[str, Any]) -> None:
    found = kql_witness.rows(case["query"], TABLES)
    kinds = [kind for _, kind in found.columns]
    wanted = [
        tuple(cell(kind, value) for kind, value in zip(kinds, row, strict=True)) for row in case["rows"]
    ]
    assert kql_compare.compare_rows(found, wanted, case["query"]) == ""
    assert len(found.rows) == len(wanted)


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(query=st.sampled_from(QUERIES), made=tables())
def test_made_rows(query: str, made: dict[str, Any]) -> None:
    assert disagreement(query, made) == ""
