"""TAXII servers that mean no good or are broken: asked a bounded number of times, and what is wrong is told."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from tests.ingest.live.tls_server import tls_server

from nephoscope.ingest.live.live_source import SourceContext
from nephoscope.ingest.live.source_kinds import get_source_kind, parse_settings
from nephoscope.ingest.source_failures import SourceError
from nephoscope.ingest.threat_intelligence.http_client import FeedClient

LAST = "X-TAXII-Date-Added-Last"
Answer = tuple[int, dict[str, str], bytes]


def page(number: int = 1, headers: dict[str, str] | None = None, **more: Any) -> Answer:
    one = {
        "type": "indicator",
        "id": f"indicator--11111111-1111-4111-8111-{number:012}",
        "created": "2026-01-01T00:00:00Z",
        "pattern": f"[domain-name:value = 'd{number}.example']",
    }
    return 200, headers or {}, json.dumps({"objects": [one], **more}).encode()


@dataclass
class Server:
    url: str = ""
    ca: str = ""
    asked: list[str] = field(default_factory=list)
    answer: Callable[[str, int], Answer] = lambda _path, _number: page()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    known = Server()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            known.asked.append(self.path)
            status, headers, body = known.answer(self.path, len(known.asked))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    with tls_server(tmp_path, Handler) as (port, ca):
        known.url, known.ca = f"https://127.0.0.1:{port}/", ca
        yield known


def told(server: Server, sink: Any) -> str:
    """What a round told; a round that never ends fails here by the server's own count."""
    kind = get_source_kind("taxii")
    given = {"url": server.url, "ca": server.ca, "collections": "c", "poll": "1000", "private": "true"}
    source = kind.make(parse_settings(kind, given), SourceContext("feed"))
    with pytest.raises(SourceError) as raised:
        source.run(sink, threading.Event())
    return str(raised.value)


def bounded(answer: Callable[[str, int], Answer]) -> Callable[[str, int], Answer]:
    """Answers up to the twentieth question; then one that is told in other words."""
    return lambda path, number: (
        (500, {}, b'{"title": "asked too often"}') if number > 20 else answer(path, number)
    )


TELLS = {
    "a token that is refused": (
        lambda path, _: (400, {}, b"") if "next=" in path else page(more=True, next="t"), "twice in a row (status 400)", 4,
    ),
    "more without a next": (lambda _path, _number: page(more=True), "announces more data", 1),
    "more behind the same time": (
        lambda _path, _number: page(more=True, headers={LAST: "2026-01-01T00:00:00Z"}), "announces more data", 2,
    ),
    "more behind a time to come": (
        lambda _path, _number: page(more=True, headers={LAST: "2999-01-01T00:00:00Z"}), "announces more data", 1,
    ),
    "the same token again": (lambda _path, _number: page(more=True, next="t"), "announces more data", 2),
    "a token that is no text": (lambda _path, _number: page(more=True, next={"a": 1}), "announces more data", 1),
    "a token without an end": (lambda _path, _number: page(more=True, next="t" * 5_000), "announces more data", 1),
    "objects that are no list": (lambda _path, _number: (200, {}, b'{"objects": {}}'), "`objects` is not a list", 1),
    "an answer that is a list": (lambda _path, _number: (200, {}, b"[]"), "status 200", 1),
    "an answer that is no JSON": (lambda _path, _number: (200, {}, b'{"objects": [}'), "the answer is not JSON", 1),
    "an answer that nests": (lambda _path, _number: (200, {}, b"[" * 100_000), "the answer is not JSON", 1),
    "a redirect": (lambda _path, _number: (302, {"Location": "http://127.0.0.1/"}, b""), "it leads to http://127.0.0.1/", 1),
    "more that is a text": (lambda _path, _number: page(more="true", next="t"), "`more` must be true or false (got 'true')", 1),
    "a next without more, without an end": (lambda _path, _number: page(next="t"), "announces more data", 2),
    "a page of HTML": (
        lambda _path, _number: (200, {"Content-Type": "text/html; charset=utf-8"}, b"<html>sign in"), "is not JSON (text/html)", 1,
    ),
    "another version": (
        lambda _path, _number: (406, {}, b'{"title": "no"}'), "status 406; does it speak this version (TAXII 2.1, not 2.0)?", 1,
    ),
    "a failure after busy": (
        lambda _path, number: (429, {"Retry-After": "0"}, b"slow down") if number < 3 else (415, {}, b'{"title": "no"}'),
        "status 415 no", 3,
    ),
    "busy for ever": (lambda _path, _number: (429, {"Retry-After": "0"}, b"{}"), "status 429", 4),
}  # fmt: skip


@pytest.mark.parametrize("name", TELLS)
def test_a_round_ends_and_says_why(server: Server, sink: Any, name: str) -> None:
    answer, said, asked = TELLS[name]
    server.answer = bounded(answer)
    assert said in told(server, sink)
    assert len(server.asked) == asked


def test_a_server_without_an_end_is_asked_on_after_the_pause(
    server: Server, sink: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nephoscope.ingest.live.kinds.taxii._MOST_PAGES", 5)
    server.answer = lambda _path, number: page(number, more=True, next=f"t{number}")
    assert "over 5 pages, and the server says there are more: asked on after 1000 s" in told(server, sink)
    assert sink.saved["taxii:c"]["next"] == "t5"
    assert "over 5 pages" in told(server, sink)
    assert len({one.id for one in sink.learned}) == 10


@pytest.mark.parametrize("retry", ["0", "Thu, 01 Jan 1970 00:00:00 GMT"])
def test_a_server_that_is_busy_and_names_pages_in_its_own_way_is_read_to_its_end(
    server: Server, sink: Any, monkeypatch: pytest.MonkeyPatch, retry: str
) -> None:
    waits: list[float] = []
    monkeypatch.setattr(FeedClient, "_wait_before_retry", lambda _self, seconds: waits.append(seconds))
    said = {"Content-Type": "text/plain"}
    answers = [
        (429, {"Retry-After": retry}, b"busy"),
        page(1, said, next="t1"),
        (429, {"Retry-After": retry}, b""),
        page(2, said, more=True, next="t2"),
        page(3, said, more=False, next="t2"),
        (500, {}, b'{"title": "the second round"}'),
    ]
    server.answer = lambda _path, number: answers[min(number, len(answers)) - 1]
    kind = get_source_kind("taxii")
    given = {"url": server.url, "ca": server.ca, "collections": "c", "poll": "0.01", "private": "true"}
    source = kind.make(parse_settings(kind, given), SourceContext("feed"))
    with pytest.raises(SourceError, match="the second round"):
        source.run(sink, threading.Event())
    assert [path.partition("next=")[2].partition("&")[0] for path in server.asked] == [
        "",
        "",
        "t1",
        "t1",
        "t2",
        "",
    ]
    assert len({one.id for one in sink.learned}) == 3
    assert all(0 <= one <= 300 for one in waits)


def test_an_answer_that_is_too_large_is_not_taken(
    server: Server, sink: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nephoscope.ingest.threat_intelligence.http_client.LARGEST", 1 << 20)
    server.answer = lambda _path, _number: (200, {}, b" " * (2 << 20))
    assert "the response exceeds 1 MiB" in told(server, sink)


def test_an_answer_that_drips_is_given_up(server: Server) -> None:
    server.answer = lambda _path, _number: (200, {}, b"[" + b" " * 100_000 + b"]")
    with (
        FeedClient(server.url, {}, ca=server.ca, private=True, longest=0.0) as asker,
        pytest.raises(SourceError, match="the response was not complete within 0 s"),
    ):
        asker.ask("GET", "x")
