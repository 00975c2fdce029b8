"""What a template asks of its surroundings: subscription(), resourceGroup(), deployment(), environment() and their kin."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from nephoscope_policy.arm.calls import Host
from nephoscope_policy.arm.errors import FunctionError
from nephoscope_policy.arm.template.document import member
from nephoscope_policy.arm.template.environments import ENVIRONMENTS
from nephoscope_policy.arm.unknown import JsonType, OpenObject, Unknown
from nephoscope_policy.arm.value import Value

if TYPE_CHECKING:
    from nephoscope_policy.arm.template.frame import Frame
    from nephoscope_policy.arm.template.scope import Scope

BASE_URI = "https://template.invalid/"
"""What the address of a template starts with where nobody said where it is deployed from."""


def _subscription(frame: Frame, arguments: list[Any]) -> Value:
    _no_arguments(arguments)
    scope = frame.instance.scope
    if scope.kind in ("tenant", "managementGroup"):
        raise FunctionError(f"is not available in a deployment to a {_NAMES[scope.kind]}")
    members = {
        "id": scope.subscription,
        "subscriptionId": scope.subscription_id,
        "tenantId": _or_unknown(scope.tenant_id, "tenant"),
        "displayName": _or_unknown(scope.subscription_name, scope.subscription),
        "state": "Enabled",
    }
    return OpenObject(members, _open("the subscription", scope.subscription))


def _resource_group(frame: Frame, arguments: list[Any]) -> Value:
    _no_arguments(arguments)
    scope = frame.instance.scope
    if scope.kind != "resourceGroup":
        raise FunctionError(f"is not available in a deployment to a {_NAMES[scope.kind or 'tenant']}")
    found = frame.deployment.plan.resource_group(scope)
    location = scope.location if scope.location is not None else member(found, "location")
    tags = scope.tags if scope.tags is not None else member(found, "tags")
    return OpenObject(
        {
            "id": scope.id,
            "name": scope.resource_group,
            "type": "Microsoft.Resources/resourceGroups",
            "location": _known(location, f"{scope.id}/location", "string"),
            "tags": _known(tags, f"{scope.id}/tags", "object"),
            "properties": {"provisioningState": "Succeeded"},
        },
        _open("the resource group", scope.id),
    )


def _known(found: Any, key: str, type_: JsonType) -> Value:
    value = found[1] if isinstance(found, tuple) else found
    if value is not None:
        return value
    return Unknown(
        type_, "scope", "nobody said what the resource group has", key.lower(), filled=type_ == "string"
    )


def _management_group(frame: Frame, arguments: list[Any]) -> Value:
    _no_arguments(arguments)
    scope = frame.instance.scope
    id_ = f"/providers/Microsoft.Management/managementGroups/{scope.management_group}"
    members = {
        "id": id_,
        "name": scope.management_group,
        "type": "/providers/Microsoft.Management/managementGroups",
        "properties": OpenObject(
            {"tenantId": _or_unknown(scope.tenant_id, "tenant")}, _open("the management group", id_)
        ),
    }
    return OpenObject(members, _open("the management group", id_))


def _tenant(frame: Frame, arguments: list[Any]) -> Value:
    _no_arguments(arguments)
    tenant = frame.instance.scope.tenant_id
    known = _or_unknown(tenant, "tenant")
    id_ = known.of("string") if isinstance(known, Unknown) else f"/tenants/{tenant}"
    return OpenObject({"id": id_, "tenantId": known}, _open("the tenant", "tenant"))


def _deployment(frame: Frame, arguments: list[Any]) -> Value:
    _no_arguments(arguments)
    instance = frame.instance
    deployment = instance.frame.deployment
    template = {
        key: value for key, value in instance.node.items() if key in ("$schema", "contentVersion", "metadata")
    }
    properties: dict[str, Any] = {
        "mode": "Incremental",
        "provisioningState": "Accepted",
        "template": OpenObject(template, _open("the template", deployment.id)),
        "templateLink": OpenObject(
            {"uri": template_uri(instance.scope, instance.document.file)},
            _open("the template's link", deployment.id),
        ),
    }
    rest = _open("the deployment", deployment.id)
    members: dict[str, Any] = {"name": deployment.name, "properties": OpenObject(properties, rest)}
    if instance.scope.kind != "resourceGroup":
        members["location"] = _known(instance.scope.location, f"{deployment.id}/location", "string")
    return OpenObject(members, rest)


def template_uri(scope: Scope, file: str) -> str:
    """The address of a template's file: where it is deployed from, else one made of its name."""
    return scope.template_uri or BASE_URI + file.lstrip("/")


def _deployer(frame: Frame, arguments: list[Any]) -> Value:
    _no_arguments(arguments)
    members = {
        "objectId": Unknown("string", "scope", "nobody said who deploys", "deployer/objectid", filled=True),
        "tenantId": _or_unknown(frame.instance.scope.tenant_id, "tenant"),
    }
    return OpenObject(members, _open("who deploys", "deployer"))


def _environment(frame: Frame, arguments: list[Any]) -> Value:
    _no_arguments(arguments)
    name = frame.instance.scope.environment
    found = ENVIRONMENTS.get(name)
    if found is None:
        return Unknown("object", "scope", f"the cloud {name} is not known", f"environment/{name}")
    return found


def _or_unknown(value: str | None, key: str) -> Value:
    if value is not None:
        return value
    return Unknown(
        "string",
        "scope",
        f"nobody said it of the {key.rpartition('/')[2] if '/' not in key else 'subscription'}",
        f"{key}/value".lower(),
        filled=True,
    )


def _open(what: str, key: str) -> Unknown:
    return Unknown("any", "scope", f"nobody said this of {what}", key.lower())


def _no_arguments(arguments: list[Any]) -> None:
    if arguments:
        raise FunctionError(f"takes no arguments, not {len(arguments)}")


_NAMES = {
    "resourceGroup": "resource group",
    "subscription": "subscription",
    "managementGroup": "management group",
    "tenant": "tenant",
}
HOSTS: Mapping[str, Host] = {
    "subscription": _subscription,
    "resourcegroup": _resource_group,
    "managementgroup": _management_group,
    "tenant": _tenant,
    "deployment": _deployment,
    "deployer": _deployer,
    "environment": _environment,
}
