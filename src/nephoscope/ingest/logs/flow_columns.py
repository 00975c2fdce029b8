"""The rows that the scanner of flow logs found, as an Arrow table of AzureFlowLogs."""

from __future__ import annotations

import threading
from importlib.util import find_spec
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from nephoscope.ingest.logs.flow_tuple import COUNTERS, ENCRYPTIONS, TABLE, is_address
from nephoscope.ingest.logs.log_format import ScannedRows
from nephoscope.ingest.logs.resource_log import parse_subscription
from nephoscope.ingest.logs.scanner import flow_matrices

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    Numbers = NDArray[np.int64]

#: Zeros behind the data: the scanner stops at them.
_PADDING = 64
#: No tuple has fewer bytes, with its quotes and the comma behind it.
_SHORTEST = 14
_LONGEST_ADDRESS = 45
_BRACE = ord("{")
_MICROSECONDS = pa.timestamp("us", "UTC")


def is_scanner_available() -> bool:
    """Return whether the extra that compiles the scanner is installed."""
    return find_spec("numba") is not None


class _Scratch(threading.local):
    """The matrices that the scanner fills, kept for the next block of the thread."""

    def __init__(self) -> None:
        self._held: dict[str, Numbers] = {}

    def get(self, name: str, *shape: int) -> NDArray[np.int64]:
        """A matrix of at least this shape; what is in it is rubbish."""
        held = self._held.get(name)
        if held is None or any(has < wants for has, wants in zip(held.shape, shape, strict=True)):
            held = self._held[name] = np.empty(shape, np.int64)
        return held


_scratch = _Scratch()


class FlowFields:
    """Fields of one block, filled by the scanner: `fields` by number; `groups`, `flows` and `records` as flow_matrices has them."""

    def __init__(self, kind: int, data: bytes) -> None:
        from nephoscope.ingest.logs.scanner.flow_scan import scan
        from nephoscope.ingest.logs.scanner.scanned_columns import fill_columns

        self.text = data
        self.bytes = np.frombuffer(data + bytes(_PADDING), np.uint8)
        tuples = len(data) // _SHORTEST + 1
        objects = int(np.count_nonzero(self.bytes == _BRACE)) + 1
        rows = _scratch.get("rows", tuples, flow_matrices.ROW_FIELDS)
        groups, flows = _scratch.get("groups", 3, objects), _scratch.get("flows", 3, objects)
        records = _scratch.get("records", flow_matrices.RECORD_FIELDS, objects)
        self.odd, counts = _scratch.get("odd", 2, 2 * tuples), np.zeros(5, np.int64)
        self.complete = scan(kind, self.bytes, len(data), rows, groups, flows, records, self.odd, counts)
        found = dict(zip(("rows", "groups", "flows", "records", "odd"), counts.tolist(), strict=True))
        wide = np.empty((len(flow_matrices.WIDE), found["rows"]), np.int64)
        narrow = np.empty((len(flow_matrices.NARROW), found["rows"]), np.int32)
        fill_columns(rows, found["rows"], wide, narrow)
        self.fields: dict[int, NDArray[np.integer]] = dict(zip(flow_matrices.WIDE, wide, strict=True))
        self.fields.update(zip(flow_matrices.NARROW, narrow, strict=True))
        self.groups, self.flows = groups[:, : found["groups"]], flows[:, : found["flows"]]
        self.records = records[:, : found["records"]]
        self.others = [data[self.odd[0, one] : self.odd[1, one]] for one in range(found["odd"])]

    def texts(self, starts: Numbers, ends: Numbers) -> DistinctTexts:
        """The texts of spans: distinct ones, and for each span which it is; a span from -1 is ''."""
        data, places = self.text, np.empty(len(starts), np.int32)
        known: dict[bytes, int] = {}
        for number, (start, end) in enumerate(zip(starts.tolist(), ends.tolist(), strict=True)):
            text = data[start:end] if start >= 0 else b""
            places[number] = known.setdefault(text, len(known))
        return DistinctTexts([text.decode("ascii") for text in known], places)

    def addresses(self, field: int) -> pa.Array:
        """The addresses of a field as texts."""
        from nephoscope.ingest.logs.scanner.scanned_columns import print_addresses

        values = self.fields[field].astype(np.int64, copy=False)
        offsets = np.empty(len(values) + 1, np.int32)
        out = np.empty(len(values) * (_LONGEST_ADDRESS if self.others else 15), np.uint8)
        size = print_addresses(values, self.bytes, self.odd, offsets, out)
        buffers = [None, pa.py_buffer(offsets), pa.py_buffer(out[:size])]
        return pa.StringArray.from_buffers(len(values), buffers[1], buffers[2])


class DistinctTexts:
    """Distinct texts and which of them is at each place."""

    def __init__(self, distinct: list[str], places: NDArray[np.int32]) -> None:
        self.distinct = distinct
        self.places = places

    def select(self, places: NDArray[np.integer]) -> DistinctTexts:
        """The texts at some places."""
        return DistinctTexts(self.distinct, self.places[places])

    def map(self, change: Callable[[str], str]) -> DistinctTexts:
        """The texts, each changed."""
        return DistinctTexts([change(text) for text in self.distinct], self.places)

    def array(self) -> pa.Array:
        """The texts as an Arrow array that keeps each once."""
        return pa.DictionaryArray.from_arrays(pa.array(self.places), pa.array(self.distinct, pa.string()))


def build_word_column(places: NDArray[np.integer], distinct: Sequence[str]) -> pa.Array:
    """Words by their number."""
    return pa.DictionaryArray.from_arrays(
        pa.array(places.astype(np.int32, copy=False)), pa.array(distinct, pa.string())
    )


def scan_block(kind: int, data: bytes, category: str) -> ScannedRows | None:
    """The rows of a block of flow log records, None where the scanner gave up or a record is of another category."""
    gathered = FlowFields(kind, data)
    if not gathered.complete or not all(is_address(text) for text in set(gathered.others)):
        return None
    records = gathered.records
    categories = gathered.texts(records[flow_matrices.CATEGORY], records[flow_matrices.CATEGORY + 1])
    if {text.lower() for text in categories.distinct} != {category}:
        return None
    group = gathered.fields[flow_matrices.GROUP]
    flow = gathered.groups[flow_matrices.WITHIN][group]
    record = gathered.flows[flow_matrices.WITHIN][flow]
    outer = gathered.texts(gathered.flows[0], gathered.flows[1]).select(flow)
    inner = gathered.texts(gathered.groups[0], gathered.groups[1]).select(group)
    named = _build_vnet_names if kind == flow_matrices.VNET else _build_nsg_names
    columns = named(gathered, record, outer, inner)
    if columns is None:
        return None
    rows = pa.table(columns | _build_flow_columns(gathered, record, kind))
    return ScannedRows({TABLE: rows}, len(records[0]), record)


def _build_vnet_names(
    gathered: FlowFields, record: Numbers, outer: DistinctTexts, inner: DistinctTexts
) -> dict[str, pa.Array] | None:
    mac, log, target = (
        gathered.texts(gathered.records[2 * place], gathered.records[2 * place + 1]).select(record)
        for place in range(3)
    )
    return {
        "FlowLogResourceId": log.array(),
        "MacAddress": mac.map(str.upper).array(),
        "AclGroup": outer.array(),
        "AclRule": inner.array(),
        **_build_resource_columns(target),
    }


def _build_nsg_names(
    gathered: FlowFields, record: Numbers, outer: DistinctTexts, inner: DistinctTexts
) -> dict[str, pa.Array] | None:
    target = gathered.texts(gathered.records[0], gathered.records[1])
    if "" in target.distinct:
        return None
    group = target.select(record)
    return {
        "MacAddress": inner.map(str.upper).array(),
        "AclGroup": group.array(),
        "AclRule": outer.array(),
        **_build_resource_columns(group),
    }


def _build_resource_columns(target: DistinctTexts) -> dict[str, pa.Array]:
    resource = target.map(lambda text: text.lower() if text.startswith("/") else "")
    return {
        "TargetResourceId": target.array(),
        "_ResourceId": resource.array(),
        "_SubscriptionId": resource.map(parse_subscription).array(),
    }


def _build_flow_columns(gathered: FlowFields, record: Numbers, kind: int) -> dict[str, pa.Array]:
    fields, vnet = gathered.fields, kind == flow_matrices.VNET
    decision, extra = fields[flow_matrices.DECISION], fields[flow_matrices.EXTRA]
    columns = {
        "TimeGenerated": pa.array(fields[flow_matrices.TIME]).cast(_MICROSECONDS),
        "FlowLogVersion": _to_numbers(gathered.records[flow_matrices.VERSION][record].astype(np.int32)),
        "SrcIp": gathered.addresses(flow_matrices.SRC),
        "DestIp": gathered.addresses(flow_matrices.DEST),
        "SrcPort": pa.array(fields[flow_matrices.SRC_PORT]),
        "DestPort": pa.array(fields[flow_matrices.DEST_PORT]),
        "Protocol": pa.array(fields[flow_matrices.PROTOCOL]),
        "FlowDirection": build_word_column(fields[flow_matrices.DIRECTION], ("Inbound", "Outbound")),
        "FlowStatus": build_word_column(decision == 3 if vnet else decision, ("Allowed", "Denied")),
        "FlowState": build_word_column(decision if vnet else extra, ("B", "C", "E", "D", "")),
    }
    if vnet:
        known = [ENCRYPTIONS[word.decode()] for word in flow_matrices.ENCRYPTION_WORDS]
        columns["FlowEncryption"] = build_word_column(extra, known)
    for place, name in enumerate(COUNTERS):
        columns[name] = _to_numbers(fields[flow_matrices.COUNTS + place])
    return columns


def _to_numbers(values: NDArray[np.integer]) -> pa.Array:
    """Numbers; those below zero are null."""
    absent = values < 0
    return pa.array(values, mask=absent if absent.any() else None)
