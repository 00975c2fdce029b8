"""Values as text: tostring() of every type, a value as an element of a dynamic, and hexadecimal digits."""

from __future__ import annotations

from types import MappingProxyType

from sqlglot import exp

from nephoscope_kql.functions.declaration import apply_routine, declare_macro
from nephoscope_kql.plan.function_signatures import Arguments, declare_function
from nephoscope_kql.sql import nodes
from nephoscope_kql.types import UNIX_EPOCH_TICKS, KqlType

EPOCH = str(UNIX_EPOCH_TICKS)
EPOCH_MICROSECONDS = str(UNIX_EPOCH_TICKS // 10)

REAL_TEXT = declare_macro(
    "kql_real_text(x)",
    "CASE WHEN x IS NULL THEN '' WHEN isfinite(x) THEN CAST(x AS VARCHAR) WHEN isnan(x) THEN 'NaN' "
    "WHEN x > 0 THEN 'Infinity' ELSE '-Infinity' END",
)
DECIMAL_TEXT = declare_macro(
    "kql_decimal_text(x)",
    "coalesce(rtrim(rtrim(CAST(x AS VARCHAR), '0'), '.'), '')",
)
DATETIME_TEXT = declare_macro(
    "kql_datetime_text(x)",
    f"CASE WHEN x IS NULL THEN '' ELSE strftime(make_timestamp(CAST(x // 10 - {EPOCH_MICROSECONDS} AS "
    f"BIGINT)), "
    "'%Y-%m-%dT%H:%M:%S') || '.' || lpad(CAST(x % 10000000 AS VARCHAR), 7, '0') || 'Z' END",
)
_TWO = "lpad(CAST({} AS VARCHAR), 2, '0')"
_SPAN = "abs(CAST(x AS HUGEINT))"
TIMESPAN_TEXT = declare_macro(
    "kql_timespan_text(x)",
    "CASE WHEN x IS NULL THEN '' ELSE (CASE WHEN x < 0 THEN '-' ELSE '' END) "
    f"|| (CASE WHEN {_SPAN} >= 864000000000 THEN CAST({_SPAN} // 864000000000 AS VARCHAR) || '.' ELSE "
    f"'' END) "
    f"|| {_TWO.format(f'{_SPAN} // 36000000000 % 24')} || ':' || {_TWO.format(f'{_SPAN} // 600000000 % 60')} "
    f"|| ':' || {_TWO.format(f'{_SPAN} // 10000000 % 60')} "
    f"|| (CASE WHEN {_SPAN} % 10000000 > 0 THEN '.' || lpad(CAST({_SPAN} % 10000000 AS VARCHAR), 7, "
    f"'0') ELSE '' END) END",
)
BOOL_TEXT = declare_macro("kql_bool_text(x)", "CASE WHEN x THEN 'True' WHEN NOT x THEN 'False' ELSE '' END")
DYNAMIC_TEXT = declare_macro(
    "kql_dynamic_text(x)",
    "CASE WHEN x IS NULL THEN '' WHEN x[1] = '\"' THEN json_extract_string(x, '$') ELSE x END",
)
_TEXTS = MappingProxyType(
    {
        KqlType.REAL: REAL_TEXT,
        KqlType.DECIMAL: DECIMAL_TEXT,
        KqlType.DATETIME: DATETIME_TEXT,
        KqlType.TIMESPAN: TIMESPAN_TEXT,
        KqlType.BOOL: BOOL_TEXT,
        KqlType.DYNAMIC: DYNAMIC_TEXT,
    }
)

QUOTED = declare_macro("kql_json_text(x)", "CAST(to_json(x) AS VARCHAR)")
REAL_JSON = declare_macro(
    "kql_real_json(x)",
    "CASE WHEN x IS NULL THEN NULL WHEN isfinite(x) THEN CAST(x AS VARCHAR) WHEN isnan(x) THEN '\"NaN\"' "
    "WHEN x > 0 THEN '\"Infinity\"' ELSE '\"-Infinity\"' END",
)
BOOL_JSON = declare_macro("kql_bool_json(x)", "CASE WHEN x THEN 'true' WHEN NOT x THEN 'false' END")
NUMBER_TEXT = declare_macro("kql_number_text(x)", "CAST(x AS VARCHAR)")
_PLAIN_JSON = declare_macro(
    "kql_plain_json(x, t)", "CASE WHEN x IS NULL THEN NULL ELSE '\"' || t || '\"' END"
)


def to_text(call: Arguments, node: exp.Expr, kind: KqlType) -> exp.Expr:
    """A value as `tostring()` writes it: never NULL."""
    if kind == KqlType.STRING:
        return node
    routine = _TEXTS.get(kind)
    if routine is not None:
        return apply_routine(call, routine, node)
    text = node if kind == KqlType.GUID else nodes.build_cast(node, "VARCHAR")
    return nodes.build_coalesce(text, nodes.build_text(""))


def get_text_argument(call: Arguments, position: int) -> exp.Expr:
    """An argument as text."""
    return to_text(call, call[position], call.types[position])


def to_json(call: Arguments, node: exp.Expr, kind: KqlType) -> exp.Expr:
    """A value as the JSON text of an element of a dynamic: NULL for null."""
    if kind == KqlType.DYNAMIC:
        return node
    if kind.is_integer:
        return nodes.build_cast(node, "VARCHAR")
    simple = {KqlType.STRING: QUOTED, KqlType.REAL: REAL_JSON, KqlType.BOOL: BOOL_JSON}.get(kind)
    if simple is not None:
        return apply_routine(call, simple, node)
    return apply_routine(call, _PLAIN_JSON, node, to_text(call, node, kind))


def get_json_argument(call: Arguments, position: int) -> exp.Expr:
    """An argument as the JSON text of an element: the text 'null' for null."""
    bound = call.bound[position]
    kind = bound.type
    node = to_json(call, call[position], kind)
    return node if kind == KqlType.STRING else nodes.build_coalesce(node, nodes.build_text("null"))


@declare_function("tostring(value: any): string", nullable=False)
def tostring(call: Arguments) -> exp.Expr:
    """Write a value as text; null is ''."""
    return get_text_argument(call, 0)


@declare_function("_as_dynamic(value: any): dynamic", hidden=True)
def as_dynamic(call: Arguments) -> exp.Expr:
    """Make a value an element of a dynamic: text stays text."""
    return to_json(call, call[0], call.types[0])


_HEX_TEXT = declare_macro(
    "kql_tohex(x, n)",
    "repeat('0', least(greatest(n, 0), 64) - length(to_hex(x))) || lower(to_hex(x))",
)


@declare_function("tohex(value: long, [length: long]): string")
def tohex(call: Arguments) -> exp.Expr:
    """Write a whole number in hexadecimal digits, at least `length` of them."""
    return apply_routine(call, _HEX_TEXT, call[0], call[1] if len(call) > 1 else nodes.build_number(0))
