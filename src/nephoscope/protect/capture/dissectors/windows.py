"""Windows protocols: NetBIOS sessions and datagrams, SMB, DCE/RPC, and the security tokens inside of them."""

from __future__ import annotations

import re
import struct
from typing import TYPE_CHECKING

from nephoscope.protect.capture.dissectors.ber import BerError, read_element, read_elements
from nephoscope.protect.capture.dissectors.link import read
from nephoscope.protect.capture.packet import Incomplete
from nephoscope.protect.capture.ports import is_dcerpc

if TYPE_CHECKING:
    from nephoscope.protect.capture.packet import Outcome, Packet

_KERBEROS_TOKEN = re.compile(rb"\x06\x09\x2a\x86\x48[\x86\x82]\xf7\x12\x01\x02\x02[\x01-\x05][\x00-\x04]")
_KERBEROS_FIRST = re.compile(rb"\x30.{1,3}\x06\x09\x2a\x86\x48[\x86\x82]\xf7\x12\x01\x02\x02", re.DOTALL)
NEGOTIATE, SESSION_SETUP, READ, WRITE, IOCTL = 0, 1, 8, 9, 11
PIPE_TRANSCEIVE, PIPE_WAIT = 0x0011C017, 0x00110018
TREE_CONNECT = 3
SPNEGO, KERBEROS = 9, 16
#: Commands of SMB 1.
SMB1_SESSION_SETUP, SMB1_NEGOTIATE, SMB1_TRANSACTION, SMB1_READ, SMB1_WRITE = 0x73, 0x72, 0x25, 0x2E, 0x2F


def unpack_little_endian(shape: str, data: bytes, place: int) -> tuple[int, ...]:
    """Unpack little-endian fields; zeros where the bytes end before them."""
    size = struct.calcsize(f"<{shape}")
    part = data[place : place + size]
    return struct.unpack(f"<{shape}", part.ljust(size, b"\0"))


def dissect_security_token(data: bytes, packet: Packet, *, wrapped: bool = True) -> None:
    """A token of GSS-API, or of NTLM alone."""
    if data.startswith(b"NTLMSSP\0"):
        _dissect_ntlm(data, packet)
        return
    if not data or data[0] not in (0x60, 0xA0, 0xA1):
        return
    if wrapped:
        packet.add("gss-api")
    packet.add("spnego")
    mechanism = packet.remember("spnego", dict)
    place = data.find(b"NTLMSSP\0")
    if place >= 0:
        _dissect_ntlm(data[place:], packet)
        _choose_mechanism(mechanism, "ntlmssp")
    if _KERBEROS_TOKEN.search(data) or (place < 0 and data[0] == 0x60 and _offers_kerberos(data)):
        packet.add("spnego-krb5")
        _choose_mechanism(mechanism, "spnego-krb5")
    elif place < 0 and data[0] == 0xA1 and isinstance(mechanism, dict):
        parts = _read_response_parts(data)
        if mechanism.get("chosen") == "spnego-krb5" and parts & {0xA2, 0xA3}:
            packet.add("spnego-krb5")
        elif mechanism.get("chosen") == "ntlmssp" and 0xA3 in parts:
            packet.add("ntlmssp")


def _choose_mechanism(mechanism: object, name: str) -> None:
    if isinstance(mechanism, dict):
        mechanism["chosen"] = name


def _offers_kerberos(data: bytes) -> bool:
    """Return whether a negTokenInit names Kerberos first and carries a token for it."""
    try:
        _, body, _ = read_element(data, 0)
        _, _, place = read_element(body, 0)
        _, listed, _ = read_element(body, place)
        members = dict(read_elements(read_element(listed, 0)[1]))
        return 0xA2 in members and bool(_KERBEROS_FIRST.match(members.get(0xA0, b"")))
    except BerError:
        return False


def _read_response_parts(data: bytes) -> set[int]:
    """The tags of the members of a negTokenResp that are not empty."""
    try:
        _, body, _ = read_element(data, 0)
        _, listed, _ = read_element(body, 0)
        return {tag for tag, value in read_elements(listed) if len(value) > 2}
    except BerError:
        return set()


def _dissect_ntlm(data: bytes, packet: Packet) -> None:
    packet.add("ntlmssp")
    (kind,) = unpack_little_endian("I", data, 8)
    if kind == 3:
        size, _, place = unpack_little_endian("HHI", data, 36)
        (flags,) = unpack_little_endian("I", data, 60)
        user = data[place : place + size].decode("utf-16-le" if flags & 1 else "latin-1", "replace")
        if user:
            packet.name("ntlm_users", user)


def dissect_nbss(data: bytes, packet: Packet) -> Outcome:
    """A NetBIOS session message."""
    if len(data) < 4:
        return Incomplete(4 - len(data)) if packet.can_wait else len(data)
    kind = data[0]
    if kind not in (0, 0x81, 0x82, 0x83, 0x84, 0x85):
        packet.add("nbss")
        return len(data)
    direct = 445 in (packet.source_port, packet.target_port)
    length = (
        int.from_bytes(data[1:4], "big") if direct else int.from_bytes(data[2:4], "big") | (data[1] & 1) << 16
    )
    if len(data) < 4 + length and packet.can_wait:
        return Incomplete(4 + length - len(data))
    packet.add("nbss")
    if kind == 0:
        dissect_smb(data[4 : 4 + length], packet)
    return 4 + length


def dissect_smb(data: bytes, packet: Packet) -> Outcome:
    """SMB of either generation."""
    if data.startswith(b"\xffSMB"):
        packet.add("smb")
        _dissect_smb1(data, packet)
    elif data.startswith((b"\xfeSMB", b"\xfdSMB", b"\xfcSMB")):
        packet.add("smb2")
        place = 0
        while data.startswith(b"\xfeSMB", place):
            (following,) = unpack_little_endian("I", data, place + 20)
            _dissect_smb2(data[place : place + following if following else len(data)], packet)
            if following < 64:
                break
            place += following
    else:
        packet.call_data(data)
    return len(data)


def _dissect_smb2(data: bytes, packet: Packet) -> None:
    (command,), (flags,) = unpack_little_endian("H", data, 12), unpack_little_endian("I", data, 16)
    is_response = bool(flags & 1)
    place, size = 0, 0
    if command == NEGOTIATE and is_response:
        place, size = unpack_little_endian("HH", data, 64 + 56)
    elif command == SESSION_SETUP:
        place, size = unpack_little_endian("HH", data, 64 + (4 if is_response else 12))
    if size:
        dissect_security_token(data[place : place + size], packet)
        return
    if command == WRITE and not is_response:
        (place,), (size,) = unpack_little_endian("H", data, 66), unpack_little_endian("I", data, 68)
    elif command == READ and is_response:
        (place,), (size,) = unpack_little_endian("B", data, 66), unpack_little_endian("I", data, 68)
    elif command == IOCTL and unpack_little_endian("I", data, 68)[0] == PIPE_TRANSCEIVE:
        place, size = unpack_little_endian("II", data, 64 + (32 if is_response else 24))
    elif command == IOCTL and not is_response and unpack_little_endian("I", data, 68)[0] == PIPE_WAIT:
        packet.add("data")
    elif command == TREE_CONNECT and is_response:
        _record_tree(data, packet)
    if size:
        trees = packet.remember("smb2 trees", set)
        is_known = isinstance(trees, set) and unpack_little_endian("I", data, 36)[0] in trees
        if not dissect_pipe(data[place : place + size], packet) and is_known and command != IOCTL:
            packet.add("data")


def _record_tree(data: bytes, packet: Packet) -> None:
    """Remember a share that was connected."""
    trees = packet.remember("smb2 trees", set)
    if isinstance(trees, set) and len(trees) < 1024:
        trees.add(unpack_little_endian("I", data, 36)[0])


def dissect_pipe(data: bytes, packet: Packet) -> bool:
    """Dissect what goes through a file where it is DCE/RPC, and return whether it is."""
    found = False
    while is_dcerpc(data):
        used = dissect_dcerpc(data, packet, inside=True)
        if isinstance(used, Incomplete) or used <= 0:
            break
        found, data = True, data[used:]
    return found


def _dissect_smb1(data: bytes, packet: Packet) -> None:
    command, is_response = data[4] if len(data) > 4 else 0, len(data) > 9 and bool(data[9] & 0x80)
    (words,) = unpack_little_endian("B", data, 32)
    if command == SMB1_SESSION_SETUP and words in (4, 12):
        (size,) = unpack_little_endian("H", data, 33 + (6 if is_response else 14))
        start = 33 + words * 2 + 2
        dissect_security_token(data[start : start + size], packet)
    elif command == SMB1_NEGOTIATE and is_response and words == 17:
        start = 33 + words * 2 + 2 + 16
        dissect_security_token(data[start:], packet)
    elif command == SMB1_TRANSACTION:
        _dissect_transaction(data, packet, is_response=is_response)
    elif command == SMB1_READ and is_response and words == 12:
        size, place = unpack_little_endian("HH", data, 33 + 10)
        dissect_pipe(data[place : place + size], packet)
    elif command == SMB1_WRITE and not is_response and words in (12, 14):
        size, place = unpack_little_endian("HH", data, 33 + 20)
        dissect_pipe(data[place : place + size], packet)


def _dissect_transaction(data: bytes, packet: Packet, *, is_response: bool) -> None:
    if b"\\MAILSLOT\\BROWSE" in data[:256] or b"\\MAILSLOT\\LANMAN" in data[:256]:
        packet.add("browser" if b"BROWSE" in data[:256] else "lanman")
    size, place = unpack_little_endian("HH", data, 33 + (12 if is_response else 22))
    dissect_pipe(data[place : place + size], packet)


def dissect_nbdgm(data: bytes, packet: Packet) -> Outcome:
    """A NetBIOS datagram: names, then SMB."""
    packet.add("nbdgm")
    place = data.find(b"\xffSMB")
    if place >= 0:
        dissect_smb(data[place:], packet)
    return len(data)


def dissect_dcerpc(data: bytes, packet: Packet, *, inside: bool = False) -> Outcome:
    """One PDU of connection-oriented DCE/RPC, with the token at its end."""
    if not is_dcerpc(data):
        if len(data) < 16 and data[:1] == b"\x05" and packet.can_wait and not inside:
            return Incomplete(16 - len(data))
        return 0
    order = "<" if data[4] & 0x10 else ">"
    length: int = struct.unpack_from(f"{order}H", data, 8)[0]
    token: int = struct.unpack_from(f"{order}H", data, 10)[0]
    if length < 16:
        return 0
    if len(data) < length and packet.can_wait and not inside:
        return Incomplete(length - len(data))
    packet.add("dcerpc")
    if token and 8 + token <= length <= len(data):
        _dissect_verifier(data[length - token - 8 : length], packet)
    return length


def _dissect_verifier(data: bytes, packet: Packet) -> None:
    kind, token = data[0], data[8:]
    if kind == SPNEGO:
        dissect_security_token(token, packet, wrapped=False)
        if token[:2] in (b"\x05\x04", b"\x04\x04") or token[:1] == b"\x60":
            packet.add("spnego-krb5")
        elif token[:4] == b"\1\0\0\0":
            packet.add("ntlmssp")
    elif kind == KERBEROS:
        packet.add("spnego-krb5")


def dissect_kerberos(data: bytes, packet: Packet) -> Outcome:
    """A Kerberos message."""
    if not data or data[0] & 0xE0 != 0x60:
        return 0
    packet.add("kerberos")
    return len(data)


def dissect_kerberos_tcp(data: bytes, packet: Packet) -> Outcome:
    """Dissect a Kerberos message behind its length."""
    if len(data) < 4:
        return Incomplete(4 - len(data)) if packet.can_wait else 0
    length = read("I", data)[0] & 0x7FFFFFFF
    if not 2 <= length <= 16 * 1024 * 1024:
        return 0
    if len(data) < 4 + length and packet.can_wait:
        return Incomplete(4 + length - len(data))
    packet.add("kerberos")
    return 4 + length


DISSECTORS = {
    "nbss": dissect_nbss,
    "smb": dissect_smb,
    "nbdgm": dissect_nbdgm,
    "dcerpc": dissect_dcerpc,
    "kerberos": dissect_kerberos,
    "kerberos_tcp": dissect_kerberos_tcp,
}
