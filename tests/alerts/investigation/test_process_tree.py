"""The process tree of an alert: ancestors, descendants, what they did, and what no log has."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from nephoscope.alerts.investigation import process_tree as bounds
from nephoscope.alerts.investigation.prevalence import find_prevalence
from nephoscope.alerts.investigation.process_timeline import parse_process_id, read_process_tree
from nephoscope.alerts.investigation.process_tree import (
    ProcessActivity,
    ProcessIndex,
    ProcessNode,
    ProcessStart,
    ProcessTree,
    build_tree,
)
from nephoscope.lake.lake import Lake
from nephoscope.model.entity import Entity
from nephoscope.state.incidents.alerts import StoredAlert

Put = Callable[..., None]
HOUR = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=5)


def at(minutes: float) -> datetime:
    return HOUR + timedelta(minutes=minutes)


def start(minutes: float, pid: int, parent: int = -1, **more: Any) -> ProcessStart:
    return ProcessStart("web1", at(minutes), pid, parent, image=f"p{pid}", **more)


def outline(tree: ProcessTree) -> list[str]:
    return [
        f"{'.' * depth}{node.image or '?'}{'*' if node.alerted else ''}{'' if node.at else '?'}"
        for depth, node in tree.nodes()
    ]


@pytest.mark.parametrize(
    ("starts", "seed", "wanted"),
    [
        ([start(0, 1), start(1, 2, 1), start(2, 3, 2), start(3, 4, 3), start(3, 9, 1)], 3, ["p1", ".p2", "..p3*", "...p4"]),
        ([start(2, 3, 2, parent_image="cmd.exe"), start(3, 4, 3)], 3, ["cmd.exe?", ".p3*", "..p4"]),
        ([start(2, 3, 2)], 3, ["??", ".p3*"]),
        # an id that is used again is the latest process
        ([start(0, 2), start(1, 2, 7), start(2, 3, 2)], 3, ["??", ".p2", "..p3*"]),
        ([start(0, 2, guid="a"), start(1, 2, guid="b"), start(2, 3, 2, parent_guid="a", guid="c")], 3, ["p2", ".p3*"]),
        # a process that says its own id as its parent's
        ([start(2, 3, 3)], 3, ["??", ".p3*"]),
    ],
)  # fmt: skip
def test_trees(starts: list[ProcessStart], seed: int, wanted: list[str]) -> None:
    seeds = [one for one in starts if one.pid == seed]
    assert outline(build_tree(ProcessIndex(starts), seeds)) == wanted


def test_a_tree_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "MOST_PROCESSES", 5)
    starts = [start(0, 1), *(start(1 + one, 10 + one, 1) for one in range(20))]
    tree = build_tree(ProcessIndex(starts), starts[:1])
    assert (len(tree.nodes()), tree.left) == (5, 16)


def test_a_chain_is_bounded_above_and_below() -> None:
    starts = [start(one, one, one - 1) for one in range(1, 40)]
    images = [node.image for _, node in build_tree(ProcessIndex(starts), [starts[19]]).nodes()]
    assert images == [
        f"p{one}" for one in range(20 - bounds.MOST_ANCESTORS, 20 + bounds.MOST_GENERATIONS + 1)
    ]


def test_activities_belong_to_the_process_of_their_time() -> None:
    starts = [start(0, 2, logon="0x9"), start(10, 2)]
    done = [
        ProcessActivity("web1", at(minutes), pid, "file", text, logon)
        for minutes, pid, text, logon in [
            (1, 2, "first", ""), (11, 2, "second", ""), (1, 5, "of another", ""), (-5, 77, "session", "0x9"),
        ]
    ]  # fmt: skip
    texts = [
        [each.text for each in node.activities]
        for _, node in build_tree(ProcessIndex(starts), starts, done).nodes()
    ]
    assert texts == [["session", "first"], ["second"]]


@pytest.mark.parametrize(("text", "number"), [("0x1a4", 420), ("420", 420), ("", -1), ("-", -1)])
def test_process_ids(text: str, number: int) -> None:
    assert parse_process_id(text) == number


def creation(
    minutes: float, pid: str, parent: str, name: str, command: str, computer: str = "WEB1.contoso.com"
) -> dict[str, Any]:
    return {
        "TimeGenerated": at(minutes), "EventID": 4688, "Computer": computer, "NewProcessId": pid, "ProcessId": parent,
        "NewProcessName": rf"C:\{name}", "CommandLine": command, "ParentProcessName": r"C:\explorer.exe",
        "SubjectDomainName": "CONTOSO", "SubjectUserName": "kim", "SubjectLogonId": "0x9",
    }  # fmt: skip


def alert(*entities: dict[str, str]) -> StoredAlert:
    document = {"AlertName": "A", "Entities": json.dumps(entities)}
    return StoredAlert(
        "a", "default", "r", "New", "High", at(2), at(3), at(60), at(60), None, document
    )  # fmt: skip


HOST = {"Type": "host", "HostName": "web1", "DnsDomain": "contoso.com"}
PROCESS = {"Type": "process", "CommandLine": "powershell -enc AA"}


def fill(put: Put) -> None:
    put(
        "SecurityEvent",
        creation(1, "0x10", "0x4", "cmd.exe", "cmd"),
        creation(2, "0x20", "0x10", "powershell.exe", "powershell -enc AA"),
        creation(3, "0x30", "0x20", "whoami.exe", "whoami"),
        creation(3, "0x31", "0x4", "calc.exe", "calc"),
        creation(2, "0x20", "0x10", "elsewhere.exe", "powershell -enc AA", "web1.fabrikam.com"),
        {"TimeGenerated": at(4), "EventID": 4657, "Computer": "WEB1.contoso.com", "ProcessId": "0x20",
         "ObjectName": r"\REGISTRY\MACHINE\Run", "ObjectValueName": "x", "NewValue": "y"},
        {"TimeGenerated": at(4), "EventID": 4663, "Computer": "WEB1.contoso.com", "ProcessId": "0x30", "ObjectType": "File",
         "ObjectName": r"C:\a.txt", "AccessMask": "0x2"},
        {"TimeGenerated": at(0), "EventID": 4624, "Computer": "WEB1.contoso.com", "ProcessId": "0x3", "TargetLogonId": "0x9",
         "TargetDomainName": "CONTOSO", "TargetUserName": "kim", "IpAddress": "203.0.113.9"},
    )  # fmt: skip


def test_the_tree_of_an_alert(lake: Lake, put: Put) -> None:
    fill(put)
    tree = read_process_tree(lake, alert(HOST, PROCESS), datetime.now(UTC))
    assert tree.error == ""
    assert outline(tree) == [
        r"C:\explorer.exe?", r".C:\cmd.exe", r"..C:\powershell.exe*", r"...C:\whoami.exe",
    ]  # fmt: skip
    assert {node.image: [one.text for one in node.activities] for _, node in tree.nodes() if node.activities} == {
        r"C:\cmd.exe": [r"Logon of CONTOSO\kim from 203.0.113.9"],
        r"C:\powershell.exe": [r"SetValue HKLM\Run\x = y"],
        r"C:\whoami.exe": [r"Written C:\a.txt"],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("entities", "error"),
    [
        ([HOST], "the alert names no process"),
        ([PROCESS], "the alert names no machine"),
        ([HOST, {"Type": "process", "CommandLine": "other"}], "no log has the start of the process that the alert names"),
        ([HOST, {"Type": "process", "ProcessId": "0x10"}], "no log has the start of the process that the alert names"),
    ],
)  # fmt: skip
def test_what_is_unknown_is_told(lake: Lake, put: Put, entities: list[dict[str, str]], error: str) -> None:
    put("SecurityEvent", creation(2, "0x20", "0x10", "powershell.exe", "powershell -enc AA"))
    assert read_process_tree(lake, alert(*entities), datetime.now(UTC)) == ProcessTree(error=error)


def test_prevalence(lake: Lake, put: Put) -> None:
    fill(put)
    put(
        "DeviceProcessEvents",
        *({"TimeGenerated": at(one), "DeviceName": f"pc{one}", "SHA256": "ab" * 32, "AccountName": "ana", "AccountDomain": "contoso",
           "ActionType": "ProcessCreated"} for one in range(3)),
    )  # fmt: skip
    put(
        "DnsEvents",
        {"TimeGenerated": at(5), "SubType": "LookupQuery", "ClientIP": "10.0.0.4", "Name": "Cdn.Bad.example"},
    )
    wanted = [
        Entity.of("FileHash", {"Algorithm": "SHA256", "Value": "AB" * 32}),
        Entity.of("FileHash", {"Algorithm": "SHA256", "Value": "cd" * 32}),
        Entity.of("DNS", {"DomainName": "bad.example"}),
        Entity.of("URL", {"Url": "https://good.example/x"}),
        Entity.of("Account", {"Name": "ana", "NTDomain": "CONTOSO"}),
        Entity.of("Account", {"Name": "Kim"}),
        Entity.of("IP", {"Address": "203.0.113.9"}),
    ]
    found = find_prevalence(lake, "default", [one for one in wanted if one], datetime.now(UTC))
    assert [one.error for one in found] == [""] * 6
    assert {one.value: (one.first, one.machines, one.events) for one in found} == {
        "cd" * 32: (None, 0, 0),
        "good.example": (None, 0, 0),
        "bad.example": (at(5), 1, 1),
        "kim": (at(0), 2, 6),
        "ab" * 32: (at(0), 3, 3),
        r"contoso\ana": (at(0), 3, 3),
    }


@pytest.mark.parametrize(
    ("table", "row", "unknown"),
    [
        ("", {}, ["domains", "file hashes", "users"]),
        (
            "DnsEvents",
            {"SubType": "LookupQuery", "ClientIP": "10.0.0.4", "Name": "other.example"},
            ["file hashes", "users"],
        ),
        ("SigninLogs", {"UserPrincipalName": "lea@bwf.example"}, ["domains", "file hashes"]),
        (
            "DeviceProcessEvents",
            {"DeviceName": "pc1", "SHA256": "ef" * 32, "AccountName": "lea", "ActionType": "ProcessCreated"},
            ["domains"],
        ),
        (
            "SecurityEvent",
            {"EventID": 4688, "Computer": "pc1", "NewProcessName": "a.exe", "NewProcessId": "0x1"},
            ["domains", "file hashes"],
        ),
    ],
)
def test_what_no_stored_log_could_show_is_unknown(
    lake: Lake, put: Put, table: str, row: dict[str, Any], unknown: list[str]
) -> None:
    if table:
        put(table, {"TimeGenerated": at(0), **row})
        put(table, {"TimeGenerated": at(-60 * 24 * 40), **row})
    wanted = [
        Entity.of("FileHash", {"Algorithm": "SHA256", "Value": "cd" * 32}),
        Entity.of("DNS", {"DomainName": "bad.example"}),
        Entity.of("Account", {"Name": "Kim"}),
    ]
    found = find_prevalence(lake, "default", [one for one in wanted if one], datetime.now(UTC))
    told = {f"no log that names {one} is stored for these 30 days" for one in unknown}
    assert {one.error for one in found if one.error} == told
    assert [(one.first, one.machines, one.events) for one in found] == [(None, 0, 0)] * 3
    late = find_prevalence(
        lake, "default", [one for one in wanted if one], datetime.now(UTC) + timedelta(days=60)
    )
    assert len([one for one in late if one.error]) == 3


def test_a_node_as_json() -> None:
    document = ProcessNode("web1", -1, "").document()
    assert (document["processId"], document["known"], document["children"]) == (None, False, [])
