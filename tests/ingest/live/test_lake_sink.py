"""The sink into a real lake: what sources hand over can be asked for, once, and what is bad is in quarantine."""

from __future__ import annotations

import gzip
import io
import json
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from nephoscope.ingest.live.lake_sink import LakeSink
from nephoscope.ingest.live.live_source import (
    UNWANTED,
    IngestCounts,
    QuarantinedInput,
    ReceivedLines,
    SourceChunk,
)
from nephoscope.ingest.live.source_meter import SourceMeter
from nephoscope.ingest.source_failures import LakeBusyError, SourceStoppedError
from nephoscope.lake.lake import Lake
from nephoscope.state import State
from nephoscope.state.ingestion.sources import Source


@pytest.fixture
def lake(tmp_path):
    with State.open_folder(tmp_path) as state, Lake.open(tmp_path, state) as lake:
        state.sources.add(Source("office", "folder", {"paths": ["/"]}))
        lake.state = state
        yield lake


def _counted(lake: Lake) -> dict[str, tuple[int, int]]:
    """Rows and bad records by table, as health has them."""
    lake.flush()
    return {one.table: (one.rows, one.bad) for one in lake.state.source_health.all("office") if one.table}


@pytest.fixture
def lake_sink(lake) -> LakeSink:
    return LakeSink(
        "office", "default", lake, lake.writer(), lake.state.checkpoints, SourceMeter(), threading.Event()
    )


def _rows(lake: Lake, query: str) -> list[dict]:
    lake.flush()
    return lake.query(query)[-1].table.to_pylist()


def _vault(operation: str, when: datetime | None = None) -> dict:
    return {
        "time": (when or datetime.now(UTC)).isoformat(), "category": "AuditEvent", "operationName": operation,
        "resourceId": "/SUBSCRIPTIONS/00000000-0000-0000-0000-000000000001/RESOURCEGROUPS/G/PROVIDERS/MICROSOFT.KEYVAULT/VAULTS/V",
        "resultType": "Success", "properties": {"id": "https://v.vault.azure.net/secrets/x", "httpStatusCode": 200},
    }  # fmt: skip


def test_lines_of_listeners(lake, lake_sink) -> None:
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.123Z")
    lines = (
        ReceivedLines(
            "10.0.0.7", (f"<34>1 {now} fw su 77 ID1 - denied password=abcdef", "nothing of the kind \x01")
        ),
        ReceivedLines(
            "10.0.0.8", (f"<13>1 {now} host CEF - - - CEF:0|Vendor|Wall|1.0|100|blocked|5|src=10.1.1.1",)
        ),
    )
    taken = lake_sink.write_batch("messages", 0, lines=lines)
    assert lake_sink.write_batch("messages", 0, lines=lines) == IngestCounts()
    assert taken.rows >= 2
    syslog = _rows(lake, "Syslog | where Computer == 'fw' | project HostIP, ProcessName, SyslogMessage")
    assert [(one["HostIP"], one["ProcessName"]) for one in syslog] == [("10.0.0.7", "su")]
    assert "abcdef" not in syslog[0]["SyslogMessage"]
    assert [one["DeviceVendor"] for one in _rows(lake, "CommonSecurityLog | project DeviceVendor")] == [
        "Vendor"
    ]
    counted = _counted(lake)
    assert counted["Syslog"][0] + counted["CommonSecurityLog"][0] == taken.rows
    assert lake_sink.meter.drain()[0]["Syslog"] >= {"Computer", "SyslogMessage"}


def test_messages_that_are_packed_by_gzip(lake, lake_sink) -> None:
    packed = gzip.compress(json.dumps({"records": [_vault("SecretGet"), _vault("SecretList")]}).encode())
    pieces = tuple(SourceChunk(one, "hub", place="offset 7") for one in (packed, packed[:-4]))
    assert lake_sink.write_batch("partition-1", 3, pieces) == IngestCounts(8, 1)
    assert len(_rows(lake, "AZKVAuditLogs")) == 4
    bad = _rows(lake, "_Quarantine | project Place, Reason")
    assert bad == [{"Place": "offset 7", "Reason": "the gzip of the message is cut"}]


def test_messages_whose_records_lie_under_their_body(lake, lake_sink) -> None:
    old = _vault("Old", datetime.now(UTC) - timedelta(days=400))
    body = json.dumps({"records": [_vault("SecretGet"), old]})
    pieces = tuple(
        SourceChunk(
            json.dumps({"body": body, "offset": number}).encode(), "hub", place=f"partition 1 offset {number}"
        )
        for number in range(3)
    )
    taken = lake_sink.write_batch("partition-1", 3, pieces)
    assert taken == IngestCounts(6, 3)
    assert len(_rows(lake, "AZKVAuditLogs")) == 3
    bad = _rows(lake, "_Quarantine | project Place, Table | order by Place asc")
    assert bad == [
        {
            "Place": f"partition 1 offset {number}, line 1.body.records[1]",
            "Table": "AZKVAuditLogs, AzureDiagnostics",
        }
        for number in range(3)
    ]
    assert _counted(lake) == {"AZKVAuditLogs": (3, 3), "AzureDiagnostics": (3, 3)}


def test_pieces_refused_and_their_places(lake, lake_sink) -> None:
    pieces = (
        SourceChunk(
            json.dumps({"records": [_vault("SecretGet"), _vault("KeySign")]}).encode(),
            "hub",
            place="partition 1 offset 7",
        ),
        SourceChunk(b"{broken", "hub", place="partition 1 offset 8"),
    )
    taken = lake_sink.write_batch(
        "partition-1",
        8,
        pieces,
        refused=(QuarantinedInput("hub", "partition 1 offset 9", "no value", "sig=secretvalue"),),
    )
    assert taken.bad == 2
    found = _rows(lake, "AZKVAuditLogs | project OperationName, _SubscriptionId | order by OperationName asc")
    assert [one["OperationName"] for one in found] == ["KeySign", "SecretGet"]
    bad = _rows(lake, "_Quarantine | project Place, Reason, Raw | order by Place asc")
    assert [
        one["Place"].startswith(f"partition 1 offset {at}") for one, at in zip(bad, (8, 9), strict=True)
    ] == [True, True]
    assert "secretvalue" not in bad[1]["Raw"]
    assert lake_sink.get_last_sequence("partition-1") == 8


def test_a_stream_is_taken_up_behind_its_last_batch(lake, lake_sink) -> None:
    whole = b"".join(json.dumps(_vault(f"Op{at}")).encode() + b"\n" for at in range(5))
    half = whole[: len(whole) // 2]
    end = lake_sink.read("blob", io.BytesIO(half), "c/b", at=0, growing=True)
    assert lake_sink.get_last_sequence("blob") == end == half.rfind(b"\n") + 1
    assert lake_sink.read("blob", io.BytesIO(whole[end:]), "c/b", at=end, growing=True) == len(whole)
    found = _rows(lake, "AZKVAuditLogs | summarize n=count() by OperationName | order by OperationName asc")
    assert [(one["OperationName"], one["n"]) for one in found] == [(f"Op{at}", 1) for at in range(5)]


def test_late_rows_and_checkpoints(lake, lake_sink) -> None:
    old = _vault("Old", datetime.now(UTC) - timedelta(days=400))
    taken = lake_sink.write_batch("x", 1, (SourceChunk(json.dumps(old).encode(), "hub"),))
    assert taken.rows == 0
    assert taken.bad >= 1
    assert lake_sink.get_checkpoint("a") is None
    lake_sink.save_checkpoint("a/1", {"n": 1})
    lake_sink.save_checkpoint("b/1", {"n": 2})
    assert lake_sink.list_checkpoints("a/") == {"a/1": {"n": 1}}
    lake_sink.drop_checkpoint("a/1")
    assert lake_sink.list_checkpoints() == {"b/1": {"n": 2}}


def test_a_full_lake_is_waited_for_or_told(tmp_path) -> None:
    with State.open_folder(tmp_path) as state, Lake.open(tmp_path, state) as lake:
        full = Lake(tmp_path, lake._ledger, limit=0, workspace=lake.workspace)
        stop = threading.Event()
        sink = LakeSink("office", "default", full, full.writer(), state.checkpoints, SourceMeter(), stop)
        piece = (SourceChunk(json.dumps(_vault("Get")).encode(), "hub"),)
        with pytest.raises(LakeBusyError, match="limit"):
            sink.write_batch("f", 1, piece, wait=False)
        threading.Timer(0.3, stop.set).start()
        with pytest.raises(SourceStoppedError):
            sink.write_batch("f", 1, piece)
        assert sink.get_last_sequence("f") == -1
        assert sink.meter.drain()[1].full >= 2
        full.close()


def test_flows_are_joined_with_the_estate(lake, tmp_path) -> None:
    from nephoscope.collect import resources
    from nephoscope.estate.estate_store import EstateStore
    from nephoscope.ingest.live.address_index import EstateAddresses

    network = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/n"
    subnets = [
        {"id": f"{network}/subnets/front", "name": "front", "properties": {"addressPrefix": "10.4.1.0/24"}}
    ]
    body = {"id": network, "name": "n", "type": "Microsoft.Network/virtualNetworks", "location": "westeurope",
            "properties": {"addressSpace": {"addressPrefixes": ["10.4.0.0/16"]}, "subnets": subnets}}  # fmt: skip
    file = tmp_path / "estate.json"
    file.write_text(json.dumps([body]))
    places = EstateAddresses(tmp_path)
    assert places() is None
    EstateStore(tmp_path).append(resources.load([file]), datetime.now(UTC))
    places = EstateAddresses(tmp_path)
    sink = LakeSink(
        "office",
        "default",
        lake,
        lake.writer(),
        lake.state.checkpoints,
        SourceMeter(),
        threading.Event(),
        whereabouts=places,
    )
    moment = int(datetime.now(UTC).timestamp() * 1000)
    record = {
        "time": datetime.now(UTC).isoformat(), "flowLogVersion": 4, "category": "FlowLogFlowEvent", "macAddress": "00AA",
        "flowLogResourceID": f"{network}/x", "targetResourceID": network, "operationName": "FlowLogFlowEvent",
        "flowRecords": {"flows": [{"aclID": "a", "flowGroups": [{"rule": "r", "flowTuples": [
            f"{moment},10.4.1.7,203.0.113.9,50122,443,6,O,E,NX,88,9021,97,120044"]}]}]},
    }  # fmt: skip
    assert (
        sink.write_batch(
            "flows", 0, (SourceChunk(json.dumps({"records": [record]}).encode(), "container/blob"),)
        ).rows
        >= 2
    )
    found = _rows(lake, "NTANetAnalytics | project SrcSubnet, DestPort")
    assert [(one["SrcSubnet"].rpartition("/")[2], one["DestPort"]) for one in found] == [("front", 443)]


def test_rows_with_the_time_of_ingestion_are_counted_and_have_no_delay(lake, lake_sink) -> None:
    untimed = "CEF:0|Vendor|Wall|1.0|100|blocked|5|src=10.1.1.1"
    old = (datetime.now(UTC) - timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%S.123Z")
    timed = f"<13>1 {old} host app - - - plain words"
    lake_sink.write_batch(
        "messages", 0, pieces=(SourceChunk(f"{untimed}\n{untimed}\n{timed}\n".encode(), "a.log"),)
    )
    lake.flush()
    rates = {one.table: one for one in lake.state.source_health.rates("office")}
    assert (rates["CommonSecurityLog"].rows, rates["CommonSecurityLog"].untimed) == (2, 2)
    assert rates["CommonSecurityLog"].delay == 0.0
    assert (rates["Syslog"].rows, rates["Syslog"].untimed) == (1, 0)
    assert rates["Syslog"].delay > 3500


def test_records_of_which_the_workspace_takes_nothing_are_set_aside_and_told(lake, lake_sink) -> None:
    lake.state.workspaces.add("soc", members=["AZKVAuditLogs"])
    sink = replace(lake_sink, workspace="soc")
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    vault = SourceChunk(json.dumps(_vault("SecretGet")).encode(), "hub", place="offset 7")
    assert sink.write_batch("hub", 0, (vault,)) == IngestCounts(1, 0)
    assert not sink.meter.drain()[1].errors
    lines = ReceivedLines("10.0.0.7", (f"<34>1 {now} fw su 77 ID1 - denied",))
    assert sink.write_batch("hub", 1, (vault,), lines=(lines,)) == IngestCounts(1, 1)
    assert "does not take rows of Syslog" in sink.meter.drain()[1].errors[UNWANTED]
    lake.flush()
    counts = "union withsource=T AZKVAuditLogs, _Quarantine | summarize n = count() by T | order by T asc"
    found = lake.query(counts, workspace="soc")[0].table.to_pylist()
    assert found == [{"T": "AZKVAuditLogs", "n": 2}, {"T": "_Quarantine", "n": 1}]
    health = lake.state.source_health.all("office")
    assert [(one.table, one.left_out) for one in health if one.left_out] == [("", 3)]
