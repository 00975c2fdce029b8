"""Relations that go from row to row, or see all rows at once: DuckDB's query for them, over the rows gathered in one worker."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from sqlglot import exp

from nephoscope.kql.bound import Bound, Column, ColumnRef
from nephoscope.kql.dialects import build, duckdb
from nephoscope.kql.dialects.block import Block, Value, over
from nephoscope.kql.dialects.relational import Needed
from nephoscope.kql.dialects.spark import vectorised
from nephoscope.kql.dialects.spark.emitter import SparkEmitter
from nephoscope.kql.references import operands, order_ids
from nephoscope.kql.relations import Kept, Mined, Relation, Scanned, Windowed


def write_gathered(relation: Scanned | Mined | Windowed, needed: Needed, emitter: SparkEmitter) -> Block:
    """`SELECT e.* FROM (SELECT explode(function(rows)) AS e FROM (SELECT collect_list(struct(...)) AS rows FROM input))`."""
    given = relation.input
    ids = frozenset(column.id for column in given.columns) | order_ids(given.order)
    block = emitter.rows(given, ids)
    kept = sorted(ids & block.values.keys())
    cells: list[exp.Expr] = [
        exp.Alias(this=block.values[one].sql, alias=exp.Identifier(this=one)) for one in kept
    ]
    rows = build.call("collect_list", build.call("struct", *(cells or [build.number(1)])))
    gathered = over(block.select([("rows", rows)]), ["rows"])
    shown = _shown(relation, needed)
    called = _called(relation, list(shown), shown, emitter)
    exploded = exp.Subquery(this=gathered.select([("e", build.call("explode", called))]))
    return Block(exploded, {one: Value(_field(one), 2) for one in shown})


def _field(name: str) -> exp.Expr:
    return exp.Dot(this=build.name("e"), expression=exp.Identifier(this=name))


def _shown(relation: Scanned | Mined | Windowed, needed: Needed) -> dict[str, Column]:
    """The columns that are asked for, hidden ones too."""
    known: dict[str, Column] = {column.id: column for column in _of_keys(relation)}
    known |= {column.id: column for column in relation.columns}
    if isinstance(relation, Windowed):
        known[relation.column.id] = relation.column
    if isinstance(relation, Scanned):
        known |= {column.id: column for column in (relation.match, relation.number, relation.step)}
    wanted = {one: column for one, column in known.items() if one in needed}
    return wanted or dict(list(known.items())[:1])


def _of_keys(relation: Relation) -> Iterable[Column]:
    pending: list[Bound] = [key.value for key in relation.order]
    while pending:
        value = pending.pop()
        if isinstance(value, ColumnRef):
            yield value.column
        pending.extend(operands(value))


def _called(
    relation: Scanned | Mined | Windowed, names: list[str], shown: dict[str, Column], emitter: SparkEmitter
) -> exp.Expr:
    given = relation.input
    batch = Kept(columns=given.columns, order=given.order, open=given.open, name="batch")
    sql, inside = duckdb.written(replace(relation, input=batch, columns=tuple(shown.values())))
    fields = ", ".join(f"{name} {shown[name].type.physical}" for name in names)
    routine = vectorised.named(sql, f"STRUCT({fields})[]", tuple(inside.routines.values()), rows=True)
    arguments = [build.name("rows"), *(emitter.parameter(name) for name in sorted(inside.parameters))]
    return build.call(emitter.use(routine), *arguments)
