"""Audit events of key vaults and managed HSMs -> AZKVAuditLogs and AzureDiagnostics.

Source: https://learn.microsoft.com/azure/key-vault/general/logging
"""

from __future__ import annotations

from types import MappingProxyType

from nephoscope.ingest.logs.categories import CategoryFormat
from nephoscope.ingest.logs.column_filling import parse_json_text


def _shape_key_vault_record(
    record: dict[str, object], _properties: dict[str, object], values: dict[str, object]
) -> None:
    """The identity is an object of claims; the category says nothing that the table does not."""
    record.pop("category", None)
    record.pop("Category", None)
    identity = parse_json_text(record.pop("identity", None))
    if identity not in (None, {}, ""):
        values["Identity"] = identity


FORMAT = CategoryFormat(
    name="key-vault",
    title="Key Vault audit events",
    routes=MappingProxyType({"auditevent": "AZKVAuditLogs"}),
    provider="microsoft.keyvault",
    both=True,
    shape=_shape_key_vault_record,
)
