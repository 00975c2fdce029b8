"""Joins in Spark's SQL: keys are columns of the two sides, because Spark takes no vectorised function in a condition."""

from __future__ import annotations

from nephoscope_kql.dialects.joins_and_unions import build_key_equality, prepare_join_side, write_join
from nephoscope_kql.dialects.relational import Needed
from nephoscope_kql.dialects.select_block import SelectBlock, make_block_over
from nephoscope_kql.dialects.spark.emitter import SparkEmitter
from nephoscope_kql.plan.column_references import count_columns
from nephoscope_kql.plan.relations import Joined
from nephoscope_kql.plan.values import Bound, Relation
from nephoscope_kql.sql import nodes


def write_joined_rows(relation: Joined, needed: Needed, emitter: SparkEmitter) -> SelectBlock:
    """JOIN of two closed SELECTs."""
    residual = [relation.residual] if relation.residual is not None else []
    wanted = needed | count_columns(residual).keys()
    left, lefts = _read_join_side(
        prepare_join_side(relation, relation.left), [key for key, _ in relation.keys], wanted, emitter
    )
    right, rights = _read_join_side(
        prepare_join_side(relation, relation.right), [key for _, key in relation.keys], wanted, emitter
    )
    matches = [
        nodes.build_binary(build_key_equality(one, two), nodes.build_name(a), nodes.build_name(b))
        for (one, two), a, b in zip(relation.keys, lefts, rights, strict=True)
    ]
    both = SelectBlock(None, {**left.values, **right.values})
    matches += [emitter.write_scalar(one, both) for one in residual]
    return write_join(relation, left, right, matches, semi="LEFT")


def _read_join_side(
    relation: Relation, keys: list[Bound], needed: Needed, emitter: SparkEmitter
) -> tuple[SelectBlock, list[str]]:
    """A closed SELECT with the needed columns, and the names of its keys."""
    block = emitter.write_block_over(relation, needed, keys)
    ids = sorted(needed & block.values.keys())
    named = [(emitter.choose_fresh_name(), emitter.write_scalar(key, block)) for key in keys]
    select = block.build_select([*block.list_columns(ids), *named])
    names = [name for name, _ in named]
    return make_block_over(select, [*ids, *names]), names
