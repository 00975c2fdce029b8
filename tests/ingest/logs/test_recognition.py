"""How records are recognized: by what is always there. Every sample without one of its optional members goes into the same tables."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from nephoscope.ingest.logs.discovery import load_formats
from nephoscope.ingest.logs.log_format import StreamContext
from nephoscope.ingest.logs.log_reader import read_batches

CASES = Path(__file__).parent / "cases"
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
#: What the common schema says is always there.
SCHEMA = frozenset({"time", "timestamp", "resourceid", "category"})
#: What a format's records always have, where that is not the common schema: formats whose records say their table or their kind.
NEEDED: Mapping[str, frozenset[str]] = {
    "activity-log": frozenset({"time", "eventtimestamp", "operationname", "schemaid", "data", "resourceid"}),
    "kubernetes-audit": SCHEMA | {"apiversion", "auditid", "stagetimestamp", "properties", "properties.log"},
    "metrics": frozenset({"time", "resourceid", "metricname"}),
    "nsg-flow": SCHEMA | {"properties", "properties.flows"},
    "office-activity": frozenset({"creationtime", "operation"}),
    # a storage request without a resource id tells its service by one of these
    "storage": SCHEMA | {"operationname", "properties", "properties.servicetype", "uri"},
    "vnet-flow": SCHEMA | {"flowrecords"},
    "azure-firewall-text": SCHEMA | {"properties", "properties.msg"},
    "defender": SCHEMA,
    "nextcloud": frozenset({"time", "reqid", "remoteaddr", "message", "app", "url"}),
    "mongodb": frozenset({"t", "t.$date", "s", "c", "ctx", "msg"}),
}
#: Of objects of Graph: their time, and what says of which kind a sign-in is.
GRAPH = frozenset(
    {
        *("createddatetime", "activitydatetime", "detecteddatetime", "risklastupdateddatetime"),
        *("signineventtypes", "isinteractive"),
    }
)
#: Logs of servers, whose members are their own.
SERVERS = ("linux-audit-json", "mongodb", "nextcloud", "web-access-json")
#: Of them those whose records have few members, by any of which they are recognized.
SHORT = ("linux-audit-json", "web-access-json")
OBJECTS = ("entra-audit", "entra-risk", "entra-signin", "graph-alert")
STREAMS = sorted(
    {path.parent.name for path in CASES.glob("*/*.in")}
    - {"azure-diagnostics", "cef", "check-point", "csv", "leef", "parquet", "syslog", "table"}
    - {"windows-event", "windows-event-file", "windows-event-xml"}
    - {
        "container-log",
        "linux-audit",
        "service-log",
        "web-access-log",
        "web-error-log",
    }  # lines of text, which have no members
)


def _read(record: Mapping[str, Any]) -> tuple[set[str], set[str]]:
    """The tables and the formats of a record."""
    tables: set[str] = set()
    names: set[str] = set()
    for batch in read_batches(
        io.BytesIO(json.dumps(record).encode()), load_formats(), StreamContext("a", NOW)
    ):
        for table, placed in batch.rows.items():
            tables.add(table)
            names |= {one.format for one in placed}
        for form, found, *_ in batch.ready:
            tables |= found.keys()
            names.add(form)
    return tables, names


def _records(name: str) -> Iterator[dict[str, Any]]:
    """The records of a format's samples that are read as a whole."""
    for path in sorted(CASES.glob(f"{name}/*.in")):
        if path.with_suffix(".context.json").exists():
            continue
        text = path.read_text(encoding="utf-8", errors="replace")
        try:
            documents = [json.loads(text)]
        except ValueError:
            documents = [json.loads(line) for line in text.splitlines() if _is_json(line)]
        for document in documents:
            yield from _inside(document)


def _inside(document: Any) -> Iterator[dict[str, Any]]:
    """The records of a document, whatever wraps them."""
    if isinstance(document, list):
        for one in document:
            yield from _inside(one)
    elif isinstance(document, dict):
        wrapped = next((document[name] for name in ("records", "value", "items") if name in document), None)
        several = wrapped if isinstance(wrapped, list) else None
        yield from [document] if several is None else _inside(several)


def _is_json(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


def _without(record: dict[str, Any], needed: frozenset[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The record without each member that it may be without, and without each member of its properties."""
    for name in record:
        if name.lower() not in needed:
            yield name, {other: value for other, value in record.items() if other != name}
    properties = record.get("properties")
    for name in properties if isinstance(properties, dict) else ():
        if f"properties.{name.lower()}" not in needed:
            less = {other: value for other, value in properties.items() if other != name}
            yield f"properties.{name}", {**record, "properties": less}


@pytest.mark.parametrize("name", [one for one in STREAMS if one not in SHORT])
def test_a_record_without_an_optional_member_goes_into_the_same_tables(name: str) -> None:
    checked, wrong = 0, []
    for record in _records(name):
        tables, names = _read(record)
        if not tables:
            continue
        graph = name in OBJECTS and "properties" not in record
        needed = GRAPH if graph else NEEDED.get(name, SCHEMA)
        for member, less in _without(record, needed):
            checked += 1
            if (found := _read(less)) != (tables, names):
                wrong.append((member, sorted(tables), sorted(found[0]), record))
    assert checked
    assert not wrong


OF_THE_SCHEMA = [name for name in STREAMS if name not in ("graph-alert", "office-activity", *SERVERS)]


def _capital(name: str) -> str:
    return name[:1].upper() + name[1:]


@pytest.mark.parametrize("name", OF_THE_SCHEMA)
@pytest.mark.parametrize("spelled", [str.lower, _capital], ids=["lower", "capital"])
def test_a_resource_log_whose_names_a_forwarder_spells_otherwise_goes_into_the_same_tables(
    name: str, spelled: Callable[[str], str]
) -> None:
    checked = 0
    for record in _records(name):
        tables, names = _read(record)
        about = {"resourceId", "operationName", "flowRecords"} & record.keys()
        if tables and about and {"time", "timeStamp"} & record.keys():
            checked += 1
            assert _read({spelled(member): value for member, value in record.items()}) == (tables, names), (
                record
            )
    assert checked


def test_a_service_may_name_the_category_type() -> None:
    record = {
        "time": "2026-06-01T10:00:00Z",
        "resourceId": "/subscriptions/s/resourceGroups/g/providers/Microsoft.KeyVault/vaults/v",
        "operationName": "SecretGet",
        "type": "AuditEvent",
    }
    assert _read(record) == ({"AZKVAuditLogs", "AzureDiagnostics"}, {"key-vault"})
    assert _read({**record, "category": "Other"}) == ({"AzureDiagnostics"}, {"azure-diagnostics"})


DIRECTORY = "/tenants/0b1c2d3e-0000-4000-8000-0000000000aa/providers/Microsoft.aadiam"
AUDITED = {"time": "2026-06-01T10:00:00Z", "operationName": "Delete user"}


@pytest.mark.parametrize(
    ("record", "table"),
    [
        ({"resourceId": DIRECTORY, "category": "UserManagement"}, "AuditLogs"),
        ({"resourceId": DIRECTORY, "category": "New", "properties": {"activityDisplayName": "x"}}, "AuditLogs"),
        ({"resourceId": DIRECTORY, "properties": {"initiatedBy": {}}}, "AuditLogs"),
        ({"category": "AuditLogs"}, "AuditLogs"),
        ({"resourceId": DIRECTORY, "category": "ProvisioningLogs", "properties": {"initiatedBy": {}}}, "AADProvisioningLogs"),
        ({"resourceId": DIRECTORY, "category": "New"}, "AzureDiagnostics"),
        ({"resourceId": "/subscriptions/s/providers/Microsoft.X/y/z", "category": "AuditLogs"}, "AzureDiagnostics"),
        (
            {"resourceId": "/subscriptions/s/providers/Microsoft.X", "category": "AuditLogs", "properties": {"initiatedBy": {}}},
            "AuditLogs",
        ),
    ],
)  # fmt: skip
def test_a_record_of_the_directory_is_an_audit_record_whatever_it_leaves_out(
    record: dict[str, Any], table: str
) -> None:
    assert _read({**AUDITED, **record})[0] == {table}


@pytest.mark.parametrize(
    "record",
    [
        {"createdDateTime": "2026-06-01T10:00:00Z", "appDisplayName": "x", "appId": "y", "servicePrincipalType": "z"},
        {"createdDateTime": "2026-06-01T10:00:00Z", "userPrincipalName": "kim@contoso.example", "id": "1"},
        {"createdDateTime": "2026-06-01T10:00:00Z", "title": "x", "severity": "High", "status": "New"},
        {"time": "2026-06-01T10:00:00Z", "type": "x", "id": "1"},
        {"time": "2026-06-01T10:00:00Z", "operationName": "Microsoft.X/y/write"},
    ],
)  # fmt: skip
def test_other_records_stay_unrecognized(record: dict[str, Any]) -> None:
    assert _read(record) == (set(), set())
