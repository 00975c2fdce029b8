"""Parts of the parse operators: the parts that a regular expression finds, and key-value pairs."""

from __future__ import annotations

from sqlglot import exp

from nephoscope_kql.plan.function_signatures import Arguments, declare_function
from nephoscope_kql.sql import nodes


@declare_function("_parsed(text: string, pattern: const string, count: const long): dynamic", hidden=True)
def build_parsed(call: Arguments) -> exp.Expr:
    """Give what the groups of a pattern match (a STRUCT of texts that only `_struct_field` reads); '' where nothing matches."""
    count = int(str(call.get_value(2)))
    if not count:
        return nodes.build_text("")
    names = nodes.build_array(nodes.build_text(_format_group(place)) for place in range(count))
    return nodes.build_call("regexp_extract", call[0], nodes.build_text(call.get_text(1)), names)


def _format_group(place: int) -> str:
    return f"g{place}"


@declare_function("_part(parts: dynamic, place: const long): string", hidden=True)
def part(call: Arguments) -> exp.Expr:
    """Give one part of what a pattern found, '' where it found nothing."""
    found = nodes.build_call(
        "struct_extract", call[0], nodes.build_text(_format_group(int(str(call.get_value(1)))))
    )
    return nodes.build_coalesce(found, nodes.build_text(""))


@declare_function("_parts_if(parts: dynamic, condition: bool): dynamic", hidden=True)
def parts_if(call: Arguments) -> exp.Expr:
    """Give the parts where a condition holds, else null."""
    return nodes.build_case((call[1], call[0]))


@declare_function("_matched(text: string, pattern: const string): bool", nullable=False, hidden=True)
def build_matched(call: Arguments) -> exp.Expr:
    """Tell whether a pattern finds anything in a text."""
    return nodes.build_call("regexp_matches", call[0], nodes.build_text(call.get_text(1)))


@declare_function("_kept(parts: dynamic): bool", nullable=False, hidden=True)
def build_kept(call: Arguments) -> exp.Expr:
    """Tell whether the typed parts are of their types."""
    return nodes.is_not_null(call[0])


@declare_function("_keyed(text: string, pattern: const string, key: const string): string", hidden=True)
def build_keyed(call: Arguments) -> exp.Expr:
    """Give the second group of the first match of a pattern whose first group is the key."""
    keys = nodes.build_call(
        "regexp_extract_all", call[0], nodes.build_text(call.get_text(1)), nodes.build_number(1)
    )
    values = nodes.build_call(
        "regexp_extract_all", call[0], nodes.build_text(call.get_text(1)), nodes.build_number(2)
    )
    return nodes.build_call(
        "list_extract", values, nodes.build_call("list_position", keys, nodes.build_text(call.get_text(2)))
    )
