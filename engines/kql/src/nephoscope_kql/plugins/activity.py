"""The activity plugins: how many ids were active, new, retained or lost in each period."""

from __future__ import annotations

from nephoscope_kql import tree
from nephoscope_kql.binder.constants import make_null
from nephoscope_kql.binder.environment import make_reference
from nephoscope_kql.binder.kql_rewrites import compose_query
from nephoscope_kql.binder.overload_resolution import convert_explicitly
from nephoscope_kql.binder.plugin_interface import PluginCall, declare_plugin
from nephoscope_kql.binder.scope import is_tabular
from nephoscope_kql.errors import UnknownNameError, make_invalid_error
from nephoscope_kql.plan.expressions import ColumnRef
from nephoscope_kql.plan.relations import Assign
from nephoscope_kql.plan.values import Bound, Relation
from nephoscope_kql.plugins.activity_periods import bind_activity, bind_period, get_distance_type
from nephoscope_kql.types import KqlType


def _build_limits(call: PluginCall, kind: KqlType, place: int = 2) -> dict[str, Bound]:
    return {
        "start": call.bind_scalar(place, "Start", kind),
        "end": call.bind_scalar(place + 1, "End", kind),
    }


@declare_plugin("activity_counts_metrics(IdColumn, TimelineColumn, Start, End, Step, [Dimension], ...)")
def activity_counts_metrics(call: PluginCall) -> Relation:
    """Count rows, ids, ids never seen before, and all ids so far, in each period."""
    it = bind_activity(call, call.arguments[5:])
    step = bind_period(call, 4, "Step", it.axis.type)
    text = (
        f"let Seen = materialize(Rows | where t between (start .. end) | extend t = {step.write_start('t')}); "
        f"let First = Seen | summarize t = min(t) by id{it.group_suffix} | summarize fresh = count() by t{it.group_suffix}; "
        f"Seen | summarize n = count(), ids = count_distinct(id) by t{it.group_suffix} "
        f"| join kind=leftouter First on t{it.group_suffix} | extend fresh = coalesce(fresh, 0) "
        f"| sort by {it.first}t asc | extend total = row_cumsum(fresh{it.restart})"
    )
    found = compose_query(
        text, call, {"Rows": it.rows}, {**_build_limits(call, it.axis.type), "step": step.value}
    )
    return it.build_result(found, "n=count", "ids=dcount", "fresh=new_dcount", "total=aggregated_dcount")


@declare_plugin(
    "activity_engagement(IdColumn, TimelineColumn, [Start, End], InnerActivityWindow, OuterActivityWindow, [Dimension], ...)"
)
def activity_engagement(call: PluginCall) -> Relation:
    """Compare the ids of each inner period with those of the longer one that ends with it."""
    bounded = len(call.arguments) > 4
    first = 4 if bounded else 2
    it = bind_activity(call, call.arguments[6:] if bounded else [])
    span = get_distance_type(it.axis.type)
    windows = {
        "inner": call.bind_scalar(first, "InnerActivityWindow", span),
        "outer": call.bind_scalar(first + 1, "OuterActivityWindow", span),
    }
    begin = "bin_at(t, inner, start)" if bounded else "bin(t, inner)"
    chosen = "where t between (start .. end) | " if bounded else ""
    text = (
        f"let Seen = materialize(Rows | {chosen}summarize by id, t = {begin}{it.group_suffix}); "
        f"let Inner = Seen | summarize few = count_distinct(id) by t{it.group_suffix}; "
        "let Outer = Seen | extend place = range(0, tolong(ceiling(outer / inner)) - 1, 1) "
        "| mv-expand place to typeof(long) | extend t = t + place * inner "
        f"| summarize many = count_distinct(id) by t{it.group_suffix}; "
        f"Inner | join kind=inner Outer on t{it.group_suffix} | extend ratio = toreal(few) / many"
    )
    values = {**(_build_limits(call, it.axis.type) if bounded else {}), **windows}
    found = compose_query(text, call, {"Rows": it.rows}, values)
    return it.build_result(
        found, "few=dcount_activities_inner", "many=dcount_activities_outer", "ratio=activity_ratio"
    )


@declare_plugin("activity_metrics(IdColumn, TimelineColumn, [Start, End], Step, [Dimension], ...)")
def activity_metrics(call: PluginCall) -> Relation:
    """Compare the ids of each period with those of the period before: new, retained, lost."""
    bounded = len(call.arguments) > 4
    it = bind_activity(call, call.arguments[5:] if bounded else call.arguments[3:])
    step = bind_period(call, 4 if bounded else 2, "Step", it.axis.type)
    begin = step.write_start("t") if bounded or step.calendar else "bin(t, step)"
    chosen = "where t between (start .. end) | " if bounded else ""
    text = (
        f"let Seen = materialize(Rows | {chosen}summarize by id, t = {begin}{it.group_suffix}); "
        f"let Now = Seen | summarize ids = count() by t{it.group_suffix}; "
        f"let Before = Now | extend t = {step.write_shifted_time('t', 1)} | project-rename past = ids; "
        f"let Stay = Seen | extend t = {step.write_shifted_time('t', 1)} | join kind=inner Seen on id, t{it.group_suffix} "
        f"| summarize kept = count() by t{it.group_suffix}; "
        f"Now | join kind=leftouter Before on t{it.group_suffix} | join kind=leftouter Stay on t{it.group_suffix} "
        "| extend kept = coalesce(kept, 0) | extend fresh = ids - kept, "
        "rate = iff(isnull(past), real(nan), toreal(kept) / past) | extend churn = 1.0 - rate"
    )
    values = {**(_build_limits(call, it.axis.type) if bounded else {}), "step": step.value}
    found = compose_query(text, call, {"Rows": it.rows}, values)
    return it.build_result(
        found,
        *("ids=dcount_values", "fresh=dcount_newvalues", "rate=retention_rate", "churn=churn_rate"),
    )


@declare_plugin(
    "new_activity_metrics(IdColumn, TimelineColumn, Start, End, Step, [Cohort], [Dimension], ..., [Lookback])"
)
def new_activity_metrics(call: PluginCall) -> Relation:
    """Follow the ids that are new in a period through all later ones: new, retained, lost."""
    cohort, dimensions, lookback = _split_trailing_arguments(call)
    it = bind_activity(call, dimensions)
    kind = it.axis.type
    step = bind_period(call, 4, "Step", kind)
    known = " | join kind=leftanti Known on id" if lookback is not None else ""
    text = (
        "let Seen = materialize(Rows | where t between (start .. end) "
        f"| summarize by id, t = {step.write_start('t')}{it.group_suffix}); "
        f"let First = materialize(Seen | summarize f = min(t) by id{it.group_suffix}{known}); "
        f"let New = materialize(First | where isnull(cohort) or f == {step.write_start('cohort')}); "
        f"let Cohorts = New | summarize size = count() by f{it.group_suffix}; "
        f"let Periods = print head = {step.write_start('start')}, tail = {step.write_start('end')} "
        f"| extend place = range(0, {step.ordinals}, 1) | mv-expand place to typeof(long) "
        f"| project g = {step.next_head}, one = 1; "
        "let Pairs = materialize(Cohorts | extend one = 1 | join kind=inner Periods on one | where g >= f); "
        f"let Stay = New | join kind=inner Seen on id{it.group_suffix} | where t >= f "
        f"| summarize kept = count() by f, g = t{it.group_suffix}; "
        f"let Fresh = Pairs | join kind=inner (Seen | join kind=inner First on id{it.group_suffix} "
        f"| extend g = t) on g{it.group_suffix} "
        f"| where f1 > f or (f1 == f and g == f) | summarize fresh = count() by f, g{it.group_suffix}; "
        f"Pairs | join kind=leftouter Stay on f, g{it.group_suffix} "
        f"| join kind=leftouter Fresh on f, g{it.group_suffix} "
        "| extend kept = coalesce(kept, 0), fresh = coalesce(fresh, 0) | extend lost = size - kept "
        "| extend rate = toreal(kept) / size, churn = toreal(lost) / size"
    )
    rows = {"Rows": it.rows} | ({} if lookback is None else {"Known": lookback})
    values = {**_build_limits(call, kind), "step": step.value}
    values["cohort"] = (
        make_null(kind)
        if cohort is None
        else convert_explicitly(call.env.without_row().bind_scalar(cohort), kind)
    )
    found = compose_query(text, call, rows, values)
    counts = ("fresh=dcount_new_values", "kept=dcount_retained_values", "lost=dcount_churn_values")
    rates = ("rate=retention_rate", "churn=churn_rate")
    return it.build_result(found, *counts, *rates, axis=f"f=from_{it.axis.name} g=to_{it.axis.name}")


def _split_trailing_arguments(
    call: PluginCall,
) -> tuple[tree.Expression | None, list[tree.Expression], Relation | None]:
    """Return what follows the step: a cohort (which is no column), dimensions, rows of ids seen before."""
    rest = list(call.arguments[5:])
    lookback: Relation | None = None
    if rest and is_tabular(rest[-1], call.env.without_row()):
        lookback = _bind_known_ids(call, rest.pop())
    cohort = rest.pop(0) if rest and not isinstance(call.bind_value(rest[0]), ColumnRef) else None
    return cohort, rest, lookback


def _bind_known_ids(call: PluginCall, expression: tree.Expression) -> Relation:
    """The ids of the look-back rows: their column of the id's name, or their only one."""
    rows = call.env.bind_tabular(expression)
    own = call.bind_column(0, "IdColumn")
    found = [column for column in rows.columns if column.name == own.name or len(rows.columns) == 1]
    if not found:
        raise UnknownNameError(own.name, f"the look-back rows have no column '{own.name}'", expression.span)
    if found[0].type != own.type:
        raise make_invalid_error(
            f"the ids of the look-back rows are {found[0].type}, not {own.type}", expression.span
        )
    column = call.env.binder.make_column("id", own.type)
    pair = (column, make_reference(found[0], expression.span))
    return Assign(columns=(column,), input=rows, assigned=(pair,))
