"""Servers of threat intelligence are asked at the address that was judged, and what is no answer of theirs is not told."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from tests.ingest.live.tls_server import tls_server

from nephoscope.connect import ssrf_guard
from nephoscope.ingest.source_failures import SourceError
from nephoscope.ingest.threat_intelligence.http_client import FeedClient, describe_refusal

NAME = "feed.example"


class Server:
    """What came, and what is answered."""

    def __init__(self) -> None:
        self.url, self.ca = "", ""
        self.came: list[tuple[str, str, str]] = []
        self.answer: tuple[int, bytes] = (200, b"{}")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    known = Server()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            known.came.append((self.path, self.headers["Host"], self.headers["Authorization"]))
            status, body = known.answer
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    with tls_server(tmp_path, Handler, NAME) as (port, ca):
        known.url, known.ca = f"https://{NAME}:{port}/api1/", ca
        yield known


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Answers of the name server, one after the other; the last stays. What is asked for without the name finds itself."""
    answers, asked = [["127.0.0.1"]], socket.getaddrinfo

    def looked_up(host: Any, port: Any, *rest: Any, **more: Any) -> list[Any]:
        if host != NAME:
            return asked(host, port, *rest, **more)
        found = answers.pop(0) if len(answers) > 1 else answers[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in found]

    monkeypatch.setattr(socket, "getaddrinfo", looked_up)
    return answers


def told(server: Server, **options: Any) -> str:
    with FeedClient(server.url, {}, ("kim", "word"), server.ca, **options) as asker:
        return describe_refusal(server.url, asker.ask("GET", "collections/")).args[0]


def test_an_address_that_is_not_public_is_not_connected_to(server: Server, names: list[list[str]]) -> None:
    with pytest.raises(
        SourceError, match=rf"{NAME} leads to 127.0.0.1, which is not public: an Owner can allow it"
    ):
        told(server)
    names[:] = [["8.8.8.8", "127.0.0.1"]]
    with pytest.raises(SourceError, match=r"leads to 127\.0\.0\.1"):
        told(server)
    assert server.came == []


@pytest.mark.usefixtures("names")
def test_what_an_owner_allows_is_asked(server: Server) -> None:
    told(server, private=True)
    assert [path for path, _, _ in server.came] == ["/api1/collections/"]


def test_the_address_that_was_judged_is_asked_by_its_name(
    server: Server, names: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    # for this test the loopback address is one of the internet; the name leads elsewhere a moment later
    monkeypatch.setattr(ssrf_guard, "is_public", lambda one: str(one) == "127.0.0.1")
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    names[:] = [["127.0.0.1"], ["10.0.0.1"]]
    told(server)
    port = server.url.rpartition(":")[2].partition("/")[0]
    assert server.came == [("/api1/collections/", f"{NAME}:{port}", "Basic a2ltOndvcmQ=")]
    with pytest.raises(SourceError, match=r"leads to 10\.0\.0\.1"):
        told(server)
    assert len(server.came) == 1


def test_the_certificate_is_that_of_the_name(
    server: Server, names: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ssrf_guard, "is_public", lambda _: True)
    server.url = server.url.replace(NAME, "127.0.0.1")
    with pytest.raises(SourceError, match="CERTIFICATE_VERIFY_FAILED"):
        told(server)
    assert server.came == []


@pytest.mark.usefixtures("names")
@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"INTERNAL-METADATA-ANSWER-12345", ""),
        (b'{"secret": "INTERNAL"}', ""),
        (b'["INTERNAL"]', ""),
        (b'{"message": {"a": "INTERNAL"}}', ""),
        (b'{"title": "No access", "description": "Ask\\n your admin", "http_status": "401"}', " No access: Ask your admin"),
        (b'{"name": "Authentication failed.", "message": "Authentication failed.", "url": "/x"}', " Authentication failed."),
        (b'{"title": "' + b"x" * 5000 + b'"}', " " + "x" * 200),
    ],
)  # fmt: skip
def test_only_what_an_error_of_the_kind_says_is_told(server: Server, body: bytes, said: str) -> None:
    server.answer = (401, body)
    assert told(server, private=True) == f"{server.url}: status 401; is the secret right?{said}"
