"""The concepts of the state: which module has which, loaded when one is asked for."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from nephoscope.state.columns import Base

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Table

#: Attribute of a State -> the module and the class of the concept.
CONCEPTS = {
    "workspaces": ("workspaces", "Workspaces"),
    "producers": ("producers", "Producers"),
    "counted_segments": ("counted_segments", "CountedSegments"),
    "leases": ("leases", "Leases"),
    "sources": ("sources", "Sources"),
    "tenants": ("tenants", "Tenants"),
    "checkpoints": ("checkpoints", "Checkpoints"),
    "saved_functions": ("saved_functions", "SavedFunctions"),
    "source_health": ("source_health", "SourceHealths"),
    "schema_changes": ("schema_changes", "SchemaChanges"),
    "source_errors": ("source_errors", "SourceErrors"),
    "usage": ("usage", "Usages"),
    "ingested_files": ("ingested_files", "IngestedFiles"),
    "repeated_loads": ("repeated_loads", "RepeatedLoads"),
    "credentials": ("credentials", "Credentials"),
    "outbox": ("outbox", "Outbox"),
    "rule_runs": ("rule_runs", "RuleRuns"),
    "rule_switches": ("rule_switches", "RuleSwitches"),
    "saved_queries": ("saved_queries", "SavedQueries"),
    "rule_standings": ("rule_standings", "RuleStandings"),
    "alerts": ("alerts", "Alerts"),
    "alert_tallies": ("alert_tallies", "AlertTallies"),
    "principals": ("principals", "Principals"),
    "audit": ("audit", "Audit"),
    "sign_in_providers": ("sign_in_providers", "SignInProviders"),
    "sign_in_attempts": ("sign_in_attempts", "SignInAttempts"),
    "arm_documents": ("arm_documents", "ArmDocuments"),
    "own_facts": ("own_facts", "OwnFactStore"),
    "incidents": ("incidents", "Incidents"),
    "hunting_runs": ("hunting_runs", "HuntingRuns"),
    "bookmarks": ("bookmarks", "Bookmarks"),
    "suppressions": ("suppressions", "Suppressions"),
    "rule_settings": ("rule_settings", "RuleSettings"),
    "learned": ("learned", "Learned"),
    "tuning_changes": ("tuning_changes", "TuningChanges"),
    "intel": ("intel", "Intels"),
    "automation_runs": ("automation_runs", "AutomationRuns"),
    "run_standings": ("run_standings", "RunStandings"),
    "pipelines": ("pipelines", "Pipelines"),
    "watchlists": ("watchlists", "StoredWatchlists"),
}


def every_table() -> Sequence[Table]:
    """Load every concept and return all tables of the state, those first that others refer to."""
    for module, _ in CONCEPTS.values():
        import_module(f"nephoscope.state.{module}")
    return Base.metadata.sorted_tables
