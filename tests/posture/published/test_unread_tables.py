"""A table of Resource Graph that nothing collected fills: that it shows no row is an error, whatever other people's tenants hold."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from nephoscope.model.read_reach import EVERYTHING, Reach
from nephoscope.posture.published.build_info import BuildInfo
from nephoscope.posture.published.document import PublishedDocument
from nephoscope.posture.published.published_snapshot import PublishedSnapshot
from nephoscope.posture.published.publishing import publish_documents
from nephoscope.posture.published.snapshot_cache import PublishedSnapshotCache

MINE, OTHER = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"


def recommendation(subscription: str) -> PublishedDocument:
    """What an import brought of Azure Advisor."""
    id_ = f"/subscriptions/{subscription}/resourceGroups/rg/providers/Microsoft.Advisor/recommendations/r1"
    return PublishedDocument.of(
        {"id": id_, "name": "r1", "type": "Microsoft.Advisor/recommendations", "properties": {}}
    )


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
    publish_documents(data, several, BuildInfo(when, "", 6, None, 0, 0, {}, (), {}, (), (), 0, {}, {}))
    found = PublishedSnapshotCache(data).newest()
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
    ],
)
def test_a_table_is_unread_where_a_reader_sees_no_row_of_it(
    snapshot: PublishedSnapshot, table: str, reach: Reach, unread: bool
) -> None:
    assert snapshot.unread([table], {table: reach}) == [table][: int(unread)]
