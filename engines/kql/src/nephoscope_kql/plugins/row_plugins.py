"""Small plugins over rows: rows_near, preview, identity, estimate_rows_count, dcount_intersect, schema_merge."""

from __future__ import annotations

from nephoscope_kql.binder import constants
from nephoscope_kql.binder.environment import make_reference
from nephoscope_kql.binder.kql_rewrites import compose_query
from nephoscope_kql.binder.operands import bind_operation, require_condition
from nephoscope_kql.binder.ordering import ensure_order
from nephoscope_kql.binder.overload_resolution import convert_explicitly
from nephoscope_kql.binder.plugin_interface import PluginCall, declare_plugin, rename_columns
from nephoscope_kql.errors import make_invalid_error
from nephoscope_kql.plan.expressions import ScalarQuery
from nephoscope_kql.plan.relations import Assign, Limited
from nephoscope_kql.plan.values import Bound, Column, Relation
from nephoscope_kql.types import KqlType


@declare_plugin("rows_near(Condition: bool, NumRows: long, [RowsAfter: long])")
def rows_near(call: PluginCall) -> Relation:
    """Keep the rows that are near one that meets a condition, in the order of the rows."""
    before = call.read_constant(1, "NumRows", KqlType.LONG)
    after = call.read_constant(2, "RowsAfter", KqlType.LONG, before)
    if min(before, after) < 0:
        raise make_invalid_error("a number of rows is 0 or more", call.span)
    shown = call.relation.columns
    call.relation = ensure_order(call.relation, call.env)
    hit = convert_explicitly(
        require_condition(call.bind_value(call.require_argument(0, "Condition"))), KqlType.LONG
    )
    rows = call.assign_columns({"hit": hit})
    total = compose_query("Rows | summarize total = sum(hit)", call, {"Rows": rows})
    all_hits = ScalarQuery(type=KqlType.LONG, span=call.span, relation=total, column=total.columns[0])
    upto = f"coalesce(next(n, {before}), total)" if before else "n"
    text = (
        f"Rows | extend n = row_cumsum(hit) | extend upto = {upto}, gone = prev(n, {after + 1}, 0) "
        "| where upto > gone"
    )
    found = compose_query(text, call, {"Rows": rows}, {"total": all_hits})
    return Assign(columns=shown, order=found.order, open=call.relation.open, input=found, assigned=())


@declare_plugin("preview(NumberOfRows: long)")
def preview(call: PluginCall) -> Relation:
    """Give some rows; at the end of a statement a second result counts all rows."""
    count = call.bind_scalar(0, "NumberOfRows", KqlType.LONG)
    rows = call.relation
    return Limited(columns=rows.columns, order=rows.order, open=rows.open, input=rows, count=count)


@declare_plugin("identity()")
def identity(call: PluginCall) -> Relation:
    """Give the rows as they are."""
    return call.relation


@declare_plugin("estimate_rows_count()")
def estimate_rows_count(call: PluginCall) -> Relation:
    """Count the rows (the count is exact)."""
    found = compose_query("Rows | count", call, {"Rows": call.relation})
    return rename_columns(found, {"Count": "EstimatedRowsCount"})


@declare_plugin("dcount_intersect(hll: dynamic, hll: dynamic, ...)")
def dcount_intersect(call: PluginCall) -> Relation:
    """Count the values that the first set has, the first two share, the first three share, and so on; sets are made by hll()."""
    sets = [call.bind_value(item) for item in call.arguments]
    if not 2 <= len(sets) <= 16:
        raise make_invalid_error("dcount_intersect() takes 2 to 16 sets", call.span, call.plugin.signature)
    wrong = next((item for item in sets if item.type != KqlType.DYNAMIC), None)
    if wrong is not None:
        raise make_invalid_error(f"dcount_intersect() takes results of hll(), not {wrong.type}", wrong.span)
    columns: list[tuple[Column, Bound]] = []
    for count in range(1, len(sets) + 1):
        shared = sets[0]
        if count > 1:
            shared = bind_operation("set_intersect", KqlType.DYNAMIC, call.span, *sets[:count])
        size = bind_operation("array_length", KqlType.LONG, call.span, shared)
        columns.append((call.env.binder.make_column(f"s{count - 1}", KqlType.LONG), size))
    return Assign(
        columns=(*call.relation.columns, *(column for column, _ in columns)),
        order=call.relation.order,
        open=call.relation.open,
        input=call.relation,
        assigned=tuple(columns),
    )


_MERGED = """
let Named = Rows | summarize least = min(place), most = max(place), types = make_set(kind), named = make_set(net) by name;
Named | extend wide = case(array_length(types) == 1, tostring(types[0]),
    array_length(set_difference(types, dynamic(['int', 'long']))) == 0, 'long',
    array_length(set_difference(types, dynamic(['int', 'long', 'real']))) == 0, 'real', '')
| extend wrong = case(keeps and least != most, 'columns are out of order', wide == '', 'the types of the column differ', '')
| project ColumnName = name, ColumnOrdinal = iff(wrong == '', tolong(most), -1),
    DataType = case(wrong != '', strcat('ERROR(unknown CSL type:ERROR(', wrong, '))'),
        array_length(named) == 1, tostring(named[0]), wide == 'long', 'System.Int64', 'System.Double'),
    ColumnType = iff(wrong == '', wide, strcat('ERROR(', wrong, ')'))
"""


@declare_plugin("schema_merge([PreserveOrder: bool])", named="PreserveOrder")
def schema_merge(call: PluginCall) -> Relation:
    """Merge schemas as getschema gives them into one."""
    keeps = call.read_constant(0, "PreserveOrder", KqlType.BOOL, True)
    known = {column.name: column for column in call.relation.columns}
    wanted = {"name": "ColumnName", "place": "ColumnOrdinal", "net": "DataType", "kind": "ColumnType"}
    for label in wanted.values():
        if label not in known:
            raise make_invalid_error(
                f"schema_merge() takes rows of getschema: '{label}' is missing", call.span
            )
    columns = {short: make_reference(known[label], call.span) for short, label in wanted.items()}
    given = {"keeps": constants.make_constant(keeps, KqlType.BOOL)}
    return compose_query(_MERGED, call, {"Rows": call.assign_columns(columns)}, given)
