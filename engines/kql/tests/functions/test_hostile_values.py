"""No value makes a function raise: every signature over columns of null, empty, extreme and malformed values of its types."""

from __future__ import annotations

import math
from collections import defaultdict
from decimal import Decimal

import pyarrow as pa
import pytest
from written import NOW, given

import nephoscope_kql as kql
from nephoscope_kql.plan.function_signatures import Signature
from nephoscope_kql.registry import load_aggregates, load_functions
from nephoscope_kql.types import KqlType

MOST = 2**63 - 1
VALUES = {
    "string": ["", "x", "日本🙂ß", "10.1.2.3/24", '{"a": [1]}', "\\", "%zz", " \t\n", "a" * 500, "9223372036854775808"],
    "long": [None, 0, -1, MOST, -MOST - 1, 7],
    "int": [None, 0, -1, 2**31 - 1, -(2**31)],
    "real": [None, math.nan, math.inf, -math.inf, -0.0, 1e308, 0.5, -3.7],
    "decimal": [None, Decimal(0), Decimal("-1.5"), Decimal("1e19")],
    "dynamic": [None, "[]", "{}", '[1,"a",null,[2],{"b":1.5}]', '{"a":{"b":1},"c":[1,2]}', '"x"', "1e400", "no JSON", "[1,2,3]"],
    "datetime": [None, 0, 3_155_378_975_999_999_999, 638_400_000_000_000_001],
    "timespan": [None, 0, -1, MOST, -MOST - 1, 36_000_000_000],
    "bool": [None, True, False],
    "guid": [None, "74be27de-1e4e-49d9-b579-fe0b331d3642"],
}  # fmt: skip
CONSTANTS = {
    "assert": {1: "'m'"},
    "bag_set_key": {1: "'$.a.b'"},
    "datetime_add": {0: "'month'"},
    "datetime_diff": {0: "'week'"},
    "datetime_part": {0: "'week_of_year'"},
    "extract": {1: "0", 3: "typeof(long)"},
    "extract_all": {0: "'(.)(.)?'", 1: "dynamic([1])"},
    "extract_json": {0: "'$.a[0]'", 2: "typeof(real)"},
    "format_bytes": {1: "2", 2: "'MB'"},
    "format_datetime": {1: "'yyyy-MM-dd HH:mm:ss.fffffff tt'"},
    "format_timespan": {1: "'ddd.hh:mm:ss.fffffff'"},
    "around": {2: "3"},
    "indexof_regex": {1: "'[a-z]'", 2: "0", 3: "-1", 4: "2"},
    "countof": {2: "'normal'"},
    "parse_command_line": {1: "'windows'"},
    "parse_user_agent": {1: "dynamic(['browser','os','device'])"},
    "percentile_tdigest": {2: "typeof(datetime)"},
    "replace_strings": {1: "dynamic(['a',''])", 2: "dynamic(['b','c'])"},
    "round": {1: "2"},
    "series_outliers": {1: "'ctukey'"},
    "translate": {0: "'ab'", 1: "'é'"},
}
UNITS = {
    "length": "Mile", "mass": "Gram", "angle": "Degree", "energy": "Joule",
    "force": "Newton", "speed": "Knot", "volume": "Liter", "temperature": "Kelvin",
}  # fmt: skip
REPEATED = 2
KINDS = {kind.value for kind in KqlType}
PREFERRED = ("string", "long", "real", "dynamic", "datetime", "timespan", "bool", "guid", "int", "decimal")


def kinds(signature: Signature) -> list[str]:
    """One type a parameter (T: long), the repeated parameters twice."""
    count = len(signature.parameters)
    if signature.variadic:
        count += signature.block * (REPEATED - 1)
    found = [signature.get_parameter(place, count) for place in range(count)]
    return [next((kind for kind in PREFERRED if KqlType(kind) in one.accepted), "long") for one in found]


def constant(name: str, place: int) -> str | None:
    if name.startswith("convert_") and place:
        return f"'{UNITS[name.removeprefix('convert_')]}'"
    return CONSTANTS.get(name, {}).get(place)


ROWS = 72
SIDES = 4
"""How many columns the table has of each type: one for each place of an argument, then over again."""


def table() -> pa.Table:
    """Columns of every type that go round their values in steps of their own, so that the values of two meet in many ways."""
    fields, arrays = [], []
    for kind, values in VALUES.items():
        for side in range(SIDES):
            field = given([(f"{kind}{side}", kind, None)]).schema.field(0)
            places = [row * (2 * side + 1) + row // len(values) * side for row in range(ROWS)]
            fields.append(field)
            arrays.append(pa.array([values[place % len(values)] for place in places], field.type))
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields))


TABLE = table()


def call(name: str, signature: Signature) -> str:
    parts = [constant(name, at) or f"{kind}{at % SIDES}" for at, kind in enumerate(kinds(signature))]
    return f"{name}({', '.join(parts)})"


def ran(calls: list[str], operator: str = "project", where: str = "true") -> pa.Table:
    """All calls in one query; where that raises, one by one, so that the message names the call."""
    items = ", ".join(f"x{place} = {text}" for place, text in enumerate(calls))
    try:
        return kql.run(f"T | where {where} | {operator} {items}", tables={"T": TABLE}, now=NOW)
    except Exception:
        if len(calls) == 1:
            raise
        for text in calls:
            try:
                ran([text], operator, where)
            except Exception as error:
                raise AssertionError(f"{text}: {error}") from error
        raise


LEFT_OUT = {"hash_many", "geo_info_from_ip_address", "assert"}
FAMILIES = defaultdict(list)
for item in dict.fromkeys(load_functions().values()):
    if not item.hidden and item.name[0] != "_" and item.name not in LEFT_OUT:
        FAMILIES[item.family] += [(item, signature) for signature in item.signatures]


@pytest.mark.parametrize("family", FAMILIES)
def test_no_value_makes_a_function_raise(family: str) -> None:
    calls = [call(item.name, signature) for item, signature in FAMILIES[family]]
    found = ran(calls)
    assert found.num_rows == ROWS
    for place, (item, signature) in enumerate(FAMILIES[family]):
        field = found.schema.field(f"x{place}")
        kind = field.metadata[b"kql.type"].decode()
        if kind == "string":
            assert found.column(f"x{place}").null_count == 0, calls[place]
        if signature.returns in KINDS and item.returns is None and "outputs" not in item.extra:
            assert kind == signature.returns, calls[place]


@pytest.mark.parametrize("where", ["true", "false"])
def test_no_value_makes_an_aggregate_raise(where: str) -> None:
    calls = []
    for item in dict.fromkeys(load_aggregates().values()):
        for signature in item.signatures:
            types = kinds(signature)
            parts = [f"{kind}{at % SIDES}" for at, kind in enumerate(types)]
            for at, kind in enumerate(types):
                if signature.get_parameter(at, len(types)).constant:
                    parts[at] = "dynamic([10, 90])" if kind == "dynamic" else "50"
            calls.append(f"{item.name}({', '.join(parts)})")
    assert ran(calls, "summarize", where).num_rows == 1
