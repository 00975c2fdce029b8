"""IPv4 addresses: comparison, ranges, masks, formats. An address is a long inside SQL."""

from __future__ import annotations

import ipaddress

from sqlglot import exp

from nephoscope_kql.functions.declaration import (
    apply_routine,
    declare_macro,
    declare_rowwise,
    declare_scalar_macro,
)
from nephoscope_kql.functions.property_bags import format_json
from nephoscope_kql.plan.function_signatures import Arguments, declare_function
from nephoscope_kql.plan.values import Constant
from nephoscope_kql.sql import nodes
from nephoscope_kql.types import KqlType

_OCTET = "(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_DOTTED = rf"\s*{_OCTET}\.{_OCTET}\.{_OCTET}\.{_OCTET}(/(3[0-2]|[12]?[0-9]))?\s*"
V4 = declare_macro(
    "kql_v4(x)",
    f"CASE WHEN regexp_full_match(x, '{_DOTTED}') THEN "
    "CAST(split_part(x, '.', 1) AS BIGINT) * 16777216 + CAST(split_part(x, '.', 2) AS BIGINT) * 65536 "
    "+ CAST(split_part(x, '.', 3) AS BIGINT) * 256 + CAST(split_part(split_part(x, '.', 4), '/', 1) AS "
    "BIGINT) END",
)
"""The number of an IPv4 address with or without a /prefix, NULL where it is none."""
V4_PREFIX = declare_macro(
    "kql_v4_prefix(x)", "CASE WHEN contains(x, '/') THEN CAST(split_part(x, '/', 2) AS BIGINT) ELSE 32 END"
)
MASK = declare_macro(
    "kql_v4_mask(p)", "4294967295 - (CAST(4294967295 AS BIGINT) >> CAST(greatest(0, least(32, p)) AS BIGINT))"
)
_LEAST = "least(kql_v4_prefix(a), kql_v4_prefix(b), p)"
_COMPARE = declare_macro(
    "kql_ipv4_compare(a, b, p)",
    "CASE WHEN p NOT BETWEEN 0 AND 32 OR kql_v4(a) IS NULL OR kql_v4(b) IS NULL THEN NULL ELSE "
    f"CAST(sign((kql_v4(a) & kql_v4_mask({_LEAST})) - (kql_v4(b) & kql_v4_mask({_LEAST}))) AS BIGINT) END",
    V4,
    V4_PREFIX,
    MASK,
)


def get_prefix_argument(call: Arguments, position: int, default: int) -> exp.Expr:
    """The argument that is a prefix, or the default where it is left out."""
    return call[position] if position < len(call) else nodes.build_number(default)


@declare_function("ipv4_compare(left: string, right: string, [prefix: long]): long")
def ipv4_compare(call: Arguments) -> exp.Expr:
    """Compare two IPv4 addresses under the smallest of their prefixes: -1, 0 or 1; null where one is none."""
    return apply_routine(call, _COMPARE, call[0], call[1], get_prefix_argument(call, 2, 32))


@declare_function("ipv4_is_match(left: string, right: string, [prefix: long]): bool")
def ipv4_is_match(call: Arguments) -> exp.Expr:
    """Tell whether two IPv4 addresses are equal under the smallest of their prefixes; null where one is none."""
    return nodes.build_binary(
        "=",
        apply_routine(call, _COMPARE, call[0], call[1], get_prefix_argument(call, 2, 32)),
        nodes.build_number(0),
    )


_IN_RANGE = declare_macro(
    "kql_ipv4_in_range(a, r)",
    "CASE WHEN kql_v4(a) IS NULL OR kql_v4(r) IS NULL THEN NULL ELSE "
    "(kql_v4(a) & kql_v4_mask(kql_v4_prefix(r))) = (kql_v4(r) & kql_v4_mask(kql_v4_prefix(r))) END",
    V4,
    V4_PREFIX,
    MASK,
)


@declare_function("ipv4_is_in_range(ip: string, range: string): bool")
def ipv4_is_in_range(call: Arguments) -> exp.Expr:
    """Tell whether an IPv4 address lies in a CIDR range; null where one is none."""
    return apply_routine(call, _IN_RANGE, call[0], call[1])


RANGES = declare_macro(
    "kql_range_texts(x)",
    "CASE x[1] WHEN '[' THEN CAST(json_extract_string(x, '$[*]') AS VARCHAR[]) ELSE CAST([] AS VARCHAR[]) END",
)
_IN_ANY = declare_macro(
    "kql_ipv4_in_any(a, l)",
    "CASE WHEN kql_v4(a) IS NULL THEN NULL ELSE len(list_filter(l, lambda r: kql_ipv4_in_range(a, r))) "
    "> 0 END",
    V4,
    _IN_RANGE,
)


MANY = 8
"""From so many ranges on the number of an address is computed apart, once."""


def _test_ranges(call: Arguments) -> exp.Expr:
    if call.types[1] == KqlType.DYNAMIC:
        return apply_routine(call, RANGES, call[1])
    return nodes.build_array(list(call)[1:])


def _read_v4_range(text: object) -> tuple[int, int] | None:
    """First and last number of a constant range; None where it is none."""
    try:
        network = ipaddress.IPv4Network(str(text).strip(), strict=False)
    except ValueError:
        return None
    return int(network.network_address), int(network.broadcast_address)


def _compute_constant_ranges(call: Arguments) -> list[tuple[int, int]] | None:
    bounds = call.bound[1:]
    if not all(isinstance(item, Constant) for item in bounds):
        return None
    values: list[object] = []
    for item in bounds:
        value = item.value if isinstance(item, Constant) else None
        values += value if isinstance(value, list) else [value]
    return [found for found in map(_read_v4_range, values) if found is not None]


@declare_function(
    "ipv4_is_in_any_range(ip: string, range: string, ...): bool",
    "ipv4_is_in_any_range(ip: string, ranges: dynamic): bool",
)
def ipv4_is_in_any_range(call: Arguments) -> exp.Expr:
    """Tell whether an IPv4 address lies in one of several CIDR ranges; null where it is none."""
    known = _compute_constant_ranges(call)
    if known is None:
        return apply_routine(call, _IN_ANY, call[0], _test_ranges(call))
    return _test_constant_ranges(call, known)


def _test_constant_ranges(call: Arguments, ranges: list[tuple[int, int]]) -> exp.Expr:
    """Return whether the address lies between bounds that are known when the query is compiled; null where it is none."""
    place = apply_routine(call, V4, call[0])
    if not ranges:
        return nodes.build_case((nodes.is_not_null(place), nodes.build_boolean(value=False)))
    if len(ranges) <= MANY:
        return _test_any_range(place, ranges)
    once = nodes.build_array([place])
    found = nodes.build_call(
        "list_transform",
        once,
        nodes.build_lambda(lambda number: _test_any_range(number, _merge_ranges(ranges)), "p"),
    )
    return nodes.build_call("list_extract", found, nodes.build_number(1))


def _test_any_range(place: exp.Expr, ranges: list[tuple[int, int]]) -> exp.Expr:
    tests = [
        nodes.build_binary("=", place, nodes.build_number(low))
        if low == high
        else exp.Between(this=place, low=nodes.build_number(low), high=nodes.build_number(high))
        for low, high in ranges
    ]
    return nodes.build_chain("or", tests)


def _merge_ranges(ranges: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the same addresses in as few ranges as can be, in order."""
    found: list[tuple[int, int]] = []
    for low, high in sorted(ranges):
        if found and low <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(high, found[-1][1]))
        else:
            found.append((low, high))
    return found


_IS_PRIVATE = declare_macro(
    "kql_ipv4_is_private(x)",
    "kql_v4(x) // 16777216 = 10 OR kql_v4(x) // 1048576 = 2753 OR kql_v4(x) // 65536 = 49320",
    V4,
)


@declare_function("ipv4_is_private(ip: string): bool")
def ipv4_is_private(call: Arguments) -> exp.Expr:
    """Tell whether an IPv4 address is in a private network (10/8, 172.16/12, 192.168/16); null where it is none."""
    return apply_routine(call, _IS_PRIVATE, call[0])


ipv4_netmask_suffix = declare_scalar_macro(
    __name__,
    "ipv4_netmask_suffix(ip: string): long",
    summary="Give the prefix of an IPv4 address, 32 where it has none; null where it is none.",
    routine=declare_macro(
        "kql_ipv4_suffix(x)", "CASE WHEN kql_v4(x) IS NOT NULL THEN kql_v4_prefix(trim(x)) END", V4, V4_PREFIX
    ),
)
parse_ipv4 = declare_scalar_macro(
    __name__,
    "parse_ipv4(ip: string): long",
    summary="Give the number of an IPv4 address under its prefix; null where it is none.",
    routine=declare_macro(
        "kql_parse_ipv4(x)", "kql_v4(x) & kql_v4_mask(kql_v4_prefix(x))", V4, V4_PREFIX, MASK
    ),
)
parse_ipv4_mask = declare_scalar_macro(
    __name__,
    "parse_ipv4_mask(ip: string, prefix: long): long",
    summary="Give the number of an IPv4 address under a prefix; null where it is none.",
    routine=declare_macro(
        "kql_parse_ipv4_mask(x, p)",
        "CASE WHEN p BETWEEN 0 AND 32 THEN kql_v4(x) & kql_v4_mask(least(p, kql_v4_prefix(x))) END",
        V4,
        V4_PREFIX,
        MASK,
    ),
)
_DOTTED_TEXT = declare_macro(
    "kql_v4_text(n)",
    "CAST(n // 16777216 AS VARCHAR) || '.' || CAST(n // 65536 % 256 AS VARCHAR) || '.' || CAST(n // "
    "256 % 256 AS VARCHAR) || '.' || CAST(n % 256 AS VARCHAR)",
)
_FORMAT = declare_macro(
    "kql_format_ipv4(n, p)",
    "CASE WHEN n BETWEEN 0 AND 4294967295 AND p BETWEEN 0 AND 32 THEN kql_v4_text(n & kql_v4_mask(p)) "
    "ELSE '' END",
    MASK,
    _DOTTED_TEXT,
)


def _build_number(call: Arguments) -> tuple[exp.Expr, exp.Expr]:
    """The address of argument 0, text or number, and its own prefix."""
    if call.types[0] == KqlType.STRING:
        return apply_routine(call, V4, call[0]), apply_routine(call, V4_PREFIX, call[0])
    return call[0], nodes.build_number(32)


@declare_function("format_ipv4(ip: string|long, [prefix: long]): string")
def format_ipv4(call: Arguments) -> exp.Expr:
    """Write an IPv4 address (text or number) under a prefix; '' where it is none."""
    number, own = _build_number(call)
    prefix = call[1] if len(call) > 1 else own
    return nodes.build_coalesce(apply_routine(call, _FORMAT, number, prefix), nodes.build_text(""))


_FORMAT_MASK = declare_macro(
    "kql_format_ipv4_mask(n, p)",
    "CASE WHEN kql_format_ipv4(n, p) = '' THEN '' ELSE kql_format_ipv4(n, p) || '/' || CAST(p AS "
    "VARCHAR) END",
    _FORMAT,
)


@declare_function("format_ipv4_mask(ip: string|long, [prefix: long]): string")
def format_ipv4_mask(call: Arguments) -> exp.Expr:
    """Write an IPv4 address (text or number) in CIDR notation; '' where it is none."""
    number, own = _build_number(call)
    prefix = call[1] if len(call) > 1 else own
    return nodes.build_coalesce(apply_routine(call, _FORMAT_MASK, number, prefix), nodes.build_text(""))


def _list_cidrs(first: str, last: str) -> str | None:
    try:
        low, high = ipaddress.IPv4Address(first.strip()), ipaddress.IPv4Address(last.strip())
        networks = list(ipaddress.summarize_address_range(low, high))
    except ValueError:
        return None
    return format_json([str(network) for network in networks])


ipv4_range_to_cidr_list = declare_scalar_macro(
    __name__,
    "ipv4_range_to_cidr_list(start: string, end: string): dynamic",
    summary="Give the CIDR ranges that make up the addresses from a start to an end; null where there are none.",
    routine=declare_rowwise("kql_ipv4_cidrs", ("VARCHAR", "VARCHAR"), "VARCHAR", _list_cidrs),
)
