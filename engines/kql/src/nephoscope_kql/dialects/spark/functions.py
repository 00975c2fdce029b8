"""The scalar functions that Spark says as KQL means them: KQL name -> builder.

A builder gets its arguments in Spark's SQL and gives None where Spark would not give the same value for every argument (a pattern in
another syntax, a case mapping of another kind): the whole expression is vectorised then. A name that is not here is always vectorised.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TypeAlias

from sqlglot import exp

from nephoscope_kql.functions.text_operators import build_term_pattern
from nephoscope_kql.plan.function_signatures import Arguments
from nephoscope_kql.plan.values import Constant
from nephoscope_kql.registry import load_functions
from nephoscope_kql.sql import nodes
from nephoscope_kql.types import MAX_DATETIME_TICKS, KqlType

E = exp.Expr
Native: TypeAlias = Callable[[Arguments], "E | None"]
_PLAIN = frozenset({KqlType.INT, KqlType.LONG, KqlType.DATETIME, KqlType.TIMESPAN})
_SPECIAL, _PLAINER = "İΣ", "iσ"
"""Letters that Java writes in lower case as several characters or by their place in the word, and what KQL makes of them."""
_TURKISH, _OTHER = "İı", "ªª"
"""Letters that Java's patterns take for an `i` where case is ignored; `ª` is a letter without case."""


def lower_case(node: E) -> E:
    """The text in lower case, character by character; a literal at once."""
    if isinstance(node, exp.Literal) and node.is_string:
        return (
            nodes.build_text(str(node.this).lower())
            if str(node.this).isascii()
            else _lower_with_specials(node)
        )
    return _lower_with_specials(node)


def _lower_with_specials(node: E) -> E:
    return nodes.build_call(
        "lower", nodes.build_call("translate", node, nodes.build_text(_SPECIAL), nodes.build_text(_PLAINER))
    )


def _make_same_builder(name: str) -> Native:
    """DuckDB's builder, whose SQL Spark reads the same way."""

    def build_node(call: Arguments) -> E | None:
        return load_functions()[name].builders["duckdb"](call)

    return build_node


def _limit_to_types(name: str, types: frozenset[KqlType]) -> Native:
    """Return the same where every argument has one of the types."""
    same = _make_same_builder(name)
    return lambda call: same(call) if types.issuperset(call.types) else None


def _make_text_test(name: str, sensitive: bool, negated: bool) -> Native:
    def build_node(call: Arguments) -> E:
        text, part = (call[0], call[1]) if sensitive else (lower_case(call[0]), lower_case(call[1]))
        found = nodes.build_call(name, text, part)
        return nodes.build_not(found) if negated else found

    return build_node


def _build_term(call: Arguments, place: int, kind: str, sensitive: bool) -> E | None:
    """Return whether a text has a term that is constant and ASCII: a cheap search first, then Java's pattern of the same meaning."""
    item = call.bound[place]
    if not isinstance(item, Constant) or not isinstance(item.value, str) or not item.value.isascii():
        return None
    if not item.value:
        return nodes.build_boolean(value=True)
    known = item.value if sensitive else item.value.lower()
    found = nodes.build_call(
        "contains", call[0] if sensitive else lower_case(call[0]), nodes.build_text(known)
    )
    pattern = build_term_pattern(item.value, kind, sensitive).replace("(?i)", "(?iu)").replace("($|", r"(\z|")
    text = nodes.build_call("translate", call[0], nodes.build_text(_TURKISH), nodes.build_text(_OTHER))
    return nodes.build_binary("and", found, nodes.build_call("rlike", text, nodes.build_text(pattern)))


def _build_has(kind: str, sensitive: bool, negated: bool) -> Native:
    def build_node(call: Arguments) -> E | None:
        found = _build_term(call, 1, kind, sensitive)
        return found if found is None or not negated else nodes.build_not(found)

    return build_node


def _has_several(connector: str) -> Native:
    def build_node(call: Arguments) -> E | None:
        tests: list[E] = []
        for place in range(1, len(call)):
            test = _build_term(call, place, "has", sensitive=False)
            if test is None:
                return None
            tests.append(exp.Paren(this=test))
        return nodes.build_chain(connector, tests) if tests else nodes.build_boolean(connector == "and")

    return build_node


def _make_caseless_equality(operator: str) -> Native:
    return lambda call: nodes.build_binary(operator, lower_case(call[0]), lower_case(call[1]))


def _make_member(insensitive: bool) -> Native:
    def build_node(call: Arguments) -> E | None:
        if KqlType.DYNAMIC in call.types or KqlType.REAL in call.types:
            return None
        items = [lower_case(item) if insensitive else item for item in call]
        found: E = nodes.build_in_list(items[0], items[1:])
        nullable = any(item.nullable for item in call.bound)
        return nodes.build_coalesce(found, nodes.build_boolean(value=False)) if nullable else found

    return build_node


def _make_wrapped_sum(operator: str) -> Native:
    """Addition and subtraction: long wraps, a real follows IEEE, times that leave their range are null."""
    guarded = {"+": "try_add", "-": "try_subtract"}[operator]

    def build_node(call: Arguments) -> E | None:
        if all(item.is_numeric for item in call.types):
            plain = call.type in (KqlType.LONG, KqlType.REAL)
            return nodes.build_binary(operator, call[0], call[1]) if plain else None
        result = nodes.build_call(guarded, call[0], call[1])
        if call.type != KqlType.DATETIME:
            return result
        return _limit_to_years(result, call)

    return build_node


def _limit_to_years(ticks: E, call: Arguments) -> E | None:
    """A datetime in the years 1 to 9999, else null; the sum is written twice, so it has to be a small one."""
    if sum(1 for _ in ticks.walk()) > 20:
        return None
    low, high = (
        nodes.build_cast(nodes.build_number(0), "BIGINT"),
        nodes.build_cast(nodes.build_number(MAX_DATETIME_TICKS), "BIGINT"),
    )
    inside = exp.Between(this=ticks, low=low, high=high)
    del call
    return nodes.build_case((inside, ticks))


def _build_product(call: Arguments) -> E | None:
    if not all(item.is_numeric for item in call.types) or call.type not in (KqlType.LONG, KqlType.REAL):
        return None
    return nodes.build_binary("*", call[0], call[1])


def _build_bin(call: Arguments) -> E | None:
    """Of a datetime: the ticks without their remainder by a constant size."""
    if call.type != KqlType.DATETIME or not call.is_constant(1):
        return None
    size = call.get_value(1)
    if not isinstance(size, int) or size <= 0:
        return None
    return nodes.build_binary("-", call[0], nodes.build_binary("%", call[0], call[1]))


def _emit_tostring(call: Arguments) -> E | None:
    """tostring(): of a whole number, a guid, a bool."""
    kind = call.types[0]
    if kind in (KqlType.STRING, KqlType.GUID):
        return call[0]
    if kind.is_integer:
        return nodes.build_cast(call[0], "VARCHAR")
    if kind == KqlType.BOOL:
        yes = (call[0], nodes.build_text("True"))
        return nodes.build_case(
            yes, (nodes.build_not(call[0]), nodes.build_text("False")), otherwise=nodes.build_text("")
        )
    return None


def _write_concat(call: Arguments) -> E | None:
    if any(item != KqlType.STRING for item in call.types):
        return None
    return nodes.build_call("concat", *call)


def _make_empty(negated: bool) -> Native:
    def build_node(call: Arguments) -> E | None:
        kind = call.types[0]
        if kind == KqlType.DYNAMIC:
            return None
        text = kind == KqlType.STRING
        found = nodes.build_binary("=", call[0], nodes.build_text("")) if text else nodes.is_null(call[0])
        return nodes.build_not(found) if negated else found

    return build_node


def _build_struct_field(call: Arguments) -> E:
    """One text of the struct that a pattern of a parse operator found."""
    place = exp.Identifier(this=f"g{call.get_value(1)}")
    return nodes.build_coalesce(exp.Dot(this=call[0], expression=place), nodes.build_text(""))


def _build_negations() -> dict[str, Native]:
    """The operators on text, by case or not, negated or not."""
    found: dict[str, Native] = {}
    for sensitive, suffix in ((False, ""), (True, "_cs")):
        for negated, prefix in ((False, ""), (True, "!")):
            for kind in ("contains", "startswith", "endswith"):
                found[f"{prefix}{kind}{suffix}"] = _make_text_test(kind, sensitive, negated)
            for kind in ("has", "hasprefix", "hassuffix"):
                found[f"{prefix}{kind}{suffix}"] = _build_has(kind, sensitive, negated)
    return found


_COMPARED = frozenset(KqlType) - {KqlType.DYNAMIC}
NATIVE: Mapping[str, Native] = MappingProxyType(
    {
        "and": _make_same_builder("and"),
        "or": _make_same_builder("or"),
        "not": _make_same_builder("not"),
        **{name: _limit_to_types(name, _COMPARED) for name in ("==", "!=", "<", "<=", ">", ">=")},
        "=~": _make_caseless_equality("="),
        "!~": _make_caseless_equality("<>"),
        **_build_negations(),
        "has_any": _has_several("or"),
        "has_all": _has_several("and"),
        "in": _make_member(insensitive=False),
        "in~": _make_member(insensitive=True),
        "+": _make_wrapped_sum("+"),
        "-": _make_wrapped_sum("-"),
        "*": _build_product,
        "bin": _build_bin,
        "iff": _make_same_builder("iff"),
        "case": _make_same_builder("case"),
        "coalesce": _make_same_builder("coalesce"),
        "isnull": _make_same_builder("isnull"),
        "isnotnull": _make_same_builder("isnotnull"),
        "isempty": _make_empty(negated=False),
        "isnotempty": _make_empty(negated=True),
        "_part": _build_struct_field,
        "_parts_if": _make_same_builder("_parts_if"),
        "_kept": _make_same_builder("_kept"),
        "tolower": lambda call: lower_case(call[0]),
        "strcat": _write_concat,
        "strlen": lambda call: nodes.build_cast(nodes.build_call("length", call[0]), "BIGINT"),
        "tostring": _emit_tostring,
        "tolong": lambda call: nodes.build_cast(call[0], "BIGINT") if call.types[0].is_integer else None,
        "rand": lambda call: nodes.build_call("rand") if not len(call) else None,
        "new_guid": lambda _call: nodes.build_call("uuid"),
    }
)
