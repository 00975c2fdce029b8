"""The estate over time: only changes are written, nothing twice, nothing unread is closed, one commit a snapshot."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime, timedelta

import pytest
from deltalake import DeltaTable
from deltalake.exceptions import CommitFailedError
from hypothesis import given, settings
from hypothesis import strategies as st

from nephoscope.estate import estate_store as store_module
from nephoscope.estate.estate import Estate
from nephoscope.estate.estate_store import EstateStore, StoreError
from nephoscope.estate.resource_versions import compare_estates, hash_content
from nephoscope_policy.model.coverage import Coverage
from nephoscope_policy.model.resource import Resource

A, B = "/subscriptions/aaaa", "/subscriptions/bbbb"
DAY = timedelta(days=1)
T1 = datetime(2026, 3, 1, 12, 30, 15, 123456, tzinfo=UTC)
STORAGE, VAULT = "microsoft.storage/storageaccounts", "microsoft.keyvault/vaults"
WHOLE = Coverage({A: frozenset({STORAGE, VAULT}), B: frozenset({STORAGE, VAULT})}, declared=True)


def account(name, subscription=A, **properties):
    text = f"{subscription}/resourceGroups/RG/providers/Microsoft.Storage/storageAccounts/{name}"
    return Resource.of({"id": text, "name": name, "location": "westeurope", "properties": properties})


def vault(name, subscription=A):
    text = f"{subscription}/resourceGroups/RG/providers/Microsoft.KeyVault/vaults/{name}"
    return Resource.of({"id": text, "name": name, "tags": {"b": "1", "a": "2"}, "properties": {}})


def estate(*resources, coverage=WHOLE):
    return Estate.of(resources, coverage)


def bodies(resources):
    return {resource.key: resource.body for resource in resources if not resource.derived}


@pytest.fixture
def store(tmp_path):
    return EstateStore(tmp_path)


def commits(tmp_path):
    return len(list((tmp_path / "estate" / "resources" / "_delta_log").glob("*.json")))


def test_a_snapshot_comes_back_as_it_was(store):
    first = estate(account("one", nested={"z": [1, None, True], "a": "ü"}), vault("v"))
    snapshot = store.append(first, T1)
    assert (snapshot.added, snapshot.changed, snapshot.removed, snapshot.sequence) == (2, 0, 0, 1)
    again = store.load_estate()
    assert bodies(again.resources.values()) == bodies(first.resources.values())
    assert list(again.resources[account("one").key].body) == ["id", "name", "location", "properties"]
    assert again.coverage == WHOLE
    assert again.resources.keys() == first.resources.keys()
    assert compare_estates(first, again).is_empty


def test_bodies_are_for_their_owner_alone(store, tmp_path):
    store.append(estate(account("a")), T1)
    assert (tmp_path / "estate" / "resources").stat().st_mode & 0o077 == 0


def test_the_same_snapshot_twice_adds_nothing(store, tmp_path):
    first = store.append(estate(account("one")), T1)
    before = commits(tmp_path)
    assert store.append(estate(account("one")), T1 + DAY) == first
    assert store.append(estate(account("one")), T1) == first
    assert commits(tmp_path) == before
    store.append(estate(account("one", x=1)), T1 + DAY)
    assert store.append(estate(account("one")), T1) == first
    assert store.append(estate(account("one")), T1 + 2 * DAY).sequence == 3


def test_only_changes_are_written_and_what_is_gone_is_closed(store, tmp_path):
    store.append(estate(account("same"), account("changed", v=1), account("gone")), T1)
    before = commits(tmp_path)
    snapshot = store.append(estate(account("same"), account("changed", v=2), account("new")), T1 + DAY)
    assert commits(tmp_path) == before + 1
    assert (snapshot.added, snapshot.changed, snapshot.removed) == (1, 1, 1)
    assert DeltaTable(tmp_path / "estate" / "resources").count() == 5 + 2
    assert bodies(store.iterate_current()) == bodies(
        [account("same"), account("changed", v=2), account("new")]
    )
    assert bodies(store.iterate_versions(T1)) == bodies(
        [account("same"), account("changed", v=1), account("gone")]
    )
    assert bodies(store.iterate_versions(T1 - DAY)) == {}
    difference = store.diff(T1)
    assert difference == store.diff(T1, T1 + DAY)
    assert difference.added == (account("new").key,)
    assert difference.changed == (account("changed").key,)
    assert difference.removed == (account("gone").key,)
    assert difference.unchanged == 1


def test_the_order_of_keys_is_no_change_and_completeness_is(store):
    store.append(estate(vault("v")), T1)
    shuffled = copy.deepcopy(vault("v").body)
    shuffled["tags"] = dict(reversed(shuffled["tags"].items()))
    shuffled = dict(reversed(shuffled.items()))
    assert store.append(estate(Resource.of(shuffled)), T1 + DAY).sequence == 1
    snapshot = store.append(estate(Resource.of(shuffled, complete=False)), T1 + DAY)
    assert (snapshot.sequence, snapshot.changed) == (2, 1)
    assert [resource.complete for resource in store.iterate_current()] == [False]


@pytest.mark.parametrize(
    ("coverage", "removed"),
    [
        (Coverage({A: frozenset({STORAGE})}), 1),
        (Coverage({A: frozenset({VAULT})}), 0),
        (Coverage({B: frozenset({STORAGE, VAULT})}), 1),
        (Coverage({A: frozenset({"*"})}), 1),
        (Coverage({}), 0),
        (Coverage.cover_everything(), 2),
    ],
)
def test_what_lies_outside_coverage_is_not_closed(store, coverage, removed):
    store.append(estate(account("a"), account("b", B)), T1)
    snapshot = store.append(estate(vault("v"), coverage=coverage), T1 + DAY)
    assert snapshot.removed == removed
    assert len(list(store.iterate_current())) == 3 - removed
    assert len(store.diff(T1).removed) == removed
    two = estate(account("a"), account("b", B))
    assert len(compare_estates(two, estate(vault("v"), coverage=coverage)).unread) == 2 - removed
    known = store.load_estate().coverage
    assert known.covers(STORAGE, A)
    assert known.covers(STORAGE, B)


def test_gaps_are_kept_until_the_type_is_read(store):
    gap = Coverage({A: frozenset({STORAGE})}, declared=True, gaps={VAULT: "403"})
    store.append(estate(account("a"), coverage=gap), T1)
    assert store.load_estate().coverage.gaps == {VAULT: "403"}
    store.append(estate(account("a"), vault("v")), T1 + DAY)
    assert store.load_estate().coverage.gaps == {}
    assert store.load_estate(T1).coverage == gap
    assert [item.coverage for item in store.list_snapshots()] == [gap, WHOLE]


def test_a_resource_that_comes_back_begins_a_new_version(store):
    store.append(estate(account("a")), T1)
    store.append(estate(vault("v")), T1 + DAY)
    store.append(estate(vault("v"), account("a")), T1 + 2 * DAY)
    assert [account("a").key in bodies(store.iterate_versions(T1 + n * DAY)) for n in range(3)] == [
        True,
        False,
        True,
    ]


def test_derived_containers_are_derived_again_and_never_stored(store, tmp_path):
    store.append(estate(account("a")), T1)
    assert DeltaTable(tmp_path / "estate" / "resources").count() == 2
    assert sum(resource.derived for resource in store.load_estate().resources.values()) == 2


def test_an_older_snapshot_is_refused(store):
    store.append(estate(account("a")), T1)
    with pytest.raises(StoreError, match="not newer"):
        store.append(estate(account("b")), T1 - DAY)
    with pytest.raises(StoreError, match="not newer"):
        store.append(estate(account("b")), T1)
    with pytest.raises(StoreError, match="time zone"):
        store.append(estate(account("b")), datetime(2026, 1, 1))


def test_an_empty_store_says_so(store):
    assert store.list_snapshots() == ()
    assert list(store.iterate_current()) == []
    assert store.compact() == 0
    assert store.vacuum() == []
    with pytest.raises(StoreError, match="no snapshot"):
        store.load_estate()


def test_a_crash_before_the_commit_leaves_the_store_as_it_was(store, tmp_path, monkeypatch):
    store.append(estate(account("a", v=1)), T1)
    before = commits(tmp_path)

    def crash(*_arguments, **_options):
        raise KeyboardInterrupt

    for stage in ("CommitProperties", "_build_rows"):
        with monkeypatch.context() as patched:
            patched.setattr(store_module, stage, crash)
            with pytest.raises(KeyboardInterrupt):
                store.append(estate(account("a", v=2)), T1 + DAY)
    assert commits(tmp_path) == before
    assert len(store.list_snapshots()) == 1
    assert store.append(estate(account("a", v=2)), T1 + DAY).changed == 1


def test_files_of_a_commit_that_never_came_are_not_read(store, tmp_path):
    store.append(estate(account("a", v=1)), T1)
    store.append(estate(account("a", v=2)), T1 + DAY)
    log = max((tmp_path / "estate" / "resources" / "_delta_log").glob("*.json"))
    log.unlink()
    assert bodies(store.iterate_current()) == bodies([account("a", v=1)])
    store.append(estate(account("a", v=3)), T1 + DAY)
    assert bodies(store.iterate_current()) == bodies([account("a", v=3)])


def test_a_writer_that_was_overtaken_starts_over(store, tmp_path, monkeypatch):
    store.append(estate(account("a", v=1)), T1)
    commit, turns = store_module._commit_snapshot, []

    def overtaken(*arguments, **options):
        turns.append(1)
        if len(turns) == 1:
            monkeypatch.setattr(store_module, "_commit_snapshot", commit)
            EstateStore(tmp_path).append(estate(account("a", v=2)), T1 + DAY)
            monkeypatch.setattr(store_module, "_commit_snapshot", overtaken)
        commit(*arguments, **options)

    monkeypatch.setattr(store_module, "_commit_snapshot", overtaken)
    snapshot = store.append(estate(account("a", v=3)), T1 + 2 * DAY)
    assert len(turns) == 2
    assert snapshot.sequence == 3
    assert [len(list(store.iterate_versions(T1 + n * DAY))) for n in range(3)] == [1, 1, 1]
    assert [next(store.iterate_versions(T1 + n * DAY)).body["properties"]["v"] for n in range(3)] == [1, 2, 3]


@pytest.mark.full
def test_a_store_that_keeps_changing_is_given_up(store, monkeypatch):
    def conflict(*_arguments, **_options):
        raise CommitFailedError("conflict")

    monkeypatch.setattr(store_module, "_commit_snapshot", conflict)
    with pytest.raises(StoreError, match="try again"):
        store.append(estate(account("a")), T1)


@pytest.mark.parametrize(
    ("configuration", "words"),
    [
        ({"delta.enableDeletionVectors": "true"}, "deletion vectors"),
        ({"delta.columnMapping.mode": "name"}, "column mapping"),
        ({"delta.columnMapping.mode": "id"}, "column mapping"),
    ],
)
def test_tables_with_features_that_are_not_read_are_refused_by_name(store, tmp_path, configuration, words):
    store.append(estate(account("a")), T1)
    log = min((tmp_path / "estate" / "resources" / "_delta_log").glob("*.json"))
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    for line in lines:
        if "metaData" in line:
            line["metaData"]["configuration"] = configuration
    log.write_text("\n".join(map(json.dumps, lines)))
    with pytest.raises(StoreError, match=words):
        list(store.iterate_current())
    with pytest.raises(StoreError, match=words):
        store.append(estate(account("b")), T1 + DAY)


def test_a_damaged_log_is_told(store, tmp_path):
    store.append(estate(account("a")), T1)
    for log in (tmp_path / "estate" / "resources" / "_delta_log").glob("*.json"):
        log.write_text("{")
    with pytest.raises(StoreError, match="Delta table"):
        list(store.iterate_current())


def test_compaction_and_vacuum_lose_no_version(store, tmp_path):
    for day in range(5):
        store.append(estate(account("a", v=day), account("b")), T1 + day * DAY)
    before = [bodies(store.iterate_versions(T1 + day * DAY)) for day in range(5)]
    assert store.compact(max_files=1) > 1
    assert len(DeltaTable(tmp_path / "estate" / "resources").file_uris()) == 2
    with pytest.raises(StoreError, match="at least 24 hours"):
        store.vacuum(hours=1)
    store.vacuum(hours=24)
    assert [bodies(store.iterate_versions(T1 + day * DAY)) for day in range(5)] == before
    assert len(store.list_snapshots()) == 5


@pytest.mark.full
def test_many_small_commits_are_compacted(store, tmp_path, monkeypatch):
    monkeypatch.setattr(store_module, "MAX_FILES", 4)
    monkeypatch.setattr(EstateStore.compact, "__defaults__", (4,))
    for day in range(8):
        store.append(estate(*[account(f"n{number}") for number in range(day + 1)]), T1 + day * DAY)
    assert len(DeltaTable(tmp_path / "estate" / "resources").file_uris()) <= 4
    assert len(list(store.iterate_current())) == 8


STATES = st.lists(
    st.dictionaries(st.sampled_from("abcd"), st.integers(0, 2), max_size=4), min_size=1, max_size=5
)


@settings(max_examples=8, deadline=None)
@given(STATES)
def test_every_state_comes_back_at_its_time(tmp_path_factory, states):
    store = EstateStore(tmp_path_factory.mktemp("store"))
    for day, state in enumerate(states):
        store.append(estate(*[account(name, v=value) for name, value in state.items()]), T1 + day * DAY)
    for day, state in enumerate(states):
        wanted = bodies([account(name, v=value) for name, value in state.items()])
        assert bodies(store.iterate_versions(T1 + day * DAY)) == wanted
    first = states[0]
    last = states[-1]
    found = store.diff(T1)
    assert len(found.changed) == sum(first[name] != last[name] for name in first.keys() & last.keys())
    assert len(found.added) == len(last.keys() - first.keys())
    assert len(found.removed) == len(first.keys() - last.keys())


def test_content_hashes_are_stable():
    assert hash_content(vault("v")) == hash_content(vault("v"))
    assert len(hash_content(vault("v"))) == 32
