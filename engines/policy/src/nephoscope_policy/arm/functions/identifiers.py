"""Functions that build resource ids from what they are given; the context-bound forms are a host's (arm.resource_ids)."""

from __future__ import annotations

from nephoscope_policy.arm import arguments as given
from nephoscope_policy.arm.function import declare_function
from nephoscope_policy.arm.resource_ids import build_provider_path
from nephoscope_policy.arm.value import Value


@declare_function("extensionResourceId(baseResourceId, resourceType, resourceName1, ...)", policy=False)
def extension_resource_id(arguments: list[object]) -> Value:
    """Give the id of an extension resource under a resource or scope."""
    return given.get_text(arguments, 0).rstrip("/") + build_provider_path(arguments, 1)


@declare_function("tenantResourceId(resourceType, resourceName1, ...)", policy=False)
def tenant_resource_id(arguments: list[object]) -> Value:
    """Give the id of a resource at the tenant."""
    return build_provider_path(arguments, 0)
