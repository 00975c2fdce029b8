"""The `ingestionMapping` of externaldata: where the cell of each column stands in a record."""

from __future__ import annotations

import json
from collections.abc import Mapping

from nephoscope_kql.errors import Span, make_invalid_error, make_unsupported_query_error, suggest_word
from nephoscope_kql.externaldata import SEPARATORS, ExternalCell, ExternalSource
from nephoscope_kql.functions.property_bags import parse_path_steps
from nephoscope_kql.tree import OperatorParameter

_LINES = ("txt", "raw")


def map_cells(parameter: OperatorParameter, source: ExternalSource) -> tuple[ExternalCell, ...]:
    """Return a cell a column of the source; KqlError where the mapping is none, names another column, or asks for more than a place.

    Source: https://learn.microsoft.com/kusto/management/mappings
    """
    if source.format in _LINES:
        raise make_invalid_error(f"the format {source.format} has no mapping", parameter.span)
    try:
        items = json.loads(parameter.text)
    except ValueError as error:
        raise make_invalid_error(
            f"a mapping is the JSON text of an array: {error}", parameter.span
        ) from error
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise make_invalid_error("a mapping is the JSON text of an array of objects", parameter.span)
    found: dict[str, ExternalCell] = {}
    for item in items:
        given = _lower_keys(item)
        name = str(given.get("column", given.get("name", "")))
        if name not in source.names:
            hint = suggest_word(name, source.names)
            raise make_invalid_error(
                f"the mapping names the column '{name}', which is not declared", parameter.span, hint
            )
        found[name] = _build_cell(given, source, parameter.span)
    return tuple(found.get(name, ExternalCell()) for name in source.names)


def _lower_keys(item: Mapping[str, object]) -> dict[str, object]:
    return {key.lower(): value for key, value in item.items()}


def _build_cell(given: dict[str, object], source: ExternalSource, span: Span) -> ExternalCell:
    """The cell of an item, `{"Column": ..., "Properties": {...}}` or, as it was written before, all in one."""
    inner = given.get("properties")
    properties = _lower_keys(inner) if isinstance(inner, dict) else given
    if properties.get("transform"):
        raise make_unsupported_query_error(f"the transformation {properties['transform']} of a mapping", span)
    constant = properties.get("constvalue")
    if constant is not None:
        return ExternalCell(constant=str(constant))
    separated = source.format in SEPARATORS
    place = properties.get("ordinal" if separated else "path")
    if place is None:
        known = "Ordinal" if separated else "Path"
        raise make_invalid_error(
            f"a column of the format {source.format} is mapped by {known} or ConstValue", span
        )
    if not separated:
        return ExternalCell(steps=tuple(parse_path_steps(str(place))))
    if not str(place).isdecimal():
        raise make_invalid_error(f"an Ordinal is a number from 0, not '{place}'", span)
    return ExternalCell(ordinal=int(str(place)))
