"""The operators, statements and plugins of tests/cases: rows that a person worked out, the engine and the witness beside them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

import nephoscope_kql as kql
from nephoscope_kql.catalog import MemoryCatalog, StoredFunction, TableSchema
from nephoscope_kql.compile import compile_results
from nephoscope_kql.engines.arrow_types import read_table_schema
from nephoscope_kql.engines.duckdb import DuckDBEngine
from nephoscope_kql.engines.externaldata_access import AllowedLocations
from nephoscope_kql.parser import parse
from nephoscope_kql.types import KqlType

CASES = Path(__file__).parent / "cases"

import kql_compare  # noqa: E402
import kql_engine  # noqa: E402
import rowwise  # noqa: E402

Result = kql_compare.Result
FILES = sorted(
    path
    for folder in ("operators", "plugins")
    for path in (CASES / folder).glob("*.yaml")
    if path.stem != "tables"
)
DOCUMENTS = {path.stem: yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader) for path in FILES}
ALL = [
    pytest.param(case, document.get("files", {}), id=f"{stem}: {case['query'].strip()[:100]}")
    for stem, document in DOCUMENTS.items()
    for case in document["cases"]
]


def cell(kind: str, value: Any) -> Any:
    """A cell of a case: a dynamic is JSON text, times are written as Kusto prints them."""
    return value if kind == "dynamic" else kql_compare.recorded(kind, value)


def table(columns: dict[str, str], rows: list[list[Any]]) -> Any:
    return Result(
        tuple(columns.items()),
        tuple(
            tuple(cell(kind, one) for kind, one in zip(columns.values(), row, strict=True)) for row in rows
        ),
    )


GIVEN = {
    **yaml.load((CASES / "witness.yaml").read_text(encoding="utf-8"), yaml.CSafeLoader)["tables"],
    **yaml.load((CASES / "operators/tables.yaml").read_text(encoding="utf-8"), yaml.CSafeLoader),
}
TABLES = {name: table(one["columns"], one["rows"]) for name, one in GIVEN.items()}
VIP = table(
    {"_DTItemId": "string", "LastUpdatedTimeUTC": "datetime", "SearchKey": "string", "Level": "string"},
    [["1", None, "ann", "high"], ["2", None, "bob", "low"]],
)
OTHER = table({"a": "long"}, [[7], [8]])
EVERYTHING = {**TABLES, "VIP.list": VIP, "other.Events": OTHER}


def schema(name: str) -> TableSchema:
    found = read_table_schema(name, kql_engine.arrow(EVERYTHING[name]))
    return replace(found, ingested=GIVEN.get(name, {}).get("ingested", ""))


def catalog() -> MemoryCatalog:
    """The tables, a watchlist, another workspace and another database (the same one)."""
    elsewhere = MemoryCatalog(
        {"Events": schema("other.Events")},
        {"Doubled": StoredFunction("Doubled", "Events | extend b = a * 2")},
    )
    cluster = MemoryCatalog(places={("database", "d"): elsewhere})
    return MemoryCatalog(
        {name: schema(name) for name in TABLES},
        watchlists={"VIP": schema("VIP.list")},
        places={("workspace", "other"): elsewhere, ("cluster", "c"): cluster},
    )


def compiled(query: str) -> tuple[kql.CompiledQuery, ...]:
    return compile_results(query, catalog(), now=kql_engine.NOW)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("feeds")


@pytest.fixture
def feeds(folder: Path) -> Path:
    """The folder that the engine reads feeds in, with nothing in it."""
    for path in folder.iterdir():
        path.unlink()
    return folder


@pytest.fixture(scope="module")
def engine(folder: Path) -> Iterator[DuckDBEngine]:
    """One engine for all cases."""
    given = {name: kql_engine.arrow(one) for name, one in EVERYTHING.items()}
    with DuckDBEngine(given, external=AllowedLocations(copies={"/feeds/": folder})) as made:
        yield made


def results(query: str, engine: DuckDBEngine) -> list[Any]:
    return [kql_engine.read(engine.run(one)) for one in compiled(query)]


def witnessed(query: str, files: dict[str, str]) -> list[Any]:
    from kql_engine import NOW

    from nephoscope_kql.bind import bind_all_results
    from nephoscope_kql.compile import to_ticks

    known = {f"/feeds/{name}": text for name, text in files.items()}
    probe = rowwise.WitnessProbe(rowwise.Witness(EVERYTHING, to_ticks(NOW), files=known))
    return [
        rowwise.Witness(EVERYTHING, to_ticks(NOW), files=known).result(one.relation)
        for one in bind_all_results(parse(query), catalog(), probe=probe)
    ]


def difference(found: Any, wanted: dict[str, Any], query: str, ordered: bool) -> str:
    """Why rows are not the wanted ones; '' where they are."""
    if "columns" in wanted and list(found.columns) != list(wanted["columns"].items()):
        return f"columns {found.columns}"
    if "rows" not in wanted:
        return ""
    kinds = [kind for _, kind in found.columns]
    rows = []
    for row in wanted["rows"]:
        cells = [cell(kind, one) for kind, one in zip(kinds, row, strict=True)]
        rows.append(
            tuple(
                kql_compare.parse_dynamic(one) if kind == "dynamic" else one
                for kind, one in zip(kinds, cells, strict=True)
            )
        )
    if len(rows) != len(found.rows):
        return f"{len(found.rows)} rows: {found.rows}"
    if ordered and list(found.rows) != rows:
        return f"rows in order: {found.rows}"
    return str(kql_compare.compare_rows(found, rows, query))


@pytest.mark.parametrize(("case", "files"), ALL)
def test_the_case(case: dict[str, Any], files: dict[str, str], engine: DuckDBEngine, feeds: Path) -> None:
    for name, text in files.items():
        (feeds / name).write_text(text, encoding="utf-8", newline="")
    query = case["query"]
    if "error" in case:
        with pytest.raises(kql.KqlError) as caught:
            results(query, engine)
        assert case["error"] in str(caught.value)
        assert caught.value.kind == ("unsupported" if case.get("unsupported") else "invalid")
        return
    wanted = case.get("results") or [case]
    found = results(query, engine)[-len(wanted) :]
    for one, expected in zip(found, wanted, strict=True):
        assert difference(one, expected, query, case.get("ordered", False)) == ""
    if "results" in case:
        assert [one.name for one in compiled(query)] == [one.get("name", "") for one in wanted]
    if case.get("engine_only"):
        return
    for one, other in zip(found, witnessed(query, files)[-len(wanted) :], strict=True):
        assert one.columns == other.columns
        assert kql_compare.compare_rows(one, other.rows, query) == ""
        assert len(one.rows) == len(other.rows)


@pytest.mark.parametrize(("case", "files"), [one for one in ALL if "error" not in one.values[0]])
def test_the_layout_keeps_the_tree(case: dict[str, Any], files: dict[str, str]) -> None:
    laid_out = kql.format_query(case["query"])
    assert parse(laid_out) == parse(case["query"])
    assert kql.format_query(laid_out) == laid_out


def test_a_note_says_that_a_watchlist_is_missing() -> None:
    assert compiled("_GetWatchlist('Nobody')")[0].notes == ("no watchlist is named 'Nobody': it has no rows",)


def test_run_gives_the_last_result_and_results_gives_all() -> None:
    query = "print a = 1; print b = 'x' | as Second | render table"
    assert kql.run(query).to_pylist() == [{"b": "x"}]
    first, second = kql.results(query)
    assert (first.table.to_pylist(), first.name) == ([{"a": 1}], "")
    assert (second.table.to_pylist(), second.name, second.hint.chart) == ([{"b": "x"}], "Second", "table")


def test_stored_functions_are_known_to_run() -> None:
    doubled = StoredFunction("Doubled", "T | extend b = a * times", "T: (a: long), times: long = 2")
    found = kql.run("Doubled(datatable(a: long)[4])", functions=[doubled])
    assert found.column("b").to_pylist() == [8]
    assert found.schema.field("b").metadata[b"kql.type"] == KqlType.LONG.encode()
