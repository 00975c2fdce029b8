"""Plugins that follow ids through states: sequence_detect, funnel_sequence, funnel_sequence_completion."""

from __future__ import annotations

from nephoscope_kql import tree
from nephoscope_kql.binder.constants import make_constant, make_text
from nephoscope_kql.binder.environment import make_reference
from nephoscope_kql.binder.kql_rewrites import compose_query
from nephoscope_kql.binder.overload_resolution import convert_explicitly
from nephoscope_kql.binder.plugin_interface import PluginCall, declare_plugin, rename_columns
from nephoscope_kql.errors import make_invalid_error
from nephoscope_kql.plan.values import Bound, Column, Relation
from nephoscope_kql.plugins.activity_periods import get_distance_type
from nephoscope_kql.types import KqlType

Steps = list[tuple[str, Bound]]


@declare_plugin(
    "sequence_detect(TimelineColumn, MaxSequenceStepWindow, MaxSequenceSpan, Expr: bool, Expr: bool, ..., Dim: any, ...)"
)
def sequence_detect(call: PluginCall) -> Relation:
    """Give every series of rows of the same dimensions that meet the conditions one after another in time."""
    axis = call.bind_column(0, "TimelineColumn")
    steps, slices = _split_arguments(call)
    columns: dict[str, Bound] = {"t": make_reference(axis, call.span)}
    columns |= {f"e{place}": value for place, (_, value) in enumerate(steps)}
    columns |= {f"d{place}": value for place, (_, value) in enumerate(slices)}
    span = get_distance_type(axis.type)
    values = {
        "gap": call.bind_scalar(1, "MaxSequenceStepWindow", span),
        "whole": call.bind_scalar(2, "MaxSequenceSpan", span),
    }
    keys = [f"d{place}" for place in range(len(slices))]
    found = compose_query(
        _format_chain(len(steps), keys), call, {"Rows": call.assign_columns(columns)}, values
    )
    labels = {f"d{place}": name or f"Column{place + 1}" for place, (name, _) in enumerate(slices)}
    labels |= {f"t{place}": f"{name}_{axis.name}" for place, (name, _) in enumerate(steps)}
    return rename_columns(found, {**labels, "whole_time": "Duration"})


def _split_arguments(call: PluginCall) -> tuple[Steps, Steps]:
    """The conditions, and the dimensions behind them."""
    given = [call.bind_dimension(item) for item in call.arguments[3:]]
    count = next(
        (place for place, (_, value) in enumerate(given) if not _is_step(call, place, value)), len(given)
    )
    if count < 2:
        raise make_invalid_error(
            "sequence_detect() takes two conditions or more", call.span, call.plugin.signature
        )
    steps = [(name or f"Expr{place + 1}", value) for place, (name, value) in enumerate(given[:count])]
    return steps, given[count:]


def _is_step(call: PluginCall, place: int, value: Bound) -> bool:
    """A condition is a bool that is no mere column, or one with a name."""
    item = call.arguments[3 + place]
    return value.type == KqlType.BOOL and not isinstance(item, tree.Name)


def _format_chain(count: int, keys: list[str]) -> str:
    """Every step joined to those before it, near enough in time."""
    by = "".join(f", {key}" for key in keys)
    some = " or ".join(f"e{place}" for place in range(count))
    parts = [
        f"let Seen = materialize(Rows | where {some} | extend one = 1 "
        f"| summarize by t, one{by}, {', '.join(f'e{place}' for place in range(count))}); "
        f"Seen | where e0 | summarize by t0 = t, one{by}"
    ]
    parts += [
        f"| join kind=inner (Seen | where e{place} | summarize by t{place} = t, one{by}) on one{by} "
        f"| where t{place} > t{place - 1} and t{place} - t{place - 1} <= gap and t{place} - t0 <= whole "
        f"| project one{by}, {', '.join(f't{one}' for one in range(place + 1))}"
        for place in range(1, count)
    ]
    return " ".join([*parts, f"| extend whole_time = t{count - 1} - t0"])


def _read_sequence(call: PluginCall, place: int) -> list[str]:
    expression = call.require_argument(place, "Sequence")
    found = call.read_constant(place, "Sequence", KqlType.DYNAMIC)
    if not isinstance(found, list) or not found:
        raise make_invalid_error("Sequence must be an array of states", expression.span)
    return [str(item) for item in found]


def _bind_states(call: PluginCall, place: int) -> tuple[Relation, Column, Column]:
    """The rows as `id`, `t` and `s`, the state as text; the columns of the timeline and the state."""
    axis, state = call.bind_column(1, "TimelineColumn"), call.bind_column(place, "StateColumn")
    columns = {
        "id": make_reference(call.bind_column(0, "IdColumn"), call.span),
        "t": make_reference(axis, call.span),
        "s": convert_explicitly(make_reference(state, call.span), KqlType.STRING),
    }
    return call.assign_columns(columns), axis, state


_FUNNEL = "IdColumn, TimelineColumn, Start, End, MaxSequenceStepWindow, Step, StateColumn, Sequence: dynamic"


@declare_plugin(f"funnel_sequence({_FUNNEL})")
def funnel_sequence(call: PluginCall) -> Relation:
    """Count the ids that went through a sequence of states, by the states before and after it; more results at a statement's end."""
    return _build_funnel(call, "past, future", {"past": "prev", "future": "next"})


@declare_plugin(f"_funnel_sequence_from({_FUNNEL})")
def funnel_sequence_from(call: PluginCall) -> Relation:
    """The second result of funnel_sequence: by the state before the sequence."""
    return _build_funnel(call, "past", {"past": "prev"})


@declare_plugin(f"_funnel_sequence_to({_FUNNEL})")
def funnel_sequence_to(call: PluginCall) -> Relation:
    """The third result of funnel_sequence: by the state after the sequence."""
    return _build_funnel(call, "future", {"future": "next"})


def _build_funnel(call: PluginCall, keys: str, names: dict[str, str]) -> Relation:
    rows, axis, _ = _bind_states(call, 6)
    states = _read_sequence(call, 7)
    size = len(states)
    meets = " and ".join(
        f"{_format_previous_value('s', size - 1 - place)} == s{place}" for place in reversed(range(size))
    )
    linked = "".join(f" and {_format_previous_value('linked', place)}" for place in range(size - 1))
    query = (
        "Rows | where t between (start .. end) | sort by id asc, t asc "
        "| extend linked = row_number() > 1 and id == prev(id) and t - prev(t) <= gap "
        "| extend moved = not(linked) or s != prev(s) | where moved "
        f"| extend past = iff({_format_previous_value('linked', size - 1)}, prev(s, {size}), ''), "
        "future = iff(coalesce(next(linked), false), next(s), '') "
        f"| where {meets}{linked} "
        f"| summarize ids = count_distinct(id), some = make_set(id, 128) by t = bin_at(t, step, start), {keys}"
    )
    values = {f"s{place}": make_text(state) for place, state in enumerate(states)}
    span = get_distance_type(axis.type)
    limits = {"start": call.bind_scalar(2, "Start", axis.type), "end": call.bind_scalar(3, "End", axis.type)}
    spans = {
        "gap": call.bind_scalar(4, "MaxSequenceStepWindow", span),
        "step": call.bind_scalar(5, "Step", span),
    }
    found = compose_query(query, call, {"Rows": rows}, {**values, **limits, **spans})
    shown = {"t": axis.name, **names, "ids": "dcount", "some": "samples"}
    return rename_columns(found, shown)


def _format_previous_value(name: str, by: int) -> str:
    """The value of a column so many rows before."""
    return f"prev({name}, {by})" if by else name


@declare_plugin(
    "funnel_sequence_completion(IdColumn, TimelineColumn, Start, End, Step, StateColumn, Sequence: dynamic, "
    "MaxSequenceStepWindows: dynamic)"
)
def funnel_sequence_completion(call: PluginCall) -> Relation:
    """Count the ids that reached each state of a sequence, within each of several times after the first."""
    rows, axis, state = _bind_states(call, 5)
    states = _read_sequence(call, 6)
    span = get_distance_type(axis.type)
    windows = [_find_window(item, span, call) for item in _read_sequence(call, 7)]
    parts = [
        "let Seen = materialize(Rows | where t between (start .. end) | summarize by id, t, s); "
        "let S0 = materialize(Seen | where s == s0 | project id, t0 = t, t)"
    ]
    parts += [
        f"let S{place} = materialize(S{place - 1} | join kind=inner (Seen | where s == s{place} | project id, u = t) on id "
        "| where u > t | summarize t = min(u) by id, t0)"
        for place in range(1, len(states))
    ]
    counts = [
        f"(S{one} | where t - t0 <= w{other} | summarize ids = count_distinct(id) by t = bin_at(t0, step, start) "
        f"| extend state = s{one}, span = w{other})"
        for other in range(len(windows))
        for one in range(len(states))
    ]
    query = "; ".join([*parts, f"union {', '.join(counts)}"])
    values: dict[str, Bound] = {f"s{place}": make_text(item) for place, item in enumerate(states)}
    values |= {f"w{place}": item for place, item in enumerate(windows)}
    values |= {"start": call.bind_scalar(2, "Start", axis.type), "end": call.bind_scalar(3, "End", axis.type)}
    found = compose_query(query, call, {"Rows": rows}, {**values, "step": call.bind_scalar(4, "Step", span)})
    return rename_columns(found, {"t": axis.name, "state": state.name, "span": "Period", "ids": "dcount"})


def _find_window(item: str, kind: KqlType, call: PluginCall) -> Bound:
    """A length of time that an array holds as text."""
    if kind != KqlType.TIMESPAN:
        try:
            return convert_explicitly(make_constant(float(item), KqlType.REAL), kind)
        except ValueError:
            raise make_invalid_error(f"'{item}' is not a length on this timeline", call.span) from None
    return convert_explicitly(make_text(item), kind)
