"""A tuple of a flow log: the text between two quotes in `flowTuples`, of either kind of flow log.

NSG, version 1: seconds, source, destination, source port, destination port, T|U, I|O, A|D. Version 2 adds B|C|E and four counters.
VNet, version 4: milliseconds (seconds are seen too), source, destination, ports, IANA protocol, I|O, B|C|E|D, encryption, four
counters. Counters are what came since the tuple before, empty where there is none; ports are empty where the protocol has none.
Source: https://learn.microsoft.com/azure/network-watcher/vnet-flow-logs-overview#log-format
"""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from nephoscope.ingest.logs.log_format import LogRow
from nephoscope.ingest.logs.timestamps import from_epoch

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from nephoscope.ingest.logs.log_format import RecordFault, StreamContext

TABLE = "AzureFlowLogs"
DIRECTIONS = {"I": "Inbound", "O": "Outbound"}
STATUSES = {"A": "Allowed", "D": "Denied"}
PROTOCOLS = {"T": 6, "U": 17}
STATES = frozenset("BCED")
ENCRYPTIONS = {
    "X": "Encrypted",
    "NX": "Unencrypted",
    "NX_HW_NOT_SUPPORTED": "Unsupported hardware",
    "NX_SW_NOT_READY": "Software not ready",
    "NX_NOT_ACCEPTED": "Drop due to no encryption",
    "NX_NOT_SUPPORTED": "Discovery not supported",
    "NX_LOCAL_DST": "Destination on same host",
    "NX_FALLBACK": "Fall back to no encryption",
}
COUNTERS = ("PacketsSrcToDest", "BytesSrcToDest", "PacketsDestToSrc", "BytesDestToSrc")
_MOST = 2**63 - 1
_DIGITS = re.compile(r"[0-9]{1,19}")
#: A counter that is larger than a column holds: its digits go to the bag.
_ABOVE = re.compile(r"[0-9]{19,38}")
_ADDRESS = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}|[0-9A-Fa-f:.]{2,45}")


class TupleError(ValueError):
    """A text that is no tuple: why."""


def build_tuple_rows(
    tuples: object,
    read: Any,
    base: Mapping[str, Any],
    path: str,
    context: StreamContext,
) -> Iterator[LogRow | RecordFault]:
    """A row for every tuple of a list, with what its record says (`base`); `read` is parse_nsg_values or parse_vnet_values."""
    if not isinstance(tuples, list):
        yield context.make_fault("expected a list of tuples", path, tuples)
        return
    for place, text in enumerate(tuples):
        try:
            yield LogRow(TABLE, {**base, **read(text)})
        except TupleError as error:
            yield context.make_fault(str(error), f"{path}[{place}]", text)


def parse_nsg_values(text: object) -> dict[str, object]:
    """The values of a tuple of versions 1 and 2; raises TupleError."""
    parts = _split_parts(text, (8, 13))
    status = _parse_word(parts[7], STATUSES, "decision")
    values = _build_common_columns(parts)
    values["Protocol"] = _parse_word(parts[5], PROTOCOLS, "protocol")
    values["FlowStatus"] = status
    if len(parts) == 13:
        values["FlowState"] = _check_state(parts[8], frozenset("BCE"))
        _count_packets_and_bytes(values, parts[9:])
    return values


def parse_vnet_values(text: object) -> dict[str, object]:
    """The values of a tuple of version 4; raises TupleError."""
    parts = _split_parts(text, (13,))
    values = _build_common_columns(parts)
    values["Protocol"] = _parse_number(parts[5], 255, "protocol")
    values["FlowState"] = _check_state(parts[7], STATES)
    values["FlowStatus"] = "Denied" if parts[7] == "D" else "Allowed"
    values["FlowEncryption"] = ENCRYPTIONS.get(parts[8], parts[8])
    _count_packets_and_bytes(values, parts[9:])
    return values


def _split_parts(text: object, sizes: tuple[int, ...]) -> list[str]:
    if not isinstance(text, str):
        raise TupleError("expected a text")
    parts = text.split(",")
    if len(parts) not in sizes:
        wanted = " or ".join(map(str, sizes))
        raise TupleError(f"expected {wanted} fields, found {len(parts)}")
    return parts


def _build_common_columns(parts: list[str]) -> dict[str, object]:
    time = from_epoch(_parse_number(parts[0], _MOST, "time"))
    if time is None:
        raise TupleError(f"not a time: {parts[0]!r}")
    for address in parts[1:3]:
        if not _is_address(address):
            raise TupleError(f"not an address: {address[:48]!r}")
    return {
        "TimeGenerated": time,
        "SrcIp": parts[1],
        "DestIp": parts[2],
        **{
            column: _parse_number(port, 65535, name)
            for column, port, name in (
                ("SrcPort", parts[3], "source port"),
                ("DestPort", parts[4], "destination port"),
            )
            if port
        },
        "FlowDirection": _parse_word(parts[6], DIRECTIONS, "direction"),
    }


def _parse_number(text: str, most: int, name: str) -> int:
    if not _DIGITS.fullmatch(text) or int(text) > most:
        raise TupleError(f"not a {name}: {text[:32]!r}")
    return int(text)


def _parse_word(text: str, words: Mapping[str, object], name: str) -> object:
    found = words.get(text)
    if found is None:
        raise TupleError(f"not a {name}: {text[:32]!r}")
    return found


def _check_state(text: str, states: frozenset[str]) -> str:
    if text not in states:
        raise TupleError(f"not a flow state: {text[:32]!r}")
    return text


def _count_packets_and_bytes(values: dict[str, object], parts: list[str]) -> None:
    for name, part in zip(COUNTERS, parts, strict=True):
        if _ABOVE.fullmatch(part) and int(part) > _MOST:
            values[f"{name}_given"] = part
        elif part:
            values[name] = _parse_number(part, _MOST, "counter")


@lru_cache(maxsize=65_536)
def _is_address(text: str) -> bool:
    """Return whether a field is an address as a tuple may have it: not `10.0.0.300`, not `010.0.0.1`, not `::1%eth0`."""
    if not _ADDRESS.fullmatch(text):
        return False
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def is_address(text: bytes) -> bool:
    """Return whether a field's bytes are an address as a tuple may have it."""
    return text.isascii() and _is_address(text.decode("ascii"))
