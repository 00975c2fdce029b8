"""narrow: cells as rows."""

from __future__ import annotations

from nephoscope_kql.binder.constants import make_constant
from nephoscope_kql.binder.environment import make_reference
from nephoscope_kql.binder.kql_rewrites import compose_query
from nephoscope_kql.binder.overload_resolution import convert_explicitly
from nephoscope_kql.binder.plugin_interface import PluginCall, declare_plugin
from nephoscope_kql.plan.values import Relation
from nephoscope_kql.types import KqlType


@declare_plugin("narrow()")
def narrow(call: PluginCall) -> Relation:
    """Make a row of every cell: the row's number from 0, the column's name, the value as text."""
    columns = call.relation.columns
    cells = {
        f"c{place}": convert_explicitly(make_reference(column, call.span), KqlType.STRING)
        for place, column in enumerate(columns)
    }
    names = make_constant([column.name for column in columns], KqlType.DYNAMIC, call.span)
    text = (
        f"Rows | serialize Row = row_number(0) | extend names = N, cells = pack_array({', '.join(cells)}) "
        "| mv-expand Column = names to typeof(string), Value = cells to typeof(string) "
        "| project Row, Column, Value"
    )
    return compose_query(text, call, {"Rows": call.assign_columns(cells)}, {"N": names})
