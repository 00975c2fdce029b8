"""parse, parse-where and parse-kv."""

from __future__ import annotations

import re

from nephoscope_kql import tree
from nephoscope_kql.binder import constants
from nephoscope_kql.binder.environment import Env, make_reference, register_operator_binder
from nephoscope_kql.binder.operands import bind_operation
from nephoscope_kql.binder.overload_resolution import convert_explicitly
from nephoscope_kql.errors import Span, make_invalid_error, make_unsupported_query_error
from nephoscope_kql.functions.regex import RegexError, list_capturing_groups, widen_re2_pattern
from nephoscope_kql.operators.join import find_parameter
from nephoscope_kql.plan.relations import Assign, Filter
from nephoscope_kql.plan.values import Bound, Column, Relation
from nephoscope_kql.tree.operators import Parse, ParseKv, ParseStar, ParseText
from nephoscope_kql.types import KqlType

_INTEGER = r"\s*([-+]?(?:0[xX][0-9a-fA-F]+|\d+))\s*"
_NUMBER = r"\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*"
_BOOL = r"\s*((?i:true|false)|\d+)\s*"
_TYPED = {
    KqlType.INT: _INTEGER,
    KqlType.LONG: _INTEGER,
    KqlType.REAL: _NUMBER,
    KqlType.DECIMAL: _NUMBER,
    KqlType.BOOL: _BOOL,
}


@register_operator_binder(Parse)
def bind_parse(relation: Relation, operator: Parse, env: Env) -> Relation:
    """`parse`: columns from a text by a pattern; parse-where drops the rows that do not match."""
    kind, span = find_parameter(operator.parameters, "kind"), operator.span
    mode = kind.word if kind is not None else "simple"
    if mode not in ("simple", "regex", "relaxed"):
        raise make_invalid_error(f"no kind of parse is named '{mode}'", operator.span)
    flags = find_parameter(operator.parameters, "flags")
    pattern, declared = _build_pattern(operator, mode, flags.text if flags is not None else "")
    text = convert_explicitly(env.with_relation_columns(relation).bind_scalar(operator.value), KqlType.STRING)
    columns = [env.binder.make_column(item.name, item.type or KqlType.STRING) for item in declared]
    relation, parts = _match_pattern(relation, text, pattern, columns, mode, operator.span, env)
    if operator.filter:
        matched = bind_operation("_matched", KqlType.BOOL, span, text, constants.make_text(pattern, span))
        kept = bind_operation("_kept", KqlType.BOOL, span, make_reference(parts, span))
        both = bind_operation("and", KqlType.BOOL, span, matched, kept)
        relation = Filter(columns=relation.columns, order=relation.order, input=relation, predicate=both)
    assigned = [
        (column, _convert_element(parts, place, column.type, operator.span))
        for place, column in enumerate(columns)
    ]
    return replace_columns(relation, assigned)


def replace_columns(relation: Relation, assigned: list[tuple[Column, Bound]]) -> Relation:
    """The relation with columns that take the place of those of the same name, or come last."""
    columns = list(relation.columns)
    for column, _ in assigned:
        place = next((at for at, known in enumerate(columns) if known.name == column.name), None)
        if place is None:
            columns.append(column)
        else:
            columns[place] = column
    return Assign(columns=tuple(columns), order=relation.order, input=relation, assigned=tuple(assigned))


def _convert_element(parts: Column, place: int, kind: KqlType, span: Span) -> Bound:
    text = bind_operation(
        "_part", KqlType.STRING, span, make_reference(parts, span), constants.make_long_constant(place, span)
    )
    return convert_explicitly(text, kind)


def _add_hidden_column(relation: Relation, value: Bound, env: Env) -> tuple[Relation, Column]:
    column = env.binder.make_column("", value.type)
    made = Assign(columns=relation.columns, order=relation.order, input=relation, assigned=((column, value),))
    return made, column


def _match_pattern(
    relation: Relation, text: Bound, pattern: str, columns: list[Column], mode: str, span: Span, env: Env
) -> tuple[Relation, Column]:
    """A hidden column with the parts that the pattern finds: none where a typed part does not convert (but with relaxed)."""
    arguments = (text, constants.make_text(pattern, span), constants.make_long_constant(len(columns), span))
    relation, parts = _add_hidden_column(
        relation, bind_operation("_parsed", KqlType.DYNAMIC, span, *arguments), env
    )
    strict = (
        []
        if mode == "relaxed"
        else [at for at, column in enumerate(columns) if column.type != KqlType.STRING]
    )
    if not strict:
        return relation, parts
    test: Bound | None = None
    for place in strict:
        value = _convert_element(parts, place, columns[place].type, span)
        one = bind_operation("isnotnull", KqlType.BOOL, span, value)
        test = one if test is None else bind_operation("and", KqlType.BOOL, span, test, one)
    if test is None:
        return relation, parts
    return _add_hidden_column(
        relation, bind_operation("_parts_if", KqlType.DYNAMIC, span, make_reference(parts, span), test), env
    )


def _build_pattern(operator: Parse, mode: str, flags: str) -> tuple[str, list[tree.ColumnDeclaration]]:
    """The regular expression of a parse pattern, a group a column."""
    declared: list[tree.ColumnDeclaration] = []
    pieces: list[str] = []
    last = len(operator.pattern) - 1
    for place, item in enumerate(operator.pattern):
        if isinstance(item, ParseStar):
            pieces.append(".*?" if place < last else ".*")
        elif isinstance(item, ParseText):
            pieces.append(
                f"(?:{_build_expression(_strip_groups(item), item.span)})"
                if mode == "regex"
                else _quote_regex(item.text)
            )
        elif isinstance(item, tree.ColumnDeclaration):
            after = operator.pattern[place + 1] if place < last else None
            if mode == "regex" and isinstance(after, tree.ColumnDeclaration):
                message = "parse kind=regex needs a regular expression between two columns"
                raise make_invalid_error(message, after.span)
            declared.append(item)
            pieces.append(_build_group(item, mode, after))
    known = "".join(flag for flag in flags if flag in "imsU")
    if len(known) != len(flags):
        raise make_invalid_error(f"unknown flags '{flags}': i, m, s and U are known", operator.span)
    dot = "" if mode == "regex" else "s"
    start = f"(?{known}{dot})" if known or dot else ""
    first = "" if mode == "regex" else "^"
    return start + first + "".join(pieces) + ("$" if _must_reach_end(operator, mode) else ""), declared


def _build_expression(text: str, span: Span) -> str:
    """A regular expression as RE2 takes it."""
    try:
        return widen_re2_pattern(text)
    except RegexError as error:
        raise make_invalid_error(f"invalid regular expression: {error}", span) from error


def _must_reach_end(operator: Parse, mode: str) -> bool:
    """Return whether the pattern must reach the end of the text."""
    last = operator.pattern[-1] if operator.pattern else None
    return isinstance(last, tree.ColumnDeclaration) or (isinstance(last, ParseText) and mode != "regex")


def _strip_groups(item: ParseText) -> str:
    """A regular expression whose own groups capture nothing."""
    result, inside, place = "", False, 0
    while place < len(item.text):
        one = item.text[place]
        if one == "\\":
            result += item.text[place : place + 2]
            place += 2
            continue
        inside = (inside or one == "[") and one != "]"
        named = item.text[place : place + 3] in ("(?P", "(?<")
        plain = one == "(" and not inside and item.text[place + 1 : place + 2] != "?"
        if named and not inside:
            raise make_unsupported_query_error("named groups in a parse pattern", item.span)
        result += "(?:" if plain else one
        place += 1
    return result


def _quote_regex(text: str) -> str:
    return (
        re.sub(r"([^\w\s]|_)", r"\\\1", text)
        if text.isascii()
        else "".join(
            one if one.isalnum() or not one.isascii() or one.isspace() else f"\\{one}" for one in text
        )
    )


def _build_group(item: tree.ColumnDeclaration, mode: str, after: object) -> str:
    """The group of a column: as little as it can be, but as much with kind=regex (flag U turns that) and at the end."""
    typed = _TYPED.get(item.type or KqlType.STRING)
    if typed is not None and mode != "relaxed":
        return typed
    if typed is not None and isinstance(after, ParseStar):
        return f"(?:{typed})?"
    return "(.*)" if after is None or mode == "regex" else "(.*?)"


@register_operator_binder(ParseKv)
def bind_parse_kv(relation: Relation, operator: ParseKv, env: Env) -> Relation:
    """`parse-kv`: columns from the key-value pairs of a text."""
    text = convert_explicitly(env.with_relation_columns(relation).bind_scalar(operator.value), KqlType.STRING)
    given = {item.name: _read_property(item, env) for item in operator.properties}
    if "regex" in given:
        return _extract_by_regex(relation, operator, text, given["regex"], env)
    if given.get("greedy", "") == "true" and "pair_delimiter" not in given:
        raise make_invalid_error("greedy needs a pair_delimiter", operator.span)
    assigned: list[tuple[Column, Bound]] = []
    for item in operator.columns:
        column = env.binder.make_column(item.name, item.type or KqlType.STRING)
        pattern, groups = build_key_pattern(item.name, given, [other.name for other in operator.columns])
        relation, parts = _add_hidden_column(
            relation,
            bind_operation(
                "_parsed",
                KqlType.DYNAMIC,
                item.span,
                text,
                constants.make_text(pattern, item.span),
                constants.make_long_constant(groups, item.span),
            ),
            env,
        )
        value = bind_operation(
            "_part",
            KqlType.STRING,
            item.span,
            make_reference(parts, item.span),
            constants.make_long_constant(0),
        )
        for place in range(1, groups):
            more = bind_operation(
                "_part",
                KqlType.STRING,
                item.span,
                make_reference(parts, item.span),
                constants.make_long_constant(place),
            )
            value = bind_operation("strcat", KqlType.STRING, item.span, value, more)
        assigned.append((column, convert_explicitly(value, column.type)))
    return replace_columns(relation, assigned)


def _read_property(item: tree.OperatorParameter, env: Env) -> str:
    value = env.without_row().bind_scalar(item.values[0]) if item.values else None
    found = getattr(value, "value", None)
    if isinstance(found, bool):
        return str(found).lower()
    if not isinstance(found, str):
        raise make_invalid_error(f"{item.name} must be a constant string", item.span)
    return found


def build_key_pattern(key: str, given: dict[str, str], keys: list[str]) -> tuple[str, int]:
    """The pattern of one key's value, and in how many groups the value may be (quoted by either quote, or bare)."""
    pair, kv = given.get("pair_delimiter", ""), given.get("kv_delimiter", "=")
    quotes, escape = given.get("quote", ""), given.get("escape", "")
    opening, closing = (quotes[0], quotes[-1]) if quotes else ("", "")
    between = _quote_regex(pair) if pair else r"[^\pL\pN_]"
    joint = _quote_regex(kv) if pair or "kv_delimiter" in given else r"[^\pL\pN_]"
    before, after = (f"{_quote_regex(opening)}?", f"{_quote_regex(closing)}?") if quotes else ("", "")
    start = rf"(?s)(?:^|{between})\s*{before}{_quote_regex(key)}{after}\s*{joint}\s*"
    bare = rf"(.*?)\s*(?:{between}|$)" if pair else r"([\pL\pN_.]*)"
    if given.get("greedy") == "true":
        others = "|".join(_quote_regex(other) for other in keys)
        bare = rf"(.*?)\s*(?:{between}\s*(?:{others})\s*{_quote_regex(kv)}|$)"
    if not quotes:
        return start + bare, 1
    inside = (
        rf"(?:[^{_quote_regex(closing)}{_quote_regex(escape)}]|{_quote_regex(escape)}.)*"
        if escape
        else f"[^{_quote_regex(closing)}]*"
    )
    return f"{start}(?:{_quote_regex(opening)}({inside}){_quote_regex(closing)}|{bare})", 2


def _extract_by_regex(relation: Relation, operator: ParseKv, text: Bound, pattern: str, env: Env) -> Relation:
    """`regex=`: a pattern with the groups key and value: one extraction a key."""
    if len(list_capturing_groups(pattern)) < 2:
        raise make_invalid_error(
            "the regular expression needs two groups: the key and the value", operator.span
        )
    assigned: list[tuple[Column, Bound]] = []
    for item in operator.columns:
        column = env.binder.make_column(item.name, item.type or KqlType.STRING)
        found = bind_operation(
            "_keyed",
            KqlType.STRING,
            item.span,
            text,
            constants.make_text(_build_expression(pattern, operator.span), item.span),
            constants.make_text(item.name),
        )
        assigned.append((column, convert_explicitly(found, column.type)))
    return replace_columns(relation, assigned)
