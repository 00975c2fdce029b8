"""Joins in Spark's SQL: keys are columns of the two sides, because Spark takes no vectorised function in a condition."""

from __future__ import annotations

from sqlglot import exp

from nephoscope.kql.bound import Bound
from nephoscope.kql.dialects import build
from nephoscope.kql.dialects.block import Block, over
from nephoscope.kql.dialects.combining import (
    NULLABLE_LEFT,
    NULLABLE_RIGHT,
    SQL_KINDS,
    asked_of,
    equality,
    text_never_null,
)
from nephoscope.kql.dialects.relational import Needed
from nephoscope.kql.dialects.spark.emitter import SparkEmitter
from nephoscope.kql.references import used
from nephoscope.kql.relations import Joined, Relation


def write_joined(relation: Joined, needed: Needed, emitter: SparkEmitter) -> Block:
    """JOIN of two closed SELECTs."""
    residual = [relation.residual] if relation.residual is not None else []
    wanted = needed | used(residual).keys()
    left, lefts = _side(asked_of(relation, relation.left), [key for key, _ in relation.keys], wanted, emitter)
    right, rights = _side(
        asked_of(relation, relation.right), [key for _, key in relation.keys], wanted, emitter
    )
    matches = [
        build.binary(equality(one, two), build.name(a), build.name(b))
        for (one, two), a, b in zip(relation.keys, lefts, rights, strict=True)
    ]
    both = Block(None, {**left.values, **right.values})
    matches += [emitter.scalar(one, both) for one in residual]
    side, kind = SQL_KINDS[relation.kind]
    first, second = (right, left) if relation.kind in ("rightsemi", "rightanti") else (left, right)
    side = "LEFT" if kind in ("SEMI", "ANTI") else side
    node = exp.Join(this=second.source, on=build.chain("and", matches), side=side or None, kind=kind or None)
    result = Block(first.source, joins=[node])
    if kind in ("SEMI", "ANTI"):
        result.values = dict(first.values)
        return result
    result.values = {**left.values, **right.values}
    if relation.kind in NULLABLE_LEFT:
        text_never_null(relation.left, result)
    if relation.kind in NULLABLE_RIGHT:
        text_never_null(relation.right, result)
    return result


def _side(
    relation: Relation, keys: list[Bound], needed: Needed, emitter: SparkEmitter
) -> tuple[Block, list[str]]:
    """A closed SELECT with the needed columns, and the names of its keys."""
    block = emitter.over(relation, needed, keys)
    ids = sorted(needed & block.values.keys())
    named = [(emitter.fresh(), emitter.scalar(key, block)) for key in keys]
    select = block.select([*block.columns(ids), *named])
    names = [name for name, _ in named]
    return over(select, [*ids, *names]), names
