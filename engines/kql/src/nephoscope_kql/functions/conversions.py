"""Conversions between types: toint() and its kin, of text, of numbers and of what a dynamic holds."""

from __future__ import annotations

import re
import uuid

from sqlglot import exp

from nephoscope_kql.functions.arithmetic import REAL_DECIMAL
from nephoscope_kql.functions.declaration import apply_routine, declare_macro, declare_rowwise
from nephoscope_kql.functions.tostring import EPOCH, to_json
from nephoscope_kql.parser import literals
from nephoscope_kql.plan.function_signatures import Arguments, declare_function
from nephoscope_kql.sql import nodes
from nephoscope_kql.sql.routines import Macro, Routine
from nephoscope_kql.types import KqlType

_INTEGER = r"\s*[+-]?[0-9]+\s*"
_HEX = r"\s*0[xX][0-9a-fA-F]{1,16}\s*"
TEXT_LONG = declare_macro(
    "kql_text_long(x)",
    "CASE WHEN x NOT GLOB '*[^0-9]*' THEN TRY_CAST(x AS BIGINT) "
    f"WHEN regexp_full_match(x, '{_INTEGER}') THEN TRY_CAST(x AS BIGINT) "
    f"WHEN regexp_full_match(x, '{_HEX}') THEN TRY_CAST(trim(x) AS BIGINT) END",
)
_REAL = r"\s*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?\s*"
_SPECIAL = r"\s*[+-]?([Ii]nf|[Ii]nfinity|[Nn]a[Nn])\s*"
TEXT_REAL = declare_macro(
    "kql_text_real(x)",
    f"CASE WHEN regexp_full_match(x, '{_REAL}') OR regexp_full_match(x, '{_SPECIAL}') "
    "THEN TRY_CAST(trim(x, ' +' || chr(9) || chr(10) || chr(13)) AS DOUBLE) END",
)
REAL_LONG = declare_macro(
    "kql_real_long(x)",
    "CASE WHEN NOT isfinite(x) THEN NULL WHEN x >= 9223372036854775807.0 THEN 9223372036854775807 "
    "WHEN x <= -9223372036854775808.0 THEN CAST('-9223372036854775808' AS BIGINT) ELSE "
    "CAST(trunc(CAST(x AS DOUBLE)) AS BIGINT) END",
)
REAL_INT = declare_macro(
    "kql_real_int(x)",
    "CASE WHEN NOT isfinite(x) THEN NULL "
    "ELSE CAST(trunc(CAST(greatest(least(x, 2147483647.0), -2147483648.0) AS DOUBLE)) AS INTEGER) END",
)
LONG_INT = declare_macro(
    "kql_long_int(x)",
    "CASE WHEN x BETWEEN -2147483648 AND 2147483647 THEN CAST(x AS INTEGER) "
    "ELSE CAST(((CAST(x AS HUGEINT) + 2147483648) % 4294967296 + 4294967296) % 4294967296 - 2147483648 "
    "AS INTEGER) END",
)
TEXT_INT = declare_macro("kql_text_int(x)", "TRY_CAST(kql_text_long(x) AS INTEGER)", TEXT_LONG)
TEXT_BOOL = declare_macro(
    "kql_text_bool(x)",
    "CASE lower(trim(x)) WHEN 'true' THEN TRUE WHEN 'false' THEN FALSE ELSE kql_text_long(x) <> 0 END",
    TEXT_LONG,
)
TEXT_DECIMAL = declare_macro(
    "kql_text_decimal(x)",
    f"CASE WHEN regexp_full_match(x, '{_REAL}') THEN TRY_CAST(trim(x) AS DECIMAL(38,17)) END",
)


def _parse_datetime(text: str) -> int | None:
    try:
        return literals.parse_datetime_ticks(text.strip())
    except ValueError:
        return None


def _parse_timespan(text: str) -> int | None:
    inner = text.strip()
    if re.fullmatch(r"[+-]?[0-9]*\.[0-9]+", inner):
        return None
    try:
        return literals.parse_timespan_ticks(inner)
    except ValueError:
        return None


def _parse_guid(text: str) -> str | None:
    inner = text.strip()
    if re.fullmatch(r"[{(]?[0-9a-fA-F]{8}(-?[0-9a-fA-F]{4}){3}-?[0-9a-fA-F]{12}[)}]?", inner) is None:
        return None
    return str(uuid.UUID(re.sub(r"[^0-9a-fA-F]", "", inner)))


OTHER_DATETIME = declare_rowwise("kql_other_datetime", ("VARCHAR",), "BIGINT", _parse_datetime)
_ISO = r"[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,7})?[Zz]?)?"
TEXT_DATETIME = declare_macro(
    "kql_text_datetime(x)",
    f"CASE WHEN x = '' THEN NULL WHEN regexp_full_match(x, '{_ISO}') "
    "THEN epoch_us(TRY_CAST(x[1:19] AS TIMESTAMP)) * 10 "
    f"+ {EPOCH} + CAST(rpad(regexp_extract(x, '\\.([0-9]+)', 1), 7, '0') AS BIGINT) "
    "ELSE kql_other_datetime(x) END",
    OTHER_DATETIME,
)
TEXT_TIMESPAN = declare_rowwise("kql_text_timespan", ("VARCHAR",), "BIGINT", _parse_timespan)
TEXT_GUID = declare_rowwise("kql_text_guid", ("VARCHAR",), "VARCHAR", _parse_guid)


def declare_dynamic_conversion(
    name: str, text: str, whole: str, real: str, boolean: str, *uses: Routine
) -> Macro:
    """A macro that converts a dynamic by what it holds: text, whole number, real, bool; anything else is null."""
    return declare_macro(
        f"{name}(x)",
        f"CASE json_type(x) WHEN 'VARCHAR' THEN {text} WHEN 'UBIGINT' THEN {whole} WHEN 'BIGINT' THEN {whole} "
        f"WHEN 'DOUBLE' THEN {real} WHEN 'BOOLEAN' THEN {boolean} END",
        *uses,
    )


_S = "json_extract_string(x, '$')"
DYNAMIC_LONG = declare_dynamic_conversion(
    "kql_dynamic_long",
    f"kql_text_long({_S})",
    "TRY_CAST(x AS BIGINT)",
    "kql_real_long(CAST(x AS DOUBLE))",
    "CAST(x = 'true' AS BIGINT)",
    TEXT_LONG,
    REAL_LONG,
)
DYNAMIC_INT = declare_dynamic_conversion(
    "kql_dynamic_int",
    f"kql_text_int({_S})",
    "kql_long_int(TRY_CAST(x AS BIGINT))",
    "kql_real_int(CAST(x AS DOUBLE))",
    "CAST(x = 'true' AS INTEGER)",
    TEXT_INT,
    LONG_INT,
    REAL_INT,
)
DYNAMIC_REAL = declare_dynamic_conversion(
    "kql_dynamic_real",
    f"kql_text_real({_S})",
    "TRY_CAST(x AS DOUBLE)",
    "TRY_CAST(x AS DOUBLE)",
    "CAST(x = 'true' AS DOUBLE)",
    TEXT_REAL,
)
DYNAMIC_DECIMAL = declare_dynamic_conversion(
    "kql_dynamic_decimal",
    f"kql_text_decimal({_S})",
    "TRY_CAST(x AS DECIMAL(38,17))",
    "TRY_CAST(x AS DECIMAL(38,17))",
    "CAST(CAST(x = 'true' AS INTEGER) AS DECIMAL(38,17))",
    TEXT_DECIMAL,
)
DYNAMIC_BOOL = declare_dynamic_conversion(
    "kql_dynamic_bool", f"kql_text_bool({_S})", "x <> '0'", "CAST(x AS DOUBLE) <> 0", "x = 'true'", TEXT_BOOL
)
DYNAMIC_DATETIME = declare_dynamic_conversion(
    "kql_dynamic_datetime",
    f"kql_text_datetime({_S})",
    "kql_ticks(TRY_CAST(x AS BIGINT))",
    "NULL",
    "NULL",
    TEXT_DATETIME,
    TICKS := declare_macro("kql_ticks(x)", "CASE WHEN x BETWEEN 0 AND 3155378975999999999 THEN x END"),
)
DYNAMIC_TIMESPAN = declare_dynamic_conversion(
    "kql_dynamic_timespan", f"kql_text_timespan({_S})", "TRY_CAST(x AS BIGINT)", "NULL", "NULL", TEXT_TIMESPAN
)
DYNAMIC_GUID = declare_dynamic_conversion(
    "kql_dynamic_guid", f"kql_text_guid({_S})", "NULL", "NULL", "NULL", TEXT_GUID
)

_LONGS = {KqlType.STRING: TEXT_LONG, KqlType.REAL: REAL_LONG, KqlType.DYNAMIC: DYNAMIC_LONG}
_INTS = {
    KqlType.STRING: TEXT_INT,
    KqlType.REAL: REAL_INT,
    KqlType.DYNAMIC: DYNAMIC_INT,
    KqlType.LONG: LONG_INT,
    KqlType.DATETIME: LONG_INT,
    KqlType.TIMESPAN: LONG_INT,
}


def _to_long(call: Arguments) -> exp.Expr:
    kind = call.types[0]
    if kind in _LONGS:
        return apply_routine(call, _LONGS[kind], call[0])
    if kind == KqlType.DECIMAL:
        return nodes.try_cast(nodes.build_call("trunc", call[0]), "BIGINT")
    return nodes.build_cast(call[0], "BIGINT")


@declare_function("tolong(value: bool|int|long|real|decimal|string|datetime|timespan|dynamic): long")
def tolong(call: Arguments) -> exp.Expr:
    """Convert to a 64-bit whole number; null where it cannot be."""
    return _to_long(call)


@declare_function("toint(value: bool|int|long|real|decimal|string|datetime|timespan|dynamic): int")
def toint(call: Arguments) -> exp.Expr:
    """Convert to a 32-bit whole number; null where it cannot be."""
    kind = call.types[0]
    if kind in _INTS:
        return apply_routine(call, _INTS[kind], call[0])
    if kind == KqlType.DECIMAL:
        return nodes.try_cast(nodes.build_call("trunc", call[0]), "INTEGER")
    return nodes.build_cast(call[0], "INTEGER")


@declare_function(
    "toreal(value: bool|int|long|real|decimal|string|datetime|timespan|dynamic): real", aliases=("todouble",)
)
def toreal(call: Arguments) -> exp.Expr:
    """Convert to a 64-bit real; null where it cannot be."""
    routine = {KqlType.STRING: TEXT_REAL, KqlType.DYNAMIC: DYNAMIC_REAL}.get(call.types[0])
    return apply_routine(call, routine, call[0]) if routine else nodes.build_cast(call[0], "DOUBLE")


@declare_function("todecimal(value: bool|int|long|real|decimal|string|datetime|timespan|dynamic): decimal")
def todecimal(call: Arguments) -> exp.Expr:
    """Convert to a decimal; null where it cannot be."""
    kind = call.types[0]
    routine = {KqlType.STRING: TEXT_DECIMAL, KqlType.DYNAMIC: DYNAMIC_DECIMAL}.get(kind)
    if routine is not None:
        return apply_routine(call, routine, call[0])
    inner = nodes.build_cast(call[0], "INTEGER") if kind == KqlType.BOOL else call[0]
    if kind == KqlType.REAL:
        return apply_routine(call, REAL_DECIMAL, call[0])
    return nodes.try_cast(inner, "DECIMAL(38,17)")


@declare_function("tobool(value: bool|int|long|real|decimal|string|dynamic): bool", aliases=("toboolean",))
def tobool(call: Arguments) -> exp.Expr:
    """Convert to bool: 'true', 'false' or a whole number; null where it cannot be."""
    kind = call.types[0]
    routine = {KqlType.STRING: TEXT_BOOL, KqlType.DYNAMIC: DYNAMIC_BOOL}.get(kind)
    if routine is not None:
        return apply_routine(call, routine, call[0])
    return call[0] if kind == KqlType.BOOL else nodes.build_binary("<>", call[0], nodes.build_number(0))


@declare_function("todatetime(value: int|long|real|decimal|string|datetime|dynamic): datetime")
def todatetime(call: Arguments) -> exp.Expr:
    """Convert to a datetime: text in the forms of `datetime()`, or 100 ns ticks; null where it cannot be."""
    kind = call.types[0]
    if kind == KqlType.DATETIME:
        return call[0]
    routine = {KqlType.STRING: TEXT_DATETIME, KqlType.DYNAMIC: DYNAMIC_DATETIME}.get(kind)
    return apply_routine(call, routine, call[0]) if routine else apply_routine(call, TICKS, _to_long(call))


@declare_function("totimespan(value: string|timespan|dynamic): timespan", aliases=("totime",))
def totimespan(call: Arguments) -> exp.Expr:
    """Convert to a timespan; null where it cannot be."""
    if call.types[0] == KqlType.TIMESPAN:
        return call[0]
    return apply_routine(
        call, TEXT_TIMESPAN if call.types[0] == KqlType.STRING else DYNAMIC_TIMESPAN, call[0]
    )


@declare_function("toguid(value: string|guid|dynamic): guid")
def toguid(call: Arguments) -> exp.Expr:
    """Convert to a guid; null where it cannot be."""
    if call.types[0] == KqlType.GUID:
        return call[0]
    return apply_routine(call, TEXT_GUID if call.types[0] == KqlType.STRING else DYNAMIC_GUID, call[0])


_JSON_TYPES = (
    "CASE json_type(x) WHEN 'VARCHAR' THEN 'string' WHEN 'UBIGINT' THEN 'long' WHEN 'BIGINT' THEN 'long' "
    "WHEN 'DOUBLE' THEN 'double' WHEN 'BOOLEAN' THEN 'bool' WHEN 'ARRAY' THEN 'array' WHEN 'OBJECT' "
    "THEN 'dictionary' "
    "ELSE 'null' END"
)
TYPE_NAME = declare_macro("kql_type_name(x)", _JSON_TYPES)


@declare_function("gettype(value: any): string", nullable=False)
def gettype(call: Arguments) -> exp.Expr:
    """Name the type of a value; of a dynamic, what it holds."""
    kind = call.types[0]
    return (
        apply_routine(call, TYPE_NAME, call[0]) if kind == KqlType.DYNAMIC else nodes.build_text(kind.value)
    )


PARSED = declare_macro(
    "kql_parsed(x)",
    "CASE WHEN x = '' THEN NULL WHEN NOT json_valid(x) THEN CAST(to_json(x) AS VARCHAR) "
    "WHEN json_type(x) = 'NULL' THEN NULL ELSE CAST(json(x) AS VARCHAR) END",
)


@declare_function("parse_json(text: any): dynamic", aliases=("parsejson", "todynamic", "toobject"))
def parse_json(call: Arguments) -> exp.Expr:
    """Read text as JSON; text that is none is a string value, '' is null."""
    kind = call.types[0]
    return apply_routine(call, PARSED, call[0]) if kind == KqlType.STRING else to_json(call, call[0], kind)
