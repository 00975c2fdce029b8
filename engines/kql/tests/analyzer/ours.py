"""What our compiler says of the same texts, also where only writing the SQL finds what is wrong."""

from __future__ import annotations

from functools import cache

from expression_groups import COLUMNS, Group

import nephoscope_kql as kql
from nephoscope_kql import tree
from nephoscope_kql.bind import bind_query_tree
from nephoscope_kql.binder.environment import Binder, Env
from nephoscope_kql.catalog import MemoryCatalog
from nephoscope_kql.dialects.relational import Emitter
from nephoscope_kql.dialects.select_block import SelectBlock, Value
from nephoscope_kql.errors import KqlError
from nephoscope_kql.parser import parse
from nephoscope_kql.sql import nodes
from nephoscope_kql.tree.operators import Print
from service import Verdict

CATALOG = MemoryCatalog.of({"T": COLUMNS.items()})
ROWS = bind_query_tree(parse("T"), CATALOG).relation
TUPLES = ("series_fit_", "series_stats", "series_periods_", "series_decompose", "bag_unpack")
"""Functions of several columns, which only a whole query shows."""


@cache
def verdict(group: Group, text: str) -> Verdict:
    """What our compiler says of a text of a group."""
    try:
        if group.start == "project " and not text.startswith(TUPLES):
            return Verdict(_type_of(text))
        query = f"T | {group.start}x = {text}" if group.start else text
        columns = dict(reversed(kql.compile(query, CATALOG).columns))
    except KqlError as error:
        return Verdict(refused=error.message)
    return Verdict(columns["x"].value if "x" in columns else "unknown")


def _type_of(text: str) -> str:
    """The type of a scalar expression over the columns of T; its SQL is written, too."""
    value = Env(Binder(CATALOG)).with_relation_columns(ROWS).bind_scalar(_printed(text))
    block = SelectBlock(None, {column.id: Value(nodes.build_name(column.id)) for column in ROWS.columns})
    Emitter("duckdb").write_scalar(value, block)
    return value.type.value


def _printed(text: str) -> tree.Expression:
    statement = parse(f"print {text}").statements[0]
    assert isinstance(statement, tree.Evaluation)
    assert isinstance(statement.value, tree.Pipe)
    operator = statement.value.operators[0]
    assert isinstance(operator, Print)
    return operator.items[0]
