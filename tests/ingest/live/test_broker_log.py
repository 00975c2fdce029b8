"""What librdkafka says of brokers that are down is in the log once for each change, however often it tries."""

from __future__ import annotations

import logging
import socket

import pytest

from nephoscope.ingest.live.broker_log import BrokerLog
from nephoscope.ingest.live.kinds.event_hub import EventHubSource
from nephoscope.ingest.live.live_source import SourceContext
from nephoscope.ingest.live.source_kinds import get_source_kind, parse_settings

pytestmark = pytest.mark.system

FORM = "%s [%s] %s"


@pytest.fixture
def told(caplog):
    caplog.set_level(logging.INFO, "nephoscope.kafka")
    return lambda: [one.getMessage() for one in caplog.records if one.name == "nephoscope.kafka"]


def fails(log: BrokerLog, text: str) -> None:
    log.log(logging.ERROR, FORM, "FAIL", "nephoscope#consumer-1", text)


def test_the_same_is_told_again_only_after_the_brokers_worked(told) -> None:
    log = BrokerLog()
    for tries in range(100):
        fails(log, f"b:1: refused (after {tries}ms in state CONNECT, {tries} identical error(s) suppressed)")
        fails(log, f"b:2: timed out after {tries} ms")
    assert told() == [
        "FAIL [nephoscope#consumer-1] b:1: refused",
        "FAIL [nephoscope#consumer-1] b:2: timed out after 0 ms",
    ]
    log.log_recovery()
    log.log_recovery()
    fails(log, "b:1: refused (after 7ms in state CONNECT)")
    assert told()[2:] == ["the brokers answer again", "FAIL [nephoscope#consumer-1] b:1: refused"]


def test_ever_new_texts_have_an_end(told) -> None:
    log = BrokerLog()
    for number in range(1000):
        fails(log, f"b:{number}: refused")
    assert len(told()) == 51
    assert told()[-1] == "further messages are suppressed until the brokers answer again"


def test_a_secret_is_not_told(told) -> None:
    fails(BrokerLog(), "SharedAccessKey=hidden;x")
    assert "hidden" not in told()[0]


def test_brokers_that_refuse(told, sink, running, until) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    given = {"brokers": f"127.0.0.1:{port}", "topics": "t", "sign_in": "none", "tls": "false"}
    source = EventHubSource(parse_settings(get_source_kind("event_hub"), given), SourceContext("hub"))
    tries: list[int] = []
    passed_on = source._log.log

    def counted(level: int, form: str, *parts: object) -> None:
        tries.append(level)
        passed_on(level, form, *parts)

    source._log.log = counted
    with running(source, sink):
        until(lambda: len(tries) >= 5 and sink.standing)
    lines = [one for one in told() if "Connection refused" in one]
    assert len(lines) == len(set(lines)) <= 2
