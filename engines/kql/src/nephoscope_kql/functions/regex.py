"""Regular expressions: Kusto's syntax (RE2, with classes of all Unicode) as DuckDB's RE2 takes it, and the functions that use it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType

import pyarrow as pa
import pyarrow.compute as pc
from sqlglot import exp

from nephoscope_kql.functions.conversions import (
    parse_json,
    tobool,
    todatetime,
    todecimal,
    toguid,
    toint,
    tolong,
    toreal,
    totimespan,
)
from nephoscope_kql.functions.declaration import apply_routine, declare_macro, find_named_type
from nephoscope_kql.functions.size_guard import GROWTH, ROOM, guard_value_size
from nephoscope_kql.functions.tostring import to_text
from nephoscope_kql.plan.function_signatures import Arguments, ScalarFunction, declare_function
from nephoscope_kql.plan.values import Bound, Constant
from nephoscope_kql.sql import nodes
from nephoscope_kql.types import KqlType

_CLASSES = {
    "d": r"\p{Nd}",
    "w": r"\p{L}\p{M}\p{Nd}\p{Pc}",
    "s": r"\s\x0b\x{85}\p{Z}",
}
_LOOK = re.compile(r"\(\?(?:=|!|<=|<!|>)")


def quote_pattern(text: str) -> str:
    """SQL for a pattern that matches a text as it is. RE2 takes a backslash before ASCII marks alone, so others stay bare."""
    return rf"regexp_replace({text}, '([!-/:-@\[-`{{-~])', '\\\1', 'g')"


class RegexError(ValueError):
    """A pattern that RE2 does not take."""


def widen_re2_pattern(pattern: str) -> str:
    """The pattern with `\\d \\w \\s` widened to all of Unicode, as Kusto's engine reads them; RegexError where RE2 refuses it."""
    result: list[str] = []
    inside = False
    depth = place = first = 0
    while place < len(pattern):
        one = pattern[place]
        if one == "\\":
            step = _escape_class(pattern, place, inside)
            result.append(step)
            place += 2
            continue
        if inside:
            inside = not (one == "]" and place > first)
            named = re.compile(r"\[:\^?[a-z]+:\]").match(pattern, place) if one == "[" else None
            result.append(named[0] if named else one)
            place += len(named[0]) if named else 1
            continue
        if one == "(" and _LOOK.match(pattern, place):
            raise RegexError("look-around and atomic groups are not part of RE2")
        depth += {"(": 1, ")": -1}.get(one, 0)
        if depth < 0:
            raise RegexError("a ) has no (")
        inside = one == "["
        first = place + 1 + (pattern[place + 1 : place + 2] == "^")
        result.append(one)
        place += 1
    if depth or inside:
        raise RegexError("a ( has no )" if depth else "a [ has no ]")
    return _require_accepted_pattern("".join(result))


@lru_cache(maxsize=4096)
def _require_accepted_pattern(pattern: str) -> str:
    """The pattern, which RE2 itself (in Arrow) has read."""
    try:
        pc.match_substring_regex(pa.array([""]), pattern)
    except pa.ArrowInvalid as error:
        raise RegexError(str(error).rpartition(": ")[2]) from error
    return pattern


def _opens(pattern: str, place: int) -> bool:
    """Return whether a ] stands first in its class and so is a character."""
    return pattern[place - 1] == "[" or pattern[max(0, place - 2) : place] == "[^"


def _escape_class(pattern: str, place: int, inside: bool) -> str:
    if place + 1 >= len(pattern):
        raise RegexError("it ends in a backslash")
    letter = pattern[place + 1]
    if letter in "123456789" and not inside:
        raise RegexError("references to groups are not part of RE2")
    kind = _CLASSES.get(letter.lower())
    if kind is None:
        return pattern[place : place + 2]
    if letter.islower():
        return kind if inside else f"[{kind}]"
    if not inside:
        return f"[^{kind}]"
    return r"\P{Nd}" if letter == "D" else pattern[place : place + 2]


def get_pattern_argument(call: Arguments, position: int) -> exp.Expr:
    """A regular expression argument: a constant is checked and translated, else it is used as it is."""
    bound = call.bound[position]
    if isinstance(bound, Constant) and isinstance(bound.value, str):
        return nodes.build_text(translate_constant(call, position, bound.value))
    return call[position]


def translate_constant(call: Arguments, position: int, text: str) -> str:
    """The translated pattern of a constant; KqlError (invalid) where it is none."""
    try:
        return widen_re2_pattern(text)
    except RegexError as error:
        raise call.make_error(position, f"invalid regular expression: {error}") from error


def _guard_invalid(call: Arguments, positions: tuple[int, ...], node: exp.Expr) -> exp.Expr:
    """A pattern that is no constant may be invalid: null then."""
    return node if all(call.is_constant(place) for place in positions) else nodes.build_try(node)


def list_capturing_groups(pattern: str) -> list[str]:
    """The capturing groups of a pattern in order: their names, '' for those without."""
    found: list[str] = []
    inside = False
    place = 0
    while place < len(pattern):
        one = pattern[place]
        if one == "\\":
            place += 2
            continue
        if inside:
            inside = not (one == "]" and not _opens(pattern, place))
        elif one == "[":
            inside = True
        elif one == "(":
            named = re.compile(r"\(\?P?<(\w+)>").match(pattern, place)
            if named:
                found.append(named[1])
            elif pattern[place + 1 : place + 2] != "?":
                found.append("")
        place += 1
    return found


def _infer_extracted_type(arguments: tuple[Bound, ...]) -> KqlType:
    if len(arguments) < 4:
        return KqlType.STRING
    return find_named_type(arguments[3])


@declare_function(
    "extract(regex: string, group: const long, text: string): string",
    "extract(regex: string, group: const long, text: string, type: const string): string",
    returns=_infer_extracted_type,
)
def extract(call: Arguments) -> exp.Expr:
    """Give what a group of a regular expression matched first; '' where nothing did, or where it has no such group."""
    group = call.get_value(1)
    if not isinstance(group, int) or group < 0:
        raise call.make_error(1, "the group is a number from 0")
    bound = call.bound[0]
    pattern = get_pattern_argument(call, 0)
    if isinstance(bound, Constant) and group > len(list_capturing_groups(str(bound.value))):
        return convert_text(call, nodes.build_text(""), call.type)
    found = nodes.build_call("regexp_extract", call[2], pattern, nodes.build_number(group))
    return convert_text(call, _guard_invalid(call, (0,), found), call.type)


_CONVERTERS: Mapping[KqlType, ScalarFunction] = MappingProxyType(
    {
        KqlType.BOOL: tobool,
        KqlType.INT: toint,
        KqlType.LONG: tolong,
        KqlType.REAL: toreal,
        KqlType.DECIMAL: todecimal,
        KqlType.DATETIME: todatetime,
        KqlType.TIMESPAN: totimespan,
        KqlType.GUID: toguid,
        KqlType.DYNAMIC: parse_json,
    }
)


def convert_text(call: Arguments, text: exp.Expr, kind: KqlType) -> exp.Expr:
    """Text as a value of a type that the query names."""
    if kind == KqlType.STRING:
        return text
    inner = Arguments([text], [Bound(type=KqlType.STRING, span=call.span)], kind, call.span, call.use)
    return _CONVERTERS[kind].find_builder("duckdb", call.span)(inner)


def _list_requested_groups(call: Arguments, position: int, names: list[str]) -> list[int]:
    """The groups that `extract_all` is asked for, by number or name."""
    value = call.get_value(position)
    if not isinstance(value, list):
        raise call.make_error(position, "the groups are a dynamic array")
    wanted: list[int] = []
    for item in value:
        place = names.index(item) + 1 if item in names else item
        if not isinstance(place, int) or isinstance(place, bool) or not 0 <= place <= len(names):
            raise call.make_error(position, f"the regular expression has no group {item}")
        wanted.append(place)
    return wanted


LONGEST = 1 << 31
"""More characters than any text has."""
_TEXTS = declare_macro("kql_texts(x)", "CASE WHEN len(x) > 0 THEN CAST(to_json(x) AS VARCHAR) END")


@declare_function(
    "extract_all(regex: const string, text: string): dynamic",
    "extract_all(regex: const string, groups: const dynamic, text: string): dynamic",
    aliases=("extractall",),
)
def extract_all(call: Arguments) -> exp.Expr:
    """Give every match as an array: of texts for one group, of arrays for several; null where nothing matches."""
    source = call.get_text(0)
    pattern = translate_constant(call, 0, source)
    names = list_capturing_groups(source)
    if not names:
        raise call.make_error(0, "the regular expression needs a group in parentheses")
    wanted = _list_requested_groups(call, 1, names) if len(call) == 3 else list(range(1, len(names) + 1))
    text = call[len(call) - 1]
    columns = [
        nodes.build_call("regexp_extract_all", text, nodes.build_text(pattern), nodes.build_number(group))
        for group in wanted
    ]
    if len(columns) == 1:
        return apply_routine(call, _TEXTS, _replace_nulls(columns[0]))
    return apply_routine(call, _TEXTS, _zip_columns(columns))


def _replace_nulls(column: exp.Expr) -> exp.Expr:
    return nodes.build_call(
        "list_transform",
        column,
        nodes.build_lambda(lambda x: nodes.build_coalesce(x, nodes.build_text("")), "x"),
    )


def _zip_columns(columns: list[exp.Expr]) -> exp.Expr:
    zipped = nodes.build_call("list_zip", *columns)

    def row(pair: exp.Expr) -> exp.Expr:
        parts = [
            nodes.build_coalesce(
                nodes.build_call("struct_extract_at", pair, nodes.build_number(place + 1)),
                nodes.build_text(""),
            )
            for place in range(len(columns))
        ]
        return nodes.build_array(parts)

    return nodes.build_call("list_transform", zipped, nodes.build_lambda(row, "x"))


def rewrite_replacement(text: str, count: int) -> str:
    """A replacement as RE2 takes it: `\\1` for a group, other backslashes and missing groups as text."""

    def expand_reference(match: re.Match[str]) -> str:
        letter = match[1]
        if letter.isdigit():
            return match[0] if int(letter) <= count else ""
        return "\\\\" if letter == "\\" else "\\\\" + letter

    return re.sub(r"\\(.?)", expand_reference, text, flags=re.DOTALL)


_REWRITTEN = declare_macro(
    "kql_rewritten(s, p, r)",
    guard_value_size(
        "regexp_replace(s, p, r, 'g')",
        "(strlen(s) + 1) * (1 + strlen(r))",
        "strlen(s) * (1 + strlen(r) - strlen(replace(r, '\\', ''))) + (strlen(regexp_replace(s, p, '\\0 ', 'g')) - strlen(s)) * strlen(r)",
    ),
    ROOM,
)


def _build_replace(call: Arguments, text: int, regex: int, replacement: int) -> exp.Expr:
    bound, given = call.bound[regex], call.bound[replacement]
    into = call[replacement]
    if isinstance(given, Constant) and isinstance(bound, Constant):
        into = nodes.build_text(
            rewrite_replacement(str(given.value), len(list_capturing_groups(str(bound.value))))
        )
    arguments = (call[text], get_pattern_argument(call, regex), into)
    if isinstance(into, exp.Literal) and len(str(into.this)) <= GROWTH:
        done = nodes.build_call("regexp_replace", *arguments, nodes.build_text("g"))
    else:
        done = apply_routine(call, _REWRITTEN, *arguments)
    return _guard_invalid(call, (regex, replacement), done)


@declare_function("replace_regex(text: string, regex: string, rewrite: string): string")
def replace_regex(call: Arguments) -> exp.Expr:
    """Replace every match of a regular expression; `\\1` in the rewrite is the first group."""
    return _build_replace(call, 0, 1, 2)


@declare_function("replace(regex: string, rewrite: string, text: string): string")
def replace(call: Arguments) -> exp.Expr:
    """Replace every match of a regular expression (old order of arguments)."""
    return _build_replace(call, 2, 0, 1)


def _build_trim(call: Arguments, start: bool, end: bool) -> exp.Expr:
    bound = call.bound[0]
    node = call[1]
    if isinstance(bound, Constant):
        pattern = translate_constant(call, 0, str(bound.value))
        heads = [f"^(?:{pattern})"] * start + [f"(?:{pattern})$"] * end
        for one in heads:
            node = nodes.build_call("regexp_replace", node, nodes.build_text(one), nodes.build_text(""))
        return node
    heads_sql = [("^(?:", ")")] * start + [("(?:", ")$")] * end
    for before, after in heads_sql:
        one_sql = nodes.build_chain("||", [nodes.build_text(before), call[0], nodes.build_text(after)])
        node = nodes.build_call("regexp_replace", node, one_sql, nodes.build_text(""))
    return nodes.build_try(node)


@declare_function("trim(regex: string, text: string): string")
def trim(call: Arguments) -> exp.Expr:
    """Cut one match of a regular expression off both ends."""
    return _build_trim(call, start=True, end=True)


@declare_function("trim_start(regex: string, text: string): string")
def trim_start(call: Arguments) -> exp.Expr:
    """Cut one match of a regular expression off the start."""
    return _build_trim(call, start=True, end=False)


@declare_function("trim_end(regex: string, text: string): string")
def trim_end(call: Arguments) -> exp.Expr:
    """Cut one match of a regular expression off the end."""
    return _build_trim(call, start=False, end=True)


_QUOTE = declare_macro(
    "kql_regex_quote(x)", r"regexp_replace(x, '([\\.\+\*\?\[\^\]\$\(\)\{\}\|\-#&~ ])', '\\\1', 'g')"
)


@declare_function("regex_quote(text: text): string", nullable=False)
def regex_quote(call: Arguments) -> exp.Expr:
    """Write text so that a regular expression matches it as it stands."""
    return apply_routine(call, _QUOTE, to_text(call, call[0], call.types[0]))


_AT = declare_macro(
    "kql_indexof_regex(t, p)",
    "CASE WHEN regexp_matches(t, p) THEN length(regexp_extract(t, p, 1)) ELSE -1 END",
)


@declare_function(
    "indexof_regex(text: text, regex: const string, [start: const long], [length: const long], "
    "[occurrence: const long]): long"
)
def indexof_regex(call: Arguments) -> exp.Expr:
    """Give the 0-based place of a match of a regular expression, -1 where there is none."""
    numbers = [
        call.get_value(place) if place < len(call) else default
        for place, default in ((2, 0), (3, -1), (4, 1))
    ]
    start, length, occurrence = (int(item) if isinstance(item, int) else 0 for item in numbers)
    if start < 0 or occurrence < 1:
        raise call.make_unsupported_error("a negative start, and an occurrence below 1")
    # no text is longer, and DuckDB takes no larger numbers
    start, length = min(start, LONGEST), min(length, LONGEST)
    pattern = translate_constant(call, 1, call.get_text(1))
    before = f"(?:(?s:.)*?(?:{pattern})){{{occurrence - 1}}}" if occurrence > 1 else ""
    text = call[0]
    if start or length >= 0:
        limits = [nodes.build_number(start + 1), *([nodes.build_number(length)] if length >= 0 else [])]
        text = nodes.build_call("substring", text, *limits)
    found = apply_routine(call, _AT, text, nodes.build_text(f"^({before}(?s:.)*?)(?:{pattern})"))
    if not start:
        return found
    missing = (nodes.build_binary("<", found, nodes.build_number(0)), nodes.build_number(-1))
    return nodes.build_case(missing, otherwise=nodes.build_binary("+", found, nodes.build_number(start)))
