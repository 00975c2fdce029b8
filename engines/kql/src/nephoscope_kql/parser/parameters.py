"""Parameters of operators: `kind=inner`, `hint.strategy=shuffle`, `withsource=Table`."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from nephoscope_kql.errors import Span, make_invalid_error, suggest_word
from nephoscope_kql.parser.constants import is_constant, parse_signed_literal
from nephoscope_kql.parser.expressions import parse_expression
from nephoscope_kql.tree import Name, OperatorParameter

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from nephoscope_kql.parser.cursor import Cursor
    from nephoscope_kql.tree import Expression

_HINTS = frozenset(
    f"hint.{word}"
    for word in [
        "concurrency",
        "distribution",
        "materialized",
        "num_partitions",
        "pass_filters",
        "pass_filters_column",
        "progressive_top",
        "remote",
        "shufflekey",
        "spread",
        "strategy",
    ]
)
_GENERAL = _HINTS | frozenset(
    [
        "__crosscluster",
        "__crossdb",
        "__id",
        "__isfuzzy",
        "__nowithsource",
        "__packedcolumn",
        "__sourcecolumnindex",
        "bin_legacy",
        "decodeblocks",
        "expandoutput",
        "force_remote",
    ]
)
"""What any operator with parameters admits beside its own."""
_ANY: Mapping[str, Collection[str]] = MappingProxyType({})


def parse_parameters(
    c: Cursor, own: str = "", words: Mapping[str, Collection[str]] = _ANY
) -> tuple[OperatorParameter, ...]:
    """The parameters at this place; `own` holds the names of the operator's own ones.

    `words`: what a parameter admits; with anything else behind it, its name in other letters (`Kind`) is that of a column.
    """
    known = _GENERAL.union(own.split())
    found: list[OperatorParameter] = []
    while c.token.kind == "name":
        start, count, name = c.token.start, *_parse_parameter_name(c)
        if c.peek(count).text != "=":
            break
        if name not in known:
            if name.startswith("hint."):
                span = Span(start, c.peek(count - 1).end)
                raise make_invalid_error(f"unknown hint {name}", span, suggest_word(name, _HINTS))
            break
        if name in words and c.token.text != name and c.peek(count + 1).text.lower() not in words[name]:
            break
        for _ in range(count + 1):
            c.read_token()
        values = _parse_values(c)
        found.append(OperatorParameter(name=name, values=values, span=c.make_span(start)))
    return tuple(found)


def _parse_parameter_name(c: Cursor) -> tuple[int, str]:
    """Count how many words the name has, and the name in lower case."""
    if c.token.text == "hint" and c.peek().text == ".":
        return 3, f"hint.{c.peek(2).text}".lower()
    return 1, c.token.text.lower()


def _parse_values(c: Cursor) -> tuple[Expression, ...]:
    if c.token.text != "(":
        return (_parse_value(c),)
    items: list[Expression] = []
    c.read_token()
    c.read_separated_items(lambda c: items.append(_parse_value(c)), ")")
    return tuple(items)


def _parse_value(c: Cursor) -> Expression:
    token = c.token
    if is_constant(token) or token.text in ("-", "+"):
        return parse_signed_literal(c)
    if token.kind == "name":
        c.read_token()
        return Name(name=token.text, span=token.span)
    return c.read_name("a value")


def parse_properties(c: Cursor) -> tuple[OperatorParameter, ...]:
    """`with (name = value, ...)`; () where no `with` follows. A name may have several values: `ycolumns = a, b`."""
    if c.token.text != "with":
        return ()
    c.read_token()
    c.expect("(")
    return parse_property_list(c, ")")


def parse_property_list(c: Cursor, closing: str) -> tuple[OperatorParameter, ...]:
    """`name = value, ...` up to `closing`, which is read too ('' = as far as the list goes)."""
    found: list[OperatorParameter] = []
    if closing and c.accept(closing):
        return ()
    while True:
        found.append(_parse_property(c))
        if not c.accept(","):
            break
    if closing:
        c.expect(closing)
    return tuple(found)


def _parse_property(c: Cursor) -> OperatorParameter:
    token = c.token
    if token.kind != "name":
        raise c.build_expected_error("the name of a property")
    c.read_token()
    c.expect("=")
    values = [_parse_property_value(c)]
    while c.token.text == "," and c.peek(2).text != "=":
        c.read_token()
        values.append(_parse_property_value(c))
    return OperatorParameter(name=token.text.lower(), values=tuple(values), span=c.make_span(token.start))


def _parse_property_value(c: Cursor) -> Expression:
    token = c.token
    if token.kind == "name" and c.peek().text in (",", ")", "|", ";", "") and not is_constant(token):
        c.read_token()
        return Name(name=token.text, span=token.span)
    return parse_expression(c)
