"""Resource logs of any category that has a table of its own in content/tables: fields to columns by name."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING

from nephoscope.ingest.logs.azure_diagnostics import build_diagnostics_row
from nephoscope.ingest.logs.categories import (
    build_row,
    find_dedicated_table,
    has_two_log_modes,
    load_category_tables,
)
from nephoscope.ingest.logs.column_filling import Filling
from nephoscope.ingest.logs.log_format import StreamContext
from nephoscope.ingest.logs.resource_log import read_resource_id

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nephoscope.ingest.logs.log_format import LogRow, RecordFault

RANK = 50
_NOWHERE = StreamContext()
#: Tables whose records need more than names: formats of their own know them (a test holds the list to that).
OWNED = frozenset(
    {
        *("AADGraphActivityLogs", "AADManagedIdentitySignInLogs", "AADNonInteractiveUserSignInLogs"),
        *("AADRiskyServicePrincipals", "AADRiskyUsers", "AADServicePrincipalRiskEvents", "AADUserRiskEvents"),
        *("AADServicePrincipalSignInLogs", "ADFSSignInLogs", "AKSAudit", "AKSAuditAdmin", "AuditLogs"),
        *(
            "AKSControlPlane",
            "ArcK8sAudit",
            "ArcK8sAuditAdmin",
            "ArcK8sControlPlane",
            "AZKVAuditLogs",
            "FunctionAppLogs",
            "MicrosoftGraphActivityLogs",
        ),
        *("MicrosoftServicePrincipalSignInLogs", "SQLSecurityAuditEvents", "SigninLogs"),
        *("StorageBlobLogs", "StorageFileLogs", "StorageQueueLogs", "StorageTableLogs"),
    }
)
OWNED_PREFIXES = ("AGW", "AZFW", "AppService")


@cache
def _make_filling(table: str) -> Filling:
    return Filling(table, {"tenantId": "AADTenantId"})


@dataclass(frozen=True)
class ResourceSpecificFormat:
    """The format of the categories that the content gives a table and that no other format knows."""

    name: str = "resource-specific"
    title: str = "Resource logs with a table of their own"

    @cached_property
    def tables(self) -> tuple[str, ...]:
        """The tables that have a category and no format of their own."""
        named = {table for key, table in load_category_tables().items() if ":" in key}
        return tuple(sorted(table for table in named - OWNED if not table.startswith(OWNED_PREFIXES)))

    def recognizes(self, record: dict[str, object]) -> bool:
        """Return whether the content has a table for the category and the type of the resource, and no other format writes it."""
        return find_dedicated_table(record, _NOWHERE) in self.tables

    def rows(self, record: dict[str, object], context: StreamContext) -> Iterator[LogRow | RecordFault]:
        """The rows of a record."""
        both = has_two_log_modes(read_resource_id(record, context))
        if not both or context.destination.is_dedicated:
            yield build_row(record, context, _make_filling(find_dedicated_table(record, _NOWHERE)))
        if both and context.destination.allows_azure_diagnostics:
            yield build_diagnostics_row(record, context)


FORMAT = ResourceSpecificFormat()
