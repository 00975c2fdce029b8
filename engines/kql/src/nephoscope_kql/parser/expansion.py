"""Operators that take a value apart: mv-expand, mv-apply, parse, parse-where, parse-kv, evaluate, invoke."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope_kql.errors import make_invalid_error
from nephoscope_kql.parser.constants import parse_type_name
from nephoscope_kql.parser.declarations import parse_columns, parse_evaluate_schema
from nephoscope_kql.parser.expressions import parse_access, parse_call, parse_expression
from nephoscope_kql.parser.keywords import may_name
from nephoscope_kql.parser.parameters import parse_parameters, parse_properties
from nephoscope_kql.parser.pipes import parse_body, register_reader
from nephoscope_kql.tree import Call, ColumnDeclaration, MemberCall, Name
from nephoscope_kql.tree import operators as tree
from nephoscope_kql.types import KqlType

if TYPE_CHECKING:
    from nephoscope_kql.parser.cursor import Cursor
    from nephoscope_kql.tree import Expression, Node

_PARSE_KINDS = ("simple", "regex", "relaxed")
_EXPANSIONS = {"kind": ("bag", "array"), "bagexpansion": ("bag", "array")}


@register_reader("mv-expand", "mvexpand")
def parse_mv_expand(c: Cursor, start: int) -> tree.MvExpand:
    """`mv-expand items limit n`."""
    options = parse_parameters(c, "kind bagexpansion with_itemindex", _EXPANSIONS)
    items = _parse_expanded_items(c)
    limit = parse_expression(c) if c.accept("limit") else None
    return tree.MvExpand(items=items, limit=limit, parameters=options, span=c.make_span(start))


@register_reader("mv-apply", "mvapply")
def parse_mv_apply(c: Cursor, start: int) -> tree.MvApply:
    """`mv-apply items limit n on (operators)`."""
    options = parse_parameters(c, "kind bagexpansion with_itemindex", _EXPANSIONS)
    items = _parse_expanded_items(c)
    limit = parse_expression(c) if c.accept("limit") else None
    context = ""
    if c.accept("id"):
        context = c.read_token().text
    c.expect("on")
    c.expect("(")
    inner = parse_body(c)
    c.expect(")")
    return tree.MvApply(
        items=items, body=inner, limit=limit, context=context, parameters=options, span=c.make_span(start)
    )


def _parse_expanded_items(c: Cursor) -> tuple[tree.ExpandItem, ...]:
    items = [_parse_expand_item(c)]
    while c.accept(","):
        items.append(_parse_expand_item(c))
    return tuple(items)


def _parse_expand_item(c: Cursor) -> tree.ExpandItem:
    start, name = c.token.start, ""
    if c.is_declaration():
        name = c.read_declared_name().name
        c.expect("=")
    value = parse_expression(c)
    kind = None
    if c.accept("to"):
        c.expect("typeof")
        c.expect("(")
        kind = parse_type_name(c)
        c.expect(")")
    return tree.ExpandItem(name=name, value=value, type=kind, span=c.make_span(start))


@register_reader("parse")
def parse_parse(c: Cursor, start: int) -> tree.Parse:
    """`parse kind=... flags=... value with pattern`."""
    return _parse_operator(c, start, keep_all=True)


@register_reader("parse-where")
def parse_parse_where(c: Cursor, start: int) -> tree.Parse:
    """`parse-where ...`: rows that do not match are left out."""
    return _parse_operator(c, start, keep_all=False)


def _parse_operator(c: Cursor, start: int, *, keep_all: bool) -> tree.Parse:
    options = parse_parameters(c, "kind flags")
    for option in options:
        if option.name == "kind" and option.word not in _PARSE_KINDS:
            raise make_invalid_error("a kind of parse is simple, regex or relaxed", option.span)
    value = parse_expression(c)
    c.expect("with")
    pattern: list[Node] = []
    while (part := _parse_pattern_part(c)) is not None:
        pattern.append(part)
    if not pattern:
        raise c.build_expected_error(
            "a pattern", "write strings, * and names of columns: with * 'key=' Key:long ' ' *"
        )
    return tree.Parse(
        value=value, pattern=tuple(pattern), parameters=options, filter=not keep_all, span=c.make_span(start)
    )


def _parse_pattern_part(c: Cursor) -> Node | None:
    token = c.token
    if token.text == "*" and c.accept("*"):
        return tree.ParseStar(span=token.span)
    if token.kind == "text":
        return tree.ParseText(text=c.read_text(), span=c.make_span(token.start))
    if c.is_name() or (token.kind == "name" and c.peek().text == ":"):
        return _parse_pattern_column(c)
    if token.kind == "name" and not may_name(token.text):
        raise c.build_expected_error(
            "a string, * or a column", f"a word of the language is a name in brackets only: ['{token.text}']"
        )
    return None


def _parse_pattern_column(c: Cursor) -> ColumnDeclaration:
    start = c.token.start
    name = c.read_declared_name("the name of a column").name
    kind: KqlType | None = None
    if c.accept(":"):
        kind = parse_type_name(c)
    return ColumnDeclaration(name=name, type=kind, span=c.make_span(start))


@register_reader("parse-kv")
def parse_parse_kv(c: Cursor, start: int) -> tree.ParseKv:
    """`parse-kv value as (columns) with (properties)`."""
    value = parse_expression(c)
    c.expect("as")
    schema = parse_columns(c)
    settings = parse_properties(c)
    return tree.ParseKv(value=value, columns=schema, properties=settings, span=c.make_span(start))


@register_reader("evaluate")
def parse_evaluate(c: Cursor, start: int) -> tree.Evaluate:
    """`evaluate plugin(arguments) : (schema)`."""
    options = parse_parameters(c)
    plugin = parse_call(c)
    schema: tuple[ColumnDeclaration, ...] | None = None
    extends = False
    if c.accept(":"):
        schema, extends = parse_evaluate_schema(c)
    return tree.Evaluate(
        call=plugin, schema=schema, extends=extends, parameters=options, span=c.make_span(start)
    )


@register_reader("invoke")
def parse_invoke(c: Cursor, start: int) -> tree.Invoke:
    """`invoke f(arguments)`."""
    function: Expression = parse_access(c)
    if not isinstance(function, Call | MemberCall):
        written = f": {function.name}()" if isinstance(function, Name) else ""
        raise make_invalid_error(
            "invoke calls a function", function.span, f"write its arguments in parentheses{written}"
        )
    return tree.Invoke(call=function, span=c.make_span(start))
