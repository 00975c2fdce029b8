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
from tests.sources.live.tls_server import tls_server

from nephoscope.sources.intel.item import Retraction
from nephoscope.sources.live.catalogue import kind_of, parsed
from nephoscope.sources.live.source import SourceError, Surroundings


@dataclass
class Server:
    url: str = ""
    ca: str = ""
    attributes: list[dict[str, Any]] = field(default_factory=list)
    asked: list[dict[str, Any]] = field(default_factory=list)
    busy: int = 0
    answer: bytes | None = None

    def found(self, wanted: dict[str, Any]) -> list[dict[str, Any]]:
        flags = wanted.get("to_ids", [0, 1])
        several = [
            one
            for one in self.attributes
            if int(one["timestamp"]) >= wanted["timestamp"] and int(one["to_ids"]) in flags
        ]
        several.sort(key=lambda one: int(one["timestamp"]))
        first = (wanted["page"] - 1) * wanted["limit"]
        return several[first : first + wanted["limit"]]


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
            else:
                known.asked.append(wanted)
                body = json.dumps({"response": {"Attribute": known.found(wanted)}}).encode()
                self._send(200, body if known.answer is None else known.answer)

    with tls_server(tmp_path, Handler) as (port, ca):
        known.url, known.ca = f"https://127.0.0.1:{port}/", ca
        yield known


def source(server: Server, key: str = "k3y", **settings: Any):
    kind = kind_of("misp")
    given = {"url": server.url, "ca": server.ca, "page": "3", "poll": "0.1", "begin": "2000000000"}
    return kind.make(parsed(kind, {**given, **settings}), Surroundings("feed", secrets={"key": key}))


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
        ("k3y", b"<html>", "the answer is no JSON"),
        ("k3y", b"[" * 100_000, "the answer is no JSON"),
    ],
)
def test_what_is_wrong_is_said(
    server: Server, sink, running, key: str, answer: bytes | None, said: str
) -> None:
    server.answer = answer
    with pytest.raises(SourceError, match=said):
        source(server, key).run(sink, threading.Event())


def test_the_key_is_in_no_text(server: Server) -> None:
    assert "k3y" not in repr(source(server))
