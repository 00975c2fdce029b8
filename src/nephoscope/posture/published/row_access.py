"""Row access: the rows of each Resource Graph table that a principal may read.

Source: https://learn.microsoft.com/azure/governance/resource-graph/overview#permissions-in-azure-resource-graph
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass

from nephoscope.model.read_scope import Reach
from nephoscope.posture.published.document_rows import EVERYBODY
from nephoscope.posture.reports.resource_graph_tables import COLLECTED, TABLES

#: What rows of a table need that holds nothing of an estate.
USUAL = "Microsoft.Resources/subscriptions/resources/read"
#: The operation that rows of a table need, where every role that reads one of its types reads all of them. In other tables a row
#: needs the reading of its own type.
OPERATIONS = {
    "securityresources": "Microsoft.Security/assessments/read",
    "policyresources": "Microsoft.Authorization/policyAssignments/read",
    "authorizationresources": "Microsoft.Authorization/roleAssignments/read",
    "resourcecontainers": "Microsoft.Resources/subscriptions/read",
    "directoryresources": "microsoft.directory/read",
    COLLECTED: "Microsoft.Security/assessments/read",
}
#: Pairs of a stored column and its values, all of which a row must have.
Pairs = tuple[tuple[str, Collection[str]], ...]


@dataclass(frozen=True, slots=True)
class RowAccess:
    """Row access by resource type: of lower-cased types the rows that a reach of theirs sees, and no row of another type."""

    parts: tuple[tuple[frozenset[str], Reach], ...]


Shown = Reach | RowAccess


def find_row_access(
    kinds: Mapping[str, frozenset[str]], reaches: Callable[[Iterable[str]], Mapping[str, Reach]]
) -> dict[str, Reach | RowAccess]:
    """Lower-cased table -> what it shows; `kinds` are an edition's types, `reaches` says where operations may be done."""
    apart = {one: types for one, types in kinds.items() if one not in OPERATIONS}
    several = {type_ for types in apart.values() for type_ in types}
    reach = reaches([USUAL, *OPERATIONS.values(), *map(read_operation, several)])
    usual = {table: reach[OPERATIONS.get(table, USUAL)] for table in TABLES}
    return usual | {
        table: _combine_shown_rows(types, reach) for table, types in apart.items() if table in TABLES
    }


def read_operation(type_: str) -> str:
    """The operation that reads resources of a type."""
    return f"{type_}/read"


def _combine_shown_rows(types: Iterable[str], reach: Mapping[str, Reach]) -> Shown:
    parts: defaultdict[Reach, set[str]] = defaultdict(set)
    for one in types:
        parts[reach[read_operation(one)]].add(one)
    if len(parts) == 1:
        return next(iter(parts))
    return RowAccess(tuple((frozenset(several), one) for one, several in parts.items() if not one.is_empty))


def list_visible_pairs(shown: Shown, shared_tenants: Collection[str] = ()) -> tuple[Pairs, ...] | None:
    """Return which columns must have which values for a row to be seen, in one of several ways; None = every row.

    `shared_tenants` is what `_open` says of rows.
    """
    if isinstance(shown, RowAccess):
        return tuple(
            pairs for types, reach in shown.parts for pairs in _list_pair_types(types, reach, shared_tenants)
        )
    if shown.everything:
        return None
    if shown.is_empty:
        return ()
    own: Pairs = (("tenantId", shown.tenants),) if shown.tenants else ()
    whole = ((("tenantId", shown.whole_tenants),),) if shown.whole_tenants else ()
    return (
        (("subscriptionId", shown.subscriptions),),
        (("_group", shown.groups),),
        (("_key", shown.containers), *own),
        (("_open", frozenset({EVERYBODY, *(one for one in shared_tenants if _is_shared_with(one, shown))})),),
        *whole,
    )


def _is_shared_with(said: str, reach: Reach) -> bool:
    """Return whether readers of one of the tenants may read a row; of a reader whose tenant is not known that is not held apart."""
    known = reach.tenants - {""}
    return not known or not known.isdisjoint(said.split())


def _list_pair_types(types: frozenset[str], reach: Reach, shared_tenants: Collection[str]) -> Iterable[Pairs]:
    ways = list_visible_pairs(reach, shared_tenants)
    return ((("type", types), *pairs) for pairs in (((),) if ways is None else ways))
