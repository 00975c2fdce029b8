"""What becomes of values on their way into a table."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nephoscope.lake.errors import LakeError
from nephoscope.lake.schema.arrow_column import coerce_column
from nephoscope.lake.schema.coercion import NONE, coerce_value
from nephoscope.lake.schema.column_types import get_storage_type
from nephoscope.lake.schema.row_conversion import complete_rows, to_arrow_rows
from nephoscope.lake.schema.table import LakeTable
from nephoscope.state.workspaces.workspace import Workspace
from nephoscope_kql.types import KqlType

NOW = dt.datetime(2026, 6, 1, 12, tzinfo=dt.UTC)
PLACE = Workspace("w", "11111111-1111-1111-1111-111111111111", 30, {"Kept": 400})
GUID = "0F8FAD5B-D9CB-469F-A165-70867728950E"
T = LakeTable.of(
    "T", {f"the_{kind}": kind for kind in KqlType} | {"Case": KqlType.LONG, "case": KqlType.STRING}
)


def made(*rows: dict, table: LakeTable = T):
    return to_arrow_rows(table, [{"TimeGenerated": NOW, **row} for row in rows], workspace=PLACE, now=NOW)


def bag(row: dict) -> object:
    return None if row["_AdditionalFields"] is None else json.loads(row["_AdditionalFields"])


@pytest.mark.parametrize(
    ("kind", "value", "stored"),
    [
        ("bool", "True", True),
        ("bool", "0", False),
        ("bool", 1, True),
        ("bool", "yes", NONE),
        ("bool", 2, NONE),
        ("int", "42", 42),
        ("int", 42.0, 42),
        ("int", 42.5, NONE),
        ("int", "0x2A", NONE),
        ("int", 2**31, NONE),
        ("int", True, 1),
        ("long", 2**63 - 1, 2**63 - 1),
        ("long", 2**63, NONE),
        ("long", " -7 ", -7),
        ("long", "7.00", 7),
        ("long", "7.5", NONE),
        ("long", "", None),
        ("long", [1], NONE),
        ("real", "1e3", 1000.0),
        ("real", 1, 1.0),
        ("real", "1,5", NONE),
        ("real", float("inf"), float("inf")),
        ("decimal", "0.10", Decimal("0.10")),
        ("decimal", 10**30, NONE),
        ("string", 1.5, "1.5"),
        ("string", True, "true"),
        ("string", {"a": 1}, '{"a":1}'),
        ("string", None, ""),
        ("string", "a\ud800b", "a\\ud800b"),
        ("guid", GUID, GUID.lower()),
        ("guid", uuid.UUID(GUID), GUID.lower()),
        ("guid", "{" + GUID + "}", GUID.lower()),
        ("guid", "no guid", NONE),
        ("timespan", "1.02:03:04.5", 937845000000),
        ("timespan", "-00:00:01", -10_000_000),
        ("timespan", dt.timedelta(microseconds=1), 10),
        ("timespan", "soon", NONE),
        ("dynamic", {"b": 1, "a": [1.0, None]}, '{"b":1,"a":[1.0,null]}'),
        ("dynamic", ' {"b" : 1}', '{"b":1}'),
        ("dynamic", "[1, 2", '"[1, 2"'),
        ("dynamic", "text", '"text"'),
        ("dynamic", 2**80, str(2**80)),
        ("datetime", "2026-05-30T01:02:03.1234567Z", dt.datetime(2026, 5, 30, 1, 2, 3, 123456, dt.UTC)),
        (
            "datetime",
            "2026-05-30T01:02:03.123456789+02:00",
            dt.datetime(2026, 5, 29, 23, 2, 3, 123456, dt.UTC),
        ),
        ("datetime", "2026-05-30 01:02:03", dt.datetime(2026, 5, 30, 1, 2, 3, 0, dt.UTC)),
        ("datetime", "2026-05-30", dt.datetime(2026, 5, 30, 0, 0, 0, 0, dt.UTC)),
        ("datetime", "2026-05-30 01:02:03 UTC", dt.datetime(2026, 5, 30, 1, 2, 3, 0, dt.UTC)),
        ("datetime", "5/30/2026 1:02:03 PM", dt.datetime(2026, 5, 30, 13, 2, 3, 0, dt.UTC)),
        ("datetime", "5/30/2026, 12:02:03.250 AM", dt.datetime(2026, 5, 30, 0, 2, 3, 250000, dt.UTC)),
        ("datetime", "2026-02-30", NONE),
        ("datetime", "yesterday", NONE),
        ("datetime", "20260530", NONE),
        ("datetime", 1780000000, dt.datetime(2026, 5, 28, 20, 26, 40, 0, dt.UTC)),
        ("datetime", "1780000000", dt.datetime(2026, 5, 28, 20, 26, 40, 0, dt.UTC)),
        ("datetime", 20260530, NONE),
    ],
)
def test_a_value_fits_its_column_or_goes_to_the_bag(kind: str, value: object, stored: object) -> None:
    (row,) = made({f"the_{kind}": value}).table.to_pylist()
    if stored is NONE:
        assert row[f"the_{kind}"] is None
        assert bag(row) == {f"the_{kind}": value}
    else:
        assert row[f"the_{kind}"] == stored
        assert bag(row) is None


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.integers(-5, 5),
    st.floats(),
    st.sampled_from(
        [
            "",
            " ",
            "1",
            "1.0",
            "1.5",
            "true",
            "2026-05-30T01:02:03.1234567Z",
            "2026-05-30",
            GUID,
            GUID.lower(),
            "00:00:01",
            "{}",
            "[1]",
        ]
    ),
    st.text(max_size=8),
    st.datetimes(timezones=st.just(dt.UTC)),
    st.lists(st.integers(0, 3), max_size=2),
    st.dictionaries(st.sampled_from("ab"), st.integers(0, 3), max_size=2),
)


@given(
    st.one_of(
        st.lists(VALUES, max_size=6),
        *(
            st.lists(one, max_size=6)
            for one in (st.integers(-(2**64), 2**64), st.floats(), st.text(max_size=5), st.booleans())
        ),
        st.lists(
            st.sampled_from(["2026-05-30T01:02:03Z", "2026-05-30T01:02:03.7654321Z", "1600-01-01T00:00:00Z"]),
            max_size=6,
        ),
    ),
    st.sampled_from(list(KqlType)),
)
def test_whole_columns_are_as_their_values(values: list[object], kind: KqlType) -> None:
    found = coerce_column(values, kind)
    cells = [coerce_value(value, kind) for value in values]
    assert found.unfit.keys() == {place for place, cell in enumerate(cells) if cell is NONE}
    wanted = pa.array([None if cell is NONE else cell for cell in cells], get_storage_type(kind))
    assert found.array.equals(wanted) or repr(found.array.to_pylist()) == repr(wanted.to_pylist())


def test_what_has_no_column_goes_to_the_bag() -> None:
    rows = made(
        {"x": 1, "Case": 2, "case": "three", "CASE": 4},
        {"_AdditionalFields": {"y": 1}, "x": 2},
        {"_AdditionalFields": '{"y":2}'},
        {"_AdditionalFields": "loose", "x": None},
    ).table.to_pylist()
    assert [bag(row) for row in rows] == [
        {"x": 1, "CASE": 4},
        {"y": 1, "x": 2},
        {"y": 2},
        {"_AdditionalFields": "loose"},
    ]
    assert (rows[0]["Case"], rows[0]["case"]) == (2, "three")


@pytest.mark.parametrize(
    ("time", "reason"),
    [
        (None, "has no TimeGenerated"),
        ("soon", 'no time: "soon"'),
        (NOW - dt.timedelta(days=30, seconds=1), "older than the 30 days"),
        (NOW + dt.timedelta(days=1, seconds=1), "a day ahead"),
    ],
)
def test_rows_outside_of_time_are_bad(time: object, reason: str) -> None:
    found = made({}, {"TimeGenerated": time, "the_long": 1}, {"the_long": 2})
    ((place, why),) = found.bad
    assert (place, found.table.column("the_long").to_pylist()) == (1, [None, 2])
    assert reason in why


def test_a_table_may_be_kept_longer() -> None:
    table = LakeTable.of("Kept", {})
    assert made({"TimeGenerated": NOW - dt.timedelta(days=399)}, table=table).bad == []


def test_the_standard_columns_are_set() -> None:
    resource = "/subscriptions/ABCD/resourceGroups/G/providers/P/t/n"
    rows = made(
        {"_ResourceId": resource, "TenantId": "forged", "Type": "forged", "_IngestedAt": "2020-01-01"},
        {"_SubscriptionId": "EFGH", "_ResourceId": resource},
        {},
    ).table.to_pylist()
    assert [row["_SubscriptionId"] for row in rows] == ["abcd", "abcd", ""], "the resource says whose it is"
    assert bag(rows[0]) == {"TenantId": "forged", "Type": "forged", "given_IngestedAt": "2020-01-01"}
    assert bag(rows[1]) == {"given_SubscriptionId": "EFGH"}, "what contradicts it is kept"
    assert rows[0]["_ResourceId"] == resource.lower()
    assert {(row["TenantId"], row["Type"], row["_IngestedAt"]) for row in rows} == {(PLACE.id, "T", NOW)}


def test_no_rows_are_an_empty_table() -> None:
    assert to_arrow_rows(T, [], workspace=PLACE, now=NOW).table.schema.equals(T.schema)


def test_columns_that_have_their_types_already_are_completed() -> None:
    times = pa.array([NOW, None, NOW - dt.timedelta(days=99)], get_storage_type(KqlType.DATETIME))
    given_ = pa.table(
        {"the_long": pa.array([1, 2, 3]), "TimeGenerated": times, "the_string": pa.array(["a", None, "c"])}
    )
    found = complete_rows(T, given_, workspace=PLACE, now=NOW)
    assert found.table.schema.equals(T.schema)
    assert [place for place, _ in found.bad] == [1, 2]
    (row,) = found.table.to_pylist()
    assert (row["the_long"], row["the_string"], row["the_real"], row["case"]) == (1, "a", None, "")
    same = to_arrow_rows(
        T, [{"TimeGenerated": NOW, "the_long": 1, "the_string": "a"}], workspace=PLACE, now=NOW
    )
    assert found.table.equals(same.table)


@pytest.mark.parametrize("column", [{"nowhere": [1]}, {"the_long": ["text"]}])
def test_columns_in_other_types_are_refused(column: dict) -> None:
    with pytest.raises(LakeError, match="wanted is"):
        complete_rows(T, pa.table(column), workspace=PLACE, now=NOW)


GUID = "0B1C2D3E-0000-4000-8000-00000000000A"


@pytest.mark.parametrize(
    ("table", "row", "expected"),
    [
        ("T", {"SubscriptionId": GUID}, GUID.lower()),
        ("T", {"SubscriptionId": GUID, "_SubscriptionId": "EFGH"}, "efgh"),
        ("T", {"SubscriptionId": GUID, "_ResourceId": "/subscriptions/ABCD/resourceGroups/g"}, "abcd"),
        ("T", {"SubscriptionId": "sub_1NXWPnLkdIwHu7ix"}, ""),
        ("T", {"SubscriptionId": f"{GUID}0"}, ""),
        ("T", {"SubscriptionId": f"/subscriptions/{GUID}"}, ""),
        ("T", {"SubscriptionId": None}, ""),
        ("Own_CL", {"SubscriptionId": GUID}, ""),
    ],
)
@pytest.mark.parametrize("kind", [KqlType.STRING, KqlType.GUID])
def test_a_row_that_names_its_subscription_is_of_it(
    table: str, row: dict, expected: str, kind: KqlType
) -> None:
    made_of = LakeTable.of(table, {"SubscriptionId": kind})
    assert made(row, {}, table=made_of).table.column("_SubscriptionId").to_pylist() == [expected, ""]


def test_the_column_of_a_name_alone_is_believed() -> None:
    table = LakeTable.of("T", {"SubscriptionId": KqlType.DYNAMIC})
    assert made({"SubscriptionId": GUID}, table=table).table.column("_SubscriptionId").to_pylist() == [""]
    assert made({"SubscriptionId": GUID}).table.column("_SubscriptionId").to_pylist() == [""], (
        "it is in the bag"
    )


def test_packed_rows_name_their_subscription() -> None:
    table = LakeTable.of("T", {"SubscriptionId": KqlType.STRING})
    times = pa.array([NOW] * 3, pa.timestamp("us", "UTC"))
    named = pa.array([GUID, "", "none"])
    for texts in (named, named.dictionary_encode()):
        given = pa.table({"TimeGenerated": times, "SubscriptionId": texts})
        found = complete_rows(table, given, workspace=PLACE, now=NOW).table.column("_SubscriptionId")
        assert found.to_pylist() == [GUID.lower(), "", ""]
