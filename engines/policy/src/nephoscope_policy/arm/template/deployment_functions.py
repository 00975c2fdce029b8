"""Deployment functions: subscription(), resourceGroup(), deployment(), environment() and related ones."""

from __future__ import annotations

from collections.abc import Mapping

from nephoscope_policy.arm.call_resolution import Host
from nephoscope_policy.arm.errors import FunctionError
from nephoscope_policy.arm.template.deployment_scope import DeploymentScope
from nephoscope_policy.arm.template.document import member
from nephoscope_policy.arm.template.environments import ENVIRONMENTS
from nephoscope_policy.arm.template.expansion_types import FrameView
from nephoscope_policy.arm.text_patterns import build_from_pattern, escape_patterns, format_pattern
from nephoscope_policy.arm.unknown import JsonType, OpenObject, Unknown
from nephoscope_policy.arm.value import Value

BASE_URI = "https://template.invalid/"
"""What the address of a template starts with where nobody said where it is deployed from."""


def _build_subscription(frame: FrameView, arguments: list[object]) -> Value:
    _refuse_arguments(arguments)
    scope = frame.instance.scope
    if scope.kind in ("tenant", "managementGroup"):
        raise FunctionError(f"is not available in a deployment to a {_NAMES[scope.kind]}")
    members = {
        "id": _to_text_value(scope.subscription),
        "subscriptionId": _to_text_value(scope.subscription_id),
        "tenantId": _choose_value_or_unknown(scope.tenant_id, "the tenant's id"),
        "displayName": _choose_value_or_unknown(scope.subscription_name, f"the name of {scope.subscription}"),
        "state": "Enabled",
    }
    return OpenObject(members, _make_open_value(f"the subscription {scope.subscription_id}"))


def _evaluate_resource_group(frame: FrameView, arguments: list[object]) -> Value:
    _refuse_arguments(arguments)
    scope = frame.instance.scope
    if scope.kind != "resourceGroup":
        raise FunctionError(f"is not available in a deployment to a {_NAMES[scope.kind or 'tenant']}")
    planned = frame.deployment.plan.find_resource_group(scope)
    members = {
        "id": _to_text_value(scope.id),
        "name": _to_text_value(scope.resource_group),
        "type": "Microsoft.Resources/resourceGroups",
        "location": _choose_value_or_unknown(
            _choose_value_or_planned(planned, "location", scope.location), f"the location of {scope.id}"
        ),
        "tags": _choose_value_or_unknown(
            _choose_value_or_planned(planned, "tags", scope.tags), f"the tags of {scope.id}", "object"
        ),
        "properties": {"provisioningState": "Succeeded"},
    }
    return OpenObject(members, _make_open_value(f"the resource group {scope.id}"))


def _choose_value_or_planned(planned: dict[str, Value] | None, name: str, given: Value) -> Value:
    """Return what was given, else what the plan says."""
    found = member(planned, name)
    return given if given is not None or found is None else found[1]


def _to_text_value(text: str) -> Value:
    return build_from_pattern(text, Unknown("string", "parameter", "a part of it is unknown"))


def _choose_value_or_unknown(value: Value, what: str, type_: JsonType = "string") -> Value:
    """The value, or an unknown where nobody said it."""
    if value is not None:
        return value
    key = escape_patterns(what.lower())
    return Unknown(type_, "scope", f"{format_pattern(what)} is not specified", key, filled=type_ == "string")


def _make_open_value(what: str) -> Unknown:
    return Unknown("any", "scope", f"{format_pattern(what)} is not specified", escape_patterns(what.lower()))


def _evaluate_management_group(frame: FrameView, arguments: list[object]) -> Value:
    _refuse_arguments(arguments)
    scope = frame.instance.scope
    rest = _make_open_value(f"the management group {scope.management_group}")
    members = {
        "id": _to_text_value(scope.to_management_group(scope.management_group).id),
        "name": _to_text_value(scope.management_group),
        "type": "/providers/Microsoft.Management/managementGroups",
        "properties": OpenObject(
            {"tenantId": _choose_value_or_unknown(scope.tenant_id, "the tenant's id")}, rest
        ),
    }
    return OpenObject(members, rest)


def _build_tenant(frame: FrameView, arguments: list[object]) -> Value:
    _refuse_arguments(arguments)
    known = _choose_value_or_unknown(frame.instance.scope.tenant_id, "the tenant's id")
    id_ = known.derive("string") if isinstance(known, Unknown) else f"/tenants/{known}"
    return OpenObject({"id": id_, "tenantId": known}, _make_open_value("the tenant"))


def _build_deployment(frame: FrameView, arguments: list[object]) -> Value:
    _refuse_arguments(arguments)
    instance = frame.instance
    deployment = instance.frame.deployment
    template = {
        key: value for key, value in instance.node.items() if key in ("$schema", "contentVersion", "metadata")
    }
    rest = _make_open_value(f"the deployment {deployment.id}")
    link: dict[str, object] = {"uri": build_template_uri(instance.scope, instance.document.file)}
    properties: dict[str, object] = {
        "mode": "Incremental",
        "provisioningState": "Accepted",
        "template": OpenObject(template, rest.derive_member("template")),
        "templateLink": OpenObject(link, rest.derive_member("templateLink")),
    }
    members: dict[str, object] = {
        "name": _to_text_value(deployment.name),
        "properties": OpenObject(properties, rest.derive_member("properties")),
    }
    if instance.scope.kind != "resourceGroup":
        members["location"] = _choose_value_or_unknown(
            instance.scope.location, f"the location of {deployment.id}"
        )
    return OpenObject(members, rest)


def build_template_uri(scope: DeploymentScope, file: str) -> str:
    """The address of a template's file: where it is deployed from, else one made of its name."""
    return scope.template_uri or BASE_URI + file.lstrip("/")


def _build_deployer(frame: FrameView, arguments: list[object]) -> Value:
    _refuse_arguments(arguments)
    scope = frame.instance.scope
    members = {
        "objectId": _choose_value_or_unknown(None, "who deploys"),
        "tenantId": _choose_value_or_unknown(scope.tenant_id, "the tenant's id"),
    }
    return OpenObject(members, _make_open_value("who deploys"))


def _build_environment(frame: FrameView, arguments: list[object]) -> Value:
    _refuse_arguments(arguments)
    name = frame.instance.scope.environment
    return OpenObject(ENVIRONMENTS.get(name, {}), _make_open_value(f"the cloud {name}"))


def _refuse_arguments(arguments: list[object]) -> None:
    if arguments:
        raise FunctionError(f"takes no arguments, not {len(arguments)}")


_NAMES = {
    "resourceGroup": "resource group",
    "subscription": "subscription",
    "managementGroup": "management group",
    "tenant": "tenant",
}
HOSTS: Mapping[str, Host] = {
    "subscription": _build_subscription,
    "resourcegroup": _evaluate_resource_group,
    "managementgroup": _evaluate_management_group,
    "tenant": _build_tenant,
    "deployment": _build_deployment,
    "deployer": _build_deployer,
    "environment": _build_environment,
}
