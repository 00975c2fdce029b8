"""The rows that the scanner of flow logs found, as an Arrow table of AzureFlowLogs."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from nephoscope.sources.logs.flow_tuple import COUNTERS, ENCRYPTIONS, TABLE, is_address
from nephoscope.sources.logs.format import Scanned
from nephoscope.sources.logs.resource_log import subscription_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    Numbers = NDArray[np.int64]

#: Zeros behind the data: the scanner stops at them.
_PADDING = 64
_LONGEST_ADDRESS = 45
_MICROSECONDS = pa.timestamp("us", "UTC")


def available() -> bool:
    """Whether the extra that compiles the scanner is installed."""
    return find_spec("numba") is not None


class Gathered:
    """What the scanner filled in from one block."""

    def __init__(self, kind: int, data: bytes) -> None:
        from nephoscope.sources.logs import flow_scan

        self.text = data
        self.bytes = np.frombuffer(data + bytes(_PADDING), np.uint8)
        texts = data.count(b'"') // 2 + 1
        lists = data.count(b"[") + 1
        objects = data.count(b"{") + 1
        self.counts = np.zeros(5, np.int64)
        self._rows = np.zeros((flow_scan.ROW_FIELDS, texts), np.int64)
        self._groups = np.empty((3, objects), np.int64)
        self._flows = np.empty((3, objects), np.int64)
        self._records = np.empty((flow_scan.RECORD_FIELDS, objects + lists), np.int64)
        self.odd = np.empty((2, 2 * texts), np.int64)
        matrices = (self._rows, self._groups, self._flows, self._records, self.odd)
        self.complete = flow_scan.scan(kind, self.bytes, len(data), *matrices, self.counts)
        rows, groups, flows, records, odd = (int(count) for count in self.counts)
        self.rows, self.groups = self._rows[:, :rows], self._groups[:, :groups]
        self.flows, self.records = self._flows[:, :flows], self._records[:, :records]
        self.others = [data[self.odd[0, one] : self.odd[1, one]] for one in range(odd)]

    def texts(self, starts: Numbers, ends: Numbers) -> Texts:
        """The texts of spans: distinct ones, and for each span which it is; a span from -1 is ''."""
        data, places = self.text, np.empty(len(starts), np.int32)
        known: dict[bytes, int] = {}
        for number, (start, end) in enumerate(zip(starts.tolist(), ends.tolist(), strict=True)):
            text = data[start:end] if start >= 0 else b""
            places[number] = known.setdefault(text, len(known))
        return Texts([text.decode("ascii") for text in known], places)

    def addresses(self, field: int) -> pa.Array:
        """The addresses of a field as texts."""
        from nephoscope.sources.logs.flow_scan import print_addresses

        values = self.rows[field]
        offsets = np.empty(len(values) + 1, np.int32)
        out = np.empty(len(values) * (_LONGEST_ADDRESS if self.others else 15), np.uint8)
        size = print_addresses(values, self.bytes, self.odd, offsets, out)
        buffers = [None, pa.py_buffer(offsets), pa.py_buffer(out[:size])]
        return pa.StringArray.from_buffers(len(values), buffers[1], buffers[2])


class Texts:
    """Distinct texts and which of them is at each place."""

    def __init__(self, distinct: list[str], places: NDArray[np.int32]) -> None:
        self.distinct = distinct
        self.places = places

    def at(self, places: NDArray[Any]) -> Texts:
        """The texts at some places."""
        return Texts(self.distinct, self.places[places])

    def mapped(self, change: Callable[[str], str]) -> Texts:
        """The texts, each changed."""
        return Texts([change(text) for text in self.distinct], self.places)

    def array(self) -> pa.Array:
        """The texts as an Arrow array that keeps each once."""
        return pa.DictionaryArray.from_arrays(pa.array(self.places), pa.array(self.distinct, pa.string()))


def words(places: NDArray[Any], distinct: Sequence[str]) -> pa.Array:
    """Words by their number."""
    return pa.DictionaryArray.from_arrays(pa.array(places.astype(np.int32)), pa.array(distinct, pa.string()))


def scanned(kind: int, data: bytes, category: str) -> Scanned | None:
    """The rows of a block of flow log records, None where the scanner gave up or a record is of another category."""
    from nephoscope.sources.logs import flow_scan

    gathered = Gathered(kind, data)
    if not gathered.complete or not all(is_address(text) for text in set(gathered.others)):
        return None
    records = gathered.records
    categories = gathered.texts(records[flow_scan.CATEGORY], records[flow_scan.CATEGORY + 1])
    if {text.lower() for text in categories.distinct} != {category}:
        return None
    group = gathered.rows[flow_scan.GROUP]
    flow = gathered.groups[flow_scan.WITHIN][group]
    record = gathered.flows[flow_scan.WITHIN][flow]
    outer = gathered.texts(gathered.flows[0], gathered.flows[1]).at(flow)
    inner = gathered.texts(gathered.groups[0], gathered.groups[1]).at(group)
    named = _vnet_names if kind == flow_scan.VNET else _nsg_names
    columns = named(gathered, record, outer, inner)
    if columns is None:
        return None
    return Scanned({TABLE: pa.table(columns | _flow_columns(gathered, record, kind))}, len(records[0]))


def _vnet_names(
    gathered: Gathered, record: Numbers, outer: Texts, inner: Texts
) -> dict[str, pa.Array] | None:
    mac, log, target = (
        gathered.texts(gathered.records[2 * place], gathered.records[2 * place + 1]).at(record)
        for place in range(3)
    )
    return {
        "FlowLogResourceId": log.array(),
        "MacAddress": mac.mapped(str.upper).array(),
        "AclGroup": outer.array(),
        "AclRule": inner.array(),
        **_resource(target),
    }


def _nsg_names(gathered: Gathered, record: Numbers, outer: Texts, inner: Texts) -> dict[str, pa.Array] | None:
    target = gathered.texts(gathered.records[0], gathered.records[1])
    if "" in target.distinct:
        return None
    group = target.at(record)
    return {
        "MacAddress": inner.mapped(str.upper).array(),
        "AclGroup": group.array(),
        "AclRule": outer.array(),
        **_resource(group),
    }


def _resource(target: Texts) -> dict[str, pa.Array]:
    resource = target.mapped(lambda text: text.lower() if text.startswith("/") else "")
    return {
        "TargetResourceId": target.array(),
        "_ResourceId": resource.array(),
        "_SubscriptionId": resource.mapped(subscription_of).array(),
    }


def _flow_columns(gathered: Gathered, record: Numbers, kind: int) -> dict[str, pa.Array]:
    from nephoscope.sources.logs import flow_scan

    rows = gathered.rows
    columns = {
        "TimeGenerated": pa.array(rows[flow_scan.TIME], pa.int64()).cast(_MICROSECONDS),
        "FlowLogVersion": _counted(gathered.records[flow_scan.VERSION][record], np.int32),
        "SrcIp": gathered.addresses(flow_scan.SRC),
        "DestIp": gathered.addresses(flow_scan.DEST),
        "SrcPort": pa.array(rows[flow_scan.SRC_PORT].astype(np.int32)),
        "DestPort": pa.array(rows[flow_scan.DEST_PORT].astype(np.int32)),
        "Protocol": pa.array(rows[flow_scan.PROTOCOL].astype(np.int32)),
        "FlowDirection": words(rows[flow_scan.DIRECTION], ("Inbound", "Outbound")),
        "FlowStatus": words(rows[flow_scan.DENIED], ("Allowed", "Denied")),
        "FlowState": words(rows[flow_scan.STATE], ("B", "C", "E", "D", "")),
    }
    if kind == flow_scan.VNET:
        known = [ENCRYPTIONS[word.decode()] for word in flow_scan.ENCRYPTION_WORDS]
        columns["FlowEncryption"] = words(rows[flow_scan.ENCRYPTION], known)
    for place, name in enumerate(COUNTERS):
        columns[name] = _counted(rows[flow_scan.COUNTS + place], np.int64)
    return columns


def _counted(values: Numbers, kind: type[np.int32 | np.int64]) -> pa.Array:
    """Numbers; those below zero are null."""
    absent = values < 0
    return pa.array(values.astype(kind), mask=absent if absent.any() else None)
