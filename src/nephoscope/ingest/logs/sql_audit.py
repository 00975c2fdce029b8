"""Audited statements and logins of Azure SQL and Synapse -> SQLSecurityAuditEvents and AzureDiagnostics.

Source: https://learn.microsoft.com/azure/azure-sql/database/audit-log-format
"""

from __future__ import annotations

from types import MappingProxyType

from nephoscope.ingest.logs.categories import CategoryFormat

FORMAT = CategoryFormat(
    name="sql-audit",
    title="Azure SQL audit events",
    routes=MappingProxyType({"sqlsecurityauditevents": "SQLSecurityAuditEvents"}),
    both=True,
    renames=MappingProxyType({"duration_milliseconds": "DurationMs"}),
)
