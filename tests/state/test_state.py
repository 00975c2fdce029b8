"""The state does the same on SQLite and on PostgreSQL: a table of cases, each run on both."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import inspect, text
from sqlalchemy.engine import Connection
from tests.running import forked_commands
from tests.state import recorded

from nephoscope.state import LeaseLostError, State, StateError
from nephoscope.state.access.key_file import KeyFile
from nephoscope.state.database import migration
from nephoscope.state.database.database import Database
from nephoscope.state.ingestion.ingest_stats import Arrival, Arrivals
from nephoscope.state.ingestion.ingested_files import Chunk
from nephoscope.state.ingestion.schema_changes import SchemaChange
from nephoscope.state.ingestion.source_errors import KEPT, SHOWN
from nephoscope.state.ingestion.sources import Source
from nephoscope.state.ingestion.table_usage import TableUsage
from nephoscope.state.state_copy import open_state_moment
from nephoscope.state.state_ledger import StateLedger
from nephoscope.state.workspaces.workspace import Workspace

pytestmark = pytest.mark.system

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
SUBSCRIPTION = "00000000-0000-4000-8000-00000000000A"
Open = Callable[..., State]


class Clock:
    def __init__(self, now: datetime = NOON) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


def case_sequences_only_rise(opened: Open, url: str) -> None:
    state = opened()
    assert state.producers.last("p") == -1
    state.producers.advance({"p": 0, "q'\"%": 2**40})
    state.producers.advance({"p": 7, "q'\"%": 1})
    state.producers.advance({"p": 3})
    state.producers.advance({})
    assert opened().producers.all() == {"p": 7, "q'\"%": 2**40}
    state.producers.advance({f"file_{number}": number for number in range(1201)})
    assert state.producers.last("file_1200") == 1200
    assert state.producers.forget("file_") == 1201
    assert state.producers.all() == {"p": 7, "q'\"%": 2**40}


def case_a_workspace_is_there_and_more_can_be_made(opened: Open, url: str) -> None:
    state = opened()
    default = state.workspaces.get()
    assert (default.name, default.days, default.members, default.subscriptions) == (
        "default",
        90,
        None,
        None,
    )
    assert default.created.utcoffset() == timedelta(0)
    made = state.workspaces.add("soc-1", days=30, members=["B", "A", "B"], subscriptions=[SUBSCRIPTION])
    assert made == opened().workspaces.get("soc-1")
    assert (made.members, made.subscriptions) == ({"A", "B"}, {SUBSCRIPTION.lower()})
    assert (made.accepts_table("A"), made.accepts_table("C"), made.accepts_table("_Quarantine")) == (
        True,
        False,
        True,
    )
    changed = state.workspaces.set("soc-1", members=None, description="SOC")
    assert (changed.members, changed.description, changed.days) == (None, "SOC", 30)
    assert state.workspaces.set_table("soc-1", "A", 365).get_retention_days("A") == 365
    assert state.workspaces.set_table("soc-1", "A", 400).get_retention("A") == timedelta(days=400)
    assert state.workspaces.get("soc-1").get_retention_days("B") == 30
    assert state.workspaces.set_table("soc-1", "A", None).get_retention_days("A") == 30
    assert state.workspaces.find(made.id.upper()).name == "soc-1"
    assert state.workspaces.find("nowhere") is None
    assert [one.name for one in state.workspaces.all()] == ["default", "soc-1"]
    state.workspaces.set_table("soc-1", "A", 5)
    state.workspaces.remove("soc-1")
    assert [one.name for one in state.workspaces.all()] == ["default"]
    assert state.workspaces.add("soc-1").get_retention_days("A") == 90


def case_what_cannot_be_a_workspace_is_refused(opened: Open, url: str) -> None:
    workspaces = opened().workspaces
    for attempt, told in (
        (lambda: workspaces.get("nowhere"), "expected one of default"),
        (lambda: workspaces.add("../etc"), "'../etc' is not a valid workspace name: use lower-case letters"),
        (
            lambda: workspaces.add("Default"),
            "'Default' is not a valid workspace name: use lower-case letters",
        ),
        (lambda: workspaces.add("default"), "already"),
        (lambda: workspaces.add("a", days=0), "retention must be 1 to"),
        (lambda: workspaces.add("a", subscriptions=["x"]), "'x' is not a subscription ID"),
        (lambda: workspaces.remove("default"), "cannot be removed"),
    ):
        with pytest.raises(StateError, match=told):
            attempt()
    assert len(workspaces.all()) == 1


def case_producers_that_are_done_with_are_dropped(opened: Open, url: str) -> None:
    clock = Clock()
    state = opened(clock)
    for name in ("whole", "begun"):
        state.ingested_files.begin(name, f"{name}.log", "", 10)
    state.ingested_files.finish("whole")
    state.sources.add(Source("blobs", "storage", {}))
    state.sources.add(Source("hub", "event_hub", {}))
    state.checkpoints.put("blobs", "a", {"feed": "a#1", "offset": 5})
    state.checkpoints.put("hub", "partition:t/0", {"made": 1})
    kept = {"file-default-begun": 3, "blobs/a#1": 5, "hub/t/0": 9, "outbox/default": 2, "blobsy/a#0": 1}
    state.producers.advance({**kept, "file-default-whole": 7, "blobs/a#0": 5})
    assert state.producers.prune() == 0
    clock.now += timedelta(days=3)
    state.producers.advance({"blobs/a#2": 1})
    assert state.producers.prune() == 2
    assert state.producers.all() == {**kept, "blobs/a#2": 1}


def case_a_lease_has_one_holder_and_a_rising_number(opened: Open, url: str) -> None:
    clock = Clock()
    here, there = opened(clock), opened(clock)
    first = here.leases.acquire("flush", "a", 30)
    assert (first.fence, first.until) == (1, NOON + timedelta(seconds=30))
    assert there.leases.acquire("flush", "b", 30) is None
    assert there.leases.find_holder("flush") == "a"
    assert there.leases.acquire("compact", "b", 30).fence == 1
    clock.now += timedelta(seconds=29)
    assert first.renew(30).until == clock.now + timedelta(seconds=30)
    clock.now += timedelta(seconds=30)
    second = there.leases.acquire("flush", "b", 30)
    assert second.fence == 2
    with pytest.raises(LeaseLostError, match="flush"):
        first.renew(30)
    first.release()
    assert here.leases.find_holder("flush") == "b"
    second.release()
    assert here.leases.find_holder("flush") == ""
    third = here.leases.acquire("flush", "a", 30)
    assert here.leases.acquire("flush", "a", 30).fence == third.fence + 1 == 4
    with pytest.raises(LeaseLostError):
        third.renew(1)


def case_a_lease_that_ran_out_is_kept_while_nobody_takes_it(opened: Open, url: str) -> None:
    clock = Clock()
    state = opened(clock)
    lease = state.leases.acquire("flush", "a", 30)
    clock.now += timedelta(hours=1)
    with state.transaction() as session, pytest.raises(LeaseLostError):
        lease.check(session)
    with state.transaction() as session:
        assert state.leases.lock_held_leases(session, [lease]) == set()
    again = lease.renew(30)
    with state.transaction() as session:
        again.check(session)
    # a holder that is gone would block the others until the clock is there again; the number keeps one that lives from going on
    clock.now -= timedelta(days=1)
    other = state.leases.acquire("flush", "b", 30)
    with state.transaction() as session, pytest.raises(LeaseLostError):
        again.check(session)
    for _ in range(2):
        with state.transaction() as session:
            assert state.leases.lock_held_leases(session, [again]) == {"flush"}
        other.release()


def case_the_lease_of_a_killed_process_comes_free(opened: Open, url: str) -> None:
    state = opened()
    holder = run_python(
        """
        lease = state.leases.acquire("work", "victim", 2)
        print(lease.fence, flush=True)
        while True:
            time.sleep(0.05)
            lease = lease.renew(2)
        """,
        url,
    )
    with holder:
        assert holder.stdout.readline() == "1\n"
        holder.kill()
    polling = threading.Event()
    for _ in range(1200):
        lease = state.leases.acquire("work", "heir", 60)
        if lease is not None:
            break
        polling.wait(0.05)
    assert lease.fence == 2
    assert state.leases.find_holder("work") == "heir"


def case_the_lease_of_a_process_that_ended_is_free_at_once(opened: Open, url: str) -> None:
    state = opened()
    holder = run_python(
        """
        from nephoscope.state.leases.lease_holder import create_holder_name

        lease = state.leases.acquire("work", create_holder_name(), 300)
        print(lease.fence, flush=True)
        time.sleep(3600)
        """,
        url,
    )
    with holder:
        assert holder.stdout.readline() == "1\n"
        assert state.leases.acquire("work", "heir", 60) is None
        holder.kill()
        holder.wait(60)
    assert state.leases.acquire("work", "heir", 60).fence == 2
    for elsewhere in ("victim", f"{uuid4()}@{uuid4()}.1.1.1"):
        state.leases.acquire(elsewhere, elsewhere, 300)
        assert state.leases.acquire(elsewhere, "heir", 60) is None


def case_two_processes_never_hold_a_lease_at_once(opened: Open, url: str, turns: int = 25) -> None:
    opened()
    script = """
        taken = 0
        while taken < TURNS:
            lease = state.leases.acquire("turn", me, 60)
            if lease is None:
                time.sleep(0.001)
                continue
            with state.transaction() as session:
                lease.check(session)
                state.outbox.add(session, "default", "T", {"fence": lease.fence, "me": me})
            lease.release()
            taken += 1
        """.replace("TURNS", str(turns))
    processes = [run_python(script, url, me) for me in ("a", "b")]
    printed = [process.communicate(timeout=300)[0] for process in processes]
    assert ([process.returncode for process in processes], printed) == ([0, 0], ["", ""])
    state, found = opened(), []
    lease = state.leases.acquire("outbox", "test", 600)
    state.outbox.drain(lambda entries, **_: found.extend(entry.row["fence"] for entry in entries), lease)
    assert found == sorted(set(found))
    assert len(found) == 2 * turns


def case_a_ledger_is_one_holder(opened: Open, url: str) -> None:
    clock = Clock()
    state = opened(clock)
    here, there = StateLedger(state), StateLedger(opened(clock))
    here.record({"p": 4})
    assert (there.last("p"), there.last("q")) == (4, -1)
    held = here.lease("flush", 30)
    assert (held.fence, there.lease("flush", 30), held.renew()) == (1, None, True)
    clock.now += timedelta(seconds=31)
    heir = there.lease("flush", 30)
    assert (heir.fence, held.renew(), heir.renew()) == (2, False, True)
    brought = Arrivals("src", "default", NOON, (Arrival("T", 5, 1, 50, NOON, 2.0, 1),))
    assert not held.settle({"p": 9}, {"w/1": [brought]}, {"w/1"})
    assert state.source_health.all() == ()
    assert state.counted_segments.all() == frozenset()
    state.sources.add(Source("src", "syslog", {}))
    assert heir.settle({"p": 5}, {"w/1": [brought]}, {"w/1", "w/2"})
    assert heir.settle({"p": 6}, {"w/1": [brought], "w/2": [brought, brought]}, {"w/1", "w/2"})
    assert [(one.table, one.rows, one.bad, one.size) for one in state.source_health.all("src")] == [
        ("", 0, 0, 0), ("T", 15, 3, 150)
    ]  # fmt: skip
    assert heir.settle({"q": 1}, {}, {"w/2"})
    assert (there.last("p"), there.last("q"), state.counted_segments.all()) == (6, 1, {"w/2"})
    with state.transaction() as session:
        assert state.usage.pop_hours(session, NOON) == []
        used = state.usage.pop_hours(session, NOON + timedelta(hours=1))
    assert used == [TableUsage("default", "T", NOON, 15, 150, 12, 24.0)]
    held.release()
    assert here.lease("flush", 30) is None
    heir.release()
    assert here.lease("flush", 30).fence == 3


def case_checkpoints_hold_any_json(opened: Open, url: str) -> None:
    state = opened()
    value = {"z": 1, "a": ["\x00", "é\u2028", None, 1.5, 2**60, True], "": {}}
    state.checkpoints.put("src", "blob/1", value)
    state.checkpoints.put_values("src", {"blob/2": 5, "blob/1": value})
    state.checkpoints.put("other", "blob/1", None if False else "x")
    assert list(opened().checkpoints.get("src", "blob/1").items()) == list(value.items())
    assert state.checkpoints.all("src") == {"blob/1": value, "blob/2": 5}
    assert state.checkpoints.get("src", "blob/3", -1) == -1
    assert state.checkpoints.remove("src", "blob/2") == 1
    assert state.checkpoints.remove("src") == 1
    assert state.checkpoints.all("other") == {"blob/1": "x"}


def case_a_source_is_kept_and_forgotten_as_a_whole(opened: Open, url: str) -> None:
    state = opened()
    state.credentials.put("hub", "Endpoint=sb://x;SharedAccessKey=s3cret")
    added = state.sources.add(Source("hub-1", "event_hub", {"topic": "t", "n": [1]}, credential="hub"))
    assert added == opened().sources.get("hub-1")
    assert state.sources.set("hub-1", enabled=False).enabled is False
    assert state.sources.set("hub-1", settings={"topic": "u"}).settings == {"topic": "u"}
    for attempt, told in (
        (lambda: state.sources.add(added), "already"),
        (
            lambda: state.sources.add(Source("x", "syslog", {}, workspace="nowhere")),
            "workspace 'nowhere' .* not found",
        ),
        (
            lambda: state.sources.add(Source("x", "syslog", {}, credential="nothing")),
            "credential 'nothing' not found",
        ),
        (lambda: state.sources.add(Source("a b", "syslog", {})), "'a b' is not a valid source name"),
        (lambda: state.sources.get("nowhere"), "source 'nowhere' not found"),
        (lambda: state.credentials.remove("hub"), "used by a source"),
    ):
        with pytest.raises(StateError, match=told):
            attempt()
    state.checkpoints.put("hub-1", "0", 5)
    state.source_health.count_arrivals("hub-1", [Arrival("T", 1)], NOON)
    state.sources.remove("hub-1")
    assert state.sources.all() == ()
    assert state.checkpoints.all("hub-1") == {}
    assert state.source_health.all() == state.source_health.rates() == ()
    state.credentials.remove("hub")
    assert state.credentials.names() == ()


def case_health_adds_up(opened: Open, url: str) -> None:
    health = opened().source_health
    early, late = NOON - timedelta(minutes=5), NOON - timedelta(minutes=1)
    health.count_arrivals("src", [Arrival("T", 10, 1, 100, late, 4.0), Arrival("U", 1)], NOON)
    health.count_arrivals("src", [Arrival("T", 30, 0, 300, early, 8.0)], NOON + timedelta(minutes=59))
    health.count_arrivals("src", [Arrival("T", 5)], NOON + timedelta(hours=1))
    whole, one, other = health.all("src")
    assert (whole.table, whole.last_seen, whole.error) == ("", NOON + timedelta(hours=1), "")
    assert (one.rows, one.bad, one.size, one.last_event, one.first_seen) == (45, 1, 400, late, NOON)
    assert (other.table, other.rows, other.last_event) == ("U", 1, None)
    assert [(rate.hour, rate.rows, rate.delay) for rate in health.rates(table="T")] == [
        (NOON, 40, 7.0),
        (NOON + timedelta(hours=1), 5, 0.0),
    ]
    health.count_arrivals("src", [Arrival("T", 15, 0, 0, early, 9.0, 10)], NOON + timedelta(hours=1))
    last = health.rates(table="T")[-1]
    assert (last.rows, last.untimed, last.timed_rows, last.delay) == (20, 10, 10, 4.5)
    assert health.all("src")[1].untimed == 10
    with opened().transaction() as session:
        for _ in range(2):
            health.count(session, [Arrivals("src", "default", NOON, (), 3)])
    assert [one.left_out for one in health.all("src")] == [6, 0, 0]
    assert len(health.rates("src", since=NOON + timedelta(hours=1))) == 1
    assert health.prune(NOON + timedelta(hours=1)) == 2
    errors = opened().source_errors
    errors.keep_errors("src", {"": "refused\x00 at once"}, NOON)
    health.record_lag("src", 12)
    assert (health.all()[0].error, health.all()[0].lag) == ("refused\\u0000 at once", 12)
    assert health.all()[0].error_at == NOON
    errors.clear_errors("src", [""])
    assert (health.all()[0].error, health.all()[0].error_at) == ("", None)
    with opened().transaction() as session:
        assert health.record_arrival(session, "src", {"T", "new"}, NOON) == {"": "", "T": "", "new": ""}
        health.schema(session, "src", {"T": "a:long", "": "x"})
    with opened().transaction() as session:
        assert health.record_arrival(session, "src", {"T"}, NOON) == {"": "x", "T": "a:long"}
    assert (health.all("src")[1].rows, health.all("src")[1].columns) == (60, "a:long")


def case_a_change_of_schema_waits_until_it_is_told(opened: Open, url: str) -> None:
    state, change = opened(), SchemaChange("src", "default", "T", ("a\x00",), ("b", "c"))
    with state.transaction() as session:
        state.schema_changes.add(session, change)
    with suppress(RuntimeError), state.transaction() as session:
        assert state.schema_changes.pop_changes(session) == [change]
        raise RuntimeError
    with opened().transaction() as session:
        assert opened().schema_changes.pop_changes(session) == [change]
        assert opened().schema_changes.pop_changes(session) == []


def case_an_error_stands_until_its_part_works(opened: Open, url: str) -> None:
    errors, health = opened().source_errors, opened().source_health
    later, long = NOON + timedelta(minutes=5), "blob:" + "é" * 5000
    errors.keep_errors("src", {"blob:a": "torn", "blob:b": "torn too", long: "far"}, NOON)
    errors.keep_errors("src", {"blob:a": "torn again", "event:lost": "3 lost"}, later)
    health.count_arrivals("src", [Arrival("T", 1)], later)
    whole = health.all("src")[0]
    assert [(one.key, one.since, one.at) for one in whole.standing.errors[:2]] == [
        ("blob:a", NOON, later), ("event:lost", later, later)
    ]  # fmt: skip
    assert whole.standing.count == 4
    assert whole.error == "torn again; 3 lost; torn too; and 1 more"
    assert errors.clear_errors("src", ["blob:c", "", long]) == 1
    assert errors.keys("src") == {"blob:a", "blob:b", "event:lost"}
    errors.expire("src", later)
    assert "event:lost" in errors.keys("src")
    errors.expire("src", later + timedelta(seconds=1))
    assert errors.clear_errors("src", ["blob:a", "blob:b"]) == 2
    assert errors.all() == {}
    errors.keep_errors("only-failed", {"": "refused"}, NOON, "other")
    assert [(one.source, one.workspace, one.table, one.error) for one in health.all("only-failed")] == [
        ("only-failed", "other", "", "refused")
    ]


def case_so_many_errors_of_a_source_are_kept(opened: Open, url: str) -> None:
    errors = opened().source_errors
    errors.keep_errors("src", {f"blob:{number}": "torn" for number in range(KEPT + 5)}, NOON, more=2)
    found = errors.all("src", KEPT + 1)["src", "default"]
    assert found.count == KEPT + 1
    assert [one.error for one in found.errors if one.error != "torn"] == [
        "7 more of its parts fail, whose errors are not kept"
    ]
    assert len(errors.all()["src", "default"].errors) == SHOWN
    errors.clear_errors("src", ["blob:0"])
    errors.keep_errors("src", {"blob:new": "torn", "blob:1": "torn"}, NOON)
    assert len(errors.keys("src")) == KEPT
    assert "blob:new" in errors.keys("src")


def case_a_file_is_taken_in_once(opened: Open, url: str) -> None:
    files = opened().ingested_files
    assert files.get("hash") is None
    begun = files.begin("hash", "a.json", "vnet-flow", 1000)
    assert (begun.chunk, begun.done, begun.finished) == (-1, 0, None)
    files.advance("hash", "default", Chunk(0, 400, 40, 1))
    files.advance("hash", "default", Chunk(0, 400, 40, 1))
    assert files.begin("hash", "b.json", "auto", 1000).name == "a.json"
    files.advance("hash", "default", Chunk(1, 900, 50))
    files.finish("hash")
    done = files.get("hash")
    assert (done.rows, done.bad, done.chunk, done.done) == (90, 1, 1, 1000)
    assert done.finished is not None
    assert files.get("hash", "other") is None
    files.begin("hash", "a.json", "vnet-flow", 1000, "other")
    assert len(files.all()) == 2
    assert len(files.all("other")) == 1
    with pytest.raises(StateError, match="was not started"):
        files.finish("nothing")


def case_a_change_and_its_rows_are_kept_together_or_not_at_all(opened: Open, url: str) -> None:
    state = opened()

    def change() -> None:
        with state.transaction() as session:
            state.outbox.add(session, "default", "T", {"n": 1})
            session.execute(text("UPDATE workspaces SET description = 'changed'"))
            session.flush()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        change()
    assert state.outbox.waiting() == 0
    assert state.workspaces.get().description == ""
    with state.transaction() as session:
        session.execute(text("UPDATE workspaces SET description = 'changed'"))
        state.outbox.add(session, "default", "T", {"n": 1, "text": "\x00'\u2028"})
    assert opened().outbox.waiting() == 1
    assert state.workspaces.get().description == "changed"


def case_a_reader_that_dies_appends_once(opened: Open, url: str) -> None:
    state, taken, last = opened(), [], {}

    def lake(entries, *, producer, sequence):
        if sequence > last.get(producer, -1):
            last[producer] = sequence
            taken.extend(entry.row["n"] for entry in entries)

    def dying(entries, *, producer, sequence):
        lake(entries, producer=producer, sequence=sequence)
        raise KeyboardInterrupt

    def add(numbers):
        with state.transaction() as session:
            for number in numbers:
                state.outbox.add(session, "default", "T", {"n": number})

    add(range(2500))
    with pytest.raises(KeyboardInterrupt):
        state.outbox.drain(dying, state.leases.acquire("outbox", "one", 600))
    add([9000])
    assert opened().outbox.drain(lake, state.leases.acquire("outbox", "one", 600)) == 2501
    assert taken == [*range(2500), 9000]
    add([9001])
    lease = state.leases.acquire("outbox", "one", 600)
    lease.release()
    with pytest.raises(LeaseLostError):
        state.outbox.drain(lake, lease)
    assert state.outbox.drain(lake, state.leases.acquire("outbox", "two", 600)) == 1
    assert taken[-2:] == [9000, 9001]
    assert state.outbox.waiting() == 0


def case_many_threads_are_served(opened: Open, url: str) -> None:
    state = opened()

    def work(me: int) -> None:
        for number in range(5):
            state.producers.advance({f"p{me}": number, "all": me * 5 + number})
            assert state.producers.last(f"p{me}") == number

    with ThreadPoolExecutor(40) as pool:
        list(pool.map(work, range(40)))
    assert state.producers.all() == {"all": 199} | {f"p{me}": 4 for me in range(40)}


def case_several_processes_open_at_once(opened: Open, url: str) -> None:
    processes = [run_python("print(state.workspaces.get().id)", url) for _ in range(4)]
    printed = [process.communicate(timeout=300)[0] for process in processes]
    assert [process.returncode for process in processes] == [0] * 4
    assert set(printed) == {f"{opened().workspaces.get().id}\n"}


def case_the_tables_are_those_that_the_code_says(opened: Open, url: str) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.runtime.migration import MigrationContext

    from nephoscope.state.database.concept_registry import load_tables
    from nephoscope.state.tables.columns import Base

    load_tables()
    with opened().database.read() as session:
        context = MigrationContext.configure(session.connection(), opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


def case_a_step_that_fails_leaves_nothing(opened: Open, url: str) -> None:
    begin = migration._begin_empty_database

    def failing(connection: Connection) -> None:
        begin(connection)
        raise ZeroDivisionError

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(migration, "_begin_empty_database", failing)
        with pytest.raises(ZeroDivisionError):
            opened()
    database = Database.open(url)
    with database.read() as session:
        assert inspect(session.connection()).get_table_names() == []
    database.close()
    assert opened().workspaces.get().name == "default"


AUTOMATION = "/subscriptions/x/providers/microsoft.security/automations/y"
MOVED = ("events", "facts", "runs")


def case_the_queue_of_a_recorded_state_goes_on(opened: Open, url: str) -> None:
    """An event that is noted after the move comes behind those that were moved, with a number of its own."""
    recorded.load(url)
    state = opened()
    with state.transaction() as session:
        state.automation_runs.record_event(
            session, "soc-1", "alert.created", "a1", {"n": 1}, datetime.now(UTC)
        )
    assert [row["id"] for row in recorded.read_table(url, "automation_events")] == [1, 2, 3]


def case_a_recorded_state_opens_with_its_rows(opened: Open, url: str) -> None:
    """What the steps of before the baseline made opens with every row, and has the tables of a new one."""
    recorded.load(url)
    recorded.execute(
        url, f"UPDATE response_runs SET rule = '{AUTOMATION}', kind = 'assessments.test' WHERE id LIKE '%2%'"
    )
    before, moved = (
        recorded.read_rows(url),
        {name: recorded.read_table(url, f"response_{name}") for name in MOVED},
    )
    assert {name: len(rows) for name, rows in before.items() if name != "workspaces"} == {
        name: 2 for name in before if name != "workspaces"
    }
    state = opened()
    after = recorded.read_rows(url)
    for one in after["alerts"]:
        assert one.pop("stored") == one["changed"], "the latest time at which it can have been stored"
    assert {name: rows for name, rows in after.items() if name in before} == before
    found = {name: recorded.read_table(url, f"automation_{name}") for name in MOVED}
    for run in found["runs"]:
        told = ("response", False) if "1" in run["id"] else ("automation", True)
        assert (run.pop("language"), bool(run.pop("urgent")), run.pop("requesters")) == (*told, "[]")
    assert found == moved
    assert [one.name for one in state.workspaces.all()] == ["default", "soc-1", "soc-2"]
    assert state.workspaces.get().id == "5b1f0d9e-3a52-4c51-9a0e-0d6a1c7b8e90"
    assert [(one.name, one.settings) for one in state.sources.all()] == [
        ("hub-1", {"topic": "t1"}), ("hub-2", {"topic": "t2"})
    ]  # fmt: skip
    found = recorded.read_schema(url)
    recorded.drop_tables(url)
    opened()
    assert recorded.read_schema(url) == found


def case_settings_of_the_behavior_analysis_leave_the_checkpoints(opened: Open, url: str) -> None:
    recorded.load(url)
    recorded.execute(
        url,
        "INSERT INTO checkpoints VALUES ('behavior-settings', 'soc-1', '{\"peers\"\\:7}', '2026-01-01 00:00:00+00:00')",
    )
    state = opened()
    assert (state.behavior_settings.get("soc-1"), state.behavior_settings.get("default")) == (
        {"peers": 7},
        {},
    )
    assert state.checkpoints.all("behavior-settings") == {}


def case_the_agent_of_a_key_is_found_by_an_index(opened: Open, url: str) -> None:
    # each request of an agent asks for it
    opened()
    assert ["principal"] in [one["column_names"] for one in recorded.read_schema(url)["agents"]["indexes"]]


def case_a_state_of_before_the_baseline_is_told_its_way(opened: Open, url: str) -> None:
    recorded.load(url)
    before = recorded.read_rows(url)
    recorded.execute(url, "UPDATE alembic_version SET version_num = '0034'")
    with pytest.raises(
        StateError, match=r"step 0034, the first one is 0035.*open it with nephoscope 0\.1\.0"
    ):
        opened()
    assert recorded.read_rows(url) == before


def case_a_newer_state_is_refused(opened: Open, url: str) -> None:
    with opened().transaction() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StateError, match="by a newer nephoscope"):
        opened()


def case_times_are_in_utc_and_have_a_zone(opened: Open, url: str) -> None:
    state = opened()
    west = datetime(2026, 1, 1, 23, tzinfo=timezone(timedelta(hours=-5)))
    state.source_health.count_arrivals("s", [Arrival("T", 1, last_event=west)], west)
    found = state.source_health.all("s")[1]
    assert (found.last_event, found.last_event.tzinfo) == (west, UTC)
    with pytest.raises(Exception, match="needs a zone"):
        state.source_health.count_arrivals("s", [], west.replace(tzinfo=None))


def case_a_secret_is_seen_nowhere(opened: Open, url: str) -> None:
    import logging

    heard: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: heard.append(record.getMessage())
    logging.getLogger().addHandler(handler)
    logging.getLogger("sqlalchemy").setLevel(logging.DEBUG)
    try:
        state = opened()
        state.credentials.put("a", "hunter2-hunter2")
        secret = state.credentials.get("a")
        state.credentials.rotate()
    finally:
        logging.getLogger("sqlalchemy").setLevel(logging.NOTSET)
        logging.getLogger().removeHandler(handler)
    assert secret.reveal() == "hunter2-hunter2"
    with state.database.read() as session:
        rows = session.execute(text("SELECT * FROM credentials")).all()
    assert heard
    assert not any("hunter2" in line for line in [*heard, repr(secret), f"{secret}", repr(rows)])


def case_credentials_survive_a_rotation(opened: Open, url: str) -> None:
    state = opened()
    for name in ("a", "b"):
        state.credentials.put(name, f"secret of {name} \u00e9")
    with state.database.read() as session:
        before = {row.name: row for row in session.execute(text("SELECT * FROM credentials"))}
    assert state.credentials.rotate() == 2
    with state.database.read() as session:
        after = {row.name: row for row in session.execute(text("SELECT * FROM credentials"))}
    assert all(after[name].key_id != before[name].key_id for name in after)
    other = opened().credentials
    assert [other.get(name).reveal() for name in other.names()] == [
        "secret of a \u00e9",
        "secret of b \u00e9",
    ]


CASES = {
    name.removeprefix("case_"): case for name, case in list(globals().items()) if name.startswith("case_")
}
#: What `make test` runs on PostgreSQL; `make test-all` runs every case.
QUICK = "a_lease_has_one_holder_and_a_rising_number"
RUNS = [
    pytest.param(
        name, kind, id=f"{kind}-{name}", marks=[] if kind == "sqlite" or name == QUICK else pytest.mark.full
    )
    for kind in ("sqlite", "postgresql")
    for name in CASES
]


@pytest.mark.parametrize(("name", "url"), RUNS, indirect=["url"])
def test_the_state(name: str, url: str, opened: Open) -> None:
    CASES[name](opened, url)


@pytest.mark.full
@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
def test_a_change_that_commits_late_is_not_passed_over(opened: Open, url: str) -> None:
    state, found = opened(), []
    lease = state.leases.acquire("outbox", "one", 600)

    def lake(entries, **_):
        found.extend(entry.row["n"] for entry in entries)

    with state.transaction() as slow:
        state.outbox.add(slow, "default", "T", {"n": "slow"})
        slow.flush()
        with state.transaction() as fast:
            state.outbox.add(fast, "default", "T", {"n": "fast"})
        assert state.outbox.drain(lake, lease) == 1
    assert state.outbox.drain(lake, lease) == 1
    assert found == ["fast", "slow"]


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_a_file_is_its_owners_alone(opened: Open, url: str, tmp_path: Path) -> None:
    state = opened()
    state.credentials.put("a", "x")
    state.producers.advance({"p": 1})
    modes = {path.name: oct(path.stat().st_mode & 0o777) for path in tmp_path.rglob("*") if path.is_file()}
    assert modes.keys() >= {"state.db", "state.db-wal", "state.db-shm", "credentials.key"}
    assert set(modes.values()) == {"0o600"}
    with state.database.read() as session:
        for pragma, wanted in (
            ("journal_mode", "wal"),
            ("foreign_keys", 1),
            ("synchronous", 2),
            ("busy_timeout", 30000),
        ):
            assert session.execute(text(f"PRAGMA {pragma}")).scalar() == wanted


NEXT = """
import sqlalchemy as sa
from alembic import op

revision = "9999"
down_revision = "{last}"


def upgrade() -> None:
    op.add_column("tenants", sa.Column("color", sa.Text(), nullable=False, server_default="blue"))
"""


@pytest.mark.parametrize("is_new", [True, False])
@pytest.mark.parametrize("url", ["sqlite", "postgresql"], indirect=True)
def test_the_next_step_is_one_file(
    opened: Open, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_new: bool
) -> None:
    folder = tmp_path / "migrations"
    shutil.copytree(migration.FOLDER, folder)
    (folder / "versions" / "9999_colors.py").write_text(
        NEXT.format(last=migration.list_migration_steps()[-1])
    )
    monkeypatch.setattr(migration, "FOLDER", folder)
    if not is_new:
        recorded.load(url)
    with opened().database.read() as session:
        assert migration._read_revision(session.connection()) == "9999"
        colors = session.execute(text("SELECT color FROM tenants")).scalars().all()
    assert colors == ([] if is_new else ["blue", "blue"])
    monkeypatch.undo()
    with pytest.raises(StateError, match="by a newer nephoscope"):
        opened()


def test_alembic_itself_begins_with_the_baseline(tmp_path: Path) -> None:
    database = Database.open_file(tmp_path / "state.db")
    with database.write() as session:
        migration._upgrade_database(session.connection())
    database.close()
    url = f"sqlite:///{tmp_path / 'state.db'}"
    with State.open(url) as state:
        assert state.workspaces.get().days == 90


def test_a_state_is_made_and_read_without_alembic(tmp_path: Path) -> None:
    code = "import sys; from pathlib import Path; from nephoscope.state import State; State.open_folder(Path(sys.argv[1])).close();"
    code += "assert 'alembic' not in sys.modules"
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, env=_plain_environment())


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("nonsense", "not one"),
        ("mysql://u:hunter2@h/d", "unsupported database mysql"),
        ("sqlite://", "needs a file"),
        ("sqlite:////proc/nowhere/state.db", "/proc/nowhere/state.db"),
        ("postgresql://u:hunter2@/d?host=/nowhere", "/nowhere"),
    ],
)
def test_a_url_that_cannot_be_used(given: str, told: str) -> None:
    with pytest.raises(StateError, match=told) as caught:
        State.open(given)
    assert "hunter2" not in str(caught.value)


def test_the_key_is_the_owners_and_the_right_one(tmp_path: Path) -> None:
    key = tmp_path / "keys" / "credentials.key"
    with State.open_folder(tmp_path, "") as state:
        state.credentials.put("a", "one")
        held = key.read_bytes()
        key.chmod(0o640)
        with pytest.raises(StateError, match="chmod 600"):
            state.credentials.get("a")
        key.unlink()
        with pytest.raises(StateError, match="put the key file back"):
            state.credentials.get("a")
        state.credentials.put("b", "two")
        with pytest.raises(StateError, match="put the key file back"):
            state.credentials.get("a")
        id_, _, other = key.read_text().partition(" ")
        key.write_text(f"{held.decode().partition(' ')[0]} {other}")
        with pytest.raises(StateError, match="the key is not the one"):
            state.credentials.get("a")
        for wrong in ("abc", f"{id_} not base64!\n", f"{id_} AAAA\n", "\u00e9"):
            key.write_text(wrong)
            with pytest.raises(StateError, match=r"credentials\.key"):
                state.credentials.get("a")
        key.write_bytes(held)
        assert state.credentials.get("a").reveal() == "one"


@pytest.mark.parametrize("step", ["_write_keys", "keep"])
def test_a_rotation_that_is_killed_leaves_all_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    with State.open_folder(tmp_path, "") as state:
        for name in "abc":
            state.credentials.put(name, name)

        def killed(*_: object) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(KeyFile, step, killed)
            with pytest.raises(KeyboardInterrupt):
                state.credentials.rotate()
        assert [state.credentials.get(name).reveal() for name in "abc"] == ["a", "b", "c"]
        assert state.credentials.rotate() == 3
        assert [state.credentials.get(name).reveal() for name in "abc"] == ["a", "b", "c"]
        assert len(KeyFile(tmp_path / "keys").keys()) == 1


def test_a_folder_may_have_any_name(tmp_path: Path) -> None:
    data = tmp_path / "a?b#c%20d ;'\u00e9&"
    with State.open_folder(data, "") as state:
        state.producers.advance({"p": 1})
        with open_state_moment(state.database) as save:
            save(data / "saved?.db")
    with Database.open_file(data / "saved?.db").read() as session:
        assert session.execute(text("SELECT count(*) FROM producers")).scalar() == 1
    assert (data / "state.db").exists()


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "state.db").write_bytes(b"this is no database, whatever it is called" * 100)
    with pytest.raises(StateError, match=r"state\.db: file is not a database"):
        State.open_folder(tmp_path, "")


def _plain_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("NEPHOSCOPE_")}


def run_python(body: str, url: str, me: str = "") -> subprocess.Popen[str]:
    """A process with `state` open at the URL and `me`."""
    lines = body.strip("\n").split("\n")
    indent = len(lines[0]) - len(lines[0].lstrip())
    script = "\n".join(line[indent:] for line in lines)
    head = f"import time\nfrom nephoscope.state import State\nstate = State.open({json.dumps(url)})\nme = {json.dumps(me)}\n"
    return forked_commands.Popen([sys.executable, "-c", head + script], stdout=subprocess.PIPE, text=True)


def test_a_workspace_of_its_own_making_has_defaults() -> None:
    assert Workspace("w", "id").get_retention_days("T") == 90
