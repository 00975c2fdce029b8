"""The key of machine A tries every table and every field for machine B: nothing about B is stored."""

from __future__ import annotations

import datetime as dt
import json
import re

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nephoscope.lake.errors import LakeError
from nephoscope.lake.schema.identity_columns import list_machine_identities
from nephoscope.lake.schema.resource_bound_rows import CONFLICT
from nephoscope.lake.schema.row_conversion import complete_rows, to_arrow_rows
from nephoscope.lake.schema.table import LakeTable
from nephoscope.lake.schema.tables import Tables
from nephoscope.model.resource_binding import bind_resource
from nephoscope.state.workspaces.workspace import Workspace
from nephoscope_kql.types import KqlType

NOW = dt.datetime(2026, 6, 1, 12, tzinfo=dt.UTC)
PLACE = Workspace("w", "11111111-1111-1111-1111-111111111111", 30)
SUB, OTHER_SUB = "0a0a0a0a-0000-4000-8000-000000000001", "0b0b0b0b-0000-4000-8000-000000000002"
MACHINES = "resourceGroups/{}/providers/Microsoft.HybridCompute/machines/{}"
A = f"/subscriptions/{SUB}/" + MACHINES.format("Shop", "web-01")
B = f"/subscriptions/{OTHER_SUB}/" + MACHINES.format("Bank", "web-02")
B_NAMES = ("web-02", "web-02.contoso.com", "b" * 40, "10.9.9.9", OTHER_SUB, "Bank")
BOUND = bind_resource(A, also=("10.1.1.1", "web-01.contoso.com"))
OWN = LakeTable.of(
    "Mine_CL",
    {
        "Computer": KqlType.STRING, "Host": KqlType.STRING, "DeviceId": KqlType.GUID, "Machine": KqlType.DYNAMIC, "VmId": KqlType.LONG,
        "ResourceId": KqlType.STRING, "Note": KqlType.STRING, "Data": KqlType.DYNAMIC, "computer": KqlType.STRING,
    },
)  # fmt: skip
TABLES = [*Tables.from_definitions(), OWN]
#: What every reader takes for the machine that a row is about, whatever the table.
ABOUT = re.compile(
    r"_?(azure|arm)?resourceid|computer|devicename|deviceid|dvc(hostname|fqdn|id|ipaddr)?|hostname|hostip|computerip|vmuuid"
    r"|sourcecomputerid|azurevmid|azureresourcename|_?subscriptionid|resourcegroup|resource|machine",
    re.IGNORECASE,
)
#: Columns of that name that tell what a machine saw.
SEEN = {("SecurityEvent", "DeviceId"), ("LinuxAuditLog", "hostname")}

#: Tables with a computer that services write, not machines.
NOT_OF_MACHINES = {
    "AlertEvidence",
    "AzureDiagnostics",
    "BehaviorEntities",
    "ComputerGroup",
    "DisruptionAndResponseEvents",
    "IdentityDirectoryEvents",
    "IdentityLogonEvents",
    "IdentityQueryEvents",
    "IntuneDeviceComplianceOrg",
    "IntuneDevices",
    "KubeEvents",
    "KubeNodeInventory",
    "KubePodInventory",
    "MicrosoftPurviewInformationProtection",
    "SecurityDetection",
    "Usage",
}


def sent(table: LakeTable, *rows: dict, sender=BOUND):
    """What becomes of rows: those that are stored, and by place why the others are not."""
    every = [{"TimeGenerated": NOW, **row} for row in rows]
    found = to_arrow_rows(table, every, workspace=PLACE, now=NOW, senders=[(sender, len(every))])
    return found.table.to_pylist(), dict(found.bad)


def attempts(table: LakeTable) -> list[dict]:
    """A row for every column, with every name of B: in the column, in the bag, in a dynamic as its member and as a key."""
    found = []
    for name, kind in table.columns:
        values = [B, B.upper(), f" {B}", f"{B}/", *B_NAMES]
        if kind == KqlType.DYNAMIC:
            values += [
                {"id": B},
                {"a": [{"b": B}]},
                {B: 1},
                {"Computer": "web-02"},
                json.dumps({"_ResourceId": B}),
            ]
        if name != "TimeGenerated":
            found += [{name: value} for value in values]
            found += [
                {spelled: value}
                for value in (B, "web-02")
                for spelled in (name.upper(), f" {name}", f"{name}_s")
            ]
    return found


@pytest.mark.sampled(6)
@pytest.mark.parametrize("table", TABLES, ids=[one.name for one in TABLES])
def test_a_bound_key_stores_nothing_about_another_machine(table):
    tries = attempts(table)
    stored, bad = sent(table, *tries)
    assert len(stored) + len(bad) == len(tries)
    columns = list_machine_identities(table)
    if columns is None:
        assert not stored
        return
    about = [name for name, _ in table.columns if name in columns or _is_about(table, name)]
    names = {one.lower() for one in (B, *B_NAMES)}
    for row in stored:
        assert row["_ResourceId"] == A.lower()
        assert row["_SubscriptionId"] == SUB
        assert not {str(row[name]).strip().lower() for name in about} & names, row
        for name, value in row.items():
            assert str(value).strip().strip('"').rstrip("/").lower() != B.lower(), (name, row)
        bag = json.loads(row[table.bag] or "{}")
        assert not [name for name in bag if ABOUT.fullmatch(name.strip().removesuffix("_s"))], row


def _is_about(table: LakeTable, name: str) -> bool:
    return ABOUT.fullmatch(name) is not None and (table.name, name) not in SEEN


def test_a_table_of_machines_says_which_columns_name_them():
    """A new table with a Computer has `machine` in its definition, or stands in NOT_OF_MACHINES."""
    named = {"Computer", "DeviceName", "DvcHostname"}
    found = {
        one.name for one in Tables.from_definitions() if named & one.types.keys() and one.machine is None
    }
    assert found == NOT_OF_MACHINES


def test_a_published_table_without_a_definition_takes_no_rows_of_a_machine():
    assert list_machine_identities(Tables.builtin()["WVDAgentHealthStatus"]) is None
    assert list_machine_identities(
        Tables.builtin()["NXLog_DNS_Server_CL"]
    )  # told by the names of its columns, as of any custom table


def test_what_is_left_out_is_filled_in():
    (row,), bad = sent(Tables.builtin()["Syslog"], {"SyslogMessage": f"connected to {B}"})
    assert not bad
    assert (row["Computer"], row["HostName"], row["HostIP"]) == ("web-01", "web-01", "")
    (row,), _ = sent(Tables.builtin()["DeviceProcessEvents"], {"FileName": "bash"})
    assert (row["DeviceName"], row["DeviceId"]) == ("web-01", BOUND.device)
    (row,), _ = sent(Tables.builtin()["Update"], {"Title": "openssl"})
    assert [row[name] for name in ("ResourceId", "Resource", "ResourceGroup", "SubscriptionId")] == [
        A, "web-01", "shop", SUB,
    ]  # fmt: skip
    (row,), _ = sent(OWN, {"Note": "x"})
    assert (row["Computer"], row["ResourceId"], row["Host"]) == ("web-01", A, "")


@pytest.mark.parametrize(
    "row",
    [
        {"Computer": "WEB-01", "HostIP": "10.1.1.1", "_ResourceId": A.upper()},
        {"Computer": "web-01.contoso.com", "HostName": "web-01", "_SubscriptionId": SUB.upper()},
        {"HostIP": "127.0.0.1", "SyslogMessage": f"ssh from web-02, {B}", "ProcessName": "web-02"},
        {"Computer": "", "HostName": None, "Custom": {"peer": "web-02", "group": f"/subscriptions/{SUB}"}},
        {
            "Custom": {
                "agent": {"hostname": "WEB-01"},
                "remote": {"hostname": "web-02"},
                "note": {"é": "{no JSON"},
            }
        },
        {"Custom": json.dumps({"agent": {"id": A}, "text": "[1, 2]"})},
    ],
)
def test_what_is_its_own_and_what_it_saw_is_stored(row):
    stored, bad = sent(Tables.builtin()["Syslog"], row)
    assert len(stored) == 1
    assert not bad


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"Computer": "web-02"}, "Computer is 'web-02'"),
        ({"HostIP": "10.9.9.9"}, "HostIP is '10.9.9.9'"),
        ({"_resourceid": B}, "_resourceid in _AdditionalFields is"),
        ({"_ResourceId": A, "_SubscriptionId": OTHER_SUB}, "given_SubscriptionId in _AdditionalFields is"),
        ({"_AdditionalFields": {"DeviceName": "web-02"}}, "DeviceName in _AdditionalFields is 'web-02'"),
        ({"Computеr": "web-02"}, "has letters outside ASCII"),
        ({"Compu\u200bter": "web-02"}, "Compu"),
        ({"Computer": "web-0\u0661"}, "Computer is"),
        ({"Computer": "web\u201001"}, "Computer is"),
        ({"Computer": " web-01"}, "Computer is"),
        ({"Computer": ["web-02"]}, "Computer is"),
        ({"Facility": f"\u00a0\u200b{B}"}, "Facility names the resource"),
        ({"Facility": f"https://management.azure.com{B}"}, "Facility names the resource"),
        ({"Facility": f"//management.azure.com{B}"}, "Facility names the resource"),
        ({"Facility": f"resource:{B}"}, "Facility names the resource"),
        ({"Anything": {"deep": [[{"er": B}]]}}, "_AdditionalFields names the resource"),
        ({"Anything": {"agent": {"hostname": "web-02"}}}, "hostname in _AdditionalFields is 'web-02'"),
        ({"Anything": [{"x": [{"Device_Id": "b" * 40}]}]}, "Device_Id in _AdditionalFields is"),
        ({"Anything": {"remote": {"id": B}}}, "_AdditionalFields names the resource"),
        ({"Anything": {"raw": json.dumps({"id": B})}}, "_AdditionalFields names the resource"),
        ({"Anything": json.dumps([json.dumps({"id": f"{B}/"})])}, "_AdditionalFields names the resource"),
        (
            {"Anything": {"raw": json.dumps({"agent": {"Computer": "web-02"}})}},
            "Computer in _AdditionalFields is",
        ),
    ],
)
def test_a_conflict_is_told_with_its_place(row, reason):
    stored, bad = sent(Tables.builtin()["Syslog"], {"SyslogMessage": "kept"}, row)
    assert [one["SyslogMessage"] for one in stored] == ["kept"]
    assert bad.keys() == {1}
    assert bad[1].startswith(f"{CONFLICT}: ")
    assert reason in bad[1]
    assert bad[1].endswith(f"but its sender is bound to {A}")


def test_names_that_a_machine_is_shown_by_are_its_own():
    table = Tables.builtin()["VMComputer"]
    own = {"DisplayName": "web-01", "FullDisplayName": "web-01.contoso.com"}
    stored, bad = sent(table, own, {"DisplayName": "web-02"}, {"FullDisplayName": "web-02.contoso.com"})
    assert [one["DisplayName"] for one in stored] == ["web-01"]
    assert sorted(bad) == [1, 2]


@pytest.mark.parametrize(
    "before", ["", "https://management.azure.com", "//management.azure.com", "resource:", "/"]
)
def test_an_id_of_its_own_may_stand_behind_a_scheme_and_a_host(before):
    stored, bad = sent(Tables.builtin()["Syslog"], {"Facility": f"{before}{A}"})
    assert not bad
    assert [one["Facility"] for one in stored] == [f"{before}{A}"]


def test_columns_that_azure_fills_in_are_dropped():
    said = {"_ItemId": "web-02", "SourceSystem": "web-02", "ManagementGroupName": "web-02"}
    table = Tables.builtin()["Event"]
    (row,), bad = sent(table, said)
    assert not bad
    assert {row[name] for name in said} == {""}
    (row,), _ = sent(table, said, sender=None)
    assert {row[name] for name in said} == {"web-02"}


@settings(max_examples=300, deadline=None)
@given(
    name=st.sampled_from(
        ("_ResourceId", "ResourceId", "Computer", "HostName", "DeviceId", "_SubscriptionId", "Host")
    ),
    value=st.sampled_from((B, *B_NAMES)),
    data=st.data(),
)
def test_no_spelling_of_a_name_or_value_gets_through(name, value, data):
    spelled = "".join(data.draw(st.sampled_from((c.lower(), c.upper(), _wide(c))), c) for c in name)
    around = data.draw(st.text(" \t\n\u00a0\u200b\ufeff_-.", max_size=3))
    value = data.draw(st.sampled_from((value, value.upper(), value.title(), f" {value}\u00a0", f"{value}/")))
    for table in (OWN, Tables.builtin()["Event"]):
        stored, bad = sent(table, {around + spelled + around: value})
        assert not stored
        assert bad[0].startswith(CONFLICT)


def _wide(letter: str) -> str:
    return chr(ord(letter) + 0xFEE0) if letter.isascii() and letter.isalnum() else letter


@given(value=st.one_of(st.text(max_size=12), st.integers(), st.lists(st.text(max_size=3), max_size=2)))
def test_no_value_but_its_own_stands_where_a_machine_is_named(value):
    stored, _ = sent(OWN, {"Computer": value, "Machine": value, "Host": value})
    for row in stored:
        assert row["Computer"].lower() in BOUND.known_names
        assert row["Host"].lower() in BOUND.known_names | {""}


def test_senders_of_one_batch_are_told_apart():
    other = bind_resource(B)
    rows = [
        {"TimeGenerated": NOW, "Computer": name} for name in ("web-01", "web-02", "web-02", "web-01", "x", "")
    ]
    found = to_arrow_rows(
        Tables.builtin()["Event"], rows, workspace=PLACE, now=NOW, whole=False, senders=[(BOUND, 2), (other, 2), (None, 2)]
    )  # fmt: skip
    assert [place for place, _ in found.bad] == [1, 3]
    assert found.table["Computer"].to_pylist() == ["web-01", "web-02", "x", ""]
    assert found.table["_ResourceId"].to_pylist() == [A.lower(), B.lower(), "", ""]


def test_bounds_of_time_hold_for_bound_senders():
    _, bad = sent(
        Tables.builtin()["Event"],
        {"TimeGenerated": NOW - dt.timedelta(days=31)},
        {"TimeGenerated": NOW + dt.timedelta(days=2)},
    )
    assert ["older than" in bad[0], "ahead" in bad[1]] == [True, True]


def test_arrow_rows_with_packed_texts_are_held_too():
    table = Tables.builtin()["Event"]
    texts = pa.array(["web-01", "web-02", ""]).dictionary_encode()
    arrow = pa.table({"TimeGenerated": pa.array([NOW] * 3, pa.timestamp("us", "UTC")), "Computer": texts})
    found = complete_rows(table, arrow, workspace=PLACE, now=NOW, senders=[(BOUND, 3)])
    assert found.table["Computer"].to_pylist() == ["web-01", "web-01"]
    assert [place for place, _ in found.bad] == [1]


def test_a_definition_says_which_columns_name_a_machine():
    document = {
        "name": "App_CL",
        "columns": {"Node": "string", "Host": "string"},
        "machine": {"Node": "computer"},
    }
    table = LakeTable.parse(document, "App_CL.json")
    assert LakeTable.parse(table.document(), "again") == table
    (row,), bad = sent(table, {"Host": "shop.contoso.com"})
    assert not bad
    assert (row["Node"], row["Host"]) == ("web-01", "shop.contoso.com")
    with pytest.raises(LakeError, match="machine: 'Wrong'"):
        LakeTable.parse({**document, "machine": {"Wrong": "computer"}}, "x")
    with pytest.raises(LakeError, match="use resource, subscription"):
        LakeTable.parse({**document, "machine": {"Node": "who"}}, "x")
