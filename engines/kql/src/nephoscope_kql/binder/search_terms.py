"""Search terms of search and find: bare terms that match any column, and `column:"te*rm"`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from nephoscope_kql import tree
from nephoscope_kql.binder import constants
from nephoscope_kql.binder.environment import Env, ScalarMeaning, make_reference
from nephoscope_kql.binder.operands import bind_operation, join_by_or, require_condition
from nephoscope_kql.binder.overload_resolution import convert_explicitly
from nephoscope_kql.errors import make_invalid_error
from nephoscope_kql.plan.relations import Filter
from nephoscope_kql.plan.values import Bound, Relation
from nephoscope_kql.types import KqlType

Part = tuple[str, Relation]
#: Ends a word, and what a pattern finds ends with it: no term is found over two columns.
LINE = "\n"


#: The letters and signs, in lower case, of which the text of a value is made, where that is not any.
WRITTEN_WITH: Mapping[KqlType, frozenset[str]] = MappingProxyType(
    {
        KqlType.BOOL: frozenset("truefals01"),
        KqlType.INT: frozenset("-0123456789"),
        KqlType.LONG: frozenset("-0123456789"),
        KqlType.REAL: frozenset("+-.0123456789enaifty"),
        KqlType.DECIMAL: frozenset("+-.0123456789e"),
        KqlType.DATETIME: frozenset("-.:0123456789tz"),
        KqlType.TIMESPAN: frozenset("-.:0123456789"),
        KqlType.GUID: frozenset("-0123456789abcdef"),
    }
)


def bind_search_condition(node: tree.Expression, env: Env, exact: bool = False) -> Bound:
    """A condition over a row in which a text stands for `one of the columns holds this term`; `exact` heeds case."""
    if isinstance(node, tree.Pipe) and node.source is not None and not node.operators:
        return bind_search_condition(node.source, env, exact)
    if isinstance(node, tree.Star):
        return constants.make_constant(True, KqlType.BOOL, node.span)
    if isinstance(node, tree.Literal) and node.type == KqlType.STRING:
        return _bind_term_anywhere(str(node.value or ""), env, exact, node)
    if isinstance(node, tree.Binary) and node.operator in ("and", "or"):
        sides = (bind_search_condition(node.left, env, exact), bind_search_condition(node.right, env, exact))
        return bind_operation(node.operator, KqlType.BOOL, node.span, *sides)
    if isinstance(node, tree.Call) and node.name == "not" and len(node.arguments) == 1:
        return bind_operation(
            "not", KqlType.BOOL, node.span, bind_search_condition(node.arguments[0], env, exact)
        )
    if isinstance(node, tree.Binary) and node.operator == ":":
        return _bind_column_term(node, env, exact)
    return require_condition(env.bind_scalar(node))


def _bind_column_term(node: tree.Binary, env: Env, exact: bool) -> Bound:
    """`column:"term"`; a number or a time equals the column instead."""
    if not isinstance(node.right, tree.Literal):
        raise make_invalid_error("a term is a constant", node.right.span)
    if node.right.type != KqlType.STRING:
        return require_condition(
            env.bind_scalar(tree.Binary(operator="==", left=node.left, right=node.right, span=node.span))
        )
    term = str(node.right.value or "")
    if isinstance(node.left, tree.Star):
        return _bind_term_anywhere(term, env, exact, node)
    return bind_term_test(env.bind_scalar(node.left), term, exact, node)


def _bind_term_anywhere(term: str, env: Env, exact: bool, node: tree.Expression) -> Bound:
    """Return whether a column of the row holds a term: looked for in all of them at once, since a wide table has hundreds."""
    values = [
        convert_explicitly(make_reference(column, node.span), KqlType.STRING)
        for column in env.row.values()
        if _may_hold(column.type, term)
    ]
    if not values:
        return constants.make_constant(False, KqlType.BOOL, node.span)
    if LINE in term:
        return join_by_or([bind_term_test(value, term, exact, node) for value in values], node.span)
    line = constants.make_text(LINE, node.span)
    joined = (
        bind_operation("strcat_delim", KqlType.STRING, node.span, line, *values) if values[1:] else values[0]
    )
    return bind_term_test(joined, term, exact, node)


def _may_hold(kind: KqlType, term: str) -> bool:
    """Return whether the text of a value of a type may hold a term; of other letters than ASCII's some have a case in it."""
    signs = WRITTEN_WITH.get(kind)
    return signs is None or all(sign in signs for sign in term.lower() if sign.isascii() and sign != "*")


def bind_term_test(value: Bound, term: str, exact: bool, node: tree.Expression) -> Bound:
    """Return whether a value, as text, holds a term.

    `a` is a whole word, `a*` a word's beginning, `*a` its end, `*a*` anywhere, `a*b` in one line.
    """
    inner = term.strip("*")
    if not inner:
        return constants.make_constant(True, KqlType.BOOL, node.span)
    if "*" in inner:
        pattern = ".*".join(re.escape(part) for part in inner.split("*"))
        before, after = ("" if term.startswith("*") else r"\b"), ("" if term.endswith("*") else r"\b")
        name, inner = "matches regex", f"{'' if exact else '(?i)'}{before}{pattern}{after}"
    else:
        name = {(False, False): "has", (False, True): "hasprefix", (True, False): "hassuffix"}.get(
            (term.startswith("*"), term.endswith("*")), "contains"
        )
        name += "_cs" if exact else ""
    text = constants.make_text(inner, node.span)
    return bind_operation(name, KqlType.BOOL, node.span, convert_explicitly(value, KqlType.STRING), text)


def filter_parts(parts: list[Part], predicate: tree.Expression, env: Env, exact: bool = False) -> list[Part]:
    """The rows of each part that meet a condition: a column that the part lacks is null, a part that has none of them falls out."""
    kinds: dict[str, KqlType] = {}
    for _, relation in parts:
        for column in relation.columns:
            kinds.setdefault(column.name, column.type)
    named = _find_named_columns(predicate, kinds)
    found: list[Part] = []
    for name, relation in parts:
        own = {column.name for column in relation.columns}
        if named and not named & own:
            continue
        lacking = {one: ScalarMeaning(constants.make_null(kinds[one])) for one in named - own}
        test = bind_search_condition(
            predicate, env.with_relation_columns(relation).with_names(lacking), exact
        )
        rows = Filter(
            columns=relation.columns,
            order=relation.order,
            open=relation.open,
            input=relation,
            predicate=test,
        )
        found.append((name, rows))
    return found


def _find_named_columns(predicate: tree.Expression, kinds: Mapping[str, KqlType]) -> set[str]:
    """The columns of any part that a condition names."""
    names = {node.name for node in tree.node.walk_nodes(predicate) if isinstance(node, tree.Name)}
    return names & kinds.keys()
