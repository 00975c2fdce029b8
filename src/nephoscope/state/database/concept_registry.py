"""Concept registry: the module of each concept of the state, loaded on demand."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from nephoscope.state.tables.columns import Base

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Table

#: Attribute of a State -> the module and the class of the concept.
CONCEPTS = {
    "workspaces": ("workspaces.workspaces", "Workspaces"),
    "producers": ("ingestion.producers", "Producers"),
    "counted_segments": ("ingestion.counted_segments", "CountedSegments"),
    "leases": ("leases.leases", "Leases"),
    "sources": ("ingestion.sources", "Sources"),
    "tenants": ("estate.tenants", "Tenants"),
    "checkpoints": ("ingestion.checkpoints", "Checkpoints"),
    "saved_functions": ("workspaces.saved_functions", "SavedFunctions"),
    "source_health": ("ingestion.source_health", "SourceHealths"),
    "schema_changes": ("ingestion.schema_changes", "SchemaChanges"),
    "source_errors": ("ingestion.source_errors", "SourceErrors"),
    "usage": ("ingestion.table_usage", "Usages"),
    "ingested_files": ("ingestion.ingested_files", "IngestedFiles"),
    "repeated_loads": ("ingestion.repeated_loads", "RepeatedLoads"),
    "credentials": ("access.credentials", "Credentials"),
    "outbox": ("ingestion.outbox", "Outbox"),
    "rule_runs": ("rules.rule_runs", "RuleRuns"),
    "rule_switches": ("rules.rule_switches", "RuleSwitches"),
    "saved_queries": ("workspaces.saved_queries", "SavedQueries"),
    "rule_standings": ("rules.rule_state", "RuleStandings"),
    "alerts": ("incidents.alerts", "Alerts"),
    "alert_tallies": ("incidents.alert_counts", "AlertTallies"),
    "principals": ("access.principals", "Principals"),
    "audit": ("audit.audit", "Audit"),
    "sign_in_providers": ("access.sign_in_providers", "SignInProviders"),
    "sign_in_attempts": ("access.sign_in_attempts", "SignInAttempts"),
    "arm_documents": ("estate.arm_documents", "ArmDocuments"),
    "external_facts": ("estate.external_facts", "ExternalFactStore"),
    "incidents": ("incidents.incidents", "Incidents"),
    "hunting_runs": ("rules.hunting_runs", "HuntingRuns"),
    "bookmarks": ("incidents.bookmarks", "Bookmarks"),
    "behavior_settings": ("rules.behavior_settings", "StoredBehaviorSettings"),
    "suppressions": ("rules.suppressions", "Suppressions"),
    "rule_settings": ("rules.rule_settings", "RuleSettings"),
    "learned": ("rules.learned_entities", "LearnedEntities"),
    "tuning_changes": ("rules.tuning_changes", "TuningChanges"),
    "identity_risks": ("identity.identity_risks", "IdentityRisks"),
    "intel": ("ingestion.threat_intelligence", "Intels"),
    "automation_runs": ("automation.automation_runs", "AutomationRuns"),
    "run_standings": ("automation.run_status", "RunStandings"),
    "pipelines": ("estate.pipelines", "Pipelines"),
    "inventories": ("inventory.inventories", "Inventories"),
    "image_examinations": ("inventory.image_examinations", "ImageExaminations"),
    "vulnerabilities": ("inventory.vulnerabilities", "Vulnerabilities"),
    "watched_registries": ("registries.watched_registries", "WatchedRegistries"),
    "image_requests": ("registries.image_requests", "ImageRequests"),
    "registry_images": ("registries.registry_images", "RegistryImages"),
    "agents": ("hosts.agents", "Agents"),
    "access_requests": ("hosts.access_requests", "AccessRequests"),
    "response_orders": ("hosts.response_orders", "ResponseOrders"),
    "watchlists": ("workspaces.watchlists", "StoredWatchlists"),
}


def load_tables() -> Sequence[Table]:
    """Load every concept and return all tables of the state, those first that others refer to."""
    for module, _ in CONCEPTS.values():
        import_module(f"nephoscope.state.{module}")
    return Base.metadata.sorted_tables
