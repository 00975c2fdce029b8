"""Types of entities, and what people call them."""

from __future__ import annotations

ACCOUNT, MANAGED_INSTANCE = "microsoft.storage/storageaccounts", "microsoft.sql/managedinstances"
_NAMES = {
    "internet": "Internet",
    "managedidentity": "managed identity",
    "user": "account",
    "group": "group",
    "tenant": "tenant",
    "microsoft.resources/subscriptions": "subscription",
    "microsoft.resources/subscriptions/resourcegroups": "resource group",
    "microsoft.management/managementgroups": "management group",
    "microsoft.compute/virtualmachines": "virtual machine",
    "microsoft.compute/virtualmachinescalesets": "scale set",
    "microsoft.hybridcompute/machines": "Arc machine",
    "microsoft.web/sites": "app",
    "microsoft.app/containerapps": "container app",
    "microsoft.containerinstance/containergroups": "container group",
    "microsoft.containerservice/managedclusters": "Kubernetes cluster",
    "microsoft.keyvault/vaults": "key vault",
    "microsoft.storage/storageaccounts": "storage account",
    "microsoft.sql/servers": "SQL server",
    "microsoft.sql/managedinstances": "SQL managed instance",
    "microsoft.documentdb/databaseaccounts": "Cosmos DB account",
    "microsoft.dbforpostgresql/servers": "PostgreSQL server",
    "microsoft.dbforpostgresql/flexibleservers": "PostgreSQL server",
    "microsoft.dbformysql/servers": "MySQL server",
    "microsoft.dbformysql/flexibleservers": "MySQL server",
    "microsoft.dbformariadb/servers": "MariaDB server",
}


def name_resource_type(type_: str) -> str:
    """The word for a lower-cased type; its end where there is none."""
    return _NAMES.get(type_, type_.rsplit("/", 1)[-1])
