"""Blobs in Azurite over TLS: read while they grow, taken up again, rewritten, deleted."""

from __future__ import annotations

import base64
import gzip
import json
import threading
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from azure.storage.blob import (
    AccountSasPermissions,
    BlobBlock,
    BlobServiceClient,
    ResourceTypes,
    generate_account_sas,
)

from nephoscope.ingest.live.kinds.storage import StorageSource
from nephoscope.ingest.live.live_source import SourceContext
from nephoscope.ingest.live.source_kinds import get_source_kind, parse_settings
from nephoscope.ingest.source_failures import SourceError

pytestmark = pytest.mark.system

NAME = "flowLogResourceID=/S_NETWORKWATCHERRG/NETWORKWATCHER_WESTEUROPE_LOG/y=2026/m=06/d=01/h=10/m=00/macAddress=0022/PT1H.json"


class Flow:
    """A flow log as Azure writes one: 12 bytes first, `]}` last, entries in blocks between them."""

    def __init__(self, client) -> None:
        self.client = client
        self.blocks = [self._stage(b'{"records":[')]
        self.count = 0

    def _stage(self, data: bytes) -> BlobBlock:
        id_ = base64.b64encode(uuid.uuid4().bytes).decode()
        self.client.stage_block(id_, data)
        return BlobBlock(id_)

    def add(self, *sizes: int) -> None:
        """An entry of each size more, in one commit."""
        for size in sizes:
            entry = json.dumps({"n": self.count, "text": 'a "]}" {[' + "x" * size}).encode()
            self.blocks.append(self._stage((b"," if self.count else b"") + entry))
            self.count += 1
        self.client.commit_block_list([*self.blocks, self._stage(b"]}")])

    def rewrite(self) -> None:
        """The same bytes in one block."""
        self.client.upload_blob(self.client.download_blob().readall(), overwrite=True)


@pytest.fixture
def account(azurite):
    with BlobServiceClient(azurite.url, credential=azurite.key) as client:
        yield client
        for container in client.list_containers():
            client.delete_container(container.name)


@pytest.fixture
def container(account):
    return account.create_container(f"insights-logs-flowlogflowevent-{uuid.uuid4().hex[:8]}")


@pytest.fixture
def source(azurite):
    def make(**settings) -> StorageSource:
        given = {"account_url": azurite.url, "credential": "account-key", "poll": 0.05, **settings}
        return StorageSource(
            parse_settings(get_source_kind("storage"), given),
            SourceContext("account", secrets={"account_key": azurite.key}),
        )

    return make


def _numbers(sink) -> list[int]:
    return [json.loads(data)["n"] for _, data in sink.records]


@pytest.mark.parametrize("steps", [12, pytest.param(150, marks=pytest.mark.full)])
def test_a_blob_that_grows_while_it_is_read(container, source, sink, running, until, steps: int) -> None:
    flow = Flow(container.get_blob_client(NAME))
    with running(source(), sink):
        for step in range(steps):
            flow.add(10, 300, 5000 * (step % 20))
            until(lambda: len(sink.records) >= flow.count // 2)
        until(lambda: len(sink.records) == flow.count)
    assert _numbers(sink) == list(range(3 * steps))
    assert len(sink.sequences) == 1


def test_nothing_is_read_twice_and_only_what_is_new(
    container, source, sink, running, until, monkeypatch
) -> None:
    from nephoscope.ingest.live.blobs.blob_reader import BlobReader

    fetched, fetch = [], BlobReader._fetch_range
    monkeypatch.setattr(
        BlobReader,
        "_fetch_range",
        lambda self, start, end: fetched.append((start, end)) or fetch(self, start, end),
    )
    flow = Flow(container.get_blob_client(NAME))
    flow.add(1000, 1000)
    with running(source(), sink):
        until(lambda: len(sink.records) == 2)
    fetched.clear()
    flow.add(1000)
    with running(source(), sink):
        until(lambda: len(sink.records) == 3)
    assert _numbers(sink) == [0, 1, 2]
    assert min(start for start, _ in fetched) > 2000


def test_an_interrupted_hand_over_is_taken_up_where_it_was(container, source, sink, running, until) -> None:
    flow = Flow(container.get_blob_client(NAME))
    flow.add(10, 10)
    with running(source(), sink):
        until(lambda: len(sink.records) == 2)
    kept = dict(sink.saved)
    flow.add(10, 10)
    with running(source(), sink):
        until(lambda: len(sink.records) == 4)
    sink.saved = kept  # the process died after the lake had taken the rows and before the checkpoint
    flow.add(10)
    with running(source(), sink):
        until(lambda: len(sink.records) == 5)
    assert _numbers(sink) == [0, 1, 2, 3, 4]


def test_rewritten_with_the_same_beginning_goes_on_and_with_another_begins_anew(
    container, source, sink, running, until
) -> None:
    client = container.get_blob_client(NAME)
    flow = Flow(client)
    flow.add(10, 10)
    with running(source(), sink):
        until(lambda: len(sink.records) == 2)
        flow.rewrite()
        until(
            lambda: (
                [one["etag"] for one in sink.saved.values()] == [client.get_blob_properties().etag.strip('"')]
            )
        )
        assert len(sink.records) == 2
        other = b'{"records":[{"n":7},{"n":8, "text":"' + b"y" * 400 + b'"}]}'
        client.upload_blob(other, overwrite=True)
        until(lambda: len(sink.records) == 4)
    assert _numbers(sink) == [0, 1, 7, 8]
    assert len(sink.sequences) == 2


@pytest.mark.full
def test_deleted_and_made_again(container, source, sink, running, until) -> None:
    client = container.get_blob_client(NAME)
    Flow(client).add(10)
    with running(source(), sink):
        until(lambda: sink.saved and sink.records)
        client.delete_blob()
        until(lambda: not sink.saved)
        Flow(client).add(10, 10)
        until(lambda: len(sink.records) == 3)
    assert _numbers(sink) == [0, 0, 1]


@pytest.mark.full
def test_append_blobs_of_lines(container, source, sink, running, until) -> None:
    client = container.get_blob_client("resourceId=/SUBSCRIPTIONS/S/y=2026/m=06/d=01/h=10/m=00/PT1H.json")
    client.create_append_blob()
    with running(source(), sink):
        client.append_block(b'{"n":0}\n{"n":1}\n{"n"')
        until(lambda: len(sink.records) == 2)
        client.append_block(b":2}\n")
        until(lambda: len(sink.records) == 3)
    assert _numbers(sink) == [0, 1, 2]
    client.append_block(b'{"n":3}')
    with running(source(settle=0), sink):
        until(lambda: len(sink.records) == 4)
    assert _numbers(sink) == [0, 1, 2, 3]


@pytest.mark.full
def test_blobs_of_wide_text(container, source, sink, running, until) -> None:
    client = container.get_blob_client("resourceId=/SUBSCRIPTIONS/S/y=2026/m=06/d=01/h=10/m=00/PT1H.json")
    client.create_append_blob()
    data = b'{"n":0}\n{"n":1}\n{"n":2}\n'.decode().encode("utf-16")
    with running(source(), sink):
        client.append_block(data[:37])
        until(lambda: len(sink.records) == 2)
        client.append_block(data[37:])
        until(lambda: len(sink.records) == 3)
    assert _numbers(sink) == [0, 1, 2]


def test_packed_blobs_are_read_once_they_are_finished(container, source, sink, running, until) -> None:
    data = gzip.compress(b"".join(b'{"n":%d}\n' % at for at in range(1000)))
    container.upload_blob("export.json.gz", data)
    container.upload_blob("cut.json.gz", data[: len(data) // 2])
    with running(source(settle=0), sink):
        until(lambda: [one.get("done") for one in sink.saved.values()] == [True, True])
    with running(source(settle=0), sink):
        pass
    whole = [json.loads(data)["n"] for feed, data in sink.records if "export" in feed]
    assert whole == list(range(1000))
    half = [data for feed, data in sink.records if "cut" in feed]
    assert [json.loads(data)["n"] for data in half[:100]] == list(range(100))
    assert [one.reason for one in sink.refused][-1:] == ["the packed data ends early"]


def _records(first: int, count: int = 20) -> bytes:
    return b'{"records":[' + b",".join(b'{"n":%d}' % at for at in range(first, first + count)) + b"]}"


def _done(sink, count: int) -> bool:
    return [one.get("done") for one in sink.saved.values()] == [True] * count


@pytest.mark.full
def test_a_copy_of_a_whole_blob_brings_no_row_again(account, source, sink, running, until) -> None:
    """In the same round, a later one, another container, of a copy whose original is gone, and of a source that begins again."""
    first, other = (account.create_container(f"insights-logs-{name}") for name in ("first", "other"))
    packed = gzip.compress(b"".join(b'{"n":%d}\n' % at for at in range(100, 120)))
    for blob, data in (("a.json", _records(0)), ("b.json", _records(0)), ("c.json.gz", packed)):
        first.upload_blob(blob, data)
    other.upload_blob("a.json", _records(0))
    first.upload_blob("other.json", _records(50))
    with running(source(settle=0), sink):
        until(lambda: _done(sink, 5))
        first.upload_blob("later.json.gz", packed)
        until(lambda: _done(sink, 6))
        first.upload_blob("moved.json", _records(50))
        until(lambda: _done(sink, 7))
        first.delete_blob("other.json")
        until(lambda: _done(sink, 6))
        first.upload_blob("moved again.json", _records(50))
        until(lambda: _done(sink, 7))
    with running(source(settle=0), sink):
        other.upload_blob("again.json", _records(0))
        until(lambda: _done(sink, 8))
    assert sorted(_numbers(sink)) == [*range(20), *range(50, 70), *range(100, 120)]


@pytest.mark.full
def test_a_copy_that_goes_on_as_another_blob_is_read(account, source, sink, running, until) -> None:
    container = account.create_container("insights-logs-grown")
    lines = b"".join(b'{"n":%d}\n' % at for at in range(20))
    for name in ("a.jsonl", "b.jsonl"):
        blob = container.get_blob_client(name)
        blob.create_append_blob()
        blob.append_block(lines)
    with running(source(settle=0), sink):
        until(lambda: _done(sink, 2))
        container.get_blob_client("b.jsonl").append_block(b'{"n":20}\n')
        until(lambda: len(sink.records) == 21)
    assert _numbers(sink) == list(range(21))


@pytest.mark.full
def test_many_blobs_in_many_containers(account, source, sink, running, until) -> None:
    for place in range(3):
        container = account.create_container(f"insights-logs-kind{place}")
        for blob in range(20):
            container.upload_blob(f"h={blob:02}/PT1H.json", b'{"records":[{"n":%d}]}' % (place * 20 + blob))
    account.create_container("other").upload_blob("x.json", b'{"records":[{"n":-1}]}')
    chosen = source(workers=8)
    assert "3 container(s)" in chosen.test()
    with running(chosen, sink):
        until(lambda: len(sink.records) == 60)
    assert sorted(_numbers(sink)) == list(range(60))


def test_ways_to_sign_in(azurite, container, source, sink, running, until, monkeypatch, request) -> None:
    from nephoscope.ingest.live.blobs import storage_account as module

    container.upload_blob("a/PT1H.json", b'{"records":[{"n":1}]}')
    sas = generate_account_sas(
        "nephotest", azurite.key, ResourceTypes(service=True, container=True, object=True),
        AccountSasPermissions(read=True, list=True), datetime.now(UTC) + timedelta(hours=1), protocol="https",
    )  # fmt: skip
    by_sas = StorageSource(
        parse_settings(get_source_kind("storage"), {"account_url": azurite.url, "credential": "sas"}),
        SourceContext("account", secrets={"sas": f"?{sas}"}),
    )
    assert "blobs in" in by_sas.test()
    from live_azurite import Token

    monkeypatch.setattr(module, "create_credential_source", lambda kind, cloud: Token)
    assert "blobs in" in source(credential="managed-identity").test()
    with pytest.raises(SourceError, match="the secret 'account_key' is missing"):
        StorageSource(
            parse_settings(
                get_source_kind("storage"), {"account_url": azurite.url, "credential": "account-key"}
            ),
            SourceContext("account"),
        ).test()
    wrong = StorageSource(
        parse_settings(get_source_kind("storage"), {"account_url": azurite.url, "credential": "account-key"}),
        SourceContext(
            "account", secrets={"account_key": base64.b64encode(b"another key of the same length..").decode()}
        ),
    )
    with pytest.raises(SourceError, match="Auth") as told:
        wrong.run(sink, threading.Event())
    assert azurite.key not in str(told.value)


def test_no_container(source, account) -> None:
    with pytest.raises(SourceError, match="no container matches none-"):
        source(containers="none-*").test()
