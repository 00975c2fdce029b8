"""Activity periods: the start of a timestamp's period and of the next one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from nephoscope_kql import tree
from nephoscope_kql.binder.environment import make_reference
from nephoscope_kql.binder.overload_resolution import convert_explicitly
from nephoscope_kql.binder.plugin_interface import PluginCall, rename_columns
from nephoscope_kql.errors import make_invalid_error
from nephoscope_kql.plan.values import Bound, Column, Constant, Relation
from nephoscope_kql.types import KqlType

CALENDAR = ("week", "month", "year")


@dataclass(frozen=True, slots=True)
class Period:
    """A period as KQL: `write_start` a moment, `shifted` by a number of periods. `value` is what `step` stands for in those texts."""

    value: Bound
    calendar: str = ""

    def write_start(self, moment: str, start: str = "start") -> str:
        """The beginning of the period that a moment is in."""
        if self.calendar:
            return f"startof{self.calendar}({moment})"
        return f"bin_at({moment}, step, {start})"

    def write_shifted_time(self, moment: str, by: int) -> str:
        """The beginning of the period that many periods later."""
        if self.calendar:
            return f"datetime_add('{self.calendar}', {by}, {moment})"
        return f"({moment} {'+' if by >= 0 else '-'} {abs(by)} * step)"

    @property
    def next_head(self) -> str:
        """The beginning of the period that is `place` periods behind `head`."""
        if self.calendar:
            return f"datetime_add('{self.calendar}', place, head)"
        return "head + place * step"

    @property
    def ordinals(self) -> str:
        """Count how many periods there are from `head` to `tail`, both beginnings of periods."""
        if self.calendar:
            return f"datetime_diff('{self.calendar}', tail, head)"
        return "tolong((tail - head) / step)"


def bind_period(call: PluginCall, place: int, name: str, axis: KqlType) -> Period:
    """The period that an argument gives: a length, or 'week', 'month', 'year'."""
    expression = call.require_argument(place, name)
    found = call.env.without_row().bind_scalar(expression)
    if isinstance(found, Constant) and isinstance(found.value, str):
        if found.value not in CALENDAR or axis != KqlType.DATETIME:
            raise make_invalid_error(f"{name} is a length or one of {', '.join(CALENDAR)}", expression.span)
        return Period(convert_explicitly(found, KqlType.STRING), found.value)
    return Period(convert_explicitly(found, get_distance_type(axis)))


def get_distance_type(axis: KqlType) -> KqlType:
    """The type of distances on a timeline."""
    return KqlType.TIMESPAN if axis == KqlType.DATETIME else axis


@dataclass(frozen=True, slots=True)
class Activity:
    """The rows of an activity plugin as `id`, `t` and the dimensions `d0`, `d1` ..., and how its columns are called."""

    rows: Relation
    axis: Column
    labels: dict[str, str]

    @property
    def group_suffix(self) -> str:
        """The dimensions behind other groups: `, d0, d1`, or nothing."""
        return "".join(f", {name}" for name in self.labels)

    @property
    def keys(self) -> str:
        """The dimensions as `by d0, d1`, or nothing."""
        return f"by {', '.join(self.labels)}" if self.labels else ""

    @property
    def restart(self) -> str:
        """The last argument of a running total that starts over with each combination of dimensions, or nothing."""
        changed = " or ".join(f"{name} != prev({name})" for name in self.labels)
        return f", {changed}" if changed else ""

    @property
    def first(self) -> str:
        """The dimensions before other keys of an order: `d0 asc, `, or nothing."""
        return "".join(f"{name} asc, " for name in self.labels)

    def build_result(self, relation: Relation, *after: str, axis: str = "t") -> Relation:
        """The result: the timeline, the dimensions, then `after`, each `name` or `name=label`; `axis` names the timeline's columns."""
        return rename_columns(
            relation,
            {**_build_labels(axis.split(" "), self.axis.name), **self.labels, **_build_labels(after)},
        )


def _build_labels(items: Iterable[str], default: str = "") -> dict[str, str]:
    pairs = (item.partition("=") for item in items)
    return {name: label or default or name for name, _, label in pairs}


def bind_activity(
    call: PluginCall, dimensions: list[tree.Expression], *, ident: int = 0, axis: int = 1
) -> Activity:
    """The rows of an activity plugin whose arguments `ident` and `axis` are the ids and the timeline."""
    column = call.bind_column(axis, "TimelineColumn")
    if column.type not in (KqlType.DATETIME, KqlType.TIMESPAN) and not column.type.is_numeric:
        raise make_invalid_error(
            f"a timeline is a datetime, a timespan or a number, not {column.type}", call.span
        )
    who: Bound = make_reference(call.bind_column(ident, "IdColumn"), call.span)
    if who.type == KqlType.DYNAMIC:
        who = convert_explicitly(who, KqlType.STRING)
    slices = [call.bind_dimension(item) for item in dimensions]
    columns: dict[str, Bound] = {"id": who, "t": make_reference(column, call.span)}
    columns |= {f"d{place}": value for place, (_, value) in enumerate(slices)}
    labels = {f"d{place}": name or f"Column{place + 1}" for place, (name, _) in enumerate(slices)}
    return Activity(call.assign_columns(columns), column, labels)
