"""Multi-result functions such as series_fit_line(), and the columns that extend, project and print create from them."""

from __future__ import annotations

from nephoscope_kql import tree
from nephoscope_kql.binder.column_naming import get_implied_name
from nephoscope_kql.binder.overload_resolution import convert_explicitly
from nephoscope_kql.plan.expressions import BoundCall, DynamicPath
from nephoscope_kql.plan.values import Bound
from nephoscope_kql.types import KqlType

_SORTS = ("array_sort_asc", "array_sort_desc")


def list_outputs(value: Bound) -> list[tuple[str, KqlType]]:
    """Suffix and type of every result, empty for a value that is one."""
    if not isinstance(value, BoundCall):
        return []
    if value.function.name in _SORTS:
        arrays = sum(argument.type == KqlType.DYNAMIC for argument in value.arguments)
        return [("sorted", KqlType.DYNAMIC)] * arrays if arrays > 1 else []
    parts = (part.partition(":") for part in value.function.extra.get("outputs", "").split())
    return [(name, KqlType(kind)) for name, _, kind in parts]


def list_output_names(expression: tree.Expression, value: Bound) -> tuple[str, ...]:
    """The names of the results where the query gives none: function, argument and result."""
    several = list_outputs(value)
    if not several or not isinstance(expression, tree.Call):
        return ()
    names = [get_implied_name(argument) for argument in expression.arguments]
    if expression.name in _SORTS:
        return tuple(f"{name}_sorted" for name in names[: len(several)])
    return tuple(f"{expression.name}_{names[0]}_{suffix}" for suffix, _ in several)


def bind_output(value: Bound, place: int, kind: KqlType) -> Bound:
    """One of several results."""
    return convert_explicitly(
        DynamicPath(type=KqlType.DYNAMIC, span=value.span, target=value, steps=(place,)), kind
    )
