"""macro-expand, and the groups of entities that it takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope_kql.parser.parameters import parse_parameters
from nephoscope_kql.parser.pipes import register_reader
from nephoscope_kql.parser.statements import is_entity_group, parse_entity_group, parse_function_body
from nephoscope_kql.tree import operators as tree

if TYPE_CHECKING:
    from nephoscope_kql.parser.cursor import Cursor
    from nephoscope_kql.tree import Expression


@register_reader("macro-expand")
def parse_macro_expand(c: Cursor, start: int) -> tree.MacroExpand:
    """`macro-expand group as name (query)`, or `macro-expand name in group (query)`."""
    options = parse_parameters(c, "kind isfuzzy")
    name = ""
    if c.token.kind == "name" and c.peek().text == "in":
        name = c.read_declared_name("the name of an entity").name
        c.read_token()
    group = _parse_group(c)
    if not name:
        c.expect("as")
        name = c.read_declared_name("the name of an entity").name
    c.expect("(")
    c.descend()
    statements, body = parse_function_body(c, ")")
    if body is None:
        raise c.build_expected_error("a query", "macro-expand runs a query for each entity")
    c.expect(")")
    c.leave_level()
    return tree.MacroExpand(
        group=group, name=name, statements=statements, body=body, parameters=options, span=c.make_span(start)
    )


def _parse_group(c: Cursor) -> Expression:
    return parse_entity_group(c) if is_entity_group(c) else c.read_name("the name of an entity group")
