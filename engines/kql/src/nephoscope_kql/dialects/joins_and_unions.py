"""Joins and unions in SQL."""

from __future__ import annotations

from sqlglot import exp

from nephoscope_kql.dialects.relational import Emitter, Needed, writes
from nephoscope_kql.dialects.select_block import SelectBlock, Value, make_block_over
from nephoscope_kql.plan.column_references import count_columns, list_order_ids
from nephoscope_kql.plan.relations import Aggregated, Assign, Concatenated, Joined
from nephoscope_kql.plan.values import Bound, Relation
from nephoscope_kql.sql import nodes
from nephoscope_kql.types import KqlType

SQL_KINDS = {
    "inner": ("", "INNER"),
    "innerunique": ("", "INNER"),
    "leftouter": ("LEFT", ""),
    "rightouter": ("RIGHT", ""),
    "fullouter": ("FULL", ""),
    "leftsemi": ("", "SEMI"),
    "rightsemi": ("", "SEMI"),
    "leftanti": ("", "ANTI"),
    "rightanti": ("", "ANTI"),
}
NULLABLE_LEFT = frozenset({"rightouter", "fullouter"})
NULLABLE_RIGHT = frozenset({"leftouter", "fullouter"})


@writes(Joined)
def write_joined(relation: Joined, needed: Needed, emitter: Emitter) -> SelectBlock:
    """JOIN of two closed SELECTs."""
    emitter.count(joins=1)
    further = [] if relation.residual is None else [relation.residual]
    left = _build_join_side(
        prepare_join_side(relation, relation.left),
        [*(key for key, _ in relation.keys), *further],
        needed,
        emitter,
    )
    right = _build_join_side(
        prepare_join_side(relation, relation.right),
        [*(key for _, key in relation.keys), *further],
        needed,
        emitter,
    )
    both = SelectBlock(None, {**left.values, **right.values})
    matches = [
        nodes.build_binary(
            build_key_equality(one, two), emitter.write_scalar(one, both), emitter.write_scalar(two, both)
        )
        for one, two in relation.keys
    ]
    if relation.residual is not None:
        matches.append(emitter.write_scalar(relation.residual, both))
    return write_join(relation, left, right, matches)


def write_join(
    relation: Joined, left: SelectBlock, right: SelectBlock, matches: list[exp.Expr], semi: str = ""
) -> SelectBlock:
    """Two closed sides joined where all of `matches` hold; `semi` is the word that a dialect wants before SEMI and ANTI."""
    side, kind = SQL_KINDS[relation.kind]
    side = semi if kind in ("SEMI", "ANTI") else side
    first, second = (right, left) if relation.kind in ("rightsemi", "rightanti") else (left, right)
    node = exp.Join(
        this=second.source, on=nodes.build_chain("and", matches), side=side or None, kind=kind or None
    )
    result = SelectBlock(first.source, joins=[node])
    if kind in ("SEMI", "ANTI"):
        result.values = dict(first.values)
        return result
    result.values = {**left.values, **right.values}
    if relation.kind in NULLABLE_LEFT:
        fill_null_text(relation.left, result)
    if relation.kind in NULLABLE_RIGHT:
        fill_null_text(relation.right, result)
    return result


def prepare_join_side(relation: Joined, side: Relation) -> Relation:
    """A side of a join; where only its keys are asked for, equal rows need not be made one first."""
    asked = {
        "leftsemi": relation.right,
        "leftanti": relation.right,
        "rightsemi": relation.left,
        "rightanti": relation.left,
    }
    if (
        asked.get(relation.kind) is side
        and isinstance(side, Aggregated)
        and side.groups
        and not side.aggregates
    ):
        return Assign(columns=side.columns, input=side.input, assigned=side.groups)
    return side


def build_key_equality(one: Bound, two: Bound) -> str:
    """Null keys match null keys, as the recorded rows of the real engine show."""
    return "is not distinct from" if one.nullable and two.nullable else "="


def _build_equality(one: Bound, two: Bound, both: SelectBlock, emitter: Emitter) -> exp.Expr:
    operator = "is not distinct from" if one.nullable and two.nullable else "="
    return nodes.build_binary(operator, emitter.write_scalar(one, both), emitter.write_scalar(two, both))


def _build_join_side(relation: Relation, keys: list[Bound], needed: Needed, emitter: Emitter) -> SelectBlock:
    reads = count_columns(keys)
    block = emitter.write_rows(relation, needed | reads.keys())
    ids = (needed | reads.keys()) & block.values.keys()
    return block.seal(sorted(ids))


def fill_null_text(relation: Relation, block: SelectBlock) -> None:
    """Text columns of the side that an outer join fills with NULLs give ''."""
    for column in relation.columns:
        if column.type == KqlType.STRING and column.id in block.values:
            block.values[column.id] = Value(
                nodes.build_coalesce(block.values[column.id].sql, nodes.build_text("")), 2
            )


@writes(Concatenated)
def write_concatenated(relation: Concatenated, needed: Needed, emitter: Emitter) -> SelectBlock:
    """UNION ALL."""
    columns = relation.filled_columns
    places = [place for place, column in enumerate(columns) if column.id in needed]
    selects = [
        _build_branch(part, [(columns[place].id, fill[place]) for place in places], emitter)
        for part, fill in zip(relation.inputs, relation.fills, strict=True)
    ]
    node: exp.Expr = selects[0]
    for select in selects[1:]:
        node = exp.Union(this=node, expression=select, distinct=False)
    ids = [columns[place].id for place in places]
    if isinstance(node, exp.Select):
        return make_block_over(node, ids)
    return SelectBlock(exp.Subquery(this=node), {one: Value(nodes.build_name(one)) for one in ids})


def _build_branch(relation: Relation, fills: list[tuple[str, Bound]], emitter: Emitter) -> exp.Expr:
    block = emitter.write_block_over(
        relation, frozenset(list_order_ids(relation.order)), [fill for _, fill in fills]
    )
    return block.build_select([(name, emitter.write_scalar(fill, block)) for name, fill in fills])
