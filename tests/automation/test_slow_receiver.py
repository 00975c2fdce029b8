"""Receivers that keep a webhook waiting: its time is one for all of it, and the header of the answer is enough."""

from __future__ import annotations

import contextlib
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from nephoscope.ingest.live.tls import issue_self_signed
from nephoscope.state import State
from nephoscope.state.automation.automation_runs import RunStatus

Talk = Callable[[ssl.SSLSocket, threading.Event], None]


def says_nothing_more(text: bytes) -> Talk:
    def talk(connection: ssl.SSLSocket, over: threading.Event) -> None:
        connection.sendall(text)
        over.wait()

    return talk


def drips(beginning: bytes) -> Talk:
    """A byte every now and then, for ever: every single read is answered in time."""

    def talk(connection: ssl.SSLSocket, over: threading.Event) -> None:
        connection.sendall(beginning)
        while not over.wait(0.05):
            connection.sendall(b"x")

    return talk


def floods(beginning: bytes) -> Talk:
    def talk(connection: ssl.SSLSocket, over: threading.Event) -> None:
        connection.sendall(beginning)
        while not over.is_set():
            connection.sendall(b"x" * 65536)

    return talk


@pytest.fixture
def slow(tmp_path: Path) -> Iterator[Callable[[Talk], tuple[str, str]]]:
    """A receiver that talks as it is told to; (URL, authority)."""
    import socket

    certificate, key, authority = issue_self_signed(tmp_path / "tls", ("localhost",))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    listening, over, threads = socket.create_server(("127.0.0.1", 0)), threading.Event(), []

    def serve(talk: Talk) -> None:
        with contextlib.suppress(OSError):
            plain, _ = listening.accept()
            with context.wrap_socket(plain, server_side=True) as connection:
                connection.recv(65536)
                talk(connection, over)

    def start(talk: Talk) -> tuple[str, str]:
        threads.append(threading.Thread(target=serve, args=(talk,), daemon=True))
        threads[-1].start()
        return f"https://localhost:{listening.getsockname()[1]}/", str(authority)

    try:
        yield start
    finally:
        over.set()
        listening.close()
        for one in threads:
            one.join()


@pytest.mark.parametrize(
    ("talk", "seconds", "status", "said"),
    [
        # the receiver has it: what it goes on to say is nobody's business
        pytest.param(drips(b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n"), 60, "done", "returned 200", id="taken-drips"),
        pytest.param(says_nothing_more(b"HTTP/1.1 202 OK\r\nContent-Length: 9\r\n\r\n"), 60, "done", "returned 202", id="taken-waits"),
        pytest.param(drips(b"HTTP/1.1 200 OK\r\nX-Long: "), 1, "pending", "no response within 1 s", id="header-drips"),
        pytest.param(says_nothing_more(b""), 1, "pending", "no response within 1 s", id="silent"),
        pytest.param(
            says_nothing_more(b"HTTP/1.1 404 No\r\nContent-Length: 99\r\n\r\ngone"), 1, "dead", "returned 404: gone", id="waits"
        ),
        pytest.param(drips(b"HTTP/1.1 503 No\r\n\r\nbusy"), 1, "pending", "returned 503: busy", id="refusal-drips"),
        pytest.param(floods(b"HTTP/1.1 404 No\r\n\r\n"), 60, "dead", f"returned 404: {'x' * 200}", id="refusal-floods"),
        pytest.param(floods(b"HTTP/1.1 404 No\r\nX-Long: "), 60, "pending", "RemoteProtocolError", id="header-floods"),
    ],
)  # fmt: skip
def test_a_receiver_that_takes_its_time(
    slow, engine, raise_alert, state: State, talk: Talk, seconds: float, status: str, said: str
) -> None:
    url, authority = slow(talk)
    state.credentials.put("response.team", "secret")
    hook = {"action": "webhook", "url": url, "secret": "team", "seconds": seconds}
    operator = {"webhook": {"private": ["127.0.0.0/8", "::1/128"], "ca": authority}}
    who = engine({"actions": [hook]}, operator=operator)
    raise_alert()
    (run,) = who.tick()
    assert (run.status.value, said in run.detail) == (status, True), run.detail


@pytest.mark.parametrize(
    "settings",
    [{"url": "https://192.0.2.1/", "secret": "none"}, {"address": "none"}],
    ids=["secret", "address"],
)
def test_a_webhook_without_its_secret_is_dead_and_says_what_to_do(
    engine, raise_alert, settings: dict[str, Any]
) -> None:
    who = engine(
        {"actions": [{"action": "webhook", **settings}]}, operator={"webhook": {"private": ["192.0.2.0/24"]}}
    )
    raise_alert()
    (run,) = who.tick()
    assert (run.status, run.detail) == (
        RunStatus.DEAD,
        "credential 'response.none' not found: nephoscope response secret none",
    )
