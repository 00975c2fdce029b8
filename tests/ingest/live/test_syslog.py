"""The syslog listeners: every protocol on loopback, with real sockets and real TLS."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from pathlib import Path

import pytest

from nephoscope.ingest.live.kinds.syslog import KIND, SyslogSettings, SyslogSource
from nephoscope.ingest.live.live_source import SourceContext
from nephoscope.ingest.live.syslog import batch_sender
from nephoscope.ingest.live.tls import issue_self_signed
from nephoscope.ingest.source_failures import SourceError
from nephoscope.state import StateError


def _source(tmp_path: Path, **settings) -> SyslogSource:
    return SyslogSource(SyslogSettings(**settings), SourceContext("devices", tmp_path))


def _send(port: int, data: bytes, context: ssl.SSLContext | None = None) -> None:
    with socket.create_connection(("127.0.0.1", port), 30) as plain:
        if context is None:
            plain.sendall(data)
            return
        with context.wrap_socket(plain, server_hostname="localhost") as sender:
            sender.settimeout(60)
            sender.sendall(data)
            sender.unwrap()


def _refused(port: int, context: ssl.SSLContext) -> None:
    """With TLS 1.3 a server's refusal of a certificate is seen on the next read only."""
    with (
        socket.create_connection(("127.0.0.1", port), 60) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as sender,
    ):
        assert sender.recv(1) == b"", "the server sent something"
        raise ConnectionError("the server closed the connection")


def _send_all(sender: socket.socket, data: memoryview, sent: list[int]) -> None:
    sender.settimeout(180)
    while sent[0] < len(data):
        sent[0] += sender.send(data[sent[0] :][:65_536])


def test_udp(tmp_path: Path, sink, running, until) -> None:
    source = _source(tmp_path, udp="127.0.0.1:0", max_message=500)
    with running(source, sink):
        assert source.ready.wait(60)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            for text in (b"<34>first", b"<34>" + b"x" * 600, b"<34>second\n"):
                sender.sendto(text, ("127.0.0.1", source.ports["udp"]))
        until(lambda: len(sink.texts()) == 2 and sink.refused)
    assert sink.texts() == ["<34>first", "<34>second"]
    assert [one.peer for one in sink.lines] == ["127.0.0.1"] * len(sink.lines)
    assert [one.reason for one in sink.refused] == ["a message of 604 bytes, over 500"]


def test_tcp_in_both_framings(tmp_path: Path, sink, running, until) -> None:
    source = _source(tmp_path, tcp="127.0.0.1:0")
    with running(source, sink):
        assert source.ready.wait(60)
        _send(source.ports["tcp"], b"<34>by line\n<34>no end")
        _send(source.ports["tcp"], b"8 <34>\nabc9 <34>12345 7 <34>cut")
        until(lambda: len(sink.texts()) == 5)
    assert sorted(sink.texts()) == sorted(
        ["<34>by line", "<34>no end", "<34>#012abc", "<34>12345", "<34>cut"]
    )
    assert not sink.refused


def test_a_message_cut_by_the_end_of_its_connection_is_told(tmp_path: Path, sink, running, until) -> None:
    source = _source(tmp_path, tcp="127.0.0.1:0")
    with running(source, sink):
        assert source.ready.wait(60)
        _send(source.ports["tcp"], b"90 <34>only half")
        until(lambda: sink.refused)
    assert sink.refused[0].reason == "the connection ended inside a message"
    assert sink.refused[0].raw == "90 <34>only half"


def test_a_cut_message_over_the_limit_is_told_with_the_length_that_it_had(
    tmp_path: Path, sink, running, until
) -> None:
    source = _source(tmp_path, tcp="127.0.0.1:0")
    with running(source, sink):
        assert source.ready.wait(60)
        _send(source.ports["tcp"], b"99999999 <34>1 x")
        until(lambda: sink.refused)
    assert [(one.reason, one.raw) for one in sink.refused] == [
        ("a message of 99999999 bytes, over 65536; the connection ended after 7 of them", "<34>1 x")
    ]


def test_tls_with_a_certificate_of_our_own(tmp_path: Path, sink, running, until) -> None:
    source = _source(tmp_path, tls="127.0.0.1:0")
    with running(source, sink):
        assert source.ready.wait(60)
        trust = ssl.create_default_context(cafile=str(tmp_path / "tls" / "ca.crt"))
        _send(source.ports["tls"], b"11 <34>secret.", trust)
        until(lambda: sink.texts())
    assert sink.texts() == ["<34>secret."]
    assert (tmp_path / "tls").stat().st_mode & 0o777 == 0o700
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in (tmp_path / "tls").iterdir())


def test_tls_only_with_a_client_certificate(tmp_path: Path, sink, running, until) -> None:
    certificate, key, authority = issue_self_signed(tmp_path / "clients", ("device-7",))
    source = _source(tmp_path, tls="127.0.0.1:0", client_ca=str(authority))
    with running(source, sink):
        assert source.ready.wait(60)
        trust = ssl.create_default_context(cafile=str(tmp_path / "tls" / "ca.crt"))
        with pytest.raises((ssl.SSLError, ConnectionError)):
            _refused(source.ports["tls"], trust)
        trust.load_cert_chain(certificate, key)
        _send(source.ports["tls"], b"11 <34>device.", trust)
        until(lambda: sink.texts())
    assert sink.texts() == ["<34>device."]


@pytest.mark.parametrize("protocol", ["tcp", "tls"])
def test_a_full_lake_slows_the_senders_down_and_loses_nothing(
    tmp_path: Path, sink, running, until, protocol: str
) -> None:
    source = _source(tmp_path, **{protocol: "127.0.0.1:0"})
    text, count = b"<34>" + b"y" * 1000 + b"\n", 100_000
    sink.busy.set()
    with running(source, sink), contextlib.ExitStack() as stack:
        assert source.ready.wait(60)
        sender = stack.enter_context(socket.create_connection(("127.0.0.1", source.ports[protocol]), 30))
        if protocol == "tls":
            trust = ssl.create_default_context(cafile=str(tmp_path / "tls" / "ca.crt"))
            sender = stack.enter_context(trust.wrap_socket(sender, server_hostname="localhost"))
        sent, data = [0], memoryview(text * count)
        sending = threading.Thread(target=_send_all, args=(sender, data, sent))
        sending.start()
        # It stands still once everything between the two is full, and goes on when the lake takes rows again.
        until(lambda: sent[0] > 30_000_000)
        sending.join(1)
        assert sending.is_alive()
        sink.busy.clear()
        sending.join(120)
        if isinstance(sender, ssl.SSLSocket):
            sender.unwrap()
        until(lambda: len(sink.texts()) == count)
    assert {len(one) for one in sink.texts()} == {1004}


def test_what_was_sent_before_the_stop_is_handed_over(tmp_path: Path, sink, running) -> None:
    source = _source(tmp_path, tcp="127.0.0.1:0", udp="127.0.0.1:0")
    with running(source, sink):
        assert source.ready.wait(60)
        _send(source.ports["tcp"], b"".join(b"<34>%d\n" % at for at in range(5000)))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(b"<34>datagram", ("127.0.0.1", source.ports["udp"]))
    assert len(sink.texts()) == 5001


def _open(stack: contextlib.ExitStack, port: int, source: str = "127.0.0.1") -> socket.socket:
    return stack.enter_context(socket.create_connection(("127.0.0.1", port), 30, (source, 0)))


def _closed(connection: socket.socket) -> bool:
    """Wait until the other side has closed a connection."""
    connection.settimeout(60)
    try:
        return connection.recv(1) == b""
    except ConnectionError:
        return True


def test_more_connections_than_allowed(tmp_path: Path, sink, running, until) -> None:
    source = _source(tmp_path, tcp="127.0.0.1:0", max_connections=1)
    with running(source, sink), contextlib.ExitStack() as stack:
        assert source.ready.wait(60)
        _open(stack, source.ports["tcp"]).sendall(b"<34>one\n")
        until(lambda: sink.texts())
        assert _closed(_open(stack, source.ports["tcp"]))
    assert sink.errors == ["a connection from 127.0.0.1 was refused: 1 are open"]


def test_one_address_does_not_lock_the_others_out(tmp_path: Path, sink, running, until) -> None:
    source = _source(tmp_path, tcp="127.0.0.1:0", max_connections=4, max_per_address=3)
    with running(source, sink), contextlib.ExitStack() as stack:
        assert source.ready.wait(60)
        port = source.ports["tcp"]
        silent = [_open(stack, port) for _ in range(20)]
        assert all(_closed(one) for one in silent[3:])
        _open(stack, port, "127.0.0.2").sendall(b"<34>another\n")
        until(lambda: sink.texts())
        silent[0].close()
        until(lambda: _still_open(port, b"<34>again\n"))
        until(lambda: "<34>again" in sink.texts())
    # nineteen refusals are one line
    assert sink.errors == ["a connection from 127.0.0.1 was refused: 3 of that address are open"]


def _still_open(port: int, data: bytes) -> bool:
    """Whether a connection was let in: it is not closed at once, and took the data."""
    with socket.create_connection(("127.0.0.1", port), 30) as sender:
        sender.settimeout(0.5)
        try:
            sender.recv(1)
        except TimeoutError:
            sender.sendall(data)
            return True
        except ConnectionError:
            return False
    return False


def test_plain_connections_take_no_room_from_tls(tmp_path: Path, sink, running, until) -> None:
    source = _source(tmp_path, tcp="127.0.0.1:0", tls="127.0.0.1:0", max_connections=2)
    with running(source, sink), contextlib.ExitStack() as stack:
        assert source.ready.wait(60)
        opened = [_open(stack, source.ports["tcp"]) for _ in range(3)]
        assert _closed(opened[2])
        trust = ssl.create_default_context(cafile=str(tmp_path / "tls" / "ca.crt"))
        _send(source.ports["tls"], b"11 <34>secret.", trust)
        until(lambda: sink.texts())


def test_a_handshake_that_does_not_come_takes_its_place_for_its_time_only(
    tmp_path: Path, sink, running, until
) -> None:
    source = _source(tmp_path, tls="127.0.0.1:0", max_connections=2, handshake=0.5)
    with running(source, sink), contextlib.ExitStack() as stack:
        assert source.ready.wait(60)
        silent = [_open(stack, source.ports["tls"]) for _ in range(3)]
        assert all(_closed(one) for one in silent)
        trust = ssl.create_default_context(cafile=str(tmp_path / "tls" / "ca.crt"))
        _send(source.ports["tls"], b"11 <34>secret.", trust)
        until(lambda: sink.texts())
    assert sink.errors[0] == (
        "2 connections are open, 2 of which have sent nothing yet: one of them was closed for one from 127.0.0.1"
    )
    assert sink.errors[1].startswith("TLS with 127.0.0.1: SSL handshake is taking longer than 0.5 seconds")
    assert len(sink.errors) == 2


@pytest.mark.parametrize(
    ("settings", "sent"),
    [({"first_message": 0.3}, b"<34>half"), ({"first_message": 0.0, "idle": 0.3}, b"<34>whole\n")],
    ids=["before the first message", "after it"],
)
def test_silent_connections_are_closed(tmp_path: Path, sink, running, until, settings, sent: bytes) -> None:
    source = _source(tmp_path, tcp="127.0.0.1:0", **settings)
    with running(source, sink), contextlib.ExitStack() as stack:
        assert source.ready.wait(60)
        sender = _open(stack, source.ports["tcp"])
        sender.sendall(sent)
        assert _closed(sender)
        until(lambda: sink.texts() == [sent.decode().strip()])


def test_a_sink_that_fails_for_a_while_loses_nothing(tmp_path: Path, sink, running, until) -> None:
    source, failures = _source(tmp_path, tcp="127.0.0.1:0", udp="127.0.0.1:0"), []

    def fail(feed: str, sequence: int) -> None:
        if len(failures) < 4:
            failures.append(
                [StateError("the database is restarting"), OSError(24, "too many")][len(failures) % 2]
            )
            raise failures[-1]

    sink.before = fail
    with running(source, sink):
        assert source.ready.wait(60)
        _send(source.ports["tcp"], b"<34>before\n")
        until(lambda: failures)
        _send(source.ports["tcp"], b"<34>meanwhile\n")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(b"<34>datagram", ("127.0.0.1", source.ports["udp"]))
        until(lambda: len(sink.texts()) == 3)
    assert sorted(sink.texts()) == ["<34>before", "<34>datagram", "<34>meanwhile"]
    assert sink.errors == ["messages cannot be written and wait: StateError: the database is restarting"]
    assert sink.dropped == 0


def test_what_a_sink_never_took_is_counted_when_the_source_stops(
    tmp_path: Path, sink, running, until
) -> None:
    source = _source(tmp_path, tcp="127.0.0.1:0")

    def fail(feed: str, sequence: int) -> None:
        raise StateError("the database is gone")

    sink.before = fail
    with running(source, sink):
        assert source.ready.wait(60)
        _send(source.ports["tcp"], b"<34>one\n<34>two\n")
        until(lambda: sink.errors)
    assert sink.dropped == 2
    assert sink.errors[-1] == "2 messages are lost: StateError: the database is gone"


def test_a_batch_with_a_fault_of_its_own_does_not_hold_the_next_ones_up(
    tmp_path: Path, sink, running, until, monkeypatch
) -> None:
    monkeypatch.setattr(batch_sender, "_FIRST_PAUSE", 0.001)
    source, tries = _source(tmp_path, tcp="127.0.0.1:0"), []

    def fail(feed: str, sequence: int) -> None:
        tries.append(sequence)
        if len(tries) <= 6:
            raise ValueError("a fault of the reader")

    sink.before = fail
    with running(source, sink):
        assert source.ready.wait(60)
        _send(source.ports["tcp"], b"<34>spoilt\n")
        until(lambda: sink.dropped)
        _send(source.ports["tcp"], b"<34>sound\n")
        until(lambda: sink.texts())
    assert (sink.texts(), sink.dropped) == (["<34>sound"], 1)


def test_what_cannot_be_listened_on(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="TLS: "):
        _source(tmp_path, tls="127.0.0.1:0", certificate=str(tmp_path / "none.pem")).test()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(SourceError, match=rf"127.0.0.1:{port}: "):
            _source(tmp_path, tcp=f"127.0.0.1:{port}").test()
    assert _source(tmp_path, udp="127.0.0.1:0").test().startswith("can listen on udp ")
    assert KIND.name == "syslog"
