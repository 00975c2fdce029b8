"""Ids of Azure for planned resources; parts that are not known are patterns, as in templates."""

from __future__ import annotations

from nephoscope_policy.arm.text_patterns import build_pattern
from nephoscope_policy.arm.unknown import Unknown

_GROUPS = "microsoft.resources/resourcegroups"


def build_open_pattern(label: str) -> str:
    """Return the pattern of a part that is not known, by what tells it from others."""
    return build_pattern(Unknown("any", key=label)) or ""


def build_name_pattern(value: object, label: str) -> str:
    """Return a name as a pattern; what is no text, number or unknown with a key is open by the label."""
    found = (
        None
        if isinstance(value, bool)
        else build_pattern(value)
        if isinstance(value, str | int | Unknown)
        else None
    )
    return found or build_open_pattern(label)


def is_resource_group(type_: str) -> bool:
    """Return whether a type of ARM is that of resource groups."""
    return type_.lower() == _GROUPS


def build_resource_id(container: str, type_: str, name: str, *, extends: bool = False) -> tuple[str, str]:
    """Return the id and full name of a resource in a container: a scope, or the resource that its type is a child of."""
    provider, _, types = type_.partition("/")
    if is_resource_group(type_):
        return f"{container}/resourceGroups/{name}", name
    kinds = types.split("/")
    inside = f"/providers/{provider}/".lower() in f"{container}/".lower()
    if len(kinds) > 1 and inside and not extends:
        at = container.lower().rfind(f"/providers/{provider}/".lower())
        return f"{container}/{kinds[-1]}/{name}", "/".join([*container[at:].split("/")[4::2], name])
    return f"{container}/providers/{provider}/{types}/{name}", name


def build_unknown_parent(subscription: str, type_: str, part: str) -> str:
    """Return the id of a parent of which nothing but its type is known."""
    provider, *types = type_.split("/")
    above = "".join(f"/{one}/{part}" for one in types[:-1])
    return f"/subscriptions/{subscription}/resourceGroups/{part}" + (
        f"/providers/{provider}{above}" if above else ""
    )
