"""Size estimates: how much an expression can multiply text and dynamic values, so that memory is checked before it is used.

A text that an expression joins of others is no longer than these together. But a query may name the same column again and again, and
do so with the result: a few steps make gigabytes of one letter. So each expression is counted: how many copies of each column of the
rows there may be in it, through all operators below.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from math import inf
from types import MappingProxyType

from sqlglot import exp

from nephoscope_kql.functions.size_guard import SMALL
from nephoscope_kql.plan.column_references import list_operands
from nephoscope_kql.plan.expressions import (
    AggregateCall,
    BoundCall,
    ColumnRef,
    DynamicPath,
    ScalarQuery,
    WindowCall,
)
from nephoscope_kql.plan.relations import (
    Aggregated,
    Assign,
    Concatenated,
    Expanded,
    Rows,
    Scanned,
    Series,
    Shared,
    Windowed,
)
from nephoscope_kql.plan.values import Bound, Constant, Relation
from nephoscope_kql.sql import nodes
from nephoscope_kql.types import KqlType

Copies = Mapping[str, float]
Defined = Mapping[str, tuple[Bound, ...]]
MOST_COPIES = 8
"""So many copies of a column need no room: a batch of rows is a small part of what a query may take."""
LONG = 256
"""A constant text from this length on is counted like a column."""
APART = 16.0
"""Bytes for each of an array's or bag's text that is taken apart: an element of two bytes is a node and a text of its own then."""
SCALAR = 40
"""Bytes that a number, a time or a guid takes as text at most."""
_SIZED = frozenset({KqlType.STRING, KqlType.DYNAMIC})
_CHOOSING = frozenset({"iff", "iif", "case", "coalesce", "max_of", "min_of", "column_ifexists"})
"""They give one of their arguments."""
_MEASURED = frozenset(
    {"strrep", "repeat", "range", "strcat_array", "replace_string", "replace_strings", "replace_regex"}
) | {"replace", "array_iff"}
"""They ask for room themselves, by what they measure; whatever takes their result asks too."""
_TAKING_APART = frozenset(
    {"array_concat", "array_reverse", "array_rotate_left", "array_rotate_right", "array_split", "zip"}
) | {"bag_merge", "bag_zip", "bag_set_key", "bag_remove_keys", "set_union", "set_difference", "set_intersect"}
"""They make a list of the elements first."""
_FACTORS: Mapping[str, float] = MappingProxyType(
    {
        **dict.fromkeys(("url_encode", "url_encode_component"), 3.0),
        **dict.fromkeys(("base64_encode_tostring", "base64_encodestring", "regex_quote"), 2.0),
        **dict.fromkeys(("parse_json", "todynamic", "toobject"), 1.0),
        **dict.fromkeys(("unicode_codepoints_from_string", "translate"), 4.0),
        "extract_all": 4.0,
    }
)
"""How much longer than its text arguments a result may be; 2 where text becomes part of JSON, else 1."""


class ColumnGrowth:
    """Growth of the columns of the relations that were written so far."""

    def __init__(self) -> None:
        self._defined: dict[str, tuple[Bound, ...]] = {}
        self._known: dict[str, Copies] = {}

    def add_relation(self, relation: Relation) -> None:
        """Take note of the columns that a relation makes."""
        define = _DEFINED.get(type(relation))
        if define is not None:
            self._defined.update(define(relation))
        if isinstance(relation, Scanned):  # a step may join what it has to itself, a row after the other
            endless = [column for column, _ in relation.declared]
            endless += [seen for step in relation.steps for _, seen in step.seen]
            self._known.update((column.id, {column.id: inf}) for column in endless)

    def count_copies(self, value: Bound) -> Copies:
        """Count how many copies of what may be in an expression."""
        if value.type not in _SIZED:
            return {}
        if isinstance(value, ColumnRef):
            return self._build_column_copies(value.column.id)
        if isinstance(value, ScalarQuery):
            return self._build_column_copies(value.column.id)
        if isinstance(value, Constant):
            return _build_constant_copies(value)
        if isinstance(value, DynamicPath):
            return self._build_path_copies(value)
        if isinstance(value, BoundCall):
            return self._call_copies(value)
        return _add_copies((self.count_copies(one), 1.0) for one in getattr(value, "arguments", ()))

    def _build_column_copies(self, name: str) -> Copies:
        known = self._known.get(name)
        if known is None:
            self._known[name] = {name: 1.0}  # what it is where it is defined by itself
            found = _merge_copies(self._build_defined_copies(one) for one in self._defined.get(name, ()))
            known = self._known[name] = found or {name: 1.0}
        return known

    def _build_defined_copies(self, value: Bound) -> Copies:
        """Of an aggregate's or a window's arguments too, whatever its own type."""
        if isinstance(value, AggregateCall | WindowCall):
            return _add_copies((self.count_copies(one), 1.0) for one in value.arguments)
        return self.count_copies(value)

    def _build_path_copies(self, value: DynamicPath) -> Copies:
        """Different members of what rows hold are different things; those of what was made of members are not told apart."""
        whole = self.count_copies(value.target)
        steps = [step for step in value.steps if not isinstance(step, Bound)]
        if (
            len(steps) < len(value.steps)
            or _find_highest_copy_count(whole) > 2
            or any("." in name for name in whole)
        ):
            return whole
        return {f"{name}.{steps}": count for name, count in whole.items()}

    def _call_copies(self, value: BoundCall) -> Copies:
        parts = [self.count_copies(one) for one in value.arguments]
        if value.function.name in _CHOOSING:
            return _merge_copies(parts)
        if value.function.name in _MEASURED:
            return {name: MOST_COPIES for part in parts for name in part}
        return _add_copies(zip(parts, _list_factors(value), strict=True))

    def may_grow(self, value: BoundCall) -> bool:
        """Return whether a call has to ask for room: it may have too many copies of something, and more than each of its arguments."""
        if value.type not in _SIZED or value.function.name in _CHOOSING | _MEASURED:
            return False
        most = _find_highest_copy_count(self.count_copies(value))
        return most > MOST_COPIES and (
            most == inf
            or most
            > max((_find_highest_copy_count(self.count_copies(one)) for one in value.arguments), default=0.0)
        )

    def needs_size_check(self, value: Bound) -> bool:
        """Return whether something within an expression has to ask for room."""
        pending = [value]
        while pending:
            one = pending.pop()
            if isinstance(one, BoundCall) and self.may_grow(one):
                return True
            pending.extend(list_operands(one))
        return False


def _find_highest_copy_count(copies: Copies) -> float:
    return max(copies.values(), default=0.0)


def _build_constant_copies(value: Constant) -> Copies:
    text = value.value if isinstance(value.value, str) else ""
    return {f"'{hash(text)}": 1.0} if len(text) >= LONG else {}


def _list_factors(value: BoundCall) -> list[float]:
    """Return how often each argument may be in a call's result."""
    name, count = value.function.name, len(value.arguments)
    if name == "strcat_delim":
        return [max(1.0, count - 2.0), *(1.0 for _ in range(count - 1))]
    return [_estimate_factor(value, one) for one in value.arguments]


def _estimate_factor(value: BoundCall, argument: Bound) -> float:
    known = _FACTORS.get(value.function.name)
    if known is not None:
        return known
    return 2.0 if value.type == KqlType.DYNAMIC and argument.type == KqlType.STRING else 1.0


def _add_copies(parts: Iterable[tuple[Copies, float]]) -> Copies:
    found: dict[str, float] = {}
    for copies, factor in parts:
        for name, count in copies.items():
            found[name] = found.get(name, 0.0) + count * factor
    return found


def _merge_copies(parts: Iterable[Copies]) -> Copies:
    found: dict[str, float] = {}
    for copies in parts:
        for name, count in copies.items():
            found[name] = max(found.get(name, 0.0), count)
    return found


def _build_assigned_values(relation: Assign) -> Defined:
    return {column.id: (value,) for column, value in relation.assigned}


def _build_aggregated_values(relation: Aggregated) -> Defined:
    found: dict[str, tuple[Bound, ...]] = {column.id: (value,) for column, value in relation.groups}
    return found | {column.id: (call,) for column, call in relation.aggregates}


def _build_series_values(relation: Series) -> Defined:
    found: dict[str, tuple[Bound, ...]] = {column.id: (value,) for column, value in relation.groups}
    return found | {item.column.id: (item.call,) for item in relation.items}


def _build_concatenated_values(relation: Concatenated) -> Defined:
    fills = zip(*relation.fills, strict=True)
    return {
        column.id: tuple(several) for column, several in zip(relation.filled_columns, fills, strict=False)
    }


def _write_row_values(relation: Rows) -> Defined:
    cells = zip(*relation.rows, strict=True)
    return {column.id: tuple(several) for column, several in zip(relation.columns, cells, strict=False)}


def _build_shared_values(relation: Shared) -> Defined:
    pairs = [*zip(relation.columns, relation.input.columns, strict=False), *relation.hidden]
    return {here.id: (ColumnRef(type=inner.type, column=inner),) for here, inner in pairs}


_DEFINED: Mapping[type[Relation], Callable[..., Defined]] = MappingProxyType(
    {
        Assign: _build_assigned_values,
        Aggregated: _build_aggregated_values,
        Series: _build_series_values,
        Concatenated: _build_concatenated_values,
        Rows: _write_row_values,
        Shared: _build_shared_values,
        Windowed: lambda relation: {relation.column.id: (relation.call,)},
        Expanded: lambda relation: {one.column.id: (one.value,) for one in relation.expansions},
    }
)


def write_size_bound(value: BoundCall, write: Callable[[Bound], exp.Expr]) -> exp.Expr:
    """The SQL of a bound of a call's bytes; `write` gives the SQL of an expression."""
    known: dict[str, tuple[exp.Expr, float]] = {}
    fixed = _measure_texts(value, 1.0, write, known)
    terms = [
        nodes.build_binary("*", nodes.build_call("strlen", node), nodes.build_number(int(count) or 1))
        for node, count in known.values()
    ]
    total: exp.Expr = nodes.build_number(int(fixed))
    for term in terms:
        total = nodes.build_binary("+", total, nodes.build_coalesce(term, nodes.build_number(0)))
    return total


def _measure_texts(
    value: Bound, factor: float, write: Callable[[Bound], exp.Expr], known: dict[str, tuple[exp.Expr, float]]
) -> float:
    """Note the texts that have to be measured, with how often each is there; the bytes that are known without."""
    if value.type not in _SIZED:
        return factor * SCALAR
    if isinstance(value, Constant):
        return factor * (len(str(value.value).encode()) + SCALAR)
    if isinstance(value, BoundCall) and value.arguments and value.function.name not in _MEASURED:
        factor *= APART if value.function.name in _TAKING_APART else 1.0
        shares = zip(value.arguments, _list_factors(value), strict=True)
        return factor * SCALAR + sum(
            _measure_texts(one, factor * share, write, known) for one, share in shares
        )
    name = value.column.id if isinstance(value, ColumnRef) else f"{len(known)}"
    node, before = known[name] if name in known else (write(value), 0.0)
    known[name] = (node, before + factor)
    return factor * SCALAR


def guard_value_size(value: exp.Expr, bytes_: exp.Expr, room: str) -> exp.Expr:
    """The value, for which `room` is asked by the name of its function where `bytes_` are not few."""
    asked = nodes.build_call(room, nodes.build_cast(bytes_, "BIGINT"))
    few = nodes.build_binary("<=", bytes_.copy(), nodes.build_number(SMALL))
    return nodes.build_case((nodes.build_case((few, nodes.build_boolean(True)), otherwise=asked), value))
