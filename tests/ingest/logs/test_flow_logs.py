"""Flow logs: what is rendered is read again, and the compiled scanner gives what reading record by record gives, or gives up."""

from __future__ import annotations

import io
import json
import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nephoscope.ingest.logs import nsg_flow, vnet_flow
from nephoscope.ingest.logs.discovery import load_formats
from nephoscope.ingest.logs.flow_tuple import COUNTERS, ENCRYPTIONS
from nephoscope.ingest.logs.format_dispatch import RecordReader
from nephoscope.ingest.logs.log_format import StreamContext
from nephoscope.ingest.logs.log_reader import read_batches
from nephoscope.ingest.logs.parsed_batch import parse_batch
from nephoscope.ingest.logs.record_framing import blocks
from nephoscope.ingest.logs.row_batch import FastTables, LogBatch
from nephoscope.lake.schema.tables import Tables
from nephoscope.state.workspaces.workspace import Workspace

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
CONTEXT = StreamContext(source="test", now=NOW)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
WORKSPACE, TABLES = Workspace.from_name("default"), Tables.builtin()

_counter = st.one_of(st.none(), st.integers(0, 10**17))
_v4 = st.ip_addresses(v=4).map(str)
_address = st.one_of(_v4, _v4, _v4, st.ip_addresses(v=6).map(str))
_port = st.integers(0, 65535)
_text = st.text("abcXYZ_-09/", min_size=1, max_size=12)
_time = st.integers(0, 10**7).map(lambda tenths: NOW - timedelta(milliseconds=100 * tenths))


def _flow(**others: Any) -> st.SearchStrategy[dict[str, Any]]:
    """A tuple's row as the table has it."""
    return st.fixed_dictionaries(
        {
            "SrcIp": _address,
            "DestIp": _address,
            "SrcPort": _port,
            "DestPort": _port,
            "FlowDirection": st.sampled_from(["Inbound", "Outbound"]),
            **others,
        }
    )


_VNET = _flow(
    TimeGenerated=_time,
    Protocol=st.integers(0, 255),
    FlowState=st.sampled_from("BCED"),
    FlowEncryption=st.sampled_from(sorted(ENCRYPTIONS.values())),
    **dict.fromkeys(COUNTERS, _counter),
)
_NSG1 = _flow(
    TimeGenerated=_time.map(lambda time: time.replace(microsecond=0)),
    Protocol=st.sampled_from([6, 17]),
    FlowStatus=st.sampled_from(["Allowed", "Denied"]),
)
_NSG2 = _flow(
    TimeGenerated=_time.map(lambda time: time.replace(microsecond=0)),
    Protocol=st.sampled_from([6, 17]),
    FlowStatus=st.sampled_from(["Allowed", "Denied"]),
    FlowState=st.sampled_from("BCE"),
    **dict.fromkeys(COUNTERS, _counter),
)


def render_vnet(flow: dict[str, Any], *, seconds: bool = False) -> str:
    """A tuple of version 4."""
    since = (flow["TimeGenerated"] - EPOCH) // timedelta(milliseconds=1)
    words = {word: code for code, word in ENCRYPTIONS.items()}
    parts = [
        since // 1000 if seconds else since,
        flow["SrcIp"],
        flow["DestIp"],
        flow["SrcPort"],
        flow["DestPort"],
    ]
    parts += [flow["Protocol"], flow["FlowDirection"][0], flow["FlowState"], words[flow["FlowEncryption"]]]
    return ",".join(map(str, parts + ["" if flow[name] is None else flow[name] for name in COUNTERS]))


def render_nsg(flow: dict[str, Any]) -> str:
    """A tuple of version 1 or 2."""
    since = (flow["TimeGenerated"] - EPOCH) // timedelta(seconds=1)
    parts = [since, flow["SrcIp"], flow["DestIp"], flow["SrcPort"], flow["DestPort"]]
    parts += ["T" if flow["Protocol"] == 6 else "U", flow["FlowDirection"][0], flow["FlowStatus"][0]]
    if "FlowState" in flow:
        parts += [flow["FlowState"], *("" if flow[name] is None else flow[name] for name in COUNTERS)]
    return ",".join(map(str, parts))


def _shuffled(value: Any, order: random.Random) -> Any:
    """The value with the members of its objects in another order."""
    if isinstance(value, list):
        return [_shuffled(item, order) for item in value]
    if not isinstance(value, dict):
        return value
    items = list(value.items())
    order.shuffle(items)
    return {name: _shuffled(item, order) for name, item in items}


def _vnet_record(groups: list[tuple[str, str, list[str]]]) -> dict[str, Any]:
    flows = [
        {"aclID": acl, "flowGroups": [{"rule": rule, "flowTuples": tuples}]} for acl, rule, tuples in groups
    ]
    return {
        "time": "2026-06-01T10:00:52.5625085Z",
        "flowLogVersion": 4,
        "macAddress": "aa22BB445566",
        "category": "FlowLogFlowEvent",
        "flowLogResourceID": "/SUBSCRIPTIONS/S/FL",
        "targetResourceID": "/subscriptions/S/vnet-Hub",
        "flowRecords": {"flows": flows},
    }


def _nsg_record(groups: list[tuple[str, str, list[str]]]) -> dict[str, Any]:
    flows = [{"rule": rule, "flows": [{"mac": mac, "flowTuples": tuples}]} for mac, rule, tuples in groups]
    return {
        "time": "2026-06-01T10:00:52.5625085Z",
        "category": "NetworkSecurityGroupFlowEvent",
        "resourceId": "/SUBSCRIPTIONS/S/NSG",
        "properties": {"Version": 2, "flows": flows},
    }


def _groups(flow: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[list[Any]]:
    return st.lists(st.tuples(_text, _text, st.lists(flow, max_size=4)), max_size=3)


def _slow(data: bytes) -> tuple[Any, list[Any]]:
    """Record by record."""
    reader = RecordReader(load_formats(), CONTEXT)
    whole = LogBatch(0)
    for block in blocks(io.BytesIO(data)):
        batch = LogBatch(block.end)
        reader._read_singly(block, batch)
        whole.add(batch)
    found = parse_batch(whole, CONTEXT, TABLES, WORKSPACE)
    return found.tables.get("AzureFlowLogs"), found.bad


def _fast(data: bytes, form: Any) -> Any:
    """By the scanner; None where it gave up on a block, or the block is none for it."""
    parts = []
    for block in blocks(io.BytesIO(data)):
        scanned = form.scan(block.data, CONTEXT) if block.plain else None
        if scanned is None or scanned.records != len(block.pieces):
            return None
        ready = FastTables(form.name, scanned.tables, scanned.owners, [piece.place for piece in block.pieces])
        parts.append(parse_batch(LogBatch(0, scanned.records, ready=[ready]), CONTEXT, TABLES, WORKSPACE))
    return parts


@given(_groups(_VNET), st.booleans(), st.randoms(), st.sampled_from([None, 1]))
@settings(max_examples=60)
def test_vnet_flows_are_read_as_they_were_rendered(
    groups: Any, seconds: bool, order: random.Random, indent: Any
) -> None:
    rendered = [
        (acl, rule, [render_vnet(flow, seconds=seconds) for flow in flows]) for acl, rule, flows in groups
    ]
    data = json.dumps({"records": [_shuffled(_vnet_record(rendered), order)]}, indent=indent).encode()
    table, bad = _slow(data)
    assert not bad
    wanted = [
        {
            **flow,
            "TimeGenerated": flow["TimeGenerated"].replace(microsecond=0)
            if seconds
            else flow["TimeGenerated"],
            "FlowStatus": "Denied" if flow["FlowState"] == "D" else "Allowed",
            "AclGroup": acl,
            "AclRule": rule,
            "MacAddress": "AA22BB445566",
            "FlowLogVersion": 4,
            "_ResourceId": "/subscriptions/s/vnet-hub",
            "_SubscriptionId": "s",
        }
        for acl, rule, flows in groups
        for flow in flows
    ]
    found = table.to_pylist() if table is not None else []
    assert [{name: row[name] for name in want} for row, want in zip(found, wanted, strict=True)] == wanted
    fast = _fast(data, vnet_flow.FORMAT)
    assert fast is not None, "the scanner reads all that Azure writes"
    assert [row for part in fast for row in part.tables["AzureFlowLogs"].to_pylist()] == found


@given(_groups(st.one_of(_NSG1, _NSG2)), st.randoms(), st.sampled_from([None, 1]))
@settings(max_examples=60)
def test_nsg_flows_are_read_as_they_were_rendered(groups: Any, order: random.Random, indent: Any) -> None:
    rendered = [(mac, rule, [render_nsg(flow) for flow in flows]) for mac, rule, flows in groups]
    data = json.dumps({"records": [_shuffled(_nsg_record(rendered), order)]}, indent=indent).encode()
    table, bad = _slow(data)
    assert not bad
    wanted = [
        {
            **flow,
            "AclRule": rule,
            "MacAddress": mac.upper(),
            "AclGroup": "/SUBSCRIPTIONS/S/NSG",
            "FlowLogVersion": 2,
        }
        for mac, rule, flows in groups
        for flow in flows
    ]
    found = table.to_pylist() if table is not None else []
    assert [{name: row[name] for name in want} for row, want in zip(found, wanted, strict=True)] == wanted
    fast = _fast(data, nsg_flow.FORMAT)
    assert fast is not None, "the scanner reads all that Azure writes"
    assert [row for part in fast for row in part.tables["AzureFlowLogs"].to_pylist()] == found


SWAPS = [
    *(
        (b",B,", b",Q,"),
        (b"443", b"99999"),
        (b"10.4.1.7", b"web"),
        (b"10.4.1.7", b"10.04.1.7"),
    ),
    *(
        (b"10.4.1.7", b"10.4.1.999"),
        (b"10.4.1.7", b"2001:DB8::7"),
        (b",6,", b",300,"),
        (b",6,", b",06,"),
        (b",O,", b",o,"),
    ),
    *(
        (b"1780308000123", b"1780308000"),
        (b"1780308000123", b"x"),
        (b"1780308000123", b"9" * 19),
        (b"NX", b"NX_NEW"),
    ),
    *(
        (b"NX", b"X"),
        (b",0,0", b",,"),
        (b",0,0", b",-1,0"),
        (b",0,0", b",0"),
        (b",0,0", b",0,0,0"),
        (b",0,0", b",99999999999999999999,0"),
    ),
    *(
        (b'"rule"', b'"Rule"'),
        (b'"rule"', b'"aclID"'),
        (b'"flowTuples"', b'"tuples"'),
        (b'"flows"', b'"flow"'),
        (b'"r1"', b"null"),
    ),
    *(
        (b'"r1"', b"7"),
        (b'"r1"', b'"r\\u0031"'),
        (b'"r1"', '"\u00e9"'.encode()),
        (b'"r1"', b'"r1","flowTuples":["x"]'),
    ),
    *(
        (b'"r1"', b'"r1","extra":{"a":1}'),
        (b'"r1"', b'"r1","extra":[1,2]'),
        (b'"r1"', b'"r1","extra":1.5e3'),
        (b"4,", b'"4",'),
    ),
    *(
        (b"4,", b"4.0,"),
        (b"4,", b"null,"),
        (b"FlowLogFlowEvent", b"flowlogflowevent"),
        (b"FlowLogFlowEvent", b"AuditEvent"),
    ),
    *(
        (b"targetResourceID", b"targetResourceId"),
        (b'"aa22BB445566"', b"null"),
        (b'"/subscriptions', b'"subscriptions'),
    ),
    *(
        (b"]}]}", b"]},{}]}"),
        (b'{"flows":[', b'{"flows":[],"flows":['),
        (b'{"flows"', b'{"Flows"'),
        (b'"flowRecords"', b'"other"'),
    ),
]
PLAIN = json.dumps(
    {
        "records": [
            _vnet_record(
                [
                    ("a1", "r1", ["1780308000123,10.4.1.7,203.0.113.9,50122,443,6,O,B,NX,0,0,0,0"]),
                    (
                        "a2",
                        "r1",
                        [
                            "1780308000123,10.4.1.7,203.0.113.9,50122,443,6,I,D,X,1,2,3,4",
                            "1780308000123,10.4.1.7,203.0.113.9,0,443,17,O,E,NX_LOCAL_DST,,,,",
                        ],
                    ),
                ]
            )
        ]
        * 2
    },
    separators=(",", ":"),
).encode()


def _same_or_given_up(data: bytes) -> None:
    fast = _fast(data, vnet_flow.FORMAT)
    if fast is None:
        return
    table, bad = _slow(data)
    left_out = [entry for part in fast for entry in part.bad]
    assert [(entry.place, entry.reason) for entry in bad] == [
        (entry.place, entry.reason) for entry in left_out
    ]
    rows = [row for part in fast for row in part.tables["AzureFlowLogs"].to_pylist()]
    assert rows == (table.to_pylist() if table is not None else [])


@pytest.mark.parametrize(("before", "after"), SWAPS, ids=[str(place) for place in range(len(SWAPS))])
def test_what_is_odd_is_read_alike_or_left_to_the_slow_way(before: bytes, after: bytes) -> None:
    assert before in PLAIN
    _same_or_given_up(PLAIN.replace(before, after))
    _same_or_given_up(PLAIN.replace(before, after, 1))


@given(
    st.integers(0, len(PLAIN) - 1),
    st.integers(0, 40),
    st.binary(max_size=3) | st.sampled_from([b",", b'"', b"{", b"}", b"[", b"]", b"9", b".", b":"]),
)
@settings(max_examples=150)
def test_damaged_bytes_are_read_alike_or_left_to_the_slow_way(at: int, size: int, text: bytes) -> None:
    _same_or_given_up(PLAIN[:at] + text + PLAIN[at + size :])


def test_of_two_members_of_one_name_the_last_counts_for_the_scanner_too() -> None:
    doubled = PLAIN.replace(b'"macAddress":', b'"macAddress":"000000000000","macAddress":')
    assert doubled != PLAIN
    assert _fast(doubled, vnet_flow.FORMAT) is not None
    _same_or_given_up(doubled)
    assert _slow(doubled)[0].column("MacAddress") == _slow(PLAIN)[0].column("MacAddress")


def _timed(record: str, moments: list[datetime]) -> dict[str, Any]:
    tuples = [
        f"{int(moment.timestamp() * 1000)},10.4.1.7,203.0.113.9,50122,443,6,O,E,NX,88,9021,97,120044"
        for moment in moments
    ]
    return {**_vnet_record([("acl", "rule", tuples)]), "time": record}


def test_a_tuple_has_its_own_time_however_far_from_its_record() -> None:
    """The rule of late and early data looks at the tuple: it says when the flow was, its record only when that was written."""
    now = CONTEXT.now
    kept = [now - timedelta(days=9), now, now + timedelta(hours=23)]
    gone = [datetime(1970, 1, 2, tzinfo=UTC), now + timedelta(days=2)]
    records = [_timed("2026-06-01T10:00:00Z", [now]), _timed("not a time", [*kept, *gone])]
    data = json.dumps({"records": records}).encode()
    _same_or_given_up(data)
    (found,) = (
        parse_batch(batch, CONTEXT, TABLES, WORKSPACE)
        for batch in read_batches(io.BytesIO(data), load_formats(), CONTEXT)
    )
    assert found.tables["AzureFlowLogs"].column("TimeGenerated").to_pylist() == [now, *kept]
    assert [(entry.place, entry.table) for entry in found.bad] == [("records[1]", "AzureFlowLogs")] * 2
    assert [entry.reason for entry in found.bad] == [
        "TimeGenerated is older than the 90 days that the table is kept",
        "TimeGenerated lies more than a day ahead",
    ]
    assert found.outcome == (1, 1, 0, 0)


def test_a_fast_format_reads_the_blocks_of_a_file() -> None:
    found = list(read_batches(io.BytesIO(PLAIN), load_formats(), CONTEXT))
    assert [one.format for batch in found for one in batch.ready] == ["vnet-flow"]
    assert sum(table.num_rows for batch in found for one in batch.ready for table in one.tables.values()) == 6
