"""mv-expand in SQL."""

from __future__ import annotations

from sqlglot import exp

from nephoscope_kql.dialects.relational import Emitter, Needed, writes
from nephoscope_kql.dialects.select_block import SelectBlock, Value, make_block_over
from nephoscope_kql.plan.column_references import list_order_ids
from nephoscope_kql.plan.relations import Expanded, ExpandedColumn
from nephoscope_kql.sql import nodes
from nephoscope_kql.sql.routines import Macro

_ARRAY = "WHEN starts_with(x, '[') THEN CAST(json_extract(x, '$[*]') AS VARCHAR[]) "
_MEMBERS = (
    "WHEN starts_with(x, '{') THEN list_transform("
    "list_zip(CAST(json_keys(x) AS VARCHAR[]), CAST(json_extract(x, '$.*') AS JSON[])), lambda e: "
)
_BAGS = _MEMBERS + "'{' || CAST(to_json(e[1]) AS VARCHAR) || ':' || CAST(e[2] AS VARCHAR) || '}') "
_PAIRS = _MEMBERS + "'[' || CAST(to_json(e[1]) AS VARCHAR) || ',' || CAST(e[2] AS VARCHAR) || ']') "


def _build_macro(name: str, *branches: str) -> Macro:
    """The elements of a dynamic value as a list; a value that is neither array nor bag (null too) is its own element."""
    return Macro(name, f"CREATE OR REPLACE TEMP MACRO {name}(x) AS CASE {''.join(branches)}ELSE [x] END")


ELEMENTS = _build_macro("kql_elements", _ARRAY, _BAGS)
PAIRS = _build_macro("kql_pairs", _ARRAY, _PAIRS)


@writes(Expanded)
def write_expanded(relation: Expanded, needed: Needed, emitter: Emitter) -> SelectBlock:
    """unnest() of each array side by side; the longest says how many rows there are."""
    if len(relation.expansions) == 1 and relation.position.id not in needed:
        return _write_single_unnest(relation, needed, emitter)
    own = {item.column.id for item in relation.expansions} | {relation.position.id}
    passing = (needed - own) | list_order_ids(relation.input.order)
    block = emitter.write_block_over(relation.input, passing, [item.value for item in relation.expansions])
    kept = sorted(passing & block.values.keys())
    lists = [
        (item.column.id, _build_elements(item, relation.limit, block, emitter))
        for item in relation.expansions
    ]
    inner = block.build_select([*block.list_columns(kept), *lists])
    outer = SelectBlock(exp.Subquery(this=inner))
    names = [nodes.build_name(name) for name, _ in lists]
    length = nodes.build_call(
        "greatest",
        *(nodes.build_coalesce(nodes.build_call("len", name), nodes.build_number(0)) for name in names),
    )
    places = nodes.build_call("unnest", nodes.build_call("range", length))
    items = [(one, nodes.build_name(one)) for one in kept]
    items += [(name, nodes.build_name(name)) for name, _ in lists]
    inner = outer.build_select([*items, (relation.position.id, places)])
    result = SelectBlock(exp.Subquery(this=inner), {one: Value(nodes.build_name(one)) for one in kept})
    position = nodes.build_name(relation.position.id)
    for name, _ in lists:
        at = nodes.build_binary("+", position, nodes.build_number(1))
        result.values[name] = _to_value(nodes.build_call("list_extract", nodes.build_name(name), at))
    result.values[relation.position.id] = Value(position)
    return result


def _build_elements(
    item: ExpandedColumn, limit: int | None, block: SelectBlock, emitter: Emitter
) -> exp.Expr:
    """The elements of one expanded value, as a list."""
    routine = emitter.use_routine(PAIRS if item.as_array else ELEMENTS)
    elements: exp.Expr = nodes.build_call(routine, emitter.write_scalar(item.value, block))
    return (
        elements
        if limit is None
        else nodes.build_call("list_slice", elements, nodes.build_number(1), nodes.build_number(limit))
    )


def _write_single_unnest(relation: Expanded, needed: Needed, emitter: Emitter) -> SelectBlock:
    """unnest() of one array whose places nobody asks for."""
    item = relation.expansions[0]
    passing = (needed - {item.column.id}) | list_order_ids(relation.input.order)
    block = emitter.write_block_over(relation.input, passing, [item.value])
    kept = sorted(passing & block.values.keys())
    elements = _build_elements(item, relation.limit, block, emitter)
    inner = block.build_select(
        [*block.list_columns(kept), (item.column.id, nodes.build_call("unnest", elements))]
    )
    result = make_block_over(inner, [*kept, item.column.id])
    result.values[item.column.id] = _to_value(nodes.build_name(item.column.id))
    return result


def _to_value(element: exp.Expr) -> Value:
    """An element as a dynamic value: JSON's null is KQL's."""
    return Value(nodes.build_call("nullif", element, nodes.build_text("null")), 4)
