"""All-rows functions: pass all rows as one list to a vectorised function that returns another list."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from functools import lru_cache

import pyarrow as pa
from sqlglot import exp

from nephoscope_kql.dialects.relational import Emitter, Needed, writes
from nephoscope_kql.dialects.select_block import SelectBlock, Value
from nephoscope_kql.plan.relations import Mined
from nephoscope_kql.sql import nodes
from nephoscope_kql.sql.routines import ArrowFunction
from nephoscope_kql.types import KqlType

_ARROW = {
    "BOOLEAN": pa.bool_(),
    "INTEGER": pa.int32(),
    "BIGINT": pa.int64(),
    "DOUBLE": pa.float64(),
    "VARCHAR": pa.string(),
    "DECIMAL(38,17)": pa.decimal128(38, 17),
}


@writes(Mined)
def write_mined(relation: Mined, _needed: Needed, emitter: Emitter) -> SelectBlock:
    """`SELECT unnest(algorithm(list(row))) FROM input`."""
    block = emitter.write_block_over(relation.input, frozenset(), relation.values, before_where=True)
    cells = [
        exp.PropertyEQ(this=exp.Identifier(this=f"a{place}"), expression=emitter.write_scalar(value, block))
        for place, value in enumerate(relation.values)
    ]
    takes = tuple(value.type.physical for value in relation.values)
    gives = tuple(column.type.physical for column in relation.columns)
    name = emitter.use_routine(_make_routine(relation.name, relation.settings, takes, gives, relation.body))
    rows = nodes.build_call("list", exp.Struct(expressions=cells))
    found = nodes.build_call("unnest", nodes.build_call(name, rows))
    alias = emitter.choose_fresh_name()
    inner = block.build_select([(alias, found)])
    values = {
        column.id: Value(_build_cell(alias, place, column.type))
        for place, column in enumerate(relation.columns)
    }
    return SelectBlock(exp.Subquery(this=inner), values)


def _build_cell(row: str, place: int, kind: KqlType) -> exp.Expr:
    found = nodes.build_call("struct_extract", nodes.build_name(row), nodes.build_text(f"b{place}"))
    return nodes.build_coalesce(found, nodes.build_text("")) if kind == KqlType.STRING else found


@lru_cache(maxsize=512)
def _make_routine(
    name: str,
    settings: tuple[object, ...],
    takes: tuple[str, ...],
    gives: tuple[str, ...],
    body: Callable[..., Iterable[pa.Array]],
) -> ArrowFunction:
    def run(rows: pa.Array) -> pa.Array:
        lists = rows.combine_chunks() if isinstance(rows, pa.ChunkedArray) else rows
        given = lists.values.slice(lists.offsets[0].as_py()) if lists.null_count == 0 else None
        arrays = [
            pa.array([], _ARROW[kind]) if given is None else given.field(place)
            for place, kind in enumerate(takes)
        ]
        found = [item.cast(_ARROW[kind]) for item, kind in zip(body(arrays, *settings), gives, strict=True)]
        made = pa.StructArray.from_arrays(found, [f"b{place}" for place in range(len(gives))])
        return pa.ListArray.from_arrays(pa.array([0, len(made)], pa.int32()), made)

    digest = hashlib.sha256(repr((settings, takes, gives)).encode()).hexdigest()[:16]
    return ArrowFunction(f"kql_{name}_{digest}", (_format_rows("a", takes),), _format_rows("b", gives), run)


def _format_rows(prefix: str, kinds: tuple[str, ...]) -> str:
    cells = ", ".join(f"{prefix}{place} {kind}" for place, kind in enumerate(kinds))
    return f"STRUCT({cells})[]"
