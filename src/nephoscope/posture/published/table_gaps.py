"""Gaps of the tables of Resource Graph: the rows that a reader lacks because they were not collected."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from nephoscope.posture.published.excluded_subscriptions import NOTHING, SOME_GROUPS
from nephoscope.posture.published.row_access import RowAccess, Shown
from nephoscope.posture.published.uncollected_table import list_types
from nephoscope.posture.reports.resource_graph_tables import (
    LISTED,
    TABLES,
    list_unread_tables,
    map_tables_to_types,
)

if TYPE_CHECKING:
    from nephoscope.model.read_scope import Reach
    from nephoscope.posture.published.build_info import BuildInfo

#: Tables whose rows follow from the resources of a subscription.
_OF_RESOURCES = LISTED | {"securityresources"}
_NAMED = 3


def describe_gaps(made: BuildInfo, tables: Iterable[str], shown: Mapping[str, Shown]) -> list[str]:
    """Return what lower-cased tables lack of what a reader may see, a sentence each: other rows must not look like all of them."""
    return [
        line for table in sorted(tables) for line in _describe_table(made, table, list_reaches(shown[table]))
    ]


def list_reaches(shown: Shown) -> tuple[Reach, ...]:
    """Return the reaches of what a table shows, one for each part of its types."""
    return tuple(one for _, one in shown.parts) if isinstance(shown, RowAccess) else (shown,)


def is_table_unfilled(made: BuildInfo, table: str, shown: Shown) -> bool:
    """Return whether nothing could fill a lower-cased table for a reader, so that having no rows says nothing of the estate."""
    reaches, types = list_reaches(shown), map_tables_to_types().get(table)
    if table == "resources":
        return bool(reaches) and all(made.is_left_out(one) for one in reaches)
    if types is None:
        return table in list_unread_tables()
    return bool(reaches) and all(types <= made.list_unread_types(one) for one in reaches)


def _describe_table(made: BuildInfo, table: str, reaches: Sequence[Reach]) -> Iterator[str]:
    tenants = sorted({one for reach in reaches for one in made.list_visible_tenants(reach)})
    for tenant in tenants:
        where = f" in the tenant {tenant}" if tenant and len(tenants) > 1 else ""
        if missing := _list_gaps_of_table(table, made.unread_types.get(tenant, ())):
            yield f"{TABLES[table]} is incomplete, not collected{where}: {list_types(missing)}"
    several: defaultdict[tuple[str, ...], set[str]] = defaultdict(set)
    for reach in reaches:
        for subscription in made.list_visible_left_out(reach):
            whole = reach.everything or subscription in reach.subscriptions
            missing = _list_missing_types(table, made.left_out[subscription], whole=whole)
            if missing:
                several[missing].add(subscription)
    for missing, subscriptions in sorted(several.items()):
        yield f"{TABLES[table]} is incomplete, {_describe_missing_types(missing)} {_list_names(made, subscriptions)}"


def _list_gaps_of_table(table: str, types: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(map_tables_to_types().get(table, frozenset()).intersection(types)))


def _list_missing_types(table: str, types: Sequence[str], *, whole: bool) -> tuple[str, ...]:
    """Return what of a table lacks in a subscription; `whole`: the reader sees all of it, and not some of its resource groups."""
    if table not in _OF_RESOURCES:
        return _list_gaps_of_table(table, types)
    return tuple(one for one in types if one == NOTHING or (one == SOME_GROUPS and whole))


def _describe_missing_types(missing: Sequence[str]) -> str:
    if NOTHING in missing:
        return "no resources were collected in"
    if SOME_GROUPS in missing:
        return "only some resource groups were collected in"
    return f"{list_types(missing)} not collected in"


def _list_names(made: BuildInfo, subscriptions: Iterable[str]) -> str:
    """Name subscriptions, the first of many and how many more."""
    ids = sorted(subscriptions)
    named = [f"{name} ({one})" if (name := made.subscriptions.get(one)) else one for one in ids[:_NAMED]]
    more = [f"{len(ids) - _NAMED} more"] if len(ids) > _NAMED else []
    kind = "the subscription" if len(ids) == 1 else "the subscriptions"
    *first, last = [*named, *more]
    return f"{kind} {', '.join(first)} and {last}" if first else f"{kind} {last}"
