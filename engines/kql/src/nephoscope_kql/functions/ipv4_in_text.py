"""IPv4 addresses that occur in a text as terms."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from nephoscope_kql.functions.declaration import apply_routine, declare_macro
from nephoscope_kql.functions.ipv4 import RANGES, V4
from nephoscope_kql.functions.regex import quote_pattern
from nephoscope_kql.functions.tostring import get_text_argument
from nephoscope_kql.plan.function_signatures import Arguments, declare_function
from nephoscope_kql.sql import nodes
from nephoscope_kql.types import KqlType

if TYPE_CHECKING:
    from nephoscope_kql.sql.routines import Routine

_NOT_INSIDE = r"(^|[^\p{L}\p{Nd}])"
_NOT_AFTER = r"($|[^\p{L}\p{Nd}])"
# CASE: the engine evaluates both sides of an AND, and an expression of its own for each address costs far more than to look for it
_IN_TEXT = declare_macro(
    "kql_has_ipv4(t, i)",
    f"CASE WHEN contains(t, trim(i)) THEN kql_v4(i) IS NOT NULL AND regexp_matches(t, '{_NOT_INSIDE}' || "
    f"{quote_pattern('trim(i)')} || '{_NOT_AFTER}') ELSE false END",
    V4,
)
_PREFIX_IN_TEXT = declare_macro(
    "kql_has_ipv4_prefix(t, p)",
    "CASE WHEN contains(t, p) THEN regexp_full_match(p, '([0-9]{1,3}\\.){1,3}([0-9]{1,3})?') "
    "AND (p[-1] = '.' OR kql_v4(p) IS NOT NULL) "
    f"AND len(list_filter(regexp_extract_all(t, '{_NOT_INSIDE}([0-9]{{1,3}}(\\.[0-9]{{1,3}}){{3}})', 2), "
    "lambda a: kql_v4(a) IS NOT NULL AND starts_with(a, p))) > 0 ELSE false END",
    V4,
)


def _find_in_text(call: Arguments, test: Routine) -> exp.Expr:
    text = get_text_argument(call, 0)
    if call.types[1] != KqlType.DYNAMIC:
        return nodes.build_chain(
            "or", [exp.Paren(this=apply_routine(call, test, text, item)) for item in list(call)[1:]]
        )
    found = nodes.build_call(
        "list_filter",
        apply_routine(call, RANGES, call[1]),
        nodes.build_lambda(lambda item: apply_routine(call, test, text, item), "i"),
    )
    return nodes.build_binary(">", nodes.build_call("len", found), nodes.build_number(0))


@declare_function("has_ipv4(text: any, ip: string): bool", nullable=False)
def has_ipv4(call: Arguments) -> exp.Expr:
    """Tell whether an IPv4 address stands in a text as a term."""
    return apply_routine(call, _IN_TEXT, get_text_argument(call, 0), call[1])


@declare_function(
    "has_any_ipv4(text: any, ip: string, ...): bool",
    "has_any_ipv4(text: any, ips: dynamic): bool",
    nullable=False,
)
def has_any_ipv4(call: Arguments) -> exp.Expr:
    """Tell whether one of several IPv4 addresses stands in a text as a term."""
    return _find_in_text(call, _IN_TEXT)


@declare_function("has_ipv4_prefix(text: any, prefix: string): bool", nullable=False)
def has_ipv4_prefix(call: Arguments) -> exp.Expr:
    """Tell whether an IPv4 address that starts with a prefix stands in a text as a term."""
    return apply_routine(call, _PREFIX_IN_TEXT, get_text_argument(call, 0), call[1])


@declare_function(
    "has_any_ipv4_prefix(text: any, prefix: string, ...): bool",
    "has_any_ipv4_prefix(text: any, prefixes: dynamic): bool",
    nullable=False,
)
def has_any_ipv4_prefix(call: Arguments) -> exp.Expr:
    """Tell whether an IPv4 address that starts with one of several prefixes stands in a text as a term."""
    return _find_in_text(call, _PREFIX_IN_TEXT)
