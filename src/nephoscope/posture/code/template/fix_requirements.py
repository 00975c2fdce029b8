"""Fix requirements: values that Azure takes only beside others, and values that a person has to choose.

A fix changes one value. Where Azure would refuse the resource with it, or where it changes what the resource is, or cannot be undone,
none is offered. Source: the properties of each type at https://learn.microsoft.com/azure/templates/.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from nephoscope_policy.arm.template.document import member

Path = tuple[str, ...]
_CHOSEN = re.compile(
    r"(?:^|\.)(?:sku|plan|privateendpointconnections|provisioningstate|securitycompliancestatus)(?:\.|$)"
    r"|(?:^|\.)(?:start|end)ipaddress$|(?:^|\.)(?:principaltype|publisher|ostype|siteauthenabled|securitytype|encryptiontype)$"
    r"|(?:^|\.)imagereference(?:\.|$)|(?:^|\.)status\.code$|automaticosupgrade"
)
"""Paths of what a person chooses: prices, addresses, images, what others or Azure itself set."""
_LASTING = frozenset({"alwayson", "locked"})
"""Values that nobody can take back."""
_NEEDS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "microsoft.app/managedenvironments": {
        "properties.vnetconfiguration.internal": ("properties.vnetconfiguration.infrastructuresubnetid",)
    },
    "microsoft.cognitiveservices/accounts": {
        "properties.disablelocalauth": ("properties.customsubdomainname",),
        "properties.networkacls.defaultaction": ("properties.customsubdomainname",),
    },
    "microsoft.compute/disks": {
        "properties.encryption.type": ("properties.encryption.diskencryptionsetid",),
        "properties.networkaccesspolicy=allowprivate": ("properties.diskaccessid",),
    },
    "microsoft.compute/snapshots": {
        "properties.networkaccesspolicy=allowprivate": ("properties.diskaccessid",),
    },
    "microsoft.compute/virtualmachines": {
        "properties.osprofile.linuxconfiguration.disablepasswordauthentication": (
            "properties.osprofile.linuxconfiguration.ssh",
        ),
        "properties.securityprofile.uefisettings": ("properties.securityprofile.securitytype",),
    },
    "microsoft.compute/virtualmachinescalesets": {
        "properties.virtualmachineprofile.osprofile.linuxconfiguration.disablepasswordauthentication": (
            "properties.virtualmachineprofile.osprofile.linuxconfiguration.ssh",
        ),
        "properties.virtualmachineprofile.securityprofile.uefisettings": (
            "properties.virtualmachineprofile.securityprofile.securitytype",
        ),
    },
    "microsoft.containerinstance/containergroups": {
        "properties.ipaddress.type": ("properties.subnetids",),
    },
    "microsoft.containerregistry/registries": {
        "properties.encryption.status": ("properties.encryption.keyvaultproperties",),
        "properties.networkruleset": ("sku.name=premium",),
        "properties.policies.exportpolicy": ("sku.name=premium", "properties.publicnetworkaccess=disabled"),
        "properties.policies.quarantinepolicy": ("sku.name=premium",),
        "properties.policies.retentionpolicy": ("sku.name=premium",),
        "properties.publicnetworkaccess": ("sku.name=premium",),
    },
    "microsoft.containerservice/managedclusters": {
        "properties.disablelocalaccounts": ("properties.aadprofile",),
        "properties.networkprofile.networkpolicy": ("properties.networkprofile.networkplugin",),
        "properties.securityprofile.defender.securitymonitoring": (
            "properties.securityprofile.defender.loganalyticsworkspaceresourceid",
        ),
        "properties.securityprofile.workloadidentity": ("properties.oidcissuerprofile",),
    },
    "microsoft.dbforpostgresql/flexibleservers": {
        "properties.authconfig.passwordauth": ("properties.authconfig.activedirectoryauth=enabled",),
    },
    "microsoft.network/applicationgateways": {
        "properties.sslpolicy": ("properties.sslpolicy.policytype",),
    },
    "microsoft.network/networkwatchers/flowlogs": {
        "properties.flowanalyticsconfiguration": (
            "properties.flowanalyticsconfiguration.networkwatcherflowanalyticsconfiguration.workspaceresourceid",
        ),
        "properties.retentionpolicy.enabled": ("properties.retentionpolicy.days",),
    },
    "microsoft.recoveryservices/vaults": {
        "properties.encryption.infrastructureencryption": ("properties.encryption.keyvaultproperties",),
        "properties.redundancysettings.crossregionrestore": (
            "properties.redundancysettings.standardtierstorageredundancy=georedundant",
        ),
    },
    "microsoft.sql/managedinstances": {
        "properties.administrators.azureadonlyauthentication": ("properties.administrators.sid",),
    },
    "microsoft.sql/servers": {
        "properties.administrators.azureadonlyauthentication": ("properties.administrators.sid",),
    },
    "microsoft.sql/servers/vulnerabilityassessments": {
        "properties.recurringscans": ("properties.storagecontainerpath",),
    },
    "microsoft.sql/managedinstances/vulnerabilityassessments": {
        "properties.recurringscans": ("properties.storagecontainerpath",),
    },
    "microsoft.storage/storageaccounts": {
        "properties.encryption.keysource": ("properties.encryption.keyvaultproperties", "identity"),
    },
    "microsoft.storage/storageaccounts/blobservices": {
        "properties.containerdeleteretentionpolicy.enabled": (
            "properties.containerdeleteretentionpolicy.days",
        ),
        "properties.deleteretentionpolicy.enabled": ("properties.deleteretentionpolicy.days",),
    },
    "microsoft.storage/storageaccounts/encryptionscopes": {
        "properties.source": ("properties.keyvaultproperties",),
    },
    "microsoft.storage/storageaccounts/fileservices": {
        "properties.sharedeleteretentionpolicy.enabled": ("properties.sharedeleteretentionpolicy.days",),
    },
}
"""By type and path at or around the value (with `=`, for one value of it): what the body must have beside it."""


def is_deployable(type_: str, body: object, at: tuple[str | int, ...], value: object) -> bool:
    """Return whether a resource with one value changed is one that Azure takes and nobody has to choose, as far as is known."""
    path = ".".join(str(step).lower() for step in at)
    if _CHOSEN.search(path) or str(value).lower() in _LASTING:
        return False
    for needing, needed in _NEEDS.get(type_.lower(), {}).items():
        where, _, only = needing.partition("=")
        concerns = path == where or path.startswith(f"{where}.")
        if concerns and (not only or only == str(value).lower()):
            return all(_has_requirement(body, one) for one in needed)
    return True


def _has_requirement(body: object, needed: str) -> bool:
    path, _, value = needed.partition("=")
    here = body
    for step in path.split("."):
        found = member(here, step)
        if found is None or found[1] is None:
            return False
        here = found[1]
    return not value or str(here).lower() == value
