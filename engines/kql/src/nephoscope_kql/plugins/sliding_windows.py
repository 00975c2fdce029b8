"""Sliding-window plugins: sessions, active ids and rolling percentiles over past periods."""

from __future__ import annotations

from nephoscope_kql.binder.constants import make_constant
from nephoscope_kql.binder.kql_rewrites import compose_query
from nephoscope_kql.binder.plugin_interface import PluginCall, declare_plugin
from nephoscope_kql.plan.values import Bound, Relation
from nephoscope_kql.plugins.activity_periods import bind_activity, bind_period, get_distance_type
from nephoscope_kql.types import KqlType


def _build_limits(call: PluginCall, kind: KqlType) -> dict[str, Bound]:
    return {"start": call.bind_scalar(2, "Start", kind), "end": call.bind_scalar(3, "End", kind)}


@declare_plugin(
    "sliding_window_counts(IdColumn, TimelineColumn, Start, End, LookBackWindow, Step, [Dimension], ...)"
)
def sliding_window_counts(call: PluginCall) -> Relation:
    """Count the rows and ids of the window that ends with each period."""
    it = bind_activity(call, call.arguments[6:])
    step = bind_period(call, 5, "Step", it.axis.type)
    tail = f"startof{step.calendar}(head + back - 1tick)" if step.calendar else "head + back - step"
    text = (
        f"Rows | where t > start - back and t <= end | extend head = {step.write_start('t')} "
        f"| extend tail = {tail} | extend place = range(0, {step.ordinals}, 1) "
        f"| mv-expand place to typeof(long) | extend t = {step.next_head} | where t between (start .. end) "
        f"| summarize n = count(), ids = count_distinct(id) by t{it.group_suffix}"
    )
    back = call.bind_scalar(4, "LookBackWindow", get_distance_type(it.axis.type))
    values = {**_build_limits(call, it.axis.type), "back": back, "step": step.value}
    return it.build_result(compose_query(text, call, {"Rows": it.rows}, values), "n=Count", "ids=Dcount")


@declare_plugin(
    "active_users_count(IdColumn, TimelineColumn, Start, End, LookbackWindow, Period, ActivePeriods, Step, [Dimension], ...)"
)
def active_users_count(call: PluginCall) -> Relation:
    """Count the ids that were seen in enough periods of the window before and at an appearance."""
    it = bind_activity(call, call.arguments[8:])
    kind = it.axis.type
    step = bind_period(call, 7, "Step", kind)
    each = bind_period(call, 5, "Period", kind)
    inner = each.write_start("t1").replace("step", "each")
    text = (
        f"let Seen = materialize(Rows | where t > start - back and t <= end | summarize by id, t{it.group_suffix}); "
        f"Seen | where t >= start | join kind=inner Seen on id{it.group_suffix} | where t1 <= t and t1 > t - back "
        f"| summarize times = count_distinct({inner}) by id, t{it.group_suffix} | where times >= active "
        f"| summarize n = count_distinct(id) by t = {step.write_start('t')}{it.group_suffix}"
    )
    values = {
        **_build_limits(call, kind),
        "back": call.bind_scalar(4, "LookbackWindow", get_distance_type(kind)),
        "each": each.value,
        "active": call.bind_scalar(6, "ActivePeriods", KqlType.LONG),
        "step": step.value,
    }
    return it.build_result(compose_query(text, call, {"Rows": it.rows}, values), "n=dcount")


@declare_plugin("session_count(IdColumn, TimelineColumn, Start, End, Step, LookBackWindow, [Dimension], ...)")
def session_count(call: PluginCall) -> Relation:
    """Count the sessions that begin in each period: an id appears and did not in the window before."""
    it = bind_activity(call, call.arguments[6:])
    kind = it.axis.type
    step = bind_period(call, 4, "Step", kind)
    same = " and ".join(f"{name} == prev({name})" for name in ("id", *it.labels))
    text = (
        f"Rows | where t >= start - back and t <= end | sort by id asc, {it.first}t asc "
        f"| extend goes_on = row_number() > 1 and {same} and t - prev(t) <= back "
        f"| where not(goes_on) and t >= start | summarize n = count() by t = {step.write_start('t')}{it.group_suffix}"
    )
    values = {
        **_build_limits(call, kind),
        "step": step.value,
        "back": call.bind_scalar(5, "LookBackWindow", get_distance_type(kind)),
    }
    return it.build_result(compose_query(text, call, {"Rows": it.rows}, values), "n=count_sessions")


@declare_plugin(
    "rolling_percentile(ValueColumn, Percentile, IndexColumn, BinSize, BinsPerWindow, [Dimension], ...)"
)
def rolling_percentile(call: PluginCall) -> Relation:
    """Give a percentile of the values of the last bins, for every bin."""
    it = bind_activity(call, call.arguments[5:], axis=2)
    share = call.read_constant(1, "Percentile", KqlType.REAL)
    bins = call.read_constant(4, "BinsPerWindow", KqlType.LONG)
    text = (
        "let Binned = materialize(Rows | extend t = bin(t, size)); let tail = toscalar(Binned | summarize max(t)); "
        "Binned | extend place = range(0, bins - 1, 1) | mv-expand place to typeof(long) "
        "| extend t = t + place * size | where t <= tail "
        f"| summarize v = percentile(id, share) by t{it.group_suffix}"
    )
    values = {
        "size": call.bind_scalar(3, "BinSize", get_distance_type(it.axis.type)),
        "bins": make_constant(bins, KqlType.LONG),
        "share": make_constant(share, KqlType.REAL),
    }
    found = compose_query(text, call, {"Rows": it.rows}, values)
    label = f"rolling_{bins}_percentile_{call.bind_column(0, 'ValueColumn').name}_{_format_number(share)}"
    return it.build_result(found, f"v={label}")


def _format_number(number: float) -> str:
    return str(number).removesuffix(".0")
