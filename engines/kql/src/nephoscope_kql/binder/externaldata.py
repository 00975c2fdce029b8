"""Binding of externaldata."""

from __future__ import annotations

from dataclasses import replace

from nephoscope_kql import tree
from nephoscope_kql.binder.environment import Env, make_reference, register_source_binder
from nephoscope_kql.binder.external_mapping import map_cells
from nephoscope_kql.binder.overload_resolution import convert_explicitly
from nephoscope_kql.errors import make_invalid_error, make_unsupported_query_error, suggest_word
from nephoscope_kql.externaldata import FORMATS, ExternalSource, detect_format
from nephoscope_kql.plan.relations import Assign, External
from nephoscope_kql.plan.values import Bound, Column, Constant, Relation
from nephoscope_kql.types import KqlType

_KNOWN = ("format", "ignorefirstrecord", "ignorelastrecord", "ingestionmapping")


@register_source_binder(tree.ExternalData)
def bind_externaldata(node: tree.ExternalData, env: Env) -> Relation:
    """`externaldata (columns) [locations] with (properties)`: records of text, converted to the columns' types."""
    source = _build_source(node, env)
    kind = KqlType.DYNAMIC if source.is_nested else KqlType.STRING
    raw = tuple(env.binder.make_column(name, kind) for name in source.names)
    columns: list[Column] = []
    assigned: list[tuple[Column, Bound]] = []
    for declared, column in zip(node.columns, raw, strict=True):
        if declared.type is None:
            raise make_invalid_error(f"the column '{declared.name}' has no type", declared.span)
        if declared.type == kind:
            columns.append(column)
            continue
        made = env.binder.make_column(declared.name, declared.type)
        columns.append(made)
        assigned.append((made, convert_explicitly(make_reference(column, declared.span), declared.type)))
    return Assign(
        columns=tuple(columns), input=External(columns=raw, source=source), assigned=tuple(assigned)
    )


def _build_source(node: tree.ExternalData, env: Env) -> ExternalSource:
    names = tuple(column.name for column in node.columns)
    if not names or len(set(names)) != len(names):
        raise make_invalid_error("externaldata needs columns, each with a name of its own", node.span)
    locations = tuple(_read_location(item, env) for item in node.locations)
    if not locations:
        raise make_invalid_error("externaldata needs a location", node.span)
    given = {item.name: item for item in node.properties}
    for name, item in given.items():
        if name not in _KNOWN:
            raise make_unsupported_query_error(
                f"externaldata with {name}", item.span, suggest_word(name, _KNOWN)
            )
    form = given["format"].word if "format" in given else detect_format(locations[0])
    if form not in FORMATS:
        raise make_unsupported_query_error(
            f"externaldata of the format {form}", node.span, "known: " + ", ".join(FORMATS)
        )
    source = ExternalSource(env.binder.choose_shared_name(), locations, form, names, span=node.span)
    return replace(
        source,
        skip_first=_is_true("ignorefirstrecord", given),
        skip_last=_is_true("ignorelastrecord", given),
        cells=map_cells(given["ingestionmapping"], source) if "ingestionmapping" in given else (),
    )


def _is_true(name: str, given: dict[str, tree.OperatorParameter]) -> bool:
    return name in given and given[name].word == "true"


def _read_location(item: tree.Expression, env: Env) -> str:
    value = env.without_row().bind_scalar(item)
    if not isinstance(value, Constant) or not isinstance(value.value, str):
        raise make_invalid_error("a location is a constant string", item.span)
    return value.value
