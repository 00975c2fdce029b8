"""Collection scope: requested tenants, management groups, subscriptions and resource groups."""

from __future__ import annotations

import re
from collections.abc import Iterable

import msgspec

_SUBSCRIPTION = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_TENANT = re.compile(r"[0-9a-z][0-9a-z.-]{2,252}")
_GROUP = re.compile(r"[\w.()-]{1,90}")
_GROUP_ID = re.compile(r"/subscriptions/([^/]+)/resourcegroups/([^/]+)")


class CollectionScopeError(ValueError):
    """A scope that cannot be meant; the message says what it must be."""


class CollectionScope(msgspec.Struct, frozen=True):
    """Everything lower-cased. Without subscriptions and management groups: whatever the credential sees in the tenants.

    `resource_groups` are (subscription, name) pairs, the subscription '' where a name is meant in every one that is asked for.
    """

    subscriptions: tuple[str, ...] = ()
    management_groups: tuple[str, ...] = ()
    resource_groups: tuple[tuple[str, str], ...] = ()
    tenants: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        subscriptions: tuple[str, ...] = (),
        management_groups: tuple[str, ...] = (),
        resource_groups: tuple[str, ...] = (),
        tenants: tuple[str, ...] = (),
    ) -> CollectionScope:
        """Check what a person wrote; raises CollectionScopeError."""
        if subscriptions and management_groups:
            raise CollectionScopeError("use either subscriptions or management groups")
        named = tuple(_parse_subscription(text) for text in subscriptions)
        groups = tuple(_parse_resource_group(text) for text in resource_groups)
        outside = [f"{id_}/{name}" for id_, name in groups if id_ and named and id_ not in named]
        if outside:
            raise CollectionScopeError(
                f"the resource group {outside[0]} is in none of the selected subscriptions"
            )
        if groups and not named:
            whole = [id_ for id_, _ in groups if id_]
            if whole and (management_groups or len(whole) < len(groups)):
                raise CollectionScopeError("specify the resource groups either all by ID or all by name")
            named = tuple(whole)
        return cls(
            tuple(dict.fromkeys(named)),
            tuple(dict.fromkeys(_parse_management_group(text) for text in management_groups)),
            tuple(dict.fromkeys(groups)),
            tuple(
                dict.fromkeys(
                    _check_pattern(text.lower(), _TENANT, "a tenant id or domain") for text in tenants
                )
            ),
        )

    @property
    def pairs(self) -> tuple[str, ...]:
        """`<subscription>/<name>` of every resource group that is asked for, where the subscriptions are known."""
        return tuple(
            f"{id_}/{name}"
            for given, name in self.resource_groups
            for id_ in ((given,) if given else self.subscriptions)
        )

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the resource groups that are asked for."""
        return tuple(name for _, name in self.resource_groups)


def _check_pattern(text: str, pattern: re.Pattern[str], what: str) -> str:
    if not pattern.fullmatch(text):
        raise CollectionScopeError(f"{text!r} is not {what}")
    return text


def _parse_subscription(text: str) -> str:
    return _check_pattern(
        text.lower().strip("/").removeprefix("subscriptions/"), _SUBSCRIPTION, "a subscription id (a GUID)"
    )


def _parse_resource_group(text: str) -> tuple[str, str]:
    lowered = text.lower().rstrip("/")
    whole = _GROUP_ID.fullmatch(lowered)
    if whole:
        return _parse_subscription(whole.group(1)), _check_pattern(
            whole.group(2), _GROUP, "the name of a resource group"
        )
    return "", _check_pattern(lowered, _GROUP, "the name or id of a resource group")


def _parse_management_group(text: str) -> str:
    return _check_pattern(
        text.lower().rstrip("/").rsplit("/", 1)[-1], _GROUP, "the name of a management group"
    )


def find_scope(key: str, scopes: Iterable[str]) -> str:
    """Return the scope that a lower-cased id lies in: its resource group or subscription, '' where none was asked for."""
    parts = key.split("/")
    for length in (5, 3):
        scope = "/".join(parts[:length])
        if scope in scopes:
            return scope
    return ""
