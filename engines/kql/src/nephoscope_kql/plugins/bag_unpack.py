"""bag_unpack: the properties of bags as columns."""

from __future__ import annotations

from nephoscope_kql.binder.environment import make_reference
from nephoscope_kql.binder.kql_rewrites import compose_query
from nephoscope_kql.binder.operands import bind_operation
from nephoscope_kql.binder.overload_resolution import convert_explicitly
from nephoscope_kql.binder.plugin_interface import PluginCall, declare_plugin, mark_open
from nephoscope_kql.errors import make_invalid_error, make_unsupported_query_error
from nephoscope_kql.plan.expressions import DynamicPath
from nephoscope_kql.plan.query_probe import QueryProbe, prepare_for_reuse
from nephoscope_kql.plan.relations import Assign
from nephoscope_kql.plan.values import Bound, Column, Constant, Relation
from nephoscope_kql.types import KqlType

MAX_COLUMNS = 10_000
"""How many properties all bags may have together."""
CONFLICTS = ("error", "replace_source", "keep_source")
_KINDS = {"VARCHAR": KqlType.STRING, "BIGINT": KqlType.LONG, "UBIGINT": KqlType.LONG}
_KINDS |= {"DOUBLE": KqlType.REAL, "BOOLEAN": KqlType.BOOL}
_KEYS = (
    "Rows | summarize by shape | where gettype(shape) == 'dictionary' "
    "| mv-expand kind=array pair = shape | summarize by name = tostring(pair[0]), type = tostring(pair[1])"
)


@declare_plugin(
    "bag_unpack(Column: dynamic, [OutputColumnPrefix: string], [columnsConflict: string], [ignoredProperties: dynamic])",
    named="OutputColumnPrefix columnsConflict ignoredProperties",
    schema=True,
    by_row=True,
)
def bag_unpack(call: PluginCall) -> Relation:
    """Make a column of every property that the bags of a column have."""
    bag = call.bind_column(0, "Column")
    if bag.type != KqlType.DYNAMIC:
        raise make_invalid_error(f"bag_unpack() takes a dynamic column, not {bag.type}", call.span)
    prefix = call.read_constant(1, "OutputColumnPrefix", KqlType.STRING, "")
    conflict = call.read_constant(2, "columnsConflict", KqlType.STRING, "error")
    if conflict not in CONFLICTS:
        raise make_invalid_error(f"columnsConflict is one of {', '.join(CONFLICTS)}", call.span)
    if call.schema is not None:
        return _unpack_declared_columns(call, bag, prefix)
    probe = call.env.binder.probe
    if probe is None:
        others = tuple(column for column in call.relation.columns if column.id != bag.id)
        return mark_open(
            Assign(columns=others, order=call.relation.order, input=call.relation, assigned=()), call.env
        )
    call.relation = prepare_for_reuse(call.relation, probe)
    slots = _index_slots(call, bag, probe)
    for name in _list_ignored_properties(call):
        slots.pop(name, None)
    return mark_open(
        _unpack_slots(call, bag, {prefix + name: (name, kind) for name, kind in slots.items()}, conflict),
        call.env,
    )


def _list_ignored_properties(call: PluginCall) -> list[str]:
    expression = call.find_argument(3, "ignoredProperties")
    if expression is None:
        return []
    found = call.env.without_row().bind_scalar(expression)
    if not isinstance(found, Constant) or not isinstance(found.value, list):
        raise make_invalid_error("ignoredProperties must be a constant array", expression.span)
    return [str(item) for item in found.value]


def _index_slots(call: PluginCall, bag: Column, probe: QueryProbe) -> dict[str, KqlType]:
    """The properties of all bags in the order of their names, each with the one type of its values, else dynamic."""
    shape = bind_operation("_structure", KqlType.DYNAMIC, call.span, make_reference(bag, call.span))
    given = call.assign_columns({"shape": shape})
    kinds: dict[str, set[KqlType]] = {}
    for name, kind in probe.fetch_rows(compose_query(_KEYS, call, {"Rows": given})):
        found = kinds.setdefault(str(name), set())
        if kind != "NULL":
            found.add(_KINDS.get(str(kind), KqlType.DYNAMIC))
    if len(kinds) > MAX_COLUMNS:
        raise make_unsupported_query_error(
            f"bags with more than {MAX_COLUMNS} properties together", call.span
        )
    return {
        name: next(iter(kinds[name])) if len(kinds[name]) == 1 else KqlType.DYNAMIC for name in sorted(kinds)
    }


def _build_slot(call: PluginCall, bag: Column, key: str, kind: KqlType) -> Bound:
    target = make_reference(bag, call.span)
    return convert_explicitly(
        DynamicPath(type=KqlType.DYNAMIC, span=call.span, target=target, steps=(key,)), kind
    )


def _unpack_slots(
    call: PluginCall, bag: Column, slots: dict[str, tuple[str, KqlType]], conflict: str
) -> Relation:
    """The other columns, then the slots; one that is named like the bag takes its place."""
    source = {column.name: column for column in call.relation.columns if column.id != bag.id}
    taken = source.keys() & slots.keys()
    if taken and conflict == "error":
        raise make_invalid_error(
            f"bag_unpack() makes a column '{min(taken)}', which the rows have already",
            call.span,
            "set columnsConflict = 'replace_source' or 'keep_source', or give a prefix",
        )
    made = {
        name: (call.env.binder.make_column(name, kind), _build_slot(call, bag, key, kind))
        for name, (key, kind) in slots.items()
        if conflict != "keep_source" or name not in source
    }
    final = {name: made[name][0] if name in made else source[name] for name in slots}
    first = [
        final.pop(bag.name) if column.id == bag.id else column
        for column in call.relation.columns
        if column.name not in taken and (column.id != bag.id or bag.name in final)
    ]
    return Assign(
        columns=(*first, *final.values()),
        order=call.relation.order,
        input=call.relation,
        assigned=tuple(made.values()),
    )


def _unpack_declared_columns(call: PluginCall, bag: Column, prefix: str) -> Relation:
    """The declared columns, of the rows or of the bags; a schema that begins with `*` has the rows' others before them."""
    source = {column.name: column for column in call.relation.columns if column.id != bag.id}
    ignored = set(_list_ignored_properties(call))
    columns: dict[str, Column] = dict(source) if call.extends else {}
    assigned: list[tuple[Column, Bound]] = []
    for item in call.schema or ():
        if item.type is None:
            raise make_invalid_error(f"the column '{item.name}' has no type", item.span)
        known = source.get(item.name)
        if known is not None and known.type == item.type:
            columns[item.name] = known
            continue
        key = item.name.removeprefix(prefix)
        value = (
            make_reference(known, item.span) if known is not None else _build_slot(call, bag, key, item.type)
        )
        if known is None and (key in ignored or not item.name.startswith(prefix)):
            value = Constant(type=KqlType.DYNAMIC, span=item.span, value=None)
        columns[item.name] = call.env.binder.make_column(item.name, item.type)
        assigned.append((columns[item.name], convert_explicitly(value, item.type)))
    return Assign(
        columns=tuple(columns.values()),
        order=call.relation.order,
        input=call.relation,
        assigned=tuple(assigned),
    )
