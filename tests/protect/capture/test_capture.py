"""Captures: what is found in them, in both formats, damaged, and hostile."""

from __future__ import annotations

import base64
import io
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.protect.capture.captures import (
    CLIENT,
    SERVER,
    ethernet,
    ipv4,
    pcap,
    pcapng,
    session,
    tcp,
    udp,
)

from nephoscope.protect.capture.analysis import analyze_capture
from nephoscope.protect.capture.capture_file import CaptureError
from nephoscope.protect.capture.capture_summary import CaptureSummary
from nephoscope.protect.capture.dissectors.hpack import HpackDecoder, decode_huffman
from nephoscope.protect.capture.fingerprints import ClientHello, compute_ja3, compute_ja4

REQUEST = b"GET /index.html HTTP/1.1\r\nHost: www.contoso.com\r\n\r\n"
RESPONSE = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 10\r\n\r\n"
QUESTION = bytes.fromhex("000101000001000000000000") + b"\x03www\x07contoso\x03com\0\0\x01\0\x01"
WEB = session([(True, REQUEST), (False, RESPONSE), (False, b"0123456789")])
DNS = [udp(CLIENT, ("10.0.0.2", 53), QUESTION)]


def analyze(content: bytes) -> CaptureSummary:
    return analyze_capture(io.BytesIO(content))


@pytest.mark.parametrize("write", [pcap, pcapng])
@pytest.mark.parametrize("order", ["<", ">"])
def test_both_formats_and_byte_orders_give_the_same(write: object, order: str) -> None:
    summary = analyze(write(WEB + DNS, order=order))  # type: ignore[operator]
    assert (summary.frames, summary.syn, summary.first) == (6, 1, 1_700_000_000.25)
    assert dict(summary.protocol_frames) == {
        "eth": 6,
        "ethertype": 6,
        "ip": 6,
        "tcp": 5,
        "http": 2,
        "data-text-lines": 1,
        "udp": 1,
        "dns": 1,
    }
    assert set(summary.names["http_hosts"]) == {"www.contoso.com"}
    assert set(summary.names["http_uris"]) == {"/index.html"}
    assert set(summary.names["dns_names"]) == {"www.contoso.com"}
    assert [(one.protocol, one.frames) for one in summary.list_conversations()] == [("tcp", 5), ("udp", 1)]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_a_message_is_found_however_it_is_cut_into_segments(size: int) -> None:
    answer = RESPONSE + b"0123456789"
    cut = [(False, answer[at : at + size]) for at in range(0, len(answer), size)]
    asked = [(True, REQUEST[at : at + size]) for at in range(0, len(REQUEST), size)]
    summary = analyze(pcap(session([*asked, *cut])))
    assert summary.protocol_frames["http"] == 2
    assert summary.protocol_frames["data-text-lines"] == 1


def test_retransmissions_are_dissected_once() -> None:
    summary = analyze(pcap([*WEB, WEB[2], WEB[3]]))
    assert summary.protocol_frames["http"] == 2
    assert summary.retransmissions == 2


def test_fragments_are_put_together_in_any_order() -> None:
    whole = udp(CLIENT, ("10.0.0.2", 53), QUESTION)[34:]
    parts = [(0, whole[:16], 0x2000), (16, whole[16:], 0)]
    frames = [
        ethernet(ipv4("10.0.0.4", "10.0.0.2", 17, part, fragment=more | at // 8)) for at, part, more in parts
    ]
    for order in (frames, frames[::-1]):
        summary = analyze(pcap(order))
        assert set(summary.names["dns_names"]) == {"www.contoso.com"}
        assert summary.protocol_frames["data"] == 1


def test_a_tunnel_counts_by_its_outer_addresses() -> None:
    inner = tcp(CLIENT, SERVER, 1, REQUEST)[14:]
    frame = ethernet(ipv4("198.51.100.1", "198.51.100.2", 47, b"\0\0\x08\0" + inner))
    summary = analyze(pcap([frame]))
    (one,) = summary.list_conversations()
    assert (one.a, one.b) == (("198.51.100.1", 50000), ("198.51.100.2", 80))
    assert summary.protocol_frames["gre"] == 1


CREDENTIALS = [
    (
        80,
        [(True, b"GET / HTTP/1.1\r\nAuthorization: Basic " + base64.b64encode(b"ada:secret") + b"\r\n\r\n")],
        "http",
        "ada",
    ),
    (21, [(False, b"220 ready\r\n"), (True, b"USER ada\r\n"), (True, b"PASS secret\r\n")], "ftp", "ada"),
    (25, [(True, b"AUTH PLAIN " + base64.b64encode(b"\0ada\0secret") + b"\r\n")], "smtp", "ada"),
    (25, [(True, b"AUTH LOGIN\r\n"), (True, base64.b64encode(b"ada") + b"\r\n")], "smtp", "ada"),
    (110, [(True, b"USER ada\r\n")], "pop", "ada"),
    (143, [(True, b"a1 LOGIN ada secret\r\n")], "imap", "ada"),
]


@pytest.mark.parametrize(("port", "talk", "protocol", "user"), CREDENTIALS)
def test_credentials_in_clear_text(
    port: int, talk: list[tuple[bool, bytes]], protocol: str, user: str
) -> None:
    summary = analyze(pcap(session(talk, server=("192.0.2.7", port))))
    assert [(one.protocol, one.user, one.server) for one in summary.credentials] == [
        (protocol, user, f"192.0.2.7:{port}")
    ]


def test_fingerprints_of_the_published_examples() -> None:
    """JA4's own example: https://github.com/FoxIO-LLC/ja4/blob/main/technical_details/JA4.md"""
    kinds = [
        0x001B,
        0x0000,
        0x0033,
        0x0010,
        0x4469,
        0x0017,
        0x002D,
        0x000D,
        0x0005,
        0x0023,
        0x0012,
        0x002B,
        0xFF01,
        0x000B,
        0x000A,
        0x0015,
    ]
    hello = ClientHello(
        0x0303,
        [
            0x1301,
            0x1302,
            0x1303,
            0xC02B,
            0xC02F,
            0xC02C,
            0xC030,
            0xCCA9,
            0xCCA8,
            0xC013,
            0xC014,
            0x009C,
            0x009D,
            0x002F,
            0x0035,
        ],
        [(kind, b"") for kind in [0x3A3A, *kinds]],
        signatures=[0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601],
        versions=[0x2A2A, 0x0304, 0x0303],
        protocol=b"h2",
    )
    assert compute_ja4(hello) == "t13d1516h2_8daaf6152771_e5627efa2ab1"
    old = ClientHello(
        769,
        [47, 53, 5, 10, 49161, 49162, 49171, 49172, 50, 56, 19, 4],
        [(0, b""), (10, b""), (11, b"")],
        groups=[23, 24, 25],
        formats=[0],
    )
    assert compute_ja3(old) == "ada70206e40642a3e4461f35503241d5"


def test_header_compression_of_the_standard() -> None:
    """The examples of RFC 7541, appendix C.4.1 and C.4.2."""
    decoder = HpackDecoder()
    first = decoder.decode(bytes.fromhex("828684418cf1e3c2e5f23a6ba0ab90f4ff"))
    assert first[-1] == (b":authority", b"www.example.com")
    assert decoder.decode(bytes.fromhex("828684be5886a8eb10649cbf"))[-1] == (b"cache-control", b"no-cache")
    assert decode_huffman(bytes.fromhex("25a849e95ba97d7f")) == b"custom-key"


DEFECTS = [
    (b"", "the file ends inside the magic number"),
    (b"GIF89a", "not a pcap or pcapng file"),
]


@pytest.mark.parametrize(("content", "words"), DEFECTS)
def test_what_is_no_capture_is_refused(content: bytes, words: str) -> None:
    if content:
        with pytest.raises(CaptureError, match=words):
            analyze(content)
    else:
        assert analyze(content).defect == words


def test_a_cut_file_gives_what_came_before_the_cut() -> None:
    content = pcap(WEB)
    whole = analyze(content)
    cut = analyze(content[:-5])
    assert cut.frames == whole.frames - 1
    assert cut.defect == "the file ends inside packet 5"


def test_a_packet_larger_than_any_ends_the_file() -> None:
    content = pcap(WEB[:2]) + struct.pack("<IIII", 1, 0, 0x420000, 0x420000)
    summary = analyze(content)
    assert summary.frames == 2
    assert summary.defect == "packet 3 has 4325376 bytes, more than 262144"


SAMPLES = [
    pcap(WEB + DNS),
    pcapng(WEB + DNS),
    pcap(DNS),
    *(pcap(session(talk, server=("1.2.3.4", port))) for port, talk, *_ in CREDENTIALS),
]
PORTS = [
    21,
    22,
    25,
    53,
    80,
    88,
    110,
    139,
    143,
    389,
    443,
    445,
    502,
    1433,
    1883,
    3306,
    3389,
    5432,
    20000,
    44818,
    2049,
]


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(SAMPLES),
    st.lists(st.tuples(st.integers(0, 2000), st.binary(min_size=1, max_size=8)), max_size=6),
)
def test_changed_bytes_never_raise(content: bytes, changes: list[tuple[int, bytes]]) -> None:
    changed = bytearray(content)
    for place, value in changes:
        at = 24 + place % max(len(content) - 24, 1)
        changed[at : at + len(value)] = value
    summary = analyze(bytes(changed))
    assert summary.frames <= len(content)


@settings(max_examples=400, deadline=None)
@given(
    st.sampled_from(PORTS),
    st.lists(st.tuples(st.booleans(), st.binary(min_size=1, max_size=200)), min_size=1, max_size=5),
    st.sampled_from(
        [
            b"",
            b"\x16\x03\x01\x00\x50\x01",
            b"\0\0\0\x60\xfeSMB",
            b"\x05\0\x0b\x03\x10\0\0\0",
            b"HTTP/1.1 200 OK\r\n",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        ]
    ),
)
def test_any_payload_is_dissected(port: int, talk: list[tuple[bool, bytes]], head: bytes) -> None:
    """Bytes of a stranger behind every port: each frame is counted, and nothing is raised."""
    frames = session([(side, head + payload) for side, payload in talk], server=("192.0.2.7", port))
    frames += [udp(CLIENT, ("192.0.2.7", port), payload) for _, payload in talk]
    summary = analyze(pcap(frames))
    assert summary.frames == len(frames)
    assert summary.protocol_frames["eth"] == len(frames)
