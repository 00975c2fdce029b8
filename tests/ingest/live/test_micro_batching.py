"""Requests at the same time share an append, and none answers for another."""

from __future__ import annotations

import threading

import pytest

from nephoscope.ingest.live.ingestion.data_collection_rules import DataFlow
from nephoscope.ingest.live.ingestion.micro_batching import BatchTimeoutError, MicroBatcher
from nephoscope.ingest.live.ingestion.record_transform import shape_records
from nephoscope.ingest.live.live_source import IngestCounts
from nephoscope.ingest.source_failures import LakeBusyError
from nephoscope.model.resource_binding import bind_resource


class Slow:
    """A sink whose first append waits to be let go."""

    def __init__(self) -> None:
        self.appends, self.began, self.go = [], threading.Event(), threading.Event()
        self.senders = []

    def write_batch(self, feed, sequence, *, rows, origins, refused, wait, sender=None):
        first = not self.began.is_set()
        self.began.set()
        if first:
            assert self.go.wait(30)
        several = rows["T"]
        if any(one.get("n") == "spoilt" for one in several):
            raise ValueError("spoilt")
        if any(one.get("n") == "busy" for one in several):
            raise LakeBusyError("full")
        self.appends.append((several, origins["T"]))
        self.senders.append(sender)
        return IngestCounts(len(several), 0)


def shaped_of(*records):
    return shape_records((DataFlow("T"),), "Custom-T", records)


def taken(gathering, values):
    """What became of requests that came while one append was under way: value -> the error, None for none."""
    ends = {}

    def ask(value):
        try:
            gathering.append_rows(shaped_of({"n": value}, {"n": value}), 10, 30)
            ends[value] = None
        except Exception as error:  # noqa: BLE001 - what became of it is looked at
            ends[value] = error

    sink = gathering.sink
    threads = [threading.Thread(target=ask, args=("first",))]
    threads[0].start()
    assert sink.began.wait(30)
    for value in values:
        threads.append(threading.Thread(target=ask, args=(value,)))
        threads[-1].start()
    while len(gathering._waiting) < len(values):
        pass
    sink.go.set()
    for one in threads:
        one.join()
    return ends


def test_those_that_wait_go_together():
    gathering = MicroBatcher(Slow(), workers=1)
    assert set(taken(gathering, list(range(20))).values()) == {None}
    assert len(gathering.sink.appends) == 2
    rows, origins = gathering.sink.appends[1]
    assert sorted({one["n"] for one in rows}) == list(range(20))
    assert [one.place for one in origins[:4]] == ["record 0", "record 1"] * 2


def test_one_that_is_spoilt_fails_alone():
    gathering = MicroBatcher(Slow(), workers=1)
    ends = taken(gathering, [1, "spoilt", 2])
    assert isinstance(ends.pop("spoilt"), ValueError)
    assert set(ends.values()) == {None}
    assert sum(len(rows) for rows, _ in gathering.sink.appends) == 6


def test_all_are_told_that_the_lake_is_full():
    ends = taken(MicroBatcher(Slow(), workers=1), [1, "busy", 2])
    assert [ends["first"], *map(type, (ends[1], ends["busy"], ends[2]))] == [
        None,
        LakeBusyError,
        LakeBusyError,
        LakeBusyError,
    ]


def test_patience_ends():
    gathering = MicroBatcher(Slow(), workers=1)
    thread = threading.Thread(target=gathering.append_rows, args=(shaped_of({}), 1, 30))
    thread.start()
    assert gathering.sink.began.wait(30)
    with pytest.raises(BatchTimeoutError):
        gathering.append_rows(shaped_of({}), 1, 0.0)
    gathering.sink.go.set()
    thread.join()
    assert gathering._waiting == []


def test_requests_of_a_bound_sender_go_without_others():
    sink = Slow()
    gathering = MicroBatcher(sink, 1)
    bound = [bind_resource(f"/subscriptions/s/resourceGroups/g/providers/P.Q/vms/{name}") for name in "ab"]
    senders = [None, *bound, None, bound[0]]

    def send(number, sender):
        gathering.append_rows(shaped_of({"n": number}), 10, 30, sender)

    threads = [threading.Thread(target=send, args=(-1, None))]
    threads[0].start()
    assert sink.began.wait(30)
    for number, sender in enumerate(senders):
        threads.append(threading.Thread(target=send, args=(number, sender)))
        threads[-1].start()
    while len(gathering._waiting) < len(senders):
        pass
    sink.go.set()
    for one in threads:
        one.join(30)
    for (rows, _), sender in zip(sink.appends, sink.senders, strict=True):
        assert {senders[row["n"]] if row["n"] >= 0 else None for row in rows} == {sender}
    assert sum(len(rows) for rows, _ in sink.appends) == 1 + len(senders)
