"""A large change of a watchlist: others write between its portions, nobody sees half of it, and a death in between changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest

from nephoscope.lake.lake import Lake
from nephoscope.lake.watchlists import bulk_replace, watchlist_service
from nephoscope.lake.watchlists.watchlist_diff import WatchlistChanges
from nephoscope.lake.watchlists.watchlist_service import NewWatchlistItem, WatchlistService
from nephoscope.lake.writing.outbox import deliver_outbox
from nephoscope.state import State, StateError

NOW = datetime.now(UTC)
MANY = 95


@pytest.fixture
def keeping(state: State, lake: Lake, monkeypatch: pytest.MonkeyPatch) -> WatchlistService:
    for module in (bulk_replace, watchlist_service):
        monkeypatch.setattr(module, "PORTION", 10)
    found = WatchlistService(state, lake, "default", "kim")
    found.create("VIPs", "User", ("User", "Tier"), NOW)
    return found


@pytest.fixture
def between(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Callable[[], None]], None]]:
    """Lets something be done after each portion."""
    write = bulk_replace.BulkReplace._write_in_transaction

    def during(what: Callable[[], None]) -> None:
        def written(one: bulk_replace.BulkReplace, work: Callable[..., None]) -> None:
            write(one, work)
            what()

        monkeypatch.setattr(bulk_replace.BulkReplace, "_write_in_transaction", written)

    yield during
    monkeypatch.undo()


def many(tier: str, number: int = MANY) -> list[NewWatchlistItem]:
    return [NewWatchlistItem({"User": f"u{one}", "Tier": tier}) for one in range(number)]


def kept(state: State) -> list[tuple[str, int]]:
    """The tiers of the list as the state has them, with how many items of each."""
    head = state.watchlists.get("default", "vips")
    tiers = [one.cells["Tier"] for one in state.watchlists.read(head)]
    assert state.watchlists.all("default")[0][1] == len(tiers) == state.watchlists.count(head)
    return [(one, tiers.count(one)) for one in sorted(set(tiers))]


def seen(lake: Lake, text: str) -> list[tuple[object, ...]]:
    lake.flush()
    return [tuple(row.values()) for row in lake.query(text)[-1].table.to_pylist()]


LIST = "_GetWatchlist('VIPs') | summarize count() by Tier | order by Tier asc"
TOLD = "Watchlist | where _DTItemType == 'watchlist-item' | summarize count() by _DTItemStatus | order by _DTItemStatus asc"


def test_others_write_between_and_see_all_or_nothing(keeping, state, lake, between) -> None:
    keeping.update("VIPs", many("1", 5), NOW)
    deliver_outbox(lake, state)
    found = []

    def look() -> None:
        state.workspaces.set("default", description=f"portion {len(found)}")
        found.append((kept(state), seen(lake, LIST), deliver_outbox(lake, state)))

    between(look)
    assert keeping.update("vips", many("2"), NOW) == WatchlistChanges(added=MANY - 5, updated=5)
    before, after = ([("1", 5)], [("1", 5)], 0), [("2", MANY)]
    assert len(found) > 2 * MANY / 10
    changed = next(number for number, one in enumerate(found) if one != before)
    assert changed > 2 * MANY // 10
    assert all(one[0] == after for one in found[changed:])
    assert (kept(state), seen(lake, LIST)) == (after, after)
    deliver_outbox(lake, state)
    assert seen(lake, TOLD) == [("Create", MANY), ("Update", 5)]


def test_all_are_replaced_and_deleted(keeping, state, lake) -> None:
    keeping.update("VIPs", many("1"), NOW)
    assert keeping.update("VIPs", many("1", 3), NOW, whole=True) == WatchlistChanges(same=3, removed=MANY - 3)
    assert keeping.update("VIPs", many("1"), NOW) == WatchlistChanges(added=MANY - 3, same=3)
    assert keeping.update("VIPs", many("1"), NOW) == WatchlistChanges(same=MANY)
    keeping.delete("VIPs", NOW)
    deliver_outbox(lake, state)
    assert state.watchlists.all("default") == []
    assert seen(lake, TOLD) == [("Create", 2 * MANY - 3), ("Delete", 2 * MANY - 3)]
    assert (state.outbox.waiting(), state.outbox.list_held()) == (0, set())


@pytest.mark.full
def test_many_that_are_over_go(keeping, state, lake) -> None:
    over = [NewWatchlistItem(one.cells, NOW + timedelta(hours=1)) for one in many("1")]
    keeping.update("VIPs", [*over, NewWatchlistItem({"User": "kim", "Tier": "2"})], NOW)
    assert keeping.publish_due(NOW + timedelta(hours=2)) == 1
    assert seen(lake, LIST) == [("2", 1)]
    assert keeping.publish_due(NOW + timedelta(hours=2)) == 0


@pytest.mark.parametrize("portion", [1, 7, 14, 21])
def test_a_death_in_between_changes_nothing(keeping, state, lake, between, portion: int) -> None:
    keeping.update("VIPs", many("1", 5), NOW)
    deliver_outbox(lake, state)
    done = 0

    def dies() -> None:
        nonlocal done
        done += 1
        if done >= portion:
            raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        between(dies)
        # a process that is killed clears nothing and gives no lease back
        patch.setattr(bulk_replace.BulkReplace, "_clear_portion", lambda _: False)
        with pytest.raises(KeyboardInterrupt):
            keeping.update("VIPs", many("2"), NOW)
        assert kept(state) == [("1", 5)]
    between(lambda: None)
    assert (deliver_outbox(lake, state), seen(lake, LIST)) == (0, [("1", 5)])
    keeping.publish_due(NOW)
    assert (state.outbox.list_held(), state.watchlists.list_watchlists_with_orphans("default")) == (set(), [])
    assert keeping.update("VIPs", many("2"), NOW) == WatchlistChanges(added=MANY - 5, updated=5)
    assert seen(lake, LIST) == [("2", MANY)]


def test_a_change_meanwhile_is_kept_too(keeping, state, lake, between) -> None:
    keeping.update("VIPs", many("1", 5), NOW)
    done = []

    def add() -> None:
        if not done:
            done.append(keeping.put_item("VIPs", "own", {"User": "kim", "Tier": "3"}, NOW))

    between(add)
    keeping.update("VIPs", many("2"), NOW)
    assert kept(state) == seen(lake, LIST) == [("2", MANY), ("3", 1)]


@pytest.mark.full
def test_of_two_large_changes_one_comes_again(keeping, between) -> None:
    refused = []

    def another() -> None:
        if not refused:
            refused.append("asked")
            with pytest.raises(StateError, match="is being changed by another") as told:
                keeping.update("VIPs", many("3"), NOW)
            refused.append(str(told.value))

    between(another)
    keeping.update("VIPs", many("2"), NOW)
    assert len(refused) == 2
