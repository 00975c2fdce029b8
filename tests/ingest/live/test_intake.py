"""The quick way in takes what the other one takes, each request for itself."""

from __future__ import annotations

import asyncio
import gzip
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from nephoscope.ingest.live.ingestion.data_collection_rules import DataFlow
from nephoscope.ingest.live.ingestion.endpoints import IngestionEndpoints
from nephoscope.ingest.live.ingestion.fast_path import IngestionPost, RequestIntake
from nephoscope.ingest.live.ingestion.request_errors import IngestionRefusedError
from nephoscope.ingest.live.ingestion.transform import Transform
from nephoscope.lake.durable_files import Disk
from nephoscope.lake.lake import Lake
from nephoscope.lake.writing.writer import Writer
from nephoscope.model.resource_binding import bind_resource
from nephoscope.state import State
from nephoscope.state.state_ledger import StateLedger
from nephoscope_kql.types import KqlType

NOW = datetime.now(UTC).isoformat()
TABLE, STREAM = "Syslog", "Microsoft-Syslog"
BODIES = {
    "as they should be": [{"TimeGenerated": NOW, "Computer": "a"}, {"TimeGenerated": NOW, "Computer": "b"}],
    "other columns each": [{"TimeGenerated": NOW, "Computer": "a"}, {"TimeGenerated": NOW, "Facility": "auth"}],
    "one column": [{"TimeGenerated": NOW}, {"TimeGenerated": NOW}],
    "other types": [{"TimeGenerated": NOW, "Computer": 7, "ProcessID": "x", "SyslogMessage": {"a": [1]}}],
    "unknown columns": [{"TimeGenerated": NOW, "Stranger": [1, {"a": None}], "Computer": "\ud83d\ude00"}],
    "what is not theirs to say": [{"TimeGenerated": NOW, "TenantId": "other", "Type": "x", "_SubscriptionId": "s"}],
    "resources": [{"TimeGenerated": NOW, "_ResourceId": "/Subscriptions/ABC/resourceGroups/r"}],
    "no time, and times that are wrong": [
        {"Computer": "a"}, {"TimeGenerated": "never"}, {"TimeGenerated": NOW, "Computer": "kept"},
        {"TimeGenerated": (datetime.now(UTC) + timedelta(days=9)).isoformat()}, {"TimeGenerated": "2001-01-01T00:00:00Z"},
    ],
    "nothing": [],
    "empty records": [{}],
}  # fmt: skip
KEPT = f"{TABLE} | project-away TenantId, TimeGenerated, _IngestedAt"
ASIDE = "_Quarantine | project Place, Reason = replace_regex(Reason, @'\\d+', 'n'), Table"


@pytest.fixture
def place(tmp_path):
    """(an intake, the lake that it fills, the state)."""
    data = tmp_path / "intake"
    with State.open_folder(data) as state, Lake.open(data, state) as lake:
        yield _intake(data, state, lake), lake, state


def _intake(data, state, lake):
    writer = Writer(
        data,
        disk=Disk(),
        ledger=StateLedger(state),
        tables=lambda: lake.tables,
        workspace=state.workspaces.get,
    )
    return RequestIntake(writer, "front", lake.tables.get, state.workspaces.get, 4 << 20)


def take(intake, *posts):
    """What becomes of requests that come at once."""

    async def all_():
        return await asyncio.gather(*(intake.submit(one) for one in posts), return_exceptions=True)

    found = asyncio.run(all_())
    intake.writer.close_segment()
    return found


def post(records, *, workspace="default", id_="", packed=False):
    body = json.dumps(records).encode()
    return IngestionPost(
        workspace, TABLE, STREAM, gzip.compress(body) if packed else body, "gzip" if packed else "", id_
    )


def ordered(rows):
    return sorted(rows.to_pylist(), key=str)


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """(the lake of an intake, the lake of doors, the state of the first) with each of BODIES: in two workspaces, and in one."""
    data, other = tmp_path_factory.mktemp("intake"), tmp_path_factory.mktemp("doors")
    with (
        State.open_folder(data) as state, Lake.open(data, state) as lake,
        State.open_folder(other) as second, Lake.open(other, second) as peer,
    ):  # fmt: skip
        intake, doors = _intake(data, state, lake), IngestionEndpoints(peer, second)
        for number, body in enumerate(BODIES.values()):
            for name in (f"one{number}", f"two{number}"):
                state.workspaces.add(name)
            second.workspaces.add(f"one{number}")
            found = take(intake, *(post(body, workspace=f"{name}{number}") for name in ("one", "two")))
            assert found == [len(body)] * 2
            door = doors.for_workspace(f"one{number}")
            door.ingest_body(door.find_flows(f"one{number}", STREAM), STREAM, json.dumps(body).encode(), "")
        lake.flush()
        peer.flush()
        yield lake, peer, state


@pytest.mark.parametrize("number", range(len(BODIES)), ids=list(BODIES))
def test_it_takes_what_a_door_takes(both, number):
    lake, peer, state = both
    for name in (f"one{number}", f"two{number}"):
        for query in (KEPT, ASIDE):
            given = ordered(peer.rows(query, workspace=f"one{number}"))
            assert ordered(lake.rows(query, workspace=name)) == given
        ids = lake.rows(f"{TABLE} | distinct TenantId", workspace=name).column(0).to_pylist()
        assert ids in ([], [state.workspaces.get(name).id])


def test_what_is_wrong_with_one_request_is_not_the_others_fault(place):
    intake, lake, _ = place
    wrong = IngestionPost("default", TABLE, STREAM, b'[{"a"', "", "")
    damaged = IngestionPost("default", TABLE, STREAM, b"no gzip", "gzip", "")
    elsewhere = IngestionPost("default", "NoSuchTable", STREAM, b"[{}]", "", "")
    good = post(BODIES["as they should be"])
    found = take(intake, good, wrong, damaged, elsewhere, good)
    assert [one if isinstance(one, int) else one.status for one in found] == [2, 400, 400, 400, 2]
    lake.flush()
    assert lake.rows(f"{TABLE} | count").to_pylist() == [{"Count": 4}]


@pytest.mark.parametrize("packed", [False, True])
def test_a_request_that_comes_again_is_taken_once(place, packed):
    intake, lake, _ = place
    again = [post(BODIES["as they should be"], id_="one", packed=packed) for _ in range(2)]
    take(intake, *again)
    take(intake, again[0], post(BODIES["as they should be"], id_="two"))
    lake.flush()
    assert lake.rows(f"{TABLE} | count").to_pylist() == [{"Count": 4}]


def test_what_comes_again_shares_what_became_of_it(place):
    intake, _, _ = place
    again = [IngestionPost("default", "NoSuchTable", STREAM, b"[{}]", "", "one") for _ in range(2)]
    assert [one.status for one in take(intake, *again)] == [400, 400]


def test_a_full_disk_is_told_and_nothing_is_there(tmp_path):
    class Full(Disk):
        def free(self, path):
            return 0

    with State.open_folder(tmp_path) as state, Lake.open(tmp_path, state) as lake:
        intake = _intake(tmp_path, state, lake)
        intake.writer._disk = Full()
        (found,) = take(intake, post(BODIES["as they should be"]))
        assert isinstance(found, IngestionRefusedError)
        assert (found.status, found.again) == (503, 5)


def test_more_than_can_wait_is_refused(place, monkeypatch):
    monkeypatch.setattr("nephoscope.ingest.live.ingestion.fast_path.MOST_WAITING", 120)
    intake, _, _ = place
    found = take(intake, *(post(BODIES["one column"]) for _ in range(3)))
    assert [getattr(one, "status", one) for one in found] == [2, 429, 429]


def test_records_for_a_table_that_a_workspace_does_not_take_are_set_aside(place):
    intake, lake, state = place
    state.workspaces.add("soc", members=["Event"])
    records = BODIES["as they should be"]
    assert take(intake, post(records), post(records, workspace="soc")) == [2, 2]
    lake.flush()
    assert lake.query(f"{TABLE} | count")[0].table.to_pylist() == [{"Count": 2}]
    aside = lake.query("_Quarantine | summarize n = count() by Table, Reason", workspace="soc")[
        0
    ].table.to_pylist()
    assert aside == [{"Table": TABLE, "Reason": f"the workspace soc does not take rows of {TABLE}", "n": 2}]


A, B = (
    f"/subscriptions/0a0a0a0a-0000-4000-8000-000000000001/resourceGroups/g/providers/Microsoft.HybridCompute/machines/{name}"
    for name in ("web-01", "web-02")
)


def test_bound_senders_of_one_append_are_held_to_their_own(place):
    intake, lake, _ = place
    first, second = bind_resource(A), bind_resource(B)
    row = {"TimeGenerated": NOW, "Computer": "web-02"}
    same = {"id_": "id"}
    posts = [
        replace(post([row, {"TimeGenerated": NOW}], **same), sender=first),
        replace(post([row, {"TimeGenerated": NOW}], **same), sender=second),
        post([row, {"TimeGenerated": NOW}], **same),
    ]
    assert take(intake, *posts) == [2, 2, 2]
    lake.flush()
    found = lake.query("Syslog | project Computer, _ResourceId")[-1].table
    assert ordered(found) == sorted(
        [
            {"Computer": "web-01", "_ResourceId": A.lower()},
            {"Computer": "web-02", "_ResourceId": B.lower()}, {"Computer": "web-02", "_ResourceId": B.lower()},
            {"Computer": "web-02", "_ResourceId": ""}, {"Computer": "", "_ResourceId": ""},
        ],
        key=str,
    )  # fmt: skip
    (aside,) = lake.query(
        "_Quarantine | project Place, Reason, Table, Raw, SenderResourceId, _SubscriptionId"
    )[-1].table.to_pylist()
    assert (aside["Place"], aside["Table"], aside["SenderResourceId"]) == ("record 0", "Syslog", A.lower())
    assert aside["_SubscriptionId"] == "", "who reads the sender's subscription does not read the quarantine"
    assert aside["Reason"].startswith("Identity conflict: Computer is 'web-02'")
    assert json.loads(aside["Raw"]) == row


def test_doors_hold_bound_senders_as_the_intake_does(place):
    _, lake, state = place
    door = IngestionEndpoints(lake, state).for_workspace("default")
    body = json.dumps([{"TimeGenerated": NOW, "Computer": "web-02"}, {"TimeGenerated": NOW}]).encode()
    door.ingest_body(door.find_flows("default", STREAM), STREAM, body, "id", bind_resource(A))
    lake.flush()
    assert lake.query("Syslog | project Computer")[-1].table.to_pylist() == [{"Computer": "web-01"}]
    (aside,) = lake.query("_Quarantine | project Table, SenderResourceId")[-1].table.to_pylist()
    assert aside == {"Table": "Syslog", "SenderResourceId": A.lower()}


def test_a_transform_that_renames_a_column_is_checked_behind_it(place):
    _, lake, state = place
    columns = {"TimeGenerated": KqlType.DATETIME, "who": KqlType.STRING, "id": KqlType.STRING}
    text = "source | project TimeGenerated, Computer = strcat('web-', who), _ResourceId = id"
    flows = (DataFlow("Syslog", Transform.compile(text, columns, "rule")),)
    records = [
        {"TimeGenerated": NOW, "who": "02"},
        {"TimeGenerated": NOW, "who": "01", "id": B},
        {"TimeGenerated": NOW, "who": "01"},
    ]
    door = IngestionEndpoints(lake, state).for_workspace("default")
    door.ingest_body(flows, "Custom-X", json.dumps(records).encode(), "", bind_resource(A))
    lake.flush()
    found = lake.query("Syslog | project Computer, _ResourceId")[-1].table.to_pylist()
    assert found == [{"Computer": "web-01", "_ResourceId": A.lower()}]
    reasons = lake.query("_Quarantine | project Reason")[-1].table["Reason"].to_pylist()
    assert len(reasons) == 2
    assert all(one.startswith("Identity conflict") for one in reasons)
