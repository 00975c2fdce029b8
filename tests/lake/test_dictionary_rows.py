"""Packed texts reach the tables as plain ones do."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pyarrow as pa
import pytest

from nephoscope.lake.dictionary_rows import has_stored_types, join_tables, unpack_schema
from nephoscope.lake.lake import Lake
from nephoscope.lake.schema.row_conversion import complete_rows, to_arrow_rows
from nephoscope.lake.schema.tables import Tables
from nephoscope.state import State
from nephoscope.state.workspaces.workspace import Workspace

NOW = dt.datetime.now(dt.UTC).replace(microsecond=0)
TABLE, WORKSPACE = Tables.builtin()["AzureFlowLogs"], Workspace.from_name("default")
ID = "/subscriptions/Aaaa/resourceGroups/g/providers/p/t/n"


def _rows(addresses: list[str], *, packed: bool, subscription: str | None = None) -> pa.Table:
    times = pa.array(
        [NOW - dt.timedelta(seconds=number) for number in range(len(addresses))], pa.timestamp("us", "UTC")
    )
    texts = {"SrcIp": pa.array(addresses), "_ResourceId": pa.array([ID] * len(addresses))}
    if subscription is not None:
        texts["_SubscriptionId"] = pa.array([subscription] * len(addresses))
    if packed:
        texts = {name: text.dictionary_encode() for name, text in texts.items()}
    found = complete_rows(TABLE, pa.table({"TimeGenerated": times, **texts}), workspace=WORKSPACE, now=NOW)
    assert not found.bad
    return found.table


@pytest.mark.parametrize("subscription", [None, "", "Bbbb"])
def test_packed_rows_are_the_plain_ones(subscription: str | None) -> None:
    addresses = ["10.0.0.1", "10.0.0.2", "10.0.0.1"]
    plain = _rows(addresses, packed=False, subscription=subscription)
    packed = _rows(addresses, packed=True, subscription=subscription)
    assert packed.cast(unpack_schema(packed.schema)).equals(plain)
    assert has_stored_types(packed.schema, TABLE.schema)
    some = packed.drop_columns(["SrcIp"])
    assert has_stored_types(some.schema, TABLE.schema)
    assert not has_stored_types(some.select(some.column_names[::-1]).schema, TABLE.schema)
    assert not has_stored_types(
        some.rename_columns([f"{name}x" for name in some.column_names]).schema, TABLE.schema
    )
    assert not has_stored_types(
        some.set_column(0, "TimeGenerated", pa.nulls(3, pa.int64())).schema, TABLE.schema
    )


def test_absent_texts_are_empty_and_null_is_not_kept() -> None:
    table = pa.table(
        {
            "TimeGenerated": pa.array([NOW], pa.timestamp("us", "UTC")),
            "SrcIp": pa.array([None], pa.string()).dictionary_encode(),
        }
    )
    found = complete_rows(TABLE, table, workspace=WORKSPACE, now=NOW).table.to_pylist()[0]
    assert (found["SrcIp"], found["AclRule"], found["_ResourceId"], found["_SubscriptionId"]) == (
        "",
        "",
        "",
        "",
    )


def test_packed_and_plain_rows_are_joined() -> None:
    tables = [_rows(["a"], packed=True), _rows(["b", "a"], packed=False), _rows(["c"], packed=True)]
    whole = join_tables(tables)
    assert whole.column("SrcIp").to_pylist() == ["a", "b", "a", "c"]
    assert whole.column("SrcIp").num_chunks == 1
    assert join_tables(tables[1:2]).equals(tables[1])


def test_packed_rows_are_written_and_read_beside_plain_ones(tmp_path: Path) -> None:
    with State.open_folder(tmp_path) as state, Lake.open(tmp_path, state) as lake:
        writer = lake.writer()
        for number, packed in enumerate((True, False, True)):
            rows = _rows([f"10.0.{number}.{place % 7}" for place in range(100)], packed=packed)
            writer.append("default", {"AzureFlowLogs": rows}, producer="p", sequence=number)
        writer.append(
            "default",
            {
                "AzureFlowLogs": to_arrow_rows(
                    TABLE, [{"TimeGenerated": NOW}], workspace=WORKSPACE, now=NOW
                ).table
            },
            producer="p",
            sequence=3,
        )
        lake.flush()
        found = lake.query(
            "AzureFlowLogs | summarize count() by SrcIp, _ResourceId, _SubscriptionId, Type | order by SrcIp asc"
        )[0]
        rows_found = found.table.to_pylist()
        assert [row["SrcIp"] for row in rows_found] == [
            "",
            *(f"10.0.{number}.{place}" for number in range(3) for place in range(7)),
        ]
        assert sum(row["count_"] for row in rows_found) == 301
        assert {row["_SubscriptionId"] for row in rows_found[1:]} == {"aaaa"}
        assert lake.compact(most=0) is not None
        assert lake.query("AzureFlowLogs | count")[0].table.to_pylist() == [{"Count": 301}]


def test_files_are_joined_with_their_texts_packed(tmp_path: Path) -> None:
    with State.open_folder(tmp_path) as state, Lake.open(tmp_path, state) as lake:
        for number in range(4):
            rows = _rows([f"10.0.0.{place % 3}" for place in range(2000)], packed=number % 2 == 0)
            lake.writer().append("default", {"AzureFlowLogs": rows}, producer="p", sequence=number)
            lake.flush()
        before = lake.query(
            "AzureFlowLogs | summarize count() by SrcIp, _ResourceId, Type | order by SrcIp asc"
        )[0].table
        assert lake.compact(most=1)
        after = lake.query(
            "AzureFlowLogs | summarize count() by SrcIp, _ResourceId, Type | order by SrcIp asc"
        )[0].table
        assert after.to_pylist() == before.to_pylist()
        assert sum(after.column("count_").to_pylist()) == 8000
