"""Certificates: which modules of X.509 and PKIX their names and extensions belong to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope.protect.capture.dissectors.ber import BerError, read_element, read_elements, read_oid

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nephoscope.protect.capture.packet import Packet

#: The identifiers of policy qualifiers begin so.
_QUALIFIER = b"\x2b\x06\x01\x05\x05\x07\x02"
SEQUENCE, SET, OID, EXTENSIONS = 0x30, 0x31, 0x06, 0xA3


def record_certificate(data: bytes, packet: Packet) -> None:
    """Note the modules of one certificate in DER."""
    try:
        _, certificate, _ = read_element(data, 0)
        tag, body, _ = read_element(certificate, 0)
        if tag != SEQUENCE:
            return
        for tag, value in read_elements(body):
            if tag == SEQUENCE:
                for oid in _read_attributes(value):
                    _record_attribute(oid, packet)
            elif tag == EXTENSIONS:
                _record_extensions(value, packet)
    except BerError:
        packet.summary.left_out["malformed certificates"] += 1


def _read_attributes(name: bytes) -> Iterator[str]:
    """The attribute types of a distinguished name."""
    for tag, relative in read_elements(name):
        if tag != SET:
            return
        for _, pair in read_elements(relative):
            kind, value, _ = read_element(pair, 0)
            if kind == OID:
                yield read_oid(value)


def _record_attribute(oid: str, packet: Packet) -> None:
    if oid.startswith("2.5.4."):
        packet.add("x509sat")
    elif oid == "0.9.2342.19200300.100.1.25":
        packet.add("pkix1explicit")


def _record_extensions(value: bytes, packet: Packet) -> None:
    _, listed, _ = read_element(value, 0)
    for _, extension in read_elements(listed):
        parts = read_elements(extension)
        for tag, inner in parts:
            if tag == OID:
                _record_extension(read_oid(inner), packet)
                break
        if _QUALIFIER in extension:
            packet.add("pkix1explicit")


def _record_extension(oid: str, packet: Packet) -> None:
    if oid.startswith("2.5.29."):
        packet.add("x509ce")
    elif oid in ("1.3.6.1.5.5.7.1.1", "1.3.6.1.5.5.7.1.11"):
        packet.add("pkix1implicit")
    elif oid.startswith("1.3.6.1.5.5.7.1."):
        packet.add("pkix1explicit")
