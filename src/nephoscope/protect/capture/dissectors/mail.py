"""Mail: SMTP with the messages it carries, POP and IMAP, and credentials in clear text."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nephoscope.protect.capture.dissectors.media import call_media
from nephoscope.protect.capture.packet import Incomplete

if TYPE_CHECKING:
    from nephoscope.protect.capture.packet import Outcome, Packet

LONGEST_LINE = 64 * 1024
#: The largest message that is put together.
LARGEST_MESSAGE = 16 * 1024 * 1024
_END = b"\r\n.\r\n"


@dataclass
class _Session:
    """An SMTP session: whether a message is under way, what of it came, and what the next line of the client is."""

    in_message: bool = False
    message: bytearray | None = None
    login: str = ""
    upgraded: bool = False
    asked_tls: bool = False
    chunk: int = 0
    is_last: bool = False


def _find_end_of_line(data: bytes) -> int:
    found = data.find(b"\n")
    return found + 1


def dissect_smtp(data: bytes, packet: Packet) -> Outcome:
    """Commands, replies and the lines of a message; the message itself is dissected at its end."""
    session = packet.remember("smtp", _Session)
    if not isinstance(session, _Session):
        return len(data)
    if session.upgraded:
        return packet.call("tls", data)
    from_client = packet.from_client()
    if from_client and session.in_message:
        packet.add("smtp")
        return _dissect_message(data, session, packet)
    end = _find_end_of_line(data)
    if not end:
        if packet.can_wait and len(data) < LONGEST_LINE:
            return Incomplete(Incomplete.ONE_SEGMENT)
        end = len(data)
    packet.add("smtp")
    line = data[:end].strip()
    if from_client:
        _dissect_command(line, session, packet)
    elif line[:3] == b"354":
        session.in_message, session.message = True, bytearray()
    elif line[:3] == b"220" and session.asked_tls:
        session.upgraded = True
    return end


def _dissect_message(data: bytes, session: _Session, packet: Packet) -> Outcome:
    held = session.message if session.message is not None else bytearray()
    if session.chunk:
        part = data[: session.chunk]
        held += part
        session.chunk -= len(part)
        if session.chunk:
            packet.add("data-text-lines")
        else:
            session.in_message = False
            if session.is_last:
                packet.call("imf", bytes(held))
        return len(part)
    tail = max(len(held) - len(_END), 0)
    held += data
    end = held.find(_END, tail)
    if end < 0:
        if held.startswith(b".\r\n"):
            session.in_message = False
            return 3
        if len(held) > LARGEST_MESSAGE:
            del held[LARGEST_MESSAGE:]
        packet.add("data-text-lines")
        return len(data)
    used = end + len(_END) - (len(held) - len(data))
    session.in_message = False
    packet.call("imf", bytes(held[: end + 2]))
    session.message = None
    return max(used, 1)


def _dissect_command(line: bytes, session: _Session, packet: Packet) -> None:
    words = line.split()
    verb = words[0].upper() if words else b""
    if session.login:
        user = _decode_base64(line)
        if session.login == "plain":
            user = user.split("\0")[1] if user.count("\0") >= 2 else user
        packet.credential("smtp", user)
        session.login = ""
    elif verb == b"AUTH" and len(words) > 1:
        _record_authentication(words, session, packet)
    elif verb == b"STARTTLS":
        session.asked_tls = True
    elif verb == b"BDAT" and len(words) > 1 and words[1].isdigit():
        session.chunk = min(int(words[1]), LARGEST_MESSAGE)
        session.is_last = words[-1].upper() == b"LAST"
        session.in_message, session.message = bool(session.chunk), bytearray()


def _record_authentication(words: list[bytes], session: _Session, packet: Packet) -> None:
    method = words[1].lower()
    if method == b"login":
        if len(words) > 2:
            packet.credential("smtp", _decode_base64(words[2]))
        else:
            session.login = "login"
    elif method == b"plain":
        if len(words) > 2:
            parts = _decode_base64(words[2]).split("\0")
            packet.credential("smtp", parts[1] if len(parts) > 1 else parts[0])
        else:
            session.login = "plain"


def _decode_base64(text: bytes) -> str:
    try:
        return base64.b64decode(text, validate=True).decode("utf-8", "replace")
    except binascii.Error:
        return text.decode("utf-8", "replace")


def dissect_message_format(data: bytes, packet: Packet) -> Outcome:
    """A mail: its head and its body by type."""
    packet.add("imf")
    head, _, body = data.partition(b"\r\n\r\n")
    kind = re.search(rb"(?im)^content-type:\s*([^\r\n]+(?:\r\n[ \t][^\r\n]+)*)", head)
    if body.strip() and kind:
        call_media(kind[1], body, packet)
    return len(data)


def _dissect_lines(name: str, data: bytes, packet: Packet) -> Outcome:
    """A protocol of lines: a segment is one PDU."""
    packet.add(name)
    words = data[:LONGEST_LINE].split(b"\n", 1)[0].split()
    if len(words) > 1 and packet.from_client():
        if name == "pop" and words[0].upper() == b"USER":
            packet.credential(name, words[1].decode("utf-8", "replace"))
        if name == "imap" and len(words) > 2 and words[1].upper() == b"LOGIN":
            packet.credential(name, words[2].strip(b'"').decode("utf-8", "replace"))
    return len(data)


def dissect_pop(data: bytes, packet: Packet) -> Outcome:
    """Dissect POP; a user is a credential in clear text."""
    return _dissect_lines("pop", data, packet)


def dissect_imap(data: bytes, packet: Packet) -> Outcome:
    """Dissect IMAP; a login is a credential in clear text."""
    return _dissect_lines("imap", data, packet)


DISSECTORS = {"smtp": dissect_smtp, "imf": dissect_message_format, "pop": dissect_pop, "imap": dissect_imap}
