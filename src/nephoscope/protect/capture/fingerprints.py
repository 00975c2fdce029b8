"""Fingerprints of TLS clients and servers: JA3, JA3S and JA4.

Sources: https://github.com/salesforce/ja3, https://github.com/FoxIO-LLC/ja4/blob/main/technical_details/JA4.md
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

_VERSIONS = {0x0304: "13", 0x0303: "12", 0x0302: "11", 0x0301: "10", 0x0300: "s3", 0x0002: "s2"}
_DATAGRAM = {0xFEFF: "d1", 0xFEFD: "d2", 0xFEFC: "d3"}
_NAME, _PROTOCOL = 0, 16


@dataclass
class ClientHello:
    """A client's greeting: version of the record layer's making, cipher suites and extensions in their order."""

    version: int
    ciphers: list[int]
    extensions: list[tuple[int, bytes]]
    name: str = ""
    groups: list[int] = field(default_factory=list)
    formats: list[int] = field(default_factory=list)
    signatures: list[int] = field(default_factory=list)
    versions: list[int] = field(default_factory=list)
    protocol: bytes = b""


def is_reserved_tls_value(value: int) -> bool:
    """Return whether a number is reserved to keep servers tolerant (RFC 8701)."""
    return value & 0x0F0F == 0x0A0A and value >> 8 == value & 0xFF


def _compute_digest(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def _join_numbers(numbers: list[int]) -> str:
    return "-".join(str(one) for one in numbers if not is_reserved_tls_value(one))


def compute_ja3(hello: ClientHello) -> str:
    """The JA3 digest of a client's greeting."""
    parts = [
        str(hello.version),
        _join_numbers(hello.ciphers),
        _join_numbers([kind for kind, _ in hello.extensions]),
        _join_numbers(hello.groups),
        "-".join(map(str, hello.formats)),
    ]
    return _compute_digest(",".join(parts))


def compute_ja3s(version: int, cipher: int, extensions: list[int]) -> str:
    """The JA3S digest of a server's answer."""
    return _compute_digest(f"{version},{cipher},{'-'.join(map(str, extensions))}")


def _compute_truncated_hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12] if text else "0" * 12


def _read_protocol(value: bytes) -> str:
    """First and last character of the first application protocol."""
    if not value:
        return "00"
    first, last = value[:1], value[-1:]
    if first.isalnum() and last.isalnum():
        return (first + last).decode("ascii")
    text = value.hex()
    return text[0] + text[-1]


def compute_ja4(hello: ClientHello, transport: str = "t") -> str:
    """The JA4 fingerprint of a client's greeting; `transport` is t (TCP), q (QUIC) or d (DTLS)."""
    known = [one for one in hello.versions if not is_reserved_tls_value(one)]
    version = max(known, default=hello.version)
    ciphers = [one for one in hello.ciphers if not is_reserved_tls_value(one)]
    kinds = [kind for kind, _ in hello.extensions if not is_reserved_tls_value(kind)]
    head = (
        f"{transport}{(_DATAGRAM if transport == 'd' else _VERSIONS).get(version, '00')}"
        f"{'d' if _NAME in kinds else 'i'}{min(len(ciphers), 99):02}{min(len(kinds), 99):02}{_read_protocol(hello.protocol)}"
    )
    sorted_kinds = ",".join(sorted(f"{kind:04x}" for kind in kinds if kind not in (_NAME, _PROTOCOL)))
    signatures = ",".join(f"{one:04x}" for one in hello.signatures if not is_reserved_tls_value(one))
    tail = f"{sorted_kinds}_{signatures}" if signatures else sorted_kinds
    return f"{head}_{_compute_truncated_hash(','.join(sorted(f'{one:04x}' for one in ciphers)))}_{_compute_truncated_hash(tail)}"
