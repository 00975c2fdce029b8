"""ipv4_lookup and ipv6_lookup: rows joined to the networks that their addresses lie in."""

from __future__ import annotations

from nephoscope_kql import tree
from nephoscope_kql.binder.column_naming import ColumnNames
from nephoscope_kql.binder.environment import make_reference
from nephoscope_kql.binder.operands import bind_operation, convert_to_common_type
from nephoscope_kql.binder.overload_resolution import convert_explicitly
from nephoscope_kql.binder.plugin_interface import PluginCall, declare_plugin
from nephoscope_kql.errors import UnknownNameError, make_invalid_error, suggest_word
from nephoscope_kql.plan.relations import Assign, Joined
from nephoscope_kql.plan.values import Bound, Column, Constant, Relation
from nephoscope_kql.types import KqlType

_EXTRA = 3
"""From this argument on the columns that must be equal besides."""


@declare_plugin(
    "ipv4_lookup(LookupTable, SourceIPv4Key: string, IPv4LookupKey: string, [ExtraKey: any], ..., [return_unmatched: bool])",
    named="return_unmatched",
    by_row=True,
)
def ipv4_lookup(call: PluginCall) -> Relation:
    """Join each row to every network of a table that holds its IPv4 address."""
    return _build_looked_up_rows(call, "ipv4", KqlType.LONG, table_first=False)


@declare_plugin(
    "ipv6_lookup(LookupTable, SourceIPv6Key: string, IPv6LookupKey: string, [return_unmatched: bool])",
    named="return_unmatched",
    by_row=True,
)
def ipv6_lookup(call: PluginCall) -> Relation:
    """Join each row to every network of a table that holds its IPv6 or IPv4 address; the table's columns come first."""
    return _build_looked_up_rows(call, "ipv6", KqlType.STRING, table_first=True)


def _build_looked_up_rows(call: PluginCall, family: str, kind: KqlType, *, table_first: bool) -> Relation:
    table = call.bind_rows(0, "LookupTable")
    source = call.bind_column(1, "SourceKey")
    network = lookup_column(table, call.require_argument(2, "LookupKey"))
    further, outer = _read_options(call)
    keys = [_build_extra_key(call, table, item) for item in further]
    left, first, last = _add_address_bounds(call.relation, source, family, kind, call)
    right, low, high = _add_address_bounds(table, network, family, kind, call)
    overlap = bind_operation(
        "and",
        KqlType.BOOL,
        call.span,
        bind_operation(
            "<=", KqlType.BOOL, call.span, make_reference(first, call.span), make_reference(high, call.span)
        ),
        bind_operation(
            "<=", KqlType.BOOL, call.span, make_reference(low, call.span), make_reference(last, call.span)
        ),
    )
    dropped = {item.name for item in further if isinstance(item, tree.Name)}
    own = [column for column in table.columns if column.name not in dropped]
    return Joined(
        columns=combine_columns(call.relation, own, table_first=table_first),
        kind="leftouter" if outer else "inner",
        left=left,
        right=right,
        keys=tuple(keys),
        residual=overlap,
        open=call.relation.open or table.open,
    )


def lookup_column(table: Relation, expression: tree.Expression) -> Column:
    """The column of the look-up table that an argument names."""
    if not isinstance(expression, tree.Name):
        raise make_invalid_error("a column of the look-up table is expected", expression.span)
    for column in table.columns:
        if column.name == expression.name:
            return column
    known = [column.name for column in table.columns]
    message = f"the look-up table has no column '{expression.name}'"
    raise UnknownNameError(expression.name, message, expression.span, suggest_word(expression.name, known))


def _read_options(call: PluginCall) -> tuple[list[tree.Expression], bool]:
    """The further key columns, and whether rows without a network stay."""
    further = list(call.arguments[_EXTRA:])
    flag = call.named_arguments.get("return_unmatched")
    if flag is None and further and isinstance(further[-1], tree.Literal):
        flag = further.pop()
    if flag is None:
        return further, False
    value = call.env.without_row().bind_scalar(flag)
    if not isinstance(value, Constant) or not isinstance(value.value, bool):
        raise make_invalid_error("return_unmatched is true or false", flag.span)
    return further, value.value


def _build_extra_key(call: PluginCall, table: Relation, item: tree.Expression) -> tuple[Bound, Bound]:
    """A column that both sides have and must agree in."""
    other = lookup_column(table, item)
    return convert_to_common_type(call.bind_value(item), make_reference(other, item.span), item.span)


def _add_address_bounds(
    rows: Relation, address: Column, family: str, kind: KqlType, call: PluginCall
) -> tuple[Relation, Column, Column]:
    """The rows with hidden columns that hold the first and the last address of their network."""
    text = convert_explicitly(make_reference(address, call.span), KqlType.STRING)
    first, last = call.make_columns(("", kind), ("", kind))
    made = tuple(
        (column, bind_operation(f"_{family}_{which}", kind, call.span, text))
        for column, which in ((first, "first"), (last, "last"))
    )
    return Assign(columns=rows.columns, order=rows.order, input=rows, assigned=made), first, last


def combine_columns(rows: Relation, own: list[Column], *, table_first: bool) -> tuple[Column, ...]:
    """The columns of both; the second side's get a number where the first has their name."""
    one, two = (own, list(rows.columns)) if table_first else (list(rows.columns), own)
    names = ColumnNames([column.name for column in one])
    return (*one, *(column.with_name(names.make_unique(column.name)) for column in two))
