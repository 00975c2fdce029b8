"""Parts of the parse operators: the parts that a regular expression finds, and key-value pairs."""

from __future__ import annotations

from sqlglot import exp

from nephoscope_kql.plan.function_signatures import Arguments, function
from nephoscope_kql.sql import nodes


@function("_parsed(text: string, pattern: const string, count: const long): dynamic", hidden=True)
def build_parsed(call: Arguments) -> exp.Expr:
    """Give what the groups of a pattern match (a STRUCT of texts that only `_struct_field` reads); '' where nothing matches."""
    count = int(str(call.get_value(2)))
    if not count:
        return nodes.text("")
    names = nodes.array(nodes.text(_format_group(place)) for place in range(count))
    return nodes.call("regexp_extract", call[0], nodes.text(call.get_text(1)), names)


def _format_group(place: int) -> str:
    return f"g{place}"


@function("_part(parts: dynamic, place: const long): string", hidden=True)
def part(call: Arguments) -> exp.Expr:
    """Give one part of what a pattern found, '' where it found nothing."""
    found = nodes.call("struct_extract", call[0], nodes.text(_format_group(int(str(call.get_value(1))))))
    return nodes.coalesce(found, nodes.text(""))


@function("_parts_if(parts: dynamic, condition: bool): dynamic", hidden=True)
def parts_if(call: Arguments) -> exp.Expr:
    """Give the parts where a condition holds, else null."""
    return nodes.case((call[1], call[0]))


@function("_matched(text: string, pattern: const string): bool", nullable=False, hidden=True)
def build_matched(call: Arguments) -> exp.Expr:
    """Tell whether a pattern finds anything in a text."""
    return nodes.call("regexp_matches", call[0], nodes.text(call.get_text(1)))


@function("_kept(parts: dynamic): bool", nullable=False, hidden=True)
def build_kept(call: Arguments) -> exp.Expr:
    """Tell whether the typed parts are of their types."""
    return nodes.is_not_null(call[0])


@function("_keyed(text: string, pattern: const string, key: const string): string", hidden=True)
def build_keyed(call: Arguments) -> exp.Expr:
    """Give the second group of the first match of a pattern whose first group is the key."""
    keys = nodes.call("regexp_extract_all", call[0], nodes.text(call.get_text(1)), nodes.number(1))
    values = nodes.call("regexp_extract_all", call[0], nodes.text(call.get_text(1)), nodes.number(2))
    return nodes.call("list_extract", values, nodes.call("list_position", keys, nodes.text(call.get_text(2))))
