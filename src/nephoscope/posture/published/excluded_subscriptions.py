"""Subscriptions that were left out of a tenant which was read otherwise, in full or some types of a table in them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from nephoscope.posture.reports.resource_graph_tables import find_table, map_tables_to_types

if TYPE_CHECKING:
    from nephoscope.estate.estate import Estate

#: In the place of types: nothing of the table `Resources` was read in a subscription, or only within some of its resource groups.
NOTHING, SOME_GROUPS = "*", "*/groups"
#: Types that a list of a subscription tells in full, so that one which was seen elsewhere was not asked for here.
_LISTED_BY_SCOPE = "microsoft.authorization/"
_RESOURCES = "resources"


def find_left_out(estate: Estate, unread: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Return what was not read in a subscription (its lower-cased GUID) of a tenant: NOTHING or SOME_GROUPS, and lower-cased types
    of map_tables_to_types. `unread` are the types that were read nowhere in the tenant, which are not told again."""
    everywhere = frozenset(estate.coverage.scopes.get("", ()))
    if "*" in everywhere:
        return {}
    claims = _group_claims(estate.coverage.scopes)
    types = _list_asked_types(estate) - set(unread)
    parents = _find_parents(estate, types)
    found: dict[str, tuple[str, ...]] = {}
    for scope in estate.subscriptions:
        within = claims.get(scope, {})
        read = everywhere | _list_bare_types(within)
        lacking = {
            one
            for one in types
            if one not in read and "*" not in read and (one.count("/") == 1 or (scope, one) in parents)
        }
        if mark := _assess_resources(scope, within, everywhere):
            lacking.add(mark)
        if lacking:
            found[scope.rpartition("/")[2]] = tuple(sorted(lacking))
    return found


def _group_claims(scopes: Mapping[str, frozenset[str]]) -> dict[str, dict[str, frozenset[str]]]:
    """The claims at and below each subscription (`/subscriptions/<guid>`), by scope."""
    found: dict[str, dict[str, frozenset[str]]] = {}
    for scope, entries in scopes.items():
        if scope.startswith("/subscriptions/"):
            found.setdefault("/".join(scope.split("/")[:3]), {})[scope] = entries
    return found


def _list_bare_types(within: Mapping[str, frozenset[str]]) -> frozenset[str]:
    """The types of claims, without the parents and the names that narrow them."""
    entries = {entry.rpartition("/providers/")[2] for several in within.values() for entry in several}
    return frozenset(entries | {entry.rpartition("/")[0] for entry in entries})


def _list_asked_types(estate: Estate) -> set[str]:
    """The types of tables of their own that can lack in a subscription; of inferred claims only what a list tells in full."""
    tables = map_tables_to_types()
    several = {one for table, types in tables.items() if table != "directoryresources" for one in types}
    declared = estate.coverage.declared
    return {one for one in several if declared or one.startswith(_LISTED_BY_SCOPE)}


def _find_parents(estate: Estate, types: Iterable[str]) -> set[tuple[str, str]]:
    """Pairs of a subscription and a child type of which a parent is there, so that there may be one of the type."""
    return {
        (parent.id.subscription_id, one)
        for one in types
        if one.count("/") > 1
        for parent in estate.list_of_type(one.rpartition("/")[0])
    }


def _assess_resources(
    scope: str, within: Mapping[str, frozenset[str]], everywhere: frozenset[str]
) -> str | None:
    """Return what lacks of the table `Resources` in a subscription: None where types of it were read in the whole of it."""
    if _has_resources(everywhere) or _has_resources(within.get(scope, frozenset())):
        return None
    groups = [one for one in within if one.count("/") == scope.count("/") + 2]
    return SOME_GROUPS if any(_has_resources(within[one]) for one in groups) else NOTHING


def _has_resources(entries: Iterable[str]) -> bool:
    return any(one == "*" or ("/providers/" not in one and find_table(one) == _RESOURCES) for one in entries)
