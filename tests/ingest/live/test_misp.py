"""A MISP server that answers as MISP does, behind TLS: pages by timestamp, deleted attributes, answers that are none."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from tests.ingest.live.tls_server import tls_server

from nephoscope.ingest.live.live_source import SourceContext
from nephoscope.ingest.live.source_kinds import get_source_kind, parse_settings
from nephoscope.ingest.source_failures import SourceError
from nephoscope.ingest.threat_intelligence.indicator import Retraction


@dataclass
class Server:
    url: str = ""
    ca: str = ""
    attributes: list[dict[str, Any]] = field(default_factory=list)
    asked: list[dict[str, Any]] = field(default_factory=list)
    busy: int = 0
    answer: bytes | None = None
    events: dict[str, dict[str, Any]] = field(default_factory=dict)
    rounds: int = 0

    def found(self, wanted: dict[str, Any]) -> list[dict[str, Any]]:
        flags = wanted.get("to_ids", [0, 1])
        several = [
            {**one, "Event": {**one["Event"], **self.events.get(one["Event"].get("uuid", ""), {})}}
            for one in self.attributes
            if int(one["to_ids"]) in flags and self._is_wanted(one, wanted)
        ]
        several.sort(key=lambda one: int(one["timestamp"]))
        first = (wanted["page"] - 1) * wanted["limit"]
        return several[first : first + wanted["limit"]]

    def _is_wanted(self, one: dict[str, Any], wanted: dict[str, Any]) -> bool:
        name = one["Event"].get("uuid")
        event = self.events.get(name, {}) if name else {"published": True, "publish_timestamp": "-3000000000"}
        if not event or (wanted.get("published") and not event["published"]):
            return False
        if "timestamp" in wanted:
            return int(one["timestamp"]) >= wanted["timestamp"]
        return int(event["publish_timestamp"]) >= wanted["publish_timestamp"]

    def told(self, wanted: dict[str, Any]) -> list[dict[str, Any]]:
        self.rounds += 1
        return [{"Event": {"uuid": one, **self.events[one]}} for one in wanted["uuid"] if one in self.events]


def attribute(number: int, timestamp: int, **changes: Any) -> dict[str, Any]:
    return {
        "uuid": f"11111111-1111-4111-8111-{number:012}",
        "type": "domain",
        "value": f"d{number}.example",
        "to_ids": True,
        "timestamp": str(timestamp),
        "Event": {"info": "phishing", "threat_level_id": "2"},
        **changes,
    }


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    known = Server()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def _send(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self) -> None:
            self._send(200, b'{"version": "2.5.1"}')

        def do_POST(self) -> None:
            wanted = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if self.headers["Authorization"] != "k3y":
                self._send(403, b'{"message": "Authentication failed."}')
            elif known.busy:
                known.busy -= 1
                self._send(429, b"{}")
            elif self.path == "/events/restSearch":
                self._send(200, json.dumps({"response": known.told(wanted)}).encode())
            else:
                known.asked.append(wanted)
                body = json.dumps({"response": {"Attribute": known.found(wanted)}}).encode()
                self._send(200, body if known.answer is None else known.answer)

    with tls_server(tmp_path, Handler) as (port, ca):
        known.url, known.ca = f"https://127.0.0.1:{port}/", ca
        yield known


def source(server: Server, key: str = "k3y", **settings: Any):
    kind = get_source_kind("misp")
    given = {
        "url": server.url,
        "ca": server.ca,
        "private": "true",
        "page": "3",
        "poll": "0.1",
        "begin": "2000000000",
    }
    return kind.make(parse_settings(kind, {**given, **settings}), SourceContext("feed", secrets={"key": key}))


def test_pages_and_what_changes_later(server: Server, sink, running, until) -> None:
    server.attributes = [attribute(number, 1_767_225_600 + number) for number in range(7)]
    server.attributes.append(attribute(50, 1_767_225_600, type="btc"))
    server.busy = 1
    assert source(server).test() == "MISP 2.5.1"

    def taken_back() -> set[str]:
        return {one.id[-1] for one in sink.learned if isinstance(one, Retraction)}

    with running(source(server), sink):
        until(lambda: len({one.id for one in sink.learned}) == 7, "the seven")
        server.attributes[2] |= {"timestamp": "1767230000", "deleted": True}
        until(lambda: taken_back() == {"2"}, "the one that was deleted")
        server.attributes[4] |= {"timestamp": "1767230000", "to_ids": False}
        until(lambda: taken_back() == {"2", "4"}, "the one that is no longer for detection")
    assert {one.reason for one in sink.refused} == {"attributes of type btc are not matched"}
    assert server.asked[0]["to_ids"] == [0, 1]
    assert server.asked[0]["deleted"] == [0, 1]
    assert sink.saved["misp"]["since"] == 1_767_230_000


@pytest.mark.parametrize(
    ("key", "answer", "said"),
    [
        ("other", None, "status 403; may this user read it"),
        ("k3y", b"<html>", "the answer is not JSON"),
        ("k3y", b"[" * 100_000, "the answer is not JSON"),
        ("k3y", b'{"name": "Maintenance", "message": "later"}', "holds no attributes: .*Maintenance"),
        ("k3y", b"", "holds no attributes"),
        ("k3y", b'{"response": {"Attribute": {"uuid": "x"}}}', "holds no attributes"),
    ],
)
def test_what_is_wrong_is_said(
    server: Server, sink, running, key: str, answer: bytes | None, said: str
) -> None:
    server.answer = answer
    with pytest.raises(SourceError, match=said):
        source(server, key).run(sink, threading.Event())


def test_a_server_that_gives_one_page_whichever_is_asked_for_is_told(server: Server, sink) -> None:
    several = [attribute(number, 1_767_225_600 + number) for number in range(3)]
    server.answer = json.dumps({"response": {"Attribute": several}}).encode()
    for asked in (2, 4):
        with pytest.raises(SourceError, match="returns the same page"):
            source(server).run(sink, threading.Event())
        assert [one["page"] for one in server.asked] == [1, 2] * (asked // 2)
    assert len({one.id for one in sink.learned}) == 3


def test_a_time_to_come_hides_nothing_that_changes_until_then(server: Server, sink, running, until) -> None:
    server.attributes = [attribute(1, 1_767_225_600), attribute(2, 32_503_680_000)]
    with running(source(server), sink):
        until(lambda: len({one.id for one in sink.learned}) == 2, "the two")
        server.attributes.append(attribute(3, 1_767_225_700))
        until(lambda: len({one.id for one in sink.learned}) == 3, "the one that changed later")
        until(lambda: sink.saved["misp"]["since"] == 1_767_225_700, "the time of that one")


def test_what_is_wrong_with_the_newest_is_told_once(server: Server, sink, running, until) -> None:
    """Each round asks for the newest again; what cannot be used of them was told already."""
    server.attributes = [attribute(1, 1_767_225_600), attribute(50, 1_767_225_600, type="btc")]
    with running(source(server), sink):
        until(lambda: len(server.asked) >= 8, "several rounds")
        assert len(sink.refused) == 1
        server.attributes.append(attribute(51, 1_767_225_600, type="btc", value="another"))
        until(lambda: len(sink.refused) == 2, "the new one")


def test_the_key_is_in_no_text(server: Server) -> None:
    assert "k3y" not in repr(source(server))


EVENT = "22222222-2222-4222-8222-{:012}"


def of_event(event: int, number: int, timestamp: int) -> dict[str, Any]:
    one = attribute(number, timestamp)
    return {**one, "Event": {**one["Event"], "uuid": EVENT.format(event)}}


def published(at: int) -> dict[str, Any]:
    return {"published": True, "publish_timestamp": str(at)}


@pytest.fixture
def of_events(server: Server) -> Server:
    """Three events with two indicators each."""
    server.attributes = [of_event(number // 2, number, 1_767_225_600 + number) for number in range(6)]
    server.events = {EVENT.format(one): published(1_767_225_700) for one in range(3)}
    return server


def holding(sink) -> set[str]:
    """The last digits of what holds, after all that was told."""
    held: dict[str, bool] = {}
    for one in sink.learned:
        held[one.id[-1]] = not isinstance(one, Retraction)
    return {name for name, holds in held.items() if holds}


def test_an_event_that_is_gone_takes_its_indicators_back(of_events: Server, sink, running, until) -> None:
    with running(source(of_events), sink):
        until(lambda: holding(sink) == set("012345"), "all of them")
        del of_events.events[EVENT.format(0)]
        until(lambda: holding(sink) == set("2345"), "a deleted event")
        of_events.events[EVENT.format(1)] |= {"published": False}
        until(lambda: holding(sink) == set("45"), "one that is published no more")
        of_events.events[EVENT.format(1)] = published(1_767_225_900)
        until(lambda: holding(sink) == set("2345"), "which is published again, its attributes as they were")
    assert "event/" + EVENT.format(0) not in sink.saved


def test_what_changed_before_its_event_was_published_is_found(
    of_events: Server, sink, running, until
) -> None:
    of_events.events[EVENT.format(1)] |= {"published": False}
    with running(source(of_events), sink):
        until(lambda: holding(sink) == set("0145"), "what is published")
        of_events.events[EVENT.format(1)] = published(1_767_229_000)
        until(lambda: holding(sink) == set("012345"), "the rest")


def test_without_publication_only_a_deleted_event_counts(of_events: Server, sink, running, until) -> None:
    with running(source(of_events, published="false"), sink):
        until(lambda: holding(sink) == set("012345"), "all of them")
        of_events.events[EVENT.format(1)] |= {"published": False}
        del of_events.events[EVENT.format(2)]
        until(lambda: holding(sink) == set("0123"), "the deleted one")
    assert all("publish_timestamp" not in one for one in of_events.asked)


def test_a_server_that_shows_no_event_any_more_takes_nothing_back(
    server: Server, sink, running, until
) -> None:
    server.attributes = [of_event(number, number, 1_767_225_600 + number) for number in range(10)]
    server.events = {EVENT.format(one): published(1_767_225_700) for one in range(10)}
    with running(source(server), sink):
        until(lambda: len(holding(sink)) == 10 and server.rounds, "the ten")
    server.events = {}
    with pytest.raises(SourceError, match="none of 10 events exists any more"):
        source(server).run(sink, threading.Event())
    assert len(holding(sink)) == 10


def test_an_answer_with_other_events_takes_nothing_back(of_events: Server, sink, monkeypatch) -> None:
    other = {"Event": {"uuid": EVENT.format(9), "published": True}}
    monkeypatch.setattr(of_events, "told", lambda _: [other])
    with pytest.raises(SourceError, match="events that were not requested"):
        source(of_events).run(sink, threading.Event())
    assert holding(sink) == set("012345")
