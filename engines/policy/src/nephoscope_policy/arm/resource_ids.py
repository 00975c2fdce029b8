"""The resource id functions whose leading arguments are optional, for the hosts that know subscription and group."""

from __future__ import annotations

import re

from nephoscope_policy.arm import arguments as given
from nephoscope_policy.arm.errors import FunctionError

_GUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def build_provider_path(arguments: list[object], place: int) -> str:
    """`/providers/<namespace>/<type>/<name>...` from a type at `place` and the names after it."""
    kind = given.get_text(arguments, place)
    namespace, *types = kind.removesuffix("/").split("/")
    names = [given.get_text(arguments, position) for position in range(place + 1, len(arguments))]
    names = [segment for name in names for segment in name.split("/")] if len(names) == 1 else names
    if not types or "" in types or not namespace:
        raise FunctionError(f"{kind[:80]!r} is not a resource type such as Microsoft.Network/virtualNetworks")
    if len(types) != len(names):
        raise FunctionError(f"the type {kind} needs {len(types)} names, not {len(names)}")
    return f"/providers/{namespace}" + "".join(
        f"/{part}/{name}" for part, name in zip(types, names, strict=True)
    )


def _find_type_argument(arguments: list[object], most: int) -> int:
    """Where the type is: the first argument with a slash, after at most `most` leading arguments."""
    for place in range(min(most + 1, len(arguments))):
        if "/" in given.get_text(arguments, place):
            return place
    raise FunctionError("no argument is a resource type such as Microsoft.Network/virtualNetworks")


def build_resource_id(arguments: list[object], subscription: str, resource_group: str) -> str:
    """resourceId([subscriptionId], [resourceGroupName], resourceType, names...) in a resource group's context."""
    place = _find_type_argument(arguments, 2)
    leading = [given.get_text(arguments, position) for position in range(place)]
    if len(leading) == 2:
        subscription, resource_group = leading
    elif leading:
        subscription, resource_group = (
            (leading[0], "") if _GUID.fullmatch(leading[0]) else (subscription, leading[0])
        )
    group = f"/resourceGroups/{resource_group}" if resource_group else ""
    return f"/subscriptions/{subscription}{group}{build_provider_path(arguments, place)}"


def build_subscription_resource_id(arguments: list[object], subscription: str) -> str:
    """subscriptionResourceId([subscriptionId], resourceType, names...) in a subscription's context."""
    place = _find_type_argument(arguments, 1)
    own = given.get_text(arguments, 0) if place else subscription
    return f"/subscriptions/{own}{build_provider_path(arguments, place)}"


def build_management_group_resource_id(arguments: list[object], group: str) -> str:
    """managementGroupResourceId([managementGroupId], resourceType, names...) in a management group's context."""
    place = _find_type_argument(arguments, 1)
    own = given.get_text(arguments, 0) if place else group
    return f"/providers/Microsoft.Management/managementGroups/{own}{build_provider_path(arguments, place)}"
