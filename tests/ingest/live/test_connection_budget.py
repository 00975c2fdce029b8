"""Too many connections: those that have proven nothing give way, oldest first, and whoever opens many ends its own."""

from __future__ import annotations

import contextlib
import itertools
import socket
import ssl
import time

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route

from nephoscope.ingest.live.connection_budget import ConnectionBudget, ConnectionLimits, Phase
from nephoscope.ingest.live.https_server import AppServer
from nephoscope.ingest.live.log_rate_limit import LogRateLimiter
from nephoscope.ingest.live.request_timeouts import RequestTimeouts
from nephoscope.ingest.live.tls import create_server_context, issue_self_signed


class Opened:
    """Connections by name, in a budget; `ended` are the names of those that had to give way."""

    def __init__(self, bounds):
        self.budget, self.ended, self.phases, self.places = ConnectionBudget(bounds), [], {}, {}

    def open(self, name, peer, phase=None):
        """Open a connection; it has proven something where a phase is given. Whether it was let in."""
        place = self.budget.admit(peer)
        if isinstance(place, str):
            return False
        place.close = lambda: self.ended.append(name)
        if phase is not None:
            place.phase = lambda: phase
            place.mark_proven()
        self.places[name] = place
        return True


@pytest.mark.parametrize(
    ("bounds", "before", "peer", "ended"),
    [
        # one more without a word ends the oldest of its own address
        (ConnectionLimits(9, 9, 1, unproven_per_address=2), [("a", "10.0.0.1", None), ("b", "10.0.0.1", None)], "10.0.0.1", ["a"]),
        (ConnectionLimits(9, 9, 1, unproven_per_address=2), [("a", "10.0.0.1", None), ("b", "10.0.0.1", None)], "10.0.0.2", []),
        # or of the address that has the most
        (
            ConnectionLimits(9, 9, 1, unproven=3),
            [("a", "10.0.0.1", None), ("b", "10.0.0.2", None), ("c", "10.0.0.2", None)],
            "10.0.0.3",
            ["b"],
        ),
        # what has proven something is not counted there
        (ConnectionLimits(9, 9, 1, unproven=1), [("a", "10.0.0.1", Phase.IDLE)], "10.0.0.1", []),
        # where nothing else is left, one between two requests gives way, then one that sends a body
        (ConnectionLimits(2, 9, 1), [("a", "10.0.0.1", Phase.BODY), ("b", "10.0.0.1", Phase.IDLE)], "10.0.0.2", ["b"]),
        (ConnectionLimits(2, 9, 1), [("a", "10.0.0.1", Phase.BODY), ("b", "10.0.0.1", Phase.BUSY)], "10.0.0.2", ["a"]),
        (ConnectionLimits(2, 9, 1), [("a", "10.0.0.1", Phase.IDLE), ("b", "10.0.0.2", None)], "10.0.0.2", ["b"]),
        (ConnectionLimits(9, 1, 1), [("a", "10.0.0.1", Phase.IDLE)], "10.0.0.1", ["a"]),
        # a request that is answered never does
        (ConnectionLimits(1, 9, 1), [("a", "10.0.0.1", Phase.BUSY)], "10.0.0.2", None),
        (ConnectionLimits(9, 1, 1), [("a", "10.0.0.1", Phase.BUSY)], "10.0.0.1", None),
        # a proxy is bound by the whole alone
        (ConnectionLimits(9, 1, 1, frozenset({"10.0.0.1"})), [("a", "10.0.0.1", Phase.BUSY)], "10.0.0.1", []),
        (
            ConnectionLimits(9, 9, 1, frozenset({"10.0.0.1"}), unproven_per_address=1),
            [("a", "10.0.0.1", None)],
            "10.0.0.1",
            [],
        ),
    ],
)  # fmt: skip
def test_who_gives_way(bounds, before, peer, ended):
    opened = Opened(bounds)
    for name, address, phase in before:
        assert opened.open(name, address, phase)
    let_in = opened.open("new", peer)
    assert let_in == (ended is not None)
    assert opened.ended == (ended or [])
    assert opened.budget.count == len(before) - len(opened.ended) + let_in
    assert (opened.budget.displaced, opened.budget.refused) == (len(opened.ended), not let_in)


def test_a_place_is_given_back_once():
    opened = Opened(ConnectionLimits(2, 2, 1, unproven=2))
    opened.open("a", "10.0.0.1")
    opened.open("b", "10.0.0.1", Phase.IDLE)
    for _ in range(2):
        opened.places["a"].release()
        opened.places["b"].release()
    assert (opened.budget.count, opened.budget.unproven) == (0, 0)


@pytest.fixture
def port(tmp_path):
    """A server that lets in few."""
    certificate, key, _ = issue_self_signed(tmp_path / "tls", ("localhost",))
    listener = socket.create_server(("127.0.0.1", 0), backlog=200)
    served = AppServer(
        Starlette(routes=[Route("/", lambda _: PlainTextResponse("here"))]), listener,
        create_server_context(str(certificate), str(key)),
        bounds=ConnectionLimits(60, 40, 60.0, unproven=20, unproven_per_address=15), pace=RequestTimeouts(60.0, 60.0), idle=60.0,
        failure_log=LogRateLimiter(lambda *_: None),
    )  # fmt: skip
    yield listener.getsockname()[1]
    served.close()


def connected(port, source):
    return socket.create_connection(("127.0.0.1", port), 60, source_address=(source, 0))


def got(port, source):
    """What a client at an address is answered."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with connected(port, source) as plain, context.wrap_socket(plain, server_hostname="localhost") as secured:
        secured.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        answer = b""
        while part := secured.recv(4096):
            answer += part
    return answer


@pytest.mark.parametrize("source", ["127.0.0.1", "127.0.0.3"])
def test_idle_connections_without_a_word_keep_nobody_out(port, source):
    with contextlib.ExitStack() as stack:
        for number in range(110):
            stack.enter_context(connected(port, f"127.0.0.{1 + number % 2}"))
        assert got(port, source).endswith(b"here")


@pytest.mark.parametrize("source", ["127.0.0.1", "127.0.0.3"])
def test_connections_between_two_requests_keep_nobody_out(port, source):
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with contextlib.ExitStack() as stack:
        for number in range(62):
            plain = stack.enter_context(connected(port, f"127.0.0.{1 + number % 2}"))
            secured = stack.enter_context(context.wrap_socket(plain, server_hostname="localhost"))
            secured.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert secured.recv(4096)
        assert got(port, source).endswith(b"here")


def test_a_client_that_does_not_read_its_answer_is_cut_off(tmp_path):
    """Its place is free again, whatever of the answer is left."""
    certificate, key, _ = issue_self_signed(tmp_path / "tls", ("localhost",))
    listener = socket.create_server(("127.0.0.1", 0))

    async def answer(_):
        return StreamingResponse(itertools.repeat(b"x" * (1 << 16)))

    served = AppServer(
        Starlette(routes=[Route("/", answer)]), listener, create_server_context(str(certificate), str(key)),
        bounds=ConnectionLimits(60, 40, 60.0), pace=RequestTimeouts(60.0, 60.0, answer=0.05), idle=60.0,
        failure_log=LogRateLimiter(lambda *_: None),
    )  # fmt: skip
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    port = listener.getsockname()[1]
    with (
        connected(port, "127.0.0.1") as plain,
        context.wrap_socket(plain, server_hostname="localhost") as secured,
    ):
        secured.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert secured.recv(1)
        for _ in range(6000):
            if not served.open_connections:
                break
            time.sleep(0.01)
        assert not served.open_connections
    served.close()
