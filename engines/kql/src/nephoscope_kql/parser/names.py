"""Names with stars, and lists of names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope_kql.parser.expressions import parse_access
from nephoscope_kql.parser.lexer import parse_string_value
from nephoscope_kql.tree import Member, Name, Wildcard

if TYPE_CHECKING:
    from nephoscope_kql.parser.cursor import Cursor
    from nephoscope_kql.tree import Expression


def is_wildcard_name(c: Cursor) -> bool:
    """Return whether a name with a star starts here: `*`, `a*`, `*b`, `['a*']`; the parts touch each other."""
    token, following = c.token, c.peek()
    if token.text == "*":
        return True
    if token.text == "[" and following.kind == "text" and c.peek(2).text == "]":
        return "*" in parse_string_value(following.text)
    return token.kind == "name" and following.text == "*" and following.start == token.end


def parse_wildcard(c: Cursor) -> Wildcard:
    """A name with stars."""
    start = c.token.start
    if c.token.text == "[":
        return Wildcard(pattern=c.read_name().name, span=c.make_span(start))
    pattern = c.read_token().text
    end = c.make_span(start).end
    while c.token.start == end and (
        c.token.text == "*" or (c.token.kind in ("name", "long") and pattern.endswith("*"))
    ):
        pattern += c.read_token().text
        end = c.make_span(start).end
    return Wildcard(pattern=pattern, span=c.make_span(start))


def parse_column_pattern(c: Cursor) -> Expression:
    """A column's name, or a name with stars."""
    return parse_wildcard(c) if is_wildcard_name(c) else c.read_name("the name of a column")


def parse_column_patterns(c: Cursor) -> tuple[Expression, ...]:
    """One or more, with commas between them."""
    found = [parse_column_pattern(c)]
    while c.accept(","):
        found.append(parse_column_pattern(c))
    return tuple(found)


def parse_table_pattern(c: Cursor) -> Expression:
    """A table: a name, a name with stars, a call, `database('x').T*`, or rows in parentheses."""
    if is_wildcard_name(c):
        return parse_wildcard(c)
    start = c.token.start
    node = parse_access(c, starred=True)
    if not c.accept("."):
        return node
    return Member(target=node, name=parse_wildcard(c).pattern, span=c.make_span(start))


def parse_name_list(c: Cursor) -> tuple[Name, ...]:
    """Names with commas between them."""
    found = [c.read_name()]
    while c.accept(","):
        found.append(c.read_name())
    return tuple(found)
