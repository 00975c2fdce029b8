"""Azure resource ids: taken apart, and the scopes that contain them.

Source: https://learn.microsoft.com/azure/azure-resource-manager/management/overview#understand-scope
"""

from __future__ import annotations

from functools import lru_cache

import msgspec

SUBSCRIPTION_TYPE = "microsoft.resources/subscriptions"
RESOURCE_GROUP_TYPE = "microsoft.resources/subscriptions/resourcegroups"
MANAGEMENT_GROUP_TYPE = "microsoft.management/managementgroups"


class ResourceId(msgspec.Struct, frozen=True):
    """A parsed resource id; every field is lower-cased, and '' where the id has no such part.

    `key` is the whole id, lower-cased without a trailing slash; `type` is `namespace/type[/child type...]`
    of the last provider segment; `parent` is the id of the resource this one is nested under or extends,
    else its resource group, subscription or ''.
    """

    key: str
    type: str
    name: str
    subscription: str
    resource_group: str
    parent: str

    @classmethod
    def parse(cls, text: str) -> ResourceId:
        """Take an id apart ('/' is the tenant, all fields ''); raises ValueError when the text is not a resource id."""
        text = text.strip()
        if not text.isascii() and (odd := next((one for one in text if _has_ascii_lower_case(one)), "")):
            raise ValueError(
                f"not a resource id (the letter U+{ord(odd):04X} would be read as {odd.lower()!r}): {text!r}"
            )
        return cls("", "", "", "", "", "") if text == "/" else _parse_resource_id(text.rstrip("/").lower())

    @property
    def resource_group_id(self) -> str:
        """The lower-cased id of the resource group, '' where there is none."""
        return (
            f"/subscriptions/{self.subscription}/resourcegroups/{self.resource_group}"
            if self.resource_group
            else ""
        )

    @property
    def subscription_id(self) -> str:
        """The lower-cased id of the subscription, '' where there is none."""
        return f"/subscriptions/{self.subscription}" if self.subscription else ""


def _has_ascii_lower_case(letter: str) -> bool:
    """Return whether a letter outside ASCII is one of ASCII in lower case, as the Kelvin sign is: two ids would be one."""
    return not letter.isascii() and letter.lower().isascii()


@lru_cache(maxsize=65536)
def _parse_resource_id(key: str) -> ResourceId:
    if not key.startswith("/"):
        raise ValueError(f"not a resource id (it does not start with '/'): {key!r}")
    parts = key[1:].split("/")
    if "" in parts:
        raise ValueError(f"not a resource id (an empty segment): {key!r}")
    subscription = parts[1] if parts[0] == "subscriptions" and len(parts) > 1 else ""
    group = parts[3] if subscription and len(parts) > 3 and parts[2] == "resourcegroups" else ""
    last = _find_last_provider(parts)
    if last < 0:
        return _build_container(key, parts, subscription, group)
    tail = parts[last + 1 :]
    if len(tail) < 3 or len(tail) % 2 == 0:
        raise ValueError(f"not a resource id (type and name segments do not pair up): {key!r}")
    type_ = "/".join([tail[0], *tail[1::2]])
    parent = "/" + "/".join(parts[:-2]) if len(tail) > 3 else "/" + "/".join(parts[:last])
    return ResourceId(key, type_, tail[-1], subscription, group, parent if parent != "/" else "")


def _find_last_provider(parts: list[str]) -> int:
    """The index of the last 'providers' that begins a provider segment, -1 where there is none."""
    for index in range(len(parts) - 1, -1, -1):
        if parts[index] == "providers" and index + 1 < len(parts) and "." in parts[index + 1]:
            return index
    return -1


def _build_container(key: str, parts: list[str], subscription: str, group: str) -> ResourceId:
    if subscription and len(parts) == 2:
        return ResourceId(key, SUBSCRIPTION_TYPE, subscription, subscription, "", "")
    if group and len(parts) == 4:
        return ResourceId(
            key, RESOURCE_GROUP_TYPE, group, subscription, group, f"/subscriptions/{subscription}"
        )
    raise ValueError(f"not a resource id (no provider, and no subscription or resource group): {key!r}")


def is_in_scope(key: str, scope: str) -> bool:
    """Return whether the lower-cased id `key` is `scope` or lies under it; `scope` is lower-cased, '' or '/' is everything."""
    scope = scope.rstrip("/")
    return not scope or key == scope or key.startswith(scope + "/")


_TENANTS = "/tenants/"


def with_tenant(key: str, tenant: str) -> str:
    """A lower-cased id that is unique over tenants: one outside subscriptions is put below its tenant ('' = not known)."""
    return key if not tenant or key.startswith("/subscriptions/") else f"{_TENANTS}{tenant}{key}"


def split_tenant(key: str) -> tuple[str, str]:
    """The tenant ('' = none named) and the id of what `with_tenant` gave."""
    if not key.startswith(_TENANTS):
        return "", key
    tenant, slash, rest = key.removeprefix(_TENANTS).partition("/")
    return tenant, slash + rest


@lru_cache(maxsize=65536)
def get_parent_scope(scope: str) -> str:
    """The scope that directly contains a lower-cased scope: a parent resource, resource group, subscription, '' for the tenant."""
    try:
        return ResourceId.parse(scope or "/").parent
    except ValueError:
        return ""
