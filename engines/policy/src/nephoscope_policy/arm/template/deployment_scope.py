"""Deployment scope: resource group, subscription, management group or tenant."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

ScopeKind: TypeAlias = Literal["resourceGroup", "subscription", "managementGroup", "tenant"]

ASSUMED_SUBSCRIPTION = "00000000-0000-0000-0000-000000000000"
ASSUMED_GROUP = "resource-group"

_KINDS: dict[str, ScopeKind] = {
    "deploymenttemplate": "resourceGroup",
    "subscriptiondeploymenttemplate": "subscription",
    "managementgroupdeploymenttemplate": "managementGroup",
    "tenantdeploymenttemplate": "tenant",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentScope:
    """The scope of a deployment, and what is known around it; what is None is unknown to the template's functions.

    `kind` is None where the template's schema says it. `subscription_id`, `resource_group` and `management_group` name ids also where
    nobody gave them, as the assumed ones. `template_uri` is the address that the template is deployed from.
    """

    kind: ScopeKind | None = None
    tenant_id: str | None = None
    management_group: str = "management-group"
    subscription_id: str = ASSUMED_SUBSCRIPTION
    subscription_name: str | None = None
    resource_group: str = ASSUMED_GROUP
    location: str | None = None
    tags: dict[str, object] | None = field(default=None, hash=False)
    deployment_name: str = "deployment"
    environment: str = "AzureCloud"
    template_uri: str | None = None

    @property
    def id(self) -> str:
        """The id of the scope, '' for the tenant."""
        if self.kind == "tenant":
            return ""
        if self.kind == "managementGroup":
            return f"/providers/Microsoft.Management/managementGroups/{self.management_group}"
        subscription = f"/subscriptions/{self.subscription_id}"
        return (
            subscription
            if self.kind == "subscription"
            else f"{subscription}/resourceGroups/{self.resource_group}"
        )

    @property
    def subscription(self) -> str:
        """The id of the subscription."""
        return f"/subscriptions/{self.subscription_id}"

    def find_scope(self, id_: str) -> DeploymentScope | None:
        """The scope of another id with what is still known around it, None where the id is none of a scope that takes deployments."""
        parts = [part for part in id_.split("/") if part]
        lowered = [part.lower() for part in parts]
        if not parts:
            return replace(self, kind="tenant")
        if lowered[:-1] == ["providers", "microsoft.management", "managementgroups"]:
            return self.to_management_group(parts[-1])
        if lowered[0] == "subscriptions" and len(parts) == 2:
            return self.to_subscription(parts[1])
        if lowered[0] == "subscriptions" and len(parts) == 4 and lowered[2] == "resourcegroups":
            return self.to_resource_group(parts[3], parts[1])
        return None

    def to_management_group(self, name: str) -> DeploymentScope:
        """The scope of a management group."""
        return replace(self, kind="managementGroup", management_group=name)

    def to_subscription(self, subscription: str) -> DeploymentScope:
        """The scope of a subscription."""
        known = subscription.lower() == self.subscription_id.lower()
        name = self.subscription_name if known else None
        return replace(self, kind="subscription", subscription_id=subscription, subscription_name=name)

    def to_resource_group(self, name: str, subscription: str) -> DeploymentScope:
        """The scope of a resource group; of another one than this, location and tags are unknown."""
        within = self.to_subscription(subscription)
        known = (
            self.kind == "resourceGroup"
            and within.id == self.subscription
            and name.lower() == self.resource_group.lower()
        )
        location, tags = (self.location, self.tags) if known else (None, None)
        return replace(within, kind="resourceGroup", resource_group=name, location=location, tags=tags)


def find_schema_scope(schema: object) -> ScopeKind | None:
    """The scope that a template's `$schema` names, None where it is none of a template."""
    if not isinstance(schema, str):
        return None
    name = schema.rstrip("#").rpartition("/")[2].partition(".")[0].lower()
    return _KINDS.get(name)
