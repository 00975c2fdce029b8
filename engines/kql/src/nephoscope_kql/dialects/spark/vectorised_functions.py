"""Vectorised functions: DuckDB expressions over Arrow batches, for expressions that Spark's SQL lacks.

The expression is the one that the DuckDB dialect writes, so that both engines give the same values; see docs/decisions/0134.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sqlglot import exp

from nephoscope_kql.dialects import duckdb
from nephoscope_kql.dialects.relational import Emitter
from nephoscope_kql.dialects.scalars import write_scalar_expression
from nephoscope_kql.dialects.select_block import Value
from nephoscope_kql.plan.column_references import replace_parts
from nephoscope_kql.plan.expressions import BoundCall, ColumnRef, InQuery, ScalarQuery, Variable
from nephoscope_kql.plan.values import Bound, Column, Constant
from nephoscope_kql.sql import nodes
from nephoscope_kql.sql.routines import Routine, Vectorised

if TYPE_CHECKING:
    from collections.abc import Callable

E = exp.Expr
_LEAVES = (ColumnRef, Variable, ScalarQuery, InQuery)


class VectorisedEmitter(Emitter):
    """The state of writing one expression for DuckDB: its leaves are arguments."""

    def __init__(self) -> None:
        super().__init__("duckdb")
        self.leaves: list[Bound] = []
        self._known: dict[str, int] = {}

    def add_argument(self, leaf: Bound) -> str:
        """The name of the argument that carries a leaf."""
        key = _format_identity(leaf)
        place = self._known.get(key)
        if place is None:
            place = self._known[key] = len(self.leaves)
            self.leaves.append(leaf)
        return f"a{place}"

    def replace_leaves(self, value: Bound) -> Bound:
        """The expression with a column of the batch in the place of every leaf."""
        return replace_parts(value, self._place_argument)

    def _place_argument(self, value: Bound) -> Bound | None:
        if not isinstance(value, _LEAVES):
            return None
        name = self.add_argument(value)
        return ColumnRef(type=value.type, span=value.span, column=Column(name, name, value.type))

    def map_columns(self) -> dict[str, Value]:
        """The columns of the batch."""
        return {f"a{place}": Value(nodes.build_name(f"a{place}")) for place in range(len(self.leaves))}


def _format_identity(leaf: Bound) -> str:
    if isinstance(leaf, ColumnRef):
        return f"c{leaf.column.id}"
    return f"v{leaf.name}" if isinstance(leaf, Variable) else f"q{id(leaf)}"


def write_expression(value: Bound, write: Callable[[Bound], E], use: Callable[[Routine], str]) -> E:
    """The call of the function that evaluates an expression; `write` gives a leaf in Spark's SQL."""
    inside = VectorisedEmitter()
    cut = inside.replace_leaves(value)
    node = write_scalar_expression(cut, inside.map_columns(), inside)
    arguments = [write(leaf) for leaf in inside.leaves]
    return call_vectorised_function(
        node, arguments, _get_physical_type(value), tuple(inside.routines.values()), use
    )


def _get_physical_type(value: Bound) -> str:
    """The type that DuckDB gives an expression: what a pattern of a parse operator finds is a struct of texts."""
    if not isinstance(value, BoundCall) or value.function.name != "_parsed":
        return value.type.physical
    count = value.arguments[2]
    places = range(int(str(count.value)) if isinstance(count, Constant) else 0)
    return f"STRUCT({', '.join(f'g{place} VARCHAR' for place in places)})" if places else "VARCHAR"


def call_vectorised_function(
    node: E, arguments: Sequence[E], returns: str, uses: tuple[Routine, ...], use: Callable[[Routine], str]
) -> E:
    """The call of the function that evaluates DuckDB's `node` over a0, a1, ..., which are the arguments."""
    typed = (
        node if returns.endswith("[]") or returns.startswith("STRUCT") else nodes.build_cast(node, returns)
    )
    column = exp.Alias(this=typed, alias=exp.Identifier(this="v"))
    select = exp.Select(
        expressions=[column], from_=exp.From(this=exp.Table(this=exp.Identifier(this="batch")))
    )
    routine = make_vectorised_routine(duckdb.format_node(select), returns, uses)
    return nodes.build_call(use(routine), *(arguments or [nodes.build_number(0)]))


def make_vectorised_routine(
    sql: str, returns: str, uses: tuple[Routine, ...], empty: str = "", rows: bool = False
) -> Vectorised:
    """The function of a text; its name is made of what it does, so that equal ones are one."""
    digest = hashlib.sha256("\0".join((sql, returns, empty, str(rows))).encode()).hexdigest()[:20]
    return Vectorised(f"kql_{digest}", sql, returns, uses, empty, rows)
