"""Watchlists: items by search key, what is over, who sees them, and what a process that died in between leaves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event

from nephoscope.lake.lake import Lake
from nephoscope.lake.queries.principal_scope import LakeScope
from nephoscope.lake.watchlists.watchlist_diff import WatchlistChanges
from nephoscope.lake.watchlists.watchlist_service import AGAIN, NewWatchlistItem, WatchlistService
from nephoscope.lake.writing.outbox import deliver_outbox
from nephoscope.state import State, StateError

NOW = datetime.now(UTC)
DAY = timedelta(days=1)


@pytest.fixture
def keeping(state: State, lake: Lake) -> WatchlistService:
    found = WatchlistService(state, lake, "default", "kim")
    found.create("VIPs", "User", ("User", "Tier"), NOW)
    return found


def items(*pairs: tuple[str, str]) -> list[NewWatchlistItem]:
    return [NewWatchlistItem({"User": user, "Tier": tier}) for user, tier in pairs]


def seen(
    lake: Lake,
    text: str = "_GetWatchlist('vips') | project SearchKey, Tier | order by SearchKey asc, Tier asc",
    **how: Any,
):
    lake.flush()
    return [tuple(row.values()) for row in lake.query(text, **how)[-1].table.to_pylist()]


def test_items_are_known_by_their_search_key(keeping: WatchlistService, lake: Lake) -> None:
    assert keeping.update("vips", items(("a", "1"), ("b", "2"), ("b", "3")), NOW) == WatchlistChanges(added=3)
    assert seen(lake) == [("a", "1"), ("b", "2"), ("b", "3")]
    assert keeping.update("VIPs", items(("a", "1"), ("b", "4")), NOW) == WatchlistChanges(updated=1, same=1)
    assert seen(lake) == [("a", "1"), ("b", "3"), ("b", "4")]
    assert keeping.update("VIPs", items(("a", "1"), ("c", "5")), NOW, whole=True) == WatchlistChanges(
        added=1, same=1, removed=2
    )
    assert seen(lake) == [("a", "1"), ("c", "5")]
    assert keeping.drop("VIPs", ["c"], NOW) == 1
    assert seen(lake) == [("a", "1")]
    assert seen(lake, "_GetWatchlistAlias") == [("VIPs",)]
    keeping.delete("VIPs", NOW)
    assert seen(lake, "_GetWatchlist('VIPs') | count") == [(0,)]
    assert seen(lake, "_GetWatchlistAlias | count") == [(0,)]


def test_every_change_is_a_row(keeping: WatchlistService, lake: Lake, state: State) -> None:
    keeping.update("VIPs", items(("a", "1")), NOW)
    keeping.update("VIPs", items(("a", "2")), NOW + timedelta(seconds=1))
    keeping.drop("VIPs", ["a"], NOW + timedelta(seconds=2))
    deliver_outbox(lake, state)
    text = "Watchlist | where _DTItemType == 'watchlist-item' | order by TimeGenerated asc"
    text += " | project _DTItemStatus, Tier = tostring(WatchlistItem.Tier)"
    assert seen(lake, text) == [("Create", "1"), ("Update", "2"), ("Delete", "2")]
    assert seen(lake, "Watchlist | where _DTItemType == 'watchlist' | count") == [(4,)]


def test_items_that_are_over_go(keeping: WatchlistService, lake: Lake) -> None:
    over = NewWatchlistItem({"User": "a", "Tier": "1"}, NOW + DAY)
    keeping.update("VIPs", [over, *items(("b", "2"))], NOW)
    assert keeping.publish_due(NOW) == 0
    assert keeping.publish_due(NOW + 2 * DAY) == 1
    assert seen(lake) == [("b", "2")]
    assert keeping.publish_due(NOW + 2 * DAY) == 0


def test_what_the_lake_may_forget_is_told_again(keeping: WatchlistService, lake: Lake, state: State) -> None:
    keeping.update("VIPs", items(("a", "1")), NOW)
    before = state.outbox.waiting()
    assert keeping.publish_due(NOW + AGAIN + DAY) == 1
    assert state.outbox.waiting() == before + 1
    assert keeping.publish_due(NOW + AGAIN + DAY) == 0


def test_a_list_that_was_not_published_is_published_by_the_next(
    keeping: WatchlistService, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(lake.watchlists, "write", dies)
        with pytest.raises(KeyboardInterrupt):
            keeping.update("VIPs", items(("a", "1")), NOW)
    assert seen(lake) == []
    assert keeping.publish_due(NOW) == 1
    assert seen(lake) == [("a", "1")]


def test_a_list_is_its_workspaces_and_belongs_to_no_subscription(
    keeping: WatchlistService, lake: Lake, state: State
) -> None:
    state.workspaces.add("other")
    keeping.update("VIPs", items(("a", "1")), NOW)
    other = WatchlistService(state, lake, "other", "jo")
    with pytest.raises(StateError, match="watchlist 'VIPs' not found in the workspace other"):
        other.update("VIPs", items(("b", "1")), NOW)
    assert seen(lake, "_GetWatchlist('VIPs') | count", workspace="other") == [(0,)]
    mine = frozenset({"11111111-1111-1111-1111-111111111111"})
    assert seen(lake, "_GetWatchlist('VIPs') | count", scope=LakeScope(mine)) == [(0,)]
    elsewhere = LakeScope(None, frozenset({"other"}))
    assert seen(lake, "_GetWatchlist('VIPs') | count", scope=elsewhere) == [(0,)]


@pytest.mark.parametrize(
    ("alias", "key", "said"),
    [
        ("a/b", "User", "is not a watchlist alias"), ("VIPS", "User", "watchlist 'VIPS' already exists"),
        ("B", "X", "column 'X' not found"),
    ],
)  # fmt: skip
def test_what_cannot_be_made_is_said(keeping: WatchlistService, alias: str, key: str, said: str) -> None:
    with pytest.raises(StateError, match=said):
        keeping.create(alias, key, ("User",), NOW)


def test_an_item_that_is_wrong_changes_nothing(keeping: WatchlistService, lake: Lake) -> None:
    for wrong, said in (
        (NewWatchlistItem({"Tier": "1"}), "no value in its search key User"),
        (NewWatchlistItem({"User": "a", "X": "1"}), "column 'X' not found"),
    ):
        with pytest.raises(StateError, match=said):
            keeping.update("VIPs", [*items(("a", "1")), wrong], NOW)
    assert seen(lake) == []


def test_the_list_of_a_template_is_made_once_where_it_is_not_there(keeping: WatchlistService) -> None:
    assert keeping.start("namedlocations", NOW)
    assert keeping.state.watchlists.get("default", "NamedLocations").search_key == "Address"
    assert not keeping.start("NamedLocations", NOW)
    assert not keeping.start("of-nobody", NOW)


def test_what_is_over_is_found_without_reading_all_items(keeping: WatchlistService, state: State) -> None:
    keeping.update("VIPs", items(*((str(number), "1") for number in range(500))), NOW)
    plans: list[str] = []

    def explained(connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if statement.startswith("SELECT watchlists.alias"):
            rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
            plans.extend(str(row[-1]) for row in rows)

    event.listen(state.database.engine, "before_cursor_execute", explained)
    try:
        assert state.watchlists.due("default", NOW, NOW - AGAIN) == []
    finally:
        event.remove(state.database.engine, "before_cursor_execute", explained)
    assert any("ix_watchlist_items_expires" in step for step in plans), plans
    assert not any("SCAN watchlist_items" in step for step in plans), plans
