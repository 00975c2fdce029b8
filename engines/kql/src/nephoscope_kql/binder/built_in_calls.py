"""Built-in calls: function names that a stored function cannot override."""

from __future__ import annotations

from functools import cache

from nephoscope_kql.binder.environment import CALLS
from nephoscope_kql.parser.pipes import SOURCES
from nephoscope_kql.registry import load_aggregates, load_callable_functions

WINDOWS = frozenset(
    {
        "prev",
        "next",
        "row_number",
        "row_cumsum",
        "row_rank_dense",
        "row_rank_min",
        "row_rank",
        "row_window_session",
    }
)
PLACES = frozenset({"workspace", "database", "cluster", "app", "resource", "arg"})
"""Calls that mean the tables and functions of somewhere else."""
PLACE_PROPERTIES = ("$current_database", "$current_cluster_endpoint")
"""What `X.name` says of an entity of macro-expand."""
TABULAR_CALLS = PLACES | {"materialize", "table", "external_table", "_GetWatchlist"}
_BY_OPERATORS = ("percentiles", "percentilesw")
"""Calls that only an operator knows."""


@cache
def list_built_in_names() -> frozenset[str]:
    """The names of all functions, aggregates, and calls that the binder knows by itself, as they are written.

    The binder must be loaded (`nephoscope_kql.bind`).
    """
    return frozenset(
        {
            *load_callable_functions(),
            *load_aggregates(),
            *CALLS,
            *WINDOWS,
            *TABULAR_CALLS,
            *SOURCES,
            *_BY_OPERATORS,
        }
    )
