"""Dates and timespans as text in a format."""

from __future__ import annotations

import re
from collections.abc import Callable

from sqlglot import exp

from nephoscope_kql.functions.dates import DATE
from nephoscope_kql.functions.declaration import apply_routine
from nephoscope_kql.plan.function_signatures import Arguments, declare_function
from nephoscope_kql.sql import nodes
from nephoscope_kql.types import TICKS_PER_DAY, TICKS_PER_SECOND

_DATE_TOKEN = re.compile(r"yyyy|yy|y|M+|d+|HH?|hh?|mm?|ss?|f{1,7}|F{1,7}|tt|[ /\-:,._\[\]]")
_SPAN_TOKEN = re.compile(r"d{1,8}|HH?|hh?|mm?|ss?|f{1,7}|F{1,7}|[ /\-:,._\[\]]")


def _build_digits(node: exp.Expr, width: int) -> exp.Expr:
    text = nodes.build_cast(node, "VARCHAR")
    return (
        text
        if width < 2
        else nodes.build_call("lpad", text, nodes.build_number(width), nodes.build_text("0"))
    )


def _build_ticks_part(node: exp.Expr, ticks: int, modulo: int) -> exp.Expr:
    return nodes.build_binary(
        "%",
        exp.Paren(this=nodes.build_binary("//", node, nodes.build_number(ticks))),
        nodes.build_number(modulo),
    )


def _build_fraction(node: exp.Expr, width: int, cut: bool) -> exp.Expr:
    digits = _build_digits(
        nodes.build_binary(
            "//",
            exp.Paren(this=nodes.build_binary("%", node, nodes.build_number(10**7))),
            nodes.build_number(10 ** (7 - width)),
        ),
        width,
    )
    return nodes.build_call("rtrim", digits, nodes.build_text("0")) if cut else digits


def _repeat_digits(node: exp.Expr, count: int) -> exp.Expr:
    """`MMM` is `MM` and `M`: the format knows one or two digits and repeats them."""
    parts = [_build_digits(node, 2) for _ in range(count // 2)] + [_build_digits(node, 1)] * (count % 2)
    return nodes.build_chain("||", parts) if len(parts) > 1 else parts[0]


def _find_clock(node: exp.Expr, token: str) -> exp.Expr | None:
    hour = _build_ticks_part(node, 3600 * TICKS_PER_SECOND, 24)
    width = len(token)
    match token[0]:
        case "H":
            return _build_digits(hour, width)
        case "h":
            shifted = nodes.build_binary("+", exp.Paren(this=hour), nodes.build_number(11))
            twelve = nodes.build_binary(
                "+",
                nodes.build_binary("%", exp.Paren(this=shifted), nodes.build_number(12)),
                nodes.build_number(1),
            )
            return _build_digits(twelve, width)
        case "m":
            return _build_digits(_build_ticks_part(node, 60 * TICKS_PER_SECOND, 60), width)
        case "s":
            return _build_digits(_build_ticks_part(node, TICKS_PER_SECOND, 60), width)
        case "f" | "F":
            return _build_fraction(node, width, token[0] == "F")
        case "t":
            return nodes.build_case(
                (nodes.build_binary("<", hour, nodes.build_number(12)), nodes.build_text("AM")),
                otherwise=nodes.build_text("PM"),
            )
    return None


def _build_date_token(call: Arguments, node: exp.Expr, token: str) -> exp.Expr:
    def build_date() -> exp.Expr:
        return apply_routine(call, DATE, node)

    match token[0]:
        case "y":
            year = nodes.build_call("year", build_date())
            if len(token) == 4:
                return _build_digits(year, 4)
            return _build_digits(nodes.build_binary("%", year, nodes.build_number(100)), len(token))
        case "M":
            return _repeat_digits(nodes.build_call("month", build_date()), len(token))
        case "d":
            return _repeat_digits(nodes.build_call("day", build_date()), len(token))
    return _find_clock(node, token) or nodes.build_text(token)


def _format_parts(call: Arguments, tokens: re.Pattern[str], one: Callable[[str], exp.Expr]) -> list[exp.Expr]:
    form = call.get_text(1)
    parts: list[exp.Expr] = []
    place = 0
    while place < len(form):
        match = tokens.match(form, place)
        if match is None:
            raise call.make_error(1, f"the format has no '{form[place]}'")
        parts.append(one(match[0]))
        place = match.end()
    return parts or [nodes.build_text("")]


@declare_function("format_datetime(date: datetime, format: const string): string")
def format_datetime(call: Arguments) -> exp.Expr:
    """Write a date in a format of `yyyy MM dd HH mm ss fff tt` and delimiters; null is ''."""
    parts = _format_parts(call, _DATE_TOKEN, lambda token: _build_date_token(call, call[0], token))
    return nodes.build_case(
        (nodes.is_not_null(call[0]), nodes.build_chain("||", parts)), otherwise=nodes.build_text("")
    )


@declare_function("format_timespan(value: timespan, format: const string): string")
def format_timespan(call: Arguments) -> exp.Expr:
    """Write a timespan in a format of `d HH mm ss fff` and delimiters; null is ''."""
    span = nodes.build_call("abs", nodes.build_cast(call[0], "HUGEINT"))

    def write_token(token: str) -> exp.Expr:
        if token[0] == "d":
            return _build_digits(
                nodes.build_binary("//", span, nodes.build_number(TICKS_PER_DAY)), len(token)
            )
        if token[0] == "h":
            return _build_digits(_build_ticks_part(span, 3600 * TICKS_PER_SECOND, 24), len(token))
        return _find_clock(span, token) or nodes.build_text(token)

    sign = nodes.build_case(
        (nodes.build_binary("<", call[0], nodes.build_number(0)), nodes.build_text("-")),
        otherwise=nodes.build_text(""),
    )
    parts = [sign, *_format_parts(call, _SPAN_TOKEN, write_token)]
    return nodes.build_case(
        (nodes.is_not_null(call[0]), nodes.build_chain("||", parts)), otherwise=nodes.build_text("")
    )
