"""Literals, `dynamic(...)` and the type names of a query."""

from __future__ import annotations

import math
from decimal import Decimal

from nephoscope_kql.errors import Span, make_invalid_error
from nephoscope_kql.parser.cursor import Cursor
from nephoscope_kql.parser.lexer import Token, is_obfuscated_string, parse_string_value
from nephoscope_kql.parser.literals import (
    format_datetime,
    format_timespan,
    parse_long,
    parse_time_of_day,
    parse_timespan_ticks,
    parse_typed_value,
)
from nephoscope_kql.tree import Binary, Call, Expression, Literal, Scalar
from nephoscope_kql.types import TYPE_NAMES, KqlType

BOOLEANS = {word: word.lower() == "true" for word in ("true", "True", "TRUE", "false", "False", "FALSE")}


def is_constant(token: Token) -> bool:
    """Return whether a literal starts with the word (a sign apart)."""
    return token.kind in ("long", "real", "timespan", "typed", "text") or (
        token.kind == "name" and (token.text in BOOLEANS or token.text == "dynamic")
    )


def parse_constant(c: Cursor) -> Literal:
    """A literal."""
    token = c.token
    if token.text == "dynamic":
        return parse_dynamic(c)
    if token.kind == "text":
        value, hidden = c.read_text(), is_obfuscated_string(token.text)
        return Literal(type=KqlType.STRING, value=value, obfuscated=hidden, span=c.make_span(token.start))
    c.read_token()
    kind, plain = _parse_plain_constant(token, "")
    return Literal(type=kind, value=plain, span=token.span)


def parse_relative_date(c: Cursor) -> Expression | None:
    """`datetime(now)` as `now()`, `datetime(8:00 AM)` as that time of today; None where another word stands here."""
    token = c.token
    if token.kind != "typed" or not token.text.startswith("date"):
        return None
    inner = token.text[token.text.index("(") + 1 : -1].strip(" \"'")
    now = Call(name="now", span=token.span)
    if inner == "now":
        c.read_token()
        return now
    ticks = parse_time_of_day(inner)
    if ticks is None:
        return None
    c.read_token()
    today = Call(name="startofday", arguments=(now,), span=token.span)
    clock = Literal(type=KqlType.TIMESPAN, value=ticks, span=token.span)
    return Binary(operator="+", left=today, right=clock, span=token.span)


def parse_signed_literal(c: Cursor) -> Literal:
    """A literal that may have a sign, as in the values of a datatable."""
    if c.token.text not in ("-", "+"):
        if not is_constant(c.token):
            raise c.build_expected_error("a literal")
        return parse_constant(c)
    sign, token = c.read_token(), c.read_token()
    if token.kind not in ("long", "real", "timespan"):
        raise make_invalid_error(f"expected a number, found {token.get_display_text()}", token.span)
    kind, value = _parse_plain_constant(token, sign.text)
    return Literal(type=kind, value=value, span=Span(sign.start, token.end))


def _parse_plain_constant(token: Token, sign: str) -> tuple[KqlType, Scalar]:
    try:
        if token.kind == "long":
            return KqlType.LONG, parse_long(sign + token.text)
        if token.kind == "real":
            return KqlType.REAL, float(sign + token.text)
        if token.kind == "timespan":
            return KqlType.TIMESPAN, parse_timespan_ticks(sign + token.text)
        if token.kind == "typed":
            word, _, rest = token.text.partition("(")
            return parse_typed_value(word, rest[:-1])
    except ValueError as error:
        raise make_invalid_error(
            f"{token.get_display_text()} is not a literal: {error}", token.span
        ) from None
    return KqlType.BOOL, BOOLEANS[token.text]


def parse_dynamic(c: Cursor) -> Literal:
    """`dynamic(json)`: objects, arrays, numbers, strings of KQL, true, false, null, and literals of other types as JSON holds them."""
    start = c.expect("dynamic").start
    c.expect("(")
    value = _parse_json(c)
    c.expect(")")
    return Literal(type=KqlType.DYNAMIC, value=value, span=c.make_span(start))


def _parse_json(c: Cursor) -> Scalar:
    token = c.token
    c.descend()
    if token.text == "{":
        value: Scalar = _parse_json_object(c)
    elif token.text == "[":
        value = _parse_json_array(c)
    elif token.text == "null":
        c.read_token()
        value = None
    elif token.kind == "text":
        value = c.read_text()
    else:
        value = _parse_json_scalar(c)
    c.leave_level()
    return value


def _parse_json_object(c: Cursor) -> dict[str, Scalar]:
    pairs: dict[str, Scalar] = {}

    def pair(c: Cursor) -> None:
        if c.token.kind != "text":
            raise c.build_expected_error("a key in quotes")
        key = parse_string_value(c.read_token().text)
        c.expect(":")
        pairs[key] = _parse_json(c)

    c.expect("{")
    c.read_separated_items(pair, "}")
    return pairs


def _parse_json_array(c: Cursor) -> list[Scalar]:
    items: list[Scalar] = []
    c.expect("[")
    c.read_separated_items(lambda c: items.append(_parse_json(c)), "]")
    return items


def _parse_json_scalar(c: Cursor) -> Scalar:
    if c.token.text == "+" or not (is_constant(c.token) or c.token.text == "-"):
        raise c.build_expected_error(
            "a JSON value", "a dynamic literal holds constants only; build a bag from values with bag_pack"
        )
    literal = parse_signed_literal(c)
    value = literal.value
    if isinstance(value, int) and literal.type == KqlType.DATETIME:
        return format_datetime(value)
    if isinstance(value, int) and literal.type == KqlType.TIMESPAN:
        return format_timespan(value)
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return str(value) if isinstance(value, Decimal) else value


def parse_type_name(c: Cursor) -> KqlType:
    """The name of a scalar type."""
    token = c.token
    kind = TYPE_NAMES.get(token.text)
    if kind is None or token.kind != "name":
        raise c.build_expected_error("the name of a type", known=TYPE_NAMES)
    c.read_token()
    return kind
