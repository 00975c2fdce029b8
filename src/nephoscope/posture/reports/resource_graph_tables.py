"""The tables of Azure Resource Graph: their columns, and in which of them a type stands.

Source: https://learn.microsoft.com/azure/governance/resource-graph/reference/supported-tables-resources
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from nephoscope.collect.resource_sources import TypeSources
from nephoscope_kql.types import KqlType

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from nephoscope_policy.model.coverage import Coverage

#: What Azure itself said of a resource, as it was collected: read by analyzers, given back by id and in a table of its own, in no
#: list of what is judged here.
COLLECTED = "collected"
#: Our own of a resource, which no table of Resource Graph shows.
OWN = "own"
#: One row: what the evaluation was made from.
EVALUATION = "evaluation"
TABLES = {
    "resources": "Resources",
    "resourcecontainers": "ResourceContainers",
    "securityresources": "SecurityResources",
    "policyresources": "PolicyResources",
    "authorizationresources": "AuthorizationResources",
    "advisorresources": "AdvisorResources",
    "alertsmanagementresources": "AlertsManagementResources",
    "guestconfigurationresources": "GuestConfigurationResources",
    "healthresources": "HealthResources",
    "insightsresources": "InsightsResources",
    "kubernetesconfigurationresources": "KubernetesConfigurationResources",
    "maintenanceresources": "MaintenanceResources",
    "patchassessmentresources": "PatchAssessmentResources",
    "patchinstallationresources": "PatchInstallationResources",
    "recoveryservicesresources": "RecoveryServicesResources",
    "servicehealthresources": "ServiceHealthResources",
    "directoryresources": "DirectoryResources",
    COLLECTED: "Collected",
    "resourcechanges": "ResourceChanges",
    "resourcecontainerchanges": "ResourceContainerChanges",
    "appserviceresources": "AppServiceResources",
    "awsresources": "AWSResources",
    "azurebusinesscontinuityresources": "AzureBusinessContinuityResources",
    "batchresources": "BatchResources",
    "chaosresources": "ChaosResources",
    "communitygalleryresources": "CommunityGalleryResources",
    "computeresources": "ComputeResources",
    "desktopvirtualizationresources": "DesktopVirtualizationResources",
    "cdnresources": "CdnResources",
    "dnsresources": "DnsResources",
    "edgeorderresources": "EdgeOrderResources",
    "elasticsanresources": "ElasticsanResources",
    "extendedlocationresources": "ExtendedLocationResources",
    "featureresources": "FeatureResources",
    "healthresourcechanges": "HealthResourceChanges",
    "iotsecurityresources": "IoTSecurityResources",
    "kustoresources": "KustoResources",
    "managedserviceresources": "ManagedServiceResources",
    "migrateresources": "MigrateResources",
    "networkresources": "NetworkResources",
    "orbitalresources": "OrbitalResources",
    "quotaresources": "QuotaResources",
    "servicefabricresources": "ServiceFabricResources",
    "spotresources": "SpotResources",
    "supportresources": "SupportResources",
    "tagsresources": "TagsResources",
}
"""Lower-cased name -> the name as documentation spells it; DirectoryResources (users, groups, applications) and Collected (what
Azure's own Defender said) are ours."""
COLUMNS = (
    ("id", KqlType.STRING), ("name", KqlType.STRING), ("type", KqlType.STRING), ("tenantId", KqlType.STRING),
    ("kind", KqlType.STRING), ("location", KqlType.STRING), ("resourceGroup", KqlType.STRING), ("subscriptionId", KqlType.STRING),
    ("managedBy", KqlType.STRING), ("sku", KqlType.DYNAMIC), ("plan", KqlType.DYNAMIC), ("properties", KqlType.DYNAMIC),
    ("tags", KqlType.DYNAMIC), ("identity", KqlType.DYNAMIC), ("zones", KqlType.DYNAMIC), ("extendedLocation", KqlType.DYNAMIC),
)  # fmt: skip
_TYPES = {
    "microsoft.resources/subscriptions": "resourcecontainers",
    "microsoft.resources/subscriptions/resourcegroups": "resourcecontainers",
    "microsoft.management/managementgroups": "resourcecontainers",
    "microsoft.authorization/roleassignments": "authorizationresources",
    "microsoft.authorization/roledefinitions": "authorizationresources",
    "microsoft.authorization/classicadministrators": "authorizationresources",
    "microsoft.authorization/policyassignments": "policyresources",
    "microsoft.authorization/policydefinitions": "policyresources",
    "microsoft.authorization/policysetdefinitions": "policyresources",
    "microsoft.authorization/policyexemptions": "policyresources",
    "microsoft.compute/virtualmachines/patchassessmentresults": "patchassessmentresources",
    "microsoft.hybridcompute/machines/patchassessmentresults": "patchassessmentresources",
    "microsoft.compute/virtualmachines/patchinstallationresults": "patchinstallationresources",
    "microsoft.hybridcompute/machines/patchinstallationresults": "patchinstallationresources",
    "microsoft.resourcehealth/events": "servicehealthresources",
    "microsoft.insights/datacollectionruleassociations": "insightsresources",
    "microsoft.alertsmanagement/actionrules": "resources",
    "microsoft.alertsmanagement/prometheusrulegroups": "resources",
    "microsoft.alertsmanagement/smartdetectoralertrules": "resources",
    "microsoft.maintenance/maintenanceconfigurations": "resources",
    "microsoft.security/assignments": "resources",
    "microsoft.security/automations": "resources",
    "microsoft.security/customassessmentautomations": "resources",
    "microsoft.security/customentitystoreassignments": "resources",
    "microsoft.security/iotsecuritysolutions": "resources",
    "microsoft.security/securityconnectors": "resources",
    "microsoft.security/standards": "resources",
    "nephoscope.posture/exposures": "securityresources",
    "nephoscope.posture/exposurechanges": "securityresources",
    "microsoft.resources/changes": "resourcechanges",
    "microsoft.recoveryservices/vaults/backupfabrics/protectioncontainers/protecteditems": "recoveryservicesresources",
}
_NAMESPACES = {
    "microsoft.security": "securityresources",
    "microsoft.policyinsights": "policyresources",
    "microsoft.advisor": "advisorresources",
    "microsoft.alertsmanagement": "alertsmanagementresources",
    "microsoft.guestconfiguration": "guestconfigurationresources",
    "microsoft.resourcehealth": "healthresources",
    "microsoft.kubernetesconfiguration": "kubernetesconfigurationresources",
    "microsoft.maintenance": "maintenanceresources",
    "microsoft.graph": "directoryresources",
}


LISTED = frozenset({"resources", "resourcecontainers"})
"""The tables of what people call resources; role assignments, plans, users and the like stand in others."""


def list_unread_tables() -> frozenset[str]:
    """The lower-cased tables whose rows nothing that is collected gives: they hold what an import brought, else nothing.

    Changes are what we make of two readings: that there are none says that nothing changed.
    """
    own = {
        COLLECTED,
        "directoryresources",
        "securityresources",
        "resourcechanges",
        "resourcecontainerchanges",
    }
    return frozenset(TABLES) - frozenset(TypeSources.load_builtin().tables.values()) - own


def map_tables_to_types() -> Mapping[str, frozenset[str]]:
    """Return the tables that collected types fill, all lower-cased; where none of its types was read, a table shows nothing."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for type_, table in TypeSources.load_builtin().tables.items():
        found[table].add(type_)
    found["directoryresources"] = {
        "microsoft.graph/users",
        "microsoft.graph/groups",
        "microsoft.graph/serviceprincipals",
    }
    judged = {*LISTED, "securityresources", COLLECTED}
    return {table: frozenset(types) for table, types in found.items() if table not in judged}


def list_unread_types(coverage: Coverage, types: Iterable[str] | None = None) -> tuple[str, ...]:
    """Return the lower-cased types (None = map_tables_to_types) that a manifest claims at no scope, not even for one name."""
    claimed = {
        entry.rpartition("/providers/")[2] for entries in coverage.scopes.values() for entry in entries
    }
    if "*" in claimed:
        return ()
    claimed |= {entry.rpartition("/")[0] for entry in claimed}
    asked = (
        {one for several in map_tables_to_types().values() for one in several}
        if types is None
        else set(types)
    )
    return tuple(sorted(asked - claimed))


def find_table(type_: str) -> str:
    """The lower-cased table in which a lower-cased type stands."""
    if type_.startswith("nephoscope."):
        return _TYPES.get(type_, OWN)
    known = _TYPES.get(type_) or TypeSources.load_builtin().tables.get(type_)
    return known or _NAMESPACES.get(type_.partition("/")[0], "resources")
