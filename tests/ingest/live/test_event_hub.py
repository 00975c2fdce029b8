"""Event Hubs' Kafka endpoint: a real broker, a group that changes in mid-stream, TLS and SASL before it."""

from __future__ import annotations

import json
import threading
import time
import uuid

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from nephoscope.ingest.live.kinds.event_hub import EventHubSource
from nephoscope.ingest.live.live_source import SourceContext
from nephoscope.ingest.live.source_kinds import get_source_kind, parse_settings
from nephoscope.ingest.source_failures import SourceError, SourceStoppedError

pytestmark = pytest.mark.system


@pytest.fixture
def topic(kafka) -> str:
    name = f"logs-{uuid.uuid4().hex[:12]}"
    admin = AdminClient({"bootstrap.servers": kafka.address})
    admin.create_topics([NewTopic(name, num_partitions=4, replication_factor=1)])[name].result(60)
    return name


@pytest.fixture
def source(kafka, topic):
    def make(**settings) -> EventHubSource:
        given = {
            "brokers": kafka.address,
            "topics": topic,
            "group": "g",
            "sign_in": "none",
            "tls": "false",
            "session": 6,
            **settings,
        }
        return EventHubSource(
            parse_settings(get_source_kind("event_hub"), given),
            SourceContext("hub", secrets={"password": kafka.front.password}),
        )

    return make


def _produce(kafka, topic: str, numbers: range) -> None:
    producer = Producer({"bootstrap.servers": kafka.address})
    for number in numbers:
        producer.produce(topic, json.dumps({"records": [{"n": number}]}), partition=number % 4)
    assert producer.flush(60) == 0


def _numbers(sink) -> list[int]:
    return sorted(json.loads(piece.data)["records"][0]["n"] for _, _, piece in sink.pieces)


def test_errors_of_brokers_end_once_all_of_them_answer(source, sink, running, until) -> None:
    for key in ("", "brokers"):
        sink.report_health(error="refused", key=key)
    with running(source(), sink):
        until(lambda: not sink.standing)


def _committed(kafka, topic: str) -> list[int]:
    consumer = Consumer({"bootstrap.servers": kafka.address, "group.id": "g"})
    found = consumer.committed([TopicPartition(topic, number) for number in range(4)], 60)
    consumer.close()
    return [one.offset for one in found]


@pytest.mark.parametrize(("count", "rounds"), [(200, 1), pytest.param(2000, 4, marks=pytest.mark.full)])
def test_a_rebalance_in_mid_stream_loses_and_doubles_nothing(
    kafka, topic, source, sink, running, until, count: int, rounds: int
) -> None:
    sent = 2 * count
    _produce(kafka, topic, range(sent))
    with running(source(batch=20), sink):
        until(lambda: len(sink.pieces) > 40)
        for _ in range(rounds):
            second = source(batch=20)
            _produce(kafka, topic, range(sent, sent + count))
            with running(second, sink):
                until(lambda second=second: second._feeds, "the second member's partitions")
                _produce(kafka, topic, range(sent + count, sent + 2 * count))
                until(lambda wanted=sent + 2 * count: len(sink.pieces) >= wanted)
            sent += 2 * count
        _produce(kafka, topic, range(sent, sent + 100))
        until(lambda: len(sink.pieces) >= sent + 100)
    assert _numbers(sink) == list(range(sent + 100))
    until(lambda: _committed(kafka, topic) == [(sent + 100) // 4] * 4)


def test_offsets_are_committed_after_the_lake_has_the_rows_only(
    kafka, topic, source, sink, running, until
) -> None:
    _produce(kafka, topic, range(8))

    def full(feed: str, sequence: int) -> None:
        raise SourceStoppedError

    sink.before = full
    with pytest.raises(SourceStoppedError):
        source().run(sink, threading.Event())
    assert all(offset < 0 for offset in _committed(kafka, topic))
    sink.before = lambda feed, sequence: None
    with running(source(), sink):
        until(lambda: len(sink.pieces) == 8)
    assert _numbers(sink) == list(range(8))


def test_what_the_lake_has_is_not_read_again_though_its_offset_was_not_committed(
    kafka, topic, source, sink, running, until
) -> None:
    _produce(kafka, topic, range(40))
    sink.sequences = {f"{topic}/{number}": 4 for number in range(4)}
    with running(source(), sink):
        until(lambda: len(sink.pieces) == 20)
    assert _numbers(sink) == list(range(20, 40))
    assert {piece.place for _, _, piece in sink.pieces} >= {
        f"partition {number} offset 5" for number in range(4)
    }


def test_a_partition_that_counts_from_the_beginning_again_gets_a_feed_of_its_own(
    kafka, topic, source, sink, running, until
) -> None:
    _produce(kafka, topic, range(8))
    with running(source(), sink):
        until(lambda: len(sink.pieces) == 8)
        with sink.lock:
            sink.sequences = {f"{topic}/{number}": 1_000_000 for number in range(4)}
        _produce(kafka, topic, range(8, 16))
        until(lambda: len(sink.pieces) == 16)
    assert _numbers(sink) == list(range(16))
    assert {feed for feed, _, _ in sink.pieces[8:]} == {f"{topic}/{number}#1" for number in range(4)}


def test_a_message_without_a_value(kafka, topic, source, sink, running, until) -> None:
    producer = Producer({"bootstrap.servers": kafka.address})
    producer.produce(topic, None, key=b"k", partition=0)
    assert producer.flush(60) == 0
    with running(source(), sink):
        until(lambda: sink.refused)
    assert sink.refused[0].place == "partition 0 offset 0"


def test_tls_and_a_connection_string(tmp_path_factory, secure_kafka, sink, running, until) -> None:
    front = secure_kafka.front
    settings = {
        "brokers": f"127.0.0.1:{front.port}",
        "topics": "hub",
        "ca": str(front.authority),
        "session": 6,
    }
    around = SourceContext("hub", secrets={"password": front.password})
    sign_in = {
        "bootstrap.servers": f"127.0.0.1:{front.port}", "security.protocol": "SASL_SSL", "sasl.mechanism": "PLAIN",
        "sasl.username": "$ConnectionString", "sasl.password": front.password, "ssl.ca.location": str(front.authority),
    }  # fmt: skip
    admin = AdminClient(sign_in)
    admin.create_topics([NewTopic("hub", 1, 1)])["hub"].result(60)
    producer = Producer(sign_in)
    producer.produce("hub", b'{"records":[{"n":1}]}')
    assert producer.flush(60) == 0
    source = EventHubSource(parse_settings(get_source_kind("event_hub"), settings), around)
    assert source.test() == "hub: 1 partition(s)"
    with running(source, sink):
        until(lambda: sink.pieces)
    assert _numbers(sink) == [1]
    wrong = EventHubSource(
        parse_settings(get_source_kind("event_hub"), settings),
        SourceContext("hub", secrets={"password": "another"}),
    )
    with pytest.raises(SourceError) as told:
        wrong.run(sink, threading.Event())
    assert "another" not in str(told.value)
    assert front.refused


class Token:
    """A credential whose token is what the broker lets in; `scopes` are those that it was asked for."""

    def __init__(self, token: str) -> None:
        self.token, self.expires_on, self.scopes = token, time.time() + 3600, []

    def get_token(self, *scopes: str) -> Token:
        self.scopes += scopes
        return self


@pytest.mark.parametrize("sign_in", ["plain", "scram-sha-256", "scram-sha-512", "entra"])
def test_ways_to_sign_in(secure_kafka, sink, running, until, monkeypatch, sign_in: str) -> None:
    front, topic = secure_kafka.front, f"hub-{sign_in}"
    own = {
        "bootstrap.servers": f"127.0.0.1:{front.port}", "security.protocol": "SASL_SSL", "sasl.mechanism": "PLAIN",
        "sasl.username": front.user, "sasl.password": front.password, "ssl.ca.location": str(front.authority),
    }  # fmt: skip
    admin = AdminClient(own)
    admin.create_topics([NewTopic(topic, 1, 1)])[topic].result(60)
    producer = Producer(own)
    producer.produce(topic, b'{"records":[{"n":1}]}')
    assert producer.flush(60) == 0
    settings = {
        "brokers": f"127.0.0.1:{front.port}",
        "topics": topic,
        "ca": str(front.authority),
        "session": 6,
        "sign_in": sign_in,
        "username": front.user,
    }
    monkeypatch.setattr(
        "nephoscope.connect.credentials.create_credential_source", lambda *_: lambda: Token(front.password)
    )
    around = SourceContext("hub", secrets={"password": front.password})
    source = EventHubSource(parse_settings(get_source_kind("event_hub"), settings), around)
    assert source.test() == f"{topic}: 1 partition(s)"
    assert front.mechanisms[-1] == ("OAUTHBEARER" if sign_in == "entra" else sign_in.upper())
    with running(source, sink):
        until(lambda: sink.pieces)
    assert _numbers(sink) == [1]
    monkeypatch.setattr(
        "nephoscope.connect.credentials.create_credential_source", lambda *_: lambda: Token("another")
    )
    wrong = EventHubSource(
        parse_settings(get_source_kind("event_hub"), settings),
        SourceContext("hub", secrets={"password": "another"}),
    )
    with pytest.raises(SourceError) as told:
        wrong.run(sink, threading.Event())
    assert "another" not in str(told.value)
