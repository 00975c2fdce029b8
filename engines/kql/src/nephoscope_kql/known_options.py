"""Known options: the `set` options, hints and chart properties of Kusto, so that unknown ones produce a warning."""

from __future__ import annotations

from nephoscope_kql import tree
from nephoscope_kql.errors import suggest_word

NOW = ("query_now", "querynow")
COLUMN, FROM, TO = "query_datetimescope_column", "query_datetimescope_from", "query_datetimescope_to"
MOST = "query_take_max_records"
BIN_SIZE, BIN_AT = "query_bin_auto_size", "query_bin_auto_at"

INERT = frozenset(
    [
        "best_effort",
        "client_max_redirect_count",
        "client_results_reader_allow_varying_row_widths",
        "deferpartialqueryfailures",
        "materialized_view_shuffle",
        "max_memory_consumption_per_query_per_node",
        "maxmemoryconsumptionperiterator",
        "maxoutputcolumns",
        "norequesttimeout",
        "notruncation",
        "push_selection_through_aggregation",
        "query_cursor_after_default",
        "query_cursor_before_or_at_default",
        "query_cursor_current",
        "query_cursor_disabled",
        "query_cursor_scoped_tables",
        "query_datascope",
        "query_distribution_nodes_span",
        "query_fanout_nodes_percent",
        "query_fanout_threads_percent",
        "query_force_row_level_security",
        "query_language",
        "query_log_query_parameters",
        "query_max_entities_in_union",
        "query_optimize_fts_at_relop",
        "query_python_debug",
        "query_results_apply_getschema",
        "query_results_cache_force_refresh",
        "query_results_cache_max_age",
        "query_results_cache_per_shard",
        "query_results_progressive_row_count",
        "query_results_progressive_update_period",
        "query_weakconsistency_session_id",
        "queryconsistency",
        "querytrace",
        "request_app_name",
        "request_block_row_level_security",
        "request_callout_disabled",
        "request_description",
        "request_external_data_disabled",
        "request_external_table_disabled",
        "request_impersonation_disabled",
        "request_readonly",
        "request_readonly_hardline",
        "request_remote_entities_disabled",
        "request_sandboxed_execution_disabled",
        "request_user",
        "results_error_reporting_placement",
        "results_progressive_enabled",
        "results_v2_fragment_primary_tables",
        "results_v2_newlines_between_frames",
        "servertimeout",
        "truncation_max_records",
        "truncation_max_size",
        "truncationmaxrecords",
        "truncationmaxsize",
        "validate_permissions",
    ]
)
"""Request properties of Kusto that change nothing here: they are about its cluster, its limits and its clients."""
ACTIVE = frozenset((*NOW, COLUMN, FROM, TO, MOST, BIN_SIZE, BIN_AT))
STRATEGIES = frozenset(("broadcast", "centralized", "legacy", "native", "partitioned", "shuffle"))
"""What `hint.strategy` may say; how rows are moved changes nothing here."""
CHARTS = frozenset(
    [
        "anomalychart",
        "areachart",
        "barchart",
        "card",
        "columnchart",
        "graph",
        "ladderchart",
        "linechart",
        "list",
        "piechart",
        "pivotchart",
        "plotly",
        "scatterchart",
        "stackedareachart",
        "table",
        "timechart",
        "timeline",
        "timepivot",
        "treemap",
    ]
)
"""What `render` may draw."""


def describe_unknown_option(statement: tree.Set) -> str:
    """Return what to note of an option that Kusto does not know, '' of one that it knows."""
    if statement.name.lower() in INERT | ACTIVE:
        return ""
    meant = suggest_word(statement.name, INERT | ACTIVE)
    return f"the option {statement.name} is not known: it changes nothing" + (f" ({meant})" if meant else "")


def describe_unknown_hints(operator: tree.Operator) -> list[str]:
    """Return what to note of the strategies of an operator that Kusto does not know."""
    given = [item for item in getattr(operator, "parameters", ()) if isinstance(item, tree.OperatorParameter)]
    return [
        f"hint.strategy={item.text} is not known: it changes nothing"
        for item in given
        if item.name == "hint.strategy" and item.word not in STRATEGIES
    ]
