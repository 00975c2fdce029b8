"""A table of Resource Graph whose types were not read: that it shows no row is an error, whatever other people's tenants hold."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from nephoscope.lake.queries.estate_scope import grant_full_reach
from nephoscope.model.read_scope import EVERYTHING, Reach
from nephoscope.posture.published.build_info import BuildInfo
from nephoscope.posture.published.document import PublishedDocument
from nephoscope.posture.published.graph_relations import PublishedGraph
from nephoscope.posture.published.live_rows import LiveRowSource
from nephoscope.posture.published.published_snapshot import PublishedSnapshot
from nephoscope.posture.published.publishing import publish_documents
from nephoscope.posture.published.snapshot_cache import PublishedSnapshotCache
from nephoscope.posture.published.uncollected_table import UncollectedTableError
from nephoscope.posture.reports.resource_graph_tables import list_unread_types
from nephoscope_policy.model.coverage import Coverage

MINE, OTHER = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"

ROLES, DEFINITIONS = "microsoft.authorization/roleassignments", "microsoft.authorization/roledefinitions"
DIRECTORY = tuple(f"microsoft.graph/{one}" for one in ("groups", "serviceprincipals", "users"))


def recommendation(subscription: str) -> PublishedDocument:
    """What an import brought of Azure Advisor."""
    id_ = f"/subscriptions/{subscription}/resourceGroups/rg/providers/Microsoft.Advisor/recommendations/r1"
    return PublishedDocument.of(
        {"id": id_, "name": "r1", "type": "Microsoft.Advisor/recommendations", "properties": {}}
    )


def no_rows(*_: object) -> LiveRowSource:
    raise AssertionError


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> PublishedSnapshot:
    """Only the other subscription has recommendations of Azure Advisor."""
    data = tmp_path_factory.mktemp("published")
    vault: dict[str, Any] = {
        "id": f"/subscriptions/{MINE}/resourceGroups/rg/providers/Microsoft.KeyVault/vaults/v",
        "name": "v",
        "type": "Microsoft.KeyVault/vaults",
        "properties": {},
    }
    when = datetime(2026, 11, 1, 12, tzinfo=UTC)
    several = [(PublishedDocument.of(vault), "resources"), (recommendation(OTHER), "advisorresources")]
    made = BuildInfo(
        when, "", 6, None, 0, 0, {}, (), {}, (), (), 0, {}, {}, tenants={MINE: "a", OTHER: "b"},
        unread_types={"a": (ROLES, DEFINITIONS, *DIRECTORY), "b": (DEFINITIONS, *DIRECTORY)},
    )  # fmt: skip
    publish_documents(data, several, made)
    found = PublishedSnapshotCache(data).load_newest()
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("table", "reach", "unread"),
    [
        ("advisorresources", Reach(subscriptions=frozenset({MINE})), True),
        ("advisorresources", Reach(subscriptions=frozenset({OTHER})), False),
        ("advisorresources", EVERYTHING, False),
        ("advisorresources", Reach(), True),
        ("quotaresources", EVERYTHING, True),
        ("resourcechanges", EVERYTHING, False),
        ("resourcecontainerchanges", Reach(subscriptions=frozenset({MINE})), False),
        ("resources", Reach(), False),
        ("authorizationresources", Reach(subscriptions=frozenset({MINE})), True),
        (
            "authorizationresources",
            Reach(groups=frozenset({f"/subscriptions/{MINE}/resourcegroups/rg"})),
            True,
        ),
        ("authorizationresources", Reach(subscriptions=frozenset({OTHER})), False),
        ("authorizationresources", Reach(whole_tenants=frozenset({"b"})), False),
        ("authorizationresources", EVERYTHING, False),
        ("directoryresources", EVERYTHING, True),
    ],
)
def test_a_table_is_unread_where_a_reader_sees_no_row_of_it(
    snapshot: PublishedSnapshot, table: str, reach: Reach, unread: bool
) -> None:
    assert snapshot.list_uncollected_tables([table], {table: reach}) == [table][: int(unread)]


@pytest.mark.parametrize(
    ("query", "unread"),
    [
        ("AuthorizationResources | count", ("AuthorizationResources",)),
        ("Resources | union QuotaResources, DirectoryResources", ("DirectoryResources", "QuotaResources")),
        ("Resources | count", ()),
        ("search 'v'", ()),
    ],
)
def test_a_query_of_an_unread_table_has_no_answer(
    snapshot: PublishedSnapshot, query: str, unread: tuple[str, ...]
) -> None:
    mine = Reach(subscriptions=frozenset({MINE}))
    if not unread:
        assert snapshot.query(query, mine)
        return
    with pytest.raises(UncollectedTableError) as found:
        snapshot.query(query, mine)
    assert found.value.tables == unread


def test_a_query_says_what_of_a_table_was_not_collected(snapshot: PublishedSnapshot) -> None:
    graph = PublishedGraph(snapshot, no_rows)
    assert list(graph.describe_gaps(["authorizationresources", "resources"], grant_full_reach, None)) == [
        "AuthorizationResources is incomplete, not collected in the tenant a: "
        "Microsoft.Authorization/roleAssignments and Microsoft.Authorization/roleDefinitions",
        "AuthorizationResources is incomplete, not collected in the tenant b: Microsoft.Authorization/roleDefinitions",
    ]


@pytest.mark.parametrize(
    ("claims", "unread"),
    [
        ({}, {ROLES, DEFINITIONS}),
        ({"/subscriptions/x": {ROLES}}, {DEFINITIONS}),
        ({"/subscriptions/x/resourcegroups/y": {f"{ROLES}/name"}}, {DEFINITIONS}),
        ({"/subscriptions/x": {f"microsoft.storage/storageaccounts/providers/{ROLES}"}}, {DEFINITIONS}),
        ({"": {"*"}}, set()),
    ],
)
def test_a_type_that_was_read_anywhere_was_read(claims: dict[str, set[str]], unread: set[str]) -> None:
    coverage = Coverage({scope: frozenset(types) for scope, types in claims.items()})
    assert unread == {ROLES, DEFINITIONS}.intersection(list_unread_types(coverage))
