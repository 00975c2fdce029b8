"""The comparers reject: every mutation of every record of the table is told from the recorded result."""

from __future__ import annotations

import copy
import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import kql_compare
import kql_order
import kql_printed
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

TABLE = Path(__file__).parent / "cases" / "comparer.json"
RECORDS: list[dict[str, Any]] = json.loads(TABLE.read_text(encoding="utf-8"))["recorded"]
TABLES: list[dict[str, Any]] = json.loads(TABLE.read_text(encoding="utf-8"))["printed"]
NAMES = [record["name"] for record in RECORDS]


def result(record: dict[str, Any]) -> Any:
    """What an engine that is right gives for a record, its types told apart."""
    got = kql_compare.recorded_result(record["expected"])
    kinds = {"int|long": "long", "real|decimal": "real"}
    return kql_compare.Result(tuple((name, kinds.get(kind, kind)) for name, kind in got.columns), got.rows)


def changed(cell: Any) -> Iterator[Any]:
    """Values near a cell that are not equal to it."""
    if cell is None:
        yield from ("", 0, False)
    elif isinstance(cell, bool):
        yield from (not cell, int(cell), str(cell))
    elif isinstance(cell, int):
        yield from (cell + 1, float(cell), str(cell), None)
    elif isinstance(cell, float):
        yield from (
            0.5 if math.isnan(cell) or math.isinf(cell) else cell * (1 + 1e-7) + 1e-7,
            str(cell),
            None,
        )
        if cell.is_integer():
            yield int(cell)
        if math.isinf(cell):
            yield -cell
    elif isinstance(cell, str):
        yield from (cell + " ", cell.swapcase() if cell.swapcase() != cell else cell + "x", None)
    elif isinstance(cell, list):
        yield from ([*cell, None], cell[:-1] if cell else None, json.dumps(cell))
        if len(cell) > 1 and cell != cell[::-1]:
            yield cell[::-1]
        for place, item in enumerate(cell):
            yield from ([*cell[:place], other, *cell[place + 1 :]] for other in changed(item))
    else:
        yield from ({**cell, "other": 1}, json.dumps(cell), [cell])
        for key, item in cell.items():
            yield {name: value for name, value in cell.items() if name != key}
            yield {(name.swapcase() + "'" if name == key else name): value for name, value in cell.items()}
            yield from ({**cell, key: other} for other in changed(item))


def mutations(record: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Results that differ from the recorded one in one thing."""
    right = result(record)
    columns, rows = right.columns, right.rows
    make = kql_compare.Result
    yield "no columns", make((), ())
    yield "a column too many", make((*columns, ("other", "long")), tuple((*row, 1) for row in rows))
    for place, (name, kind) in enumerate(columns):
        for other in ("string", "long", "real", "dynamic", "timespan"):
            allowed = record["expected"]["columns"][place][1].split("|")
            if other != kind and other not in allowed:
                yield f"type of {name}", make((*columns[:place], (name, other), *columns[place + 1 :]), rows)
        yield (
            f"case of {name}",
            make((*columns[:place], (name.swapcase(), kind), *columns[place + 1 :]), rows),
        )
        if place:
            swap = [*columns]
            swap[place - 1], swap[place] = swap[place], swap[place - 1]
            yield f"swap at {name}", make(tuple(swap), rows)
    yield from ((name, make(columns, other)) for name, other in row_mutations(record, rows))


def row_mutations(record: dict[str, Any], rows: Any) -> Iterator[tuple[str, Any]]:
    yield "a row too many", (*rows, rows[-1]) if rows else ((None,),)
    for place, row in enumerate(rows):
        yield f"drop row {place}", (*rows[:place], *rows[place + 1 :])
        if len(set(map(repr, rows))) > 1:
            other = next(one for one in rows if repr(one) != repr(row))
            yield f"row {place} twice", (*rows[:place], other, *rows[place + 1 :])
        for at, cell in enumerate(row):
            for value in changed(cell):
                yield (
                    f"cell {place},{at} is {value!r}",
                    (*rows[:place], (*row[:at], value, *row[at + 1 :]), *rows[place + 1 :]),
                )
    if record.get("ordered"):
        yield "reversed", rows[::-1]


@pytest.mark.parametrize("record", RECORDS, ids=NAMES)
def test_the_recorded_result_matches(record: dict[str, Any]) -> None:
    assert kql_compare.compare(record, result(record)) == ""


@pytest.mark.parametrize("record", RECORDS, ids=NAMES)
def test_every_mutation_is_rejected(record: dict[str, Any]) -> None:
    accepted = [name for name, mutated in mutations(record) if not kql_compare.compare(record, mutated)]
    assert accepted == []


def test_the_table_makes_every_kind_of_mutation() -> None:
    made = {name.split(" ")[0] for record in RECORDS for name, _ in mutations(record)}
    assert made == {"no", "a", "type", "case", "swap", "drop", "row", "cell", "reversed"}
    cells = [cell for record in RECORDS for row in result(record).rows for cell in row]
    assert {type(cell) for cell in cells} == {type(None), bool, int, float, str, list, dict}


@pytest.mark.parametrize(
    "record", [record for record in RECORDS if not record.get("ordered")], ids=lambda r: r["name"]
)
def test_rows_without_an_order_are_a_multiset(record: dict[str, Any]) -> None:
    right = result(record)
    assert kql_compare.compare(record, kql_compare.Result(right.columns, right.rows[::-1])) == ""


def test_keys_of_a_bag_have_no_order() -> None:
    assert kql_compare.same_cell("dynamic", {"a": 1, "b": [1.0]}, {"b": [1.0], "a": 1})


def test_rows_with_equal_keys_may_change_places() -> None:
    record = next(record for record in RECORDS if record["name"] == "ties")
    right = result(record)
    first, second, *rest = right.rows
    assert kql_compare.compare(record, kql_compare.Result(right.columns, (second, first, *rest))) == ""
    assert kql_compare.compare(record, kql_compare.Result(right.columns, (*rest, first, second))) != ""


def test_rows_that_were_cut_are_contained() -> None:
    record = copy.deepcopy(RECORDS[0])
    full = result(record)
    assert len(full.rows) > 1
    record |= {"complete": False, "row_count": len(full.rows)}
    record["expected"]["rows"] = record["expected"]["rows"][:1]
    assert kql_compare.compare(record, full) == ""
    assert kql_compare.compare(record, kql_compare.Result(full.columns, full.rows[:1])) != ""
    assert kql_compare.compare(record, kql_compare.Result(full.columns, (*full.rows[1:], full.rows[1]))) != ""


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table["name"])
def test_printed_tables(table: dict[str, Any]) -> None:
    kinds = tuple((name, kind) for name, kind in table["ours"]["columns"])
    rows = kql_compare.recorded_result(table["ours"]).rows
    assert (kql_printed.compare_printed(table, kql_compare.Result(kinds, rows)) == "") is table["matches"]


@pytest.mark.parametrize(
    "table", [table for table in TABLES if table["matches"]], ids=lambda table: table["name"]
)
def test_printed_tables_reject(table: dict[str, Any]) -> None:
    columns, rows = (
        kql_compare.recorded_result(table["ours"]).columns,
        kql_compare.recorded_result(table["ours"]).rows,
    )
    names = [(name.swapcase(), kind) for name, kind in columns]
    assert kql_printed.compare_printed(table, kql_compare.Result(tuple(names), rows)) != ""
    assert kql_printed.compare_printed(table, kql_compare.Result(columns, rows[1:])) != ""
    assert kql_printed.compare_printed(table, kql_compare.Result(columns, (*rows, rows[0]))) != ""


@pytest.mark.parametrize(
    ("query", "keys"),
    [
        ("T | sort by a desc", (0,)),
        ("T | order by a asc nulls last, b | where b > 1 | extend c = 1 | project a, b | take 5", (0, 1)),
        ("T | top 3 by b", (1,)),
        ("let r = T | sort by a; r | where a > 1", (0,)),
        ('T | where s == "| sort by x" | sort by a // | count', (0,)),
        ("(T | sort by a)", (0,)),
    ],
)
def test_an_order_is_seen(query: str, keys: tuple[int, ...]) -> None:
    order = kql_order.order_of(query, ["a", "b"])
    assert order is not None
    assert (order.keys, order.exact_ties) == (keys, True)


@pytest.mark.parametrize(
    "query",
    [
        "T",
        "T | sort by a | summarize count() by a",
        "T | sort by a | mv-expand b",
        "T | take 5",
        "T | where a == 'x | sort by a'",
    ],
)
def test_no_order_is_seen(query: str) -> None:
    assert kql_order.order_of(query, ["a", "b"]) is None


@pytest.mark.parametrize("query", ["T | sort by strlen(a)", "T | sort by a | extend a = 1", "T | sort by z"])
def test_ties_that_cannot_be_told_are_ordered_strictly(query: str) -> None:
    order = kql_order.order_of(query, ["a", "b"])
    assert order is not None
    assert not order.exact_ties
