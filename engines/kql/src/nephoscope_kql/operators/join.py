"""join and lookup."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import cast, get_args

from nephoscope_kql import tree
from nephoscope_kql.binder.column_naming import ColumnNames
from nephoscope_kql.binder.environment import Env, make_reference, register_operator_binder
from nephoscope_kql.binder.operands import convert_to_common_type
from nephoscope_kql.errors import (
    NOWHERE,
    UnknownNameError,
    make_invalid_error,
    make_unsupported_query_error,
    suggest_word,
)
from nephoscope_kql.plan.column_references import count_columns
from nephoscope_kql.plan.relations import FirstOf, Joined, JoinKind
from nephoscope_kql.plan.values import Bound, Column, Relation
from nephoscope_kql.tree.operators import Join, Lookup

_ALIASES = {
    "": "innerunique",
    "anti": "leftanti",
    "leftantisemi": "leftanti",
    "rightantisemi": "rightanti",
    "outer": "fullouter",
    "full": "fullouter",
    "left": "leftouter",
    "right": "rightouter",
    "semi": "leftsemi",
}
_ONE_SIDED = {"leftsemi": 0, "leftanti": 0, "rightsemi": 1, "rightanti": 1}


def find_parameter(
    parameters: tuple[tree.OperatorParameter, ...], name: str
) -> tree.OperatorParameter | None:
    """The parameter of a name."""
    return next((item for item in parameters if item.name == name), None)


def read_parameter_choice(
    parameters: tuple[tree.OperatorParameter, ...], name: str, known: tuple[str, ...], operator: str
) -> str:
    """The word that a parameter has of the `known` ones, the first of them where it is not given; KqlError for another word."""
    found = find_parameter(parameters, name)
    if found is not None and found.word not in known:
        hint = f"known: {', '.join(known)}"
        raise make_invalid_error(f"no kind of {operator} is named '{found.text}'", found.span, hint)
    return known[0] if found is None else found.word


def _read_join_kind(operator: Join | Lookup, default: str) -> str:
    found = find_parameter(operator.parameters, "kind")
    word = found.word if found is not None else default
    kind = _ALIASES.get(word, word)
    if kind not in get_args(JoinKind):
        raise make_invalid_error(
            f"no kind of join is named '{word}'",
            (found or operator).span,
            suggest_word(word, get_args(JoinKind)),
        )
    return kind


@register_operator_binder(Join)
def bind_join(relation: Relation, operator: Join, env: Env) -> Relation:
    """`join`: innerunique unless it says otherwise; right columns whose name is taken get a number."""
    kind = _read_join_kind(operator, "innerunique")
    right = env.bind_tabular(operator.right)
    keys, residual = _bind_conditions(operator.on, relation, right, env)
    if kind == "innerunique":
        relation = _deduplicate_by_keys(relation, [left for left, _ in keys])
    return join_relations(kind, relation, right, keys, residual, dropped=set())


def _deduplicate_by_keys(relation: Relation, keys: list[Bound]) -> Relation:
    return FirstOf(columns=relation.columns, order=relation.order, input=relation, keys=tuple(keys))


@register_operator_binder(Lookup)
def bind_lookup(relation: Relation, operator: Lookup, env: Env) -> Relation:
    """`lookup`: a left outer join without the right side's keys."""
    kind = _read_join_kind(operator, "leftouter")
    if kind not in ("leftouter", "inner"):
        raise make_invalid_error(f"lookup cannot be of kind {kind}", operator.span)
    right = env.bind_tabular(operator.right)
    keys, residual = _bind_conditions(operator.on, relation, right, env)
    dropped = set(count_columns(key for _, key in keys))
    return join_relations(kind, relation, right, keys, residual, dropped)


def join_relations(
    kind: str,
    left: Relation,
    right: Relation,
    keys: list[tuple[Bound, Bound]],
    residual: Bound | None,
    dropped: set[str],
) -> Relation:
    """The joined rows with the columns of the kind."""
    if kind in _ONE_SIDED:
        columns: tuple[Column, ...] = (left, right)[_ONE_SIDED[kind]].columns
    else:
        kept = [column for column in right.columns if column.id not in dropped]
        columns = (*left.columns, *_rename_duplicates(left.columns, kept))
    return Joined(
        columns=columns,
        kind=cast("JoinKind", kind),
        left=left,
        right=right,
        keys=tuple(keys),
        residual=residual,
        open=_ONE_SIDED.get(kind) != 0 and right.open,
    )


def _rename_duplicates(left: tuple[Column, ...], right: list[Column]) -> list[Column]:
    """The right columns, with a number behind each name that the left side has; no number makes a name of either side."""
    own = {column.name for column in left}
    names = ColumnNames([*own, *(column.name for column in right)])
    return [
        column.with_name(names.make_unique(column.name)) if column.name in own else column for column in right
    ]


def _bind_conditions(
    items: tuple[tree.Expression, ...], left: Relation, right: Relation, env: Env
) -> tuple[list[tuple[Bound, Bound]], Bound | None]:
    keys: list[tuple[Bound, Bound]] = []
    pending, met = list(items), env.binder.error_count
    inner = env.with_relation_columns(right if right.open else left)
    while pending:
        item = pending.pop(0)
        if isinstance(item, tree.Binary) and item.operator == "and":
            pending[:0] = [item.left, item.right]
        else:
            key = env.binder.bind_or_default(partial(_bind_key, item, left, right, env), None, inner)
            keys += [] if key is None else [key]
    if not keys and env.binder.error_count == met:
        raise make_invalid_error("a join needs a condition", items[0].span if items else NOWHERE)
    return keys, None


def _bind_key(item: tree.Expression, left: Relation, right: Relation, env: Env) -> tuple[Bound, Bound]:
    sides = {
        "$left": {column.name: column for column in left.columns},
        "$right": {column.name: column for column in right.columns},
    }
    if isinstance(item, tree.Name):
        for label, side in sides.items():
            if item.name not in side:
                raise UnknownNameError(
                    item.name,
                    f"the {label[1:]} side has no column '{item.name}'",
                    item.span,
                    suggest_word(item.name, side),
                )
        pair = (
            make_reference(sides["$left"][item.name], item.span),
            make_reference(sides["$right"][item.name], item.span),
        )
        return convert_to_common_type(*pair, item.span)
    if not isinstance(item, tree.Binary) or item.operator != "==":
        raise make_unsupported_query_error(
            "a join condition other than `column` or `$left.a == $right.b`", item.span
        )
    _refuse_missing_sides(item, sides)
    both = replace(env.with_relation_columns(right if right.open else left), row={}, sides=sides)
    one, two = both.bind_scalar(item.left), both.bind_scalar(item.right)
    ids = {column.id for column in left.columns}
    if _is_left_side(one, ids) is not True or _is_left_side(two, ids) is not False:
        raise make_invalid_error("a join condition compares a column of $left with one of $right", item.span)
    return convert_to_common_type(one, two, item.span)


def _refuse_missing_sides(item: tree.Binary, sides: dict[str, dict[str, Column]]) -> None:
    """Say how to write `a == b` of two columns without their sides."""
    one, two = item.left, item.right
    if not (isinstance(one, tree.Name) and isinstance(two, tree.Name)):
        return
    if one.name in sides["$left"] and two.name in sides["$right"]:
        hint = f"write $left.{one.name} == $right.{two.name}"
        raise make_invalid_error("a condition of join says which side a column is of", item.span, hint)


def _is_left_side(value: Bound, left: set[str]) -> bool | None:
    """True = left, False = right, None = neither or both."""
    found = {one in left for one in count_columns([value])}
    return found.pop() if len(found) == 1 else None
