"""Who changed a resource: candidates from the activity log, an author only where there is one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from nephoscope.estate.estate import Estate
from nephoscope.estate.estate_store import EstateStore
from nephoscope.estate.resource_changes import Body, ResourceChange
from nephoscope.lake.lake import Lake
from nephoscope.lake.schema.row_conversion import to_arrow_rows
from nephoscope.posture.changes.activity_events import ActivityEvent, ActivityEvents
from nephoscope.posture.changes.change_attribution import (
    EARLIER,
    NO_EVENT,
    UNSPECIFIED,
    attribute_change,
)
from nephoscope.posture.published import resource_changes
from nephoscope.posture.scans.point_in_time_logs import open_frozen_logs
from nephoscope.state import State
from nephoscope_policy.model.coverage import Coverage
from nephoscope_policy.model.resource import Resource

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
BEFORE = NOW - timedelta(hours=4)
SUBSCRIPTION = "11111111-1111-4111-8111-111111111111"
GROUP = f"/subscriptions/{SUBSCRIPTION}/resourcegroups/rg"
NSG = f"{GROUP}/providers/microsoft.network/networksecuritygroups/nsg"
WRITE, DELETE = (
    "Microsoft.Network/networkSecurityGroups/write",
    "Microsoft.Network/networkSecurityGroups/delete",
)
RULE = "Microsoft.Network/networkSecurityGroups/securityRules/write"
PORTAL, AUTOMATION = "c44b4083-3bb0-49c1-b47d-974e53cbdf3c", "77777777-7777-4777-8777-777777777777"


def security_group(*sources: str) -> dict[str, Any]:
    names = ("ssh", "web")
    rules = [
        {"name": name, "properties": {"sourceAddressPrefix": source}}
        for name, source in zip(names, sources, strict=True)
    ]
    return {
        "id": NSG,
        "name": "nsg",
        "type": "microsoft.network/networksecuritygroups",
        "properties": {"securityRules": rules},
    }


OLD, NEW = security_group("10.0.0.0/8", "*"), security_group("*", "*")


def event(
    caller: str = "ada@contoso.com",
    operation: str = WRITE,
    target: str = NSG,
    hours: float = 1,
    category: str = "Administrative",
) -> ActivityEvent:
    at = NOW - timedelta(hours=hours)
    return ActivityEvent(target, caller, operation, category, f"c-{caller}", PORTAL, at, at)


CASES: list[tuple[str, Body | None, Body | None, list[ActivityEvent], str, str, list[str]]] = [
    ("one writer", OLD, NEW, [event()], "ada@contoso.com", "User", ["ada@contoso.com"]),
    (
        "two writers",
        OLD,
        NEW,
        [event(), event("bob@contoso.com", RULE, f"{NSG}/securityrules/ssh", 2)],
        UNSPECIFIED,
        UNSPECIFIED,
        ["ada@contoso.com", "bob@contoso.com"],
    ),
    (
        "the writer of another rule",
        OLD,
        NEW,
        [event(), event("bob@contoso.com", RULE, f"{NSG}/securityrules/web", 2)],
        "ada@contoso.com",
        "User",
        ["ada@contoso.com"],
    ),
    ("nobody", OLD, NEW, [], UNSPECIFIED, UNSPECIFIED, []),
    ("before the interval", OLD, NEW, [event(hours=9)], UNSPECIFIED, UNSPECIFIED, []),
    (
        "while the last snapshot was read",
        OLD,
        NEW,
        [event(hours=4.5)],
        UNSPECIFIED,
        UNSPECIFIED,
        ["ada@contoso.com"],
    ),
    ("another resource", OLD, NEW, [event(target=f"{NSG}2")], UNSPECIFIED, UNSPECIFIED, []),
    (
        "what only reads",
        OLD,
        NEW,
        [event(operation="Microsoft.Network/networkSecurityGroups/listKeys/action")],
        UNSPECIFIED,
        UNSPECIFIED,
        [],
    ),
    (
        "a policy that judges",
        OLD,
        NEW,
        [event(operation="Microsoft.Authorization/policies/audit/action", category="Policy")],
        UNSPECIFIED,
        UNSPECIFIED,
        [],
    ),
    (
        "a policy that deploys",
        OLD,
        NEW,
        [event(AUTOMATION, "Microsoft.Authorization/policies/deployIfNotExists/action", category="Policy")],
        AUTOMATION,
        "Policy",
        [AUTOMATION],
    ),
    ("an application", OLD, NEW, [event(AUTOMATION)], AUTOMATION, "Application", [AUTOMATION]),
    (
        "the platform",
        OLD,
        NEW,
        [event("Microsoft.Network")],
        "Microsoft.Network",
        "System",
        ["Microsoft.Network"],
    ),
    ("deleted", OLD, None, [event(operation=DELETE)], "ada@contoso.com", "User", ["ada@contoso.com"]),
    ("a write deletes nothing", OLD, None, [event()], UNSPECIFIED, UNSPECIFIED, []),
    (
        "deleted with its group",
        OLD,
        None,
        [event(operation="Microsoft.Resources/subscriptions/resourceGroups/delete", target=GROUP)],
        "ada@contoso.com",
        "User",
        ["ada@contoso.com"],
    ),
    ("created", None, NEW, [event()], "ada@contoso.com", "User", ["ada@contoso.com"]),
]


@pytest.mark.parametrize(
    ("note", "old", "new", "events", "author", "kind", "candidates"), CASES, ids=[case[0] for case in CASES]
)
def test_authors_of_changes(
    note: str,
    old: Body | None,
    new: Body | None,
    events: list[ActivityEvent],
    author: str,
    kind: str,
    candidates: list[str],
) -> None:
    assert note
    kinds = {(False, True): "Create", (True, True): "Update", (True, False): "Delete"}
    change = ResourceChange(NSG, kinds[old is not None, new is not None], BEFORE, NOW, old, new)
    found = attribute_change(change, ActivityEvents(events))
    assert (found.changed_by, found.changed_by_type) == (author, kind)
    assert [one.changed_by for one in found.candidates] == candidates
    if author == UNSPECIFIED and len(candidates) < 2:
        assert found.evidence == (EARLIER if candidates else NO_EVENT)
    assert found.category == ("System" if kind in ("System", "Policy") else "User")


SSH = f"{NSG}/securityrules/ssh"
OF_A_RULE = [
    ("its writer", [event("bob", RULE, SSH)], ["bob"]),
    ("its writer and the writer of its group", [event("bob", RULE, SSH), event("ada", WRITE, NSG, 2)], ["bob", "ada"]),
    ("the writer of its group", [event("ada", WRITE, NSG)], ["ada"]),
    ("the writer of another group", [event("ada", WRITE, f"{NSG}2")], []),
    ("the writer of another rule", [event("bob", RULE, f"{NSG}/securityrules/web")], []),
    ("a writer of the resource group", [event("ada", "Microsoft.Resources/subscriptions/resourceGroups/write", GROUP)], []),
]  # fmt: skip


@pytest.mark.parametrize(("note", "events", "candidates"), OF_A_RULE, ids=[case[0] for case in OF_A_RULE])
@pytest.mark.parametrize("kind", ["Create", "Update", "Delete"])
def test_a_rule_is_written_with_its_group(
    note: str, events: list[ActivityEvent], candidates: list[str], kind: str
) -> None:
    assert note
    old, new = ({"id": SSH, "properties": {"access": access}} for access in ("Deny", "Allow"))
    change = ResourceChange(
        SSH, kind, BEFORE, NOW, None if kind == "Create" else old, None if kind == "Delete" else new
    )
    found = attribute_change(change, ActivityEvents(events))
    wanted = [one for one in candidates if kind != "Delete" or one == "ada"]  # a write of a rule removes none
    assert [one.changed_by for one in found.candidates] == wanted
    assert found.changed_by == (wanted[0] if len(wanted) == 1 else UNSPECIFIED)


def row(caller: str, hours: float, operation: str = WRITE, status: str = "Success") -> dict[str, Any]:
    return {
        "TimeGenerated": NOW - timedelta(hours=hours),
        "_ResourceId": NSG,
        "_SubscriptionId": SUBSCRIPTION,
        "Caller": caller,
        "OperationNameValue": operation,
        "CategoryValue": "Administrative",
        "ActivityStatusValue": status,
        "CorrelationId": f"c-{caller}",
        "Claims": f'{{"appid":"{PORTAL}"}}',
    }


@pytest.fixture
def data(tmp_path: Path, state: State) -> Path:
    """A data folder whose estate has one change of the security group, four hours long."""
    state.workspaces.set("default", days=3650)
    store = EstateStore(tmp_path / "data")
    for at, body in ((BEFORE, OLD), (NOW, NEW)):
        store.append(Estate.of([Resource.of(body)], Coverage.cover_everything()), at)
    return tmp_path / "data"


def attributes(data: Path, state: State, lake: Lake, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """What is published of the change beside some rows of the activity log."""
    if rows:
        place = state.workspaces.get("default")
        table = to_arrow_rows(lake.tables["AzureActivity"], rows, workspace=place, now=NOW).table
        lake.writer().append("default", {"AzureActivity": table}, producer="test", sequence=1)
        lake.flush()
    estate = Estate.of([Resource.of(NEW)], Coverage.cover_everything())
    several = resource_changes.list_attributed_changes(
        data, NOW, [estate], partial(open_frozen_logs, data, state)
    )
    told = list(resource_changes.build_documents(several, {}))
    assert len(told) == 1
    found: dict[str, Any] = told[0][0].body["properties"]
    assert list(found["changes"]) == ["properties.securityRules['ssh'].properties.sourceAddressPrefix"]
    return dict(found["changeAttributes"])


def test_both_writers_of_an_interval_are_named(data: Path, state: State, lake: Lake) -> None:
    rows = [
        row("ada@contoso.com", 1),
        row("bob@contoso.com", 2),
        row("eve@contoso.com", 2, status="Failure"),
        row("old@contoso.com", 7),
    ]
    found = attributes(data, state, lake, rows)
    assert found["changedBy"] == UNSPECIFIED
    assert [one["changedBy"] for one in found["candidates"]] == ["ada@contoso.com", "bob@contoso.com"]


def test_the_only_writer_is_the_author(data: Path, state: State, lake: Lake) -> None:
    found = attributes(
        data, state, lake, [row("ada@contoso.com", 1), row("ada@contoso.com", 1, status="Accept")]
    )
    told = {
        name: found[name]
        for name in ("changedBy", "changedByType", "clientType", "operation", "correlationId")
    }
    assert told == {
        "changedBy": "ada@contoso.com",
        "changedByType": "User",
        "clientType": "Azure Portal",
        "operation": WRITE.lower(),
        "correlationId": "c-ada@contoso.com",
    }


def test_without_a_log_nobody_is_named(data: Path, state: State, lake: Lake) -> None:
    found = attributes(data, state, lake, [])
    assert found["changedBy"] == UNSPECIFIED
    assert found["evidence"] == "Not collected: rows of AzureActivity"


def test_many_changes_ask_no_more_of_the_store_than_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def reads(count: int) -> int:
        data = tmp_path / str(count)
        store = EstateStore(data)
        for at, body in ((BEFORE, OLD), (NOW, NEW)):
            several = [Resource.of({**body, "id": f"{NSG}{number}"}) for number in range(count)]
            store.append(Estate.of(several, Coverage.cover_everything()), at)
        seen: list[Path] = []
        with monkeypatch.context() as patched:
            stored = EstateStore.list_snapshots
            patched.setattr(
                EstateStore, "list_snapshots", lambda one: (seen.append(one.path), stored(one))[1]
            )
            assert len(resource_changes.list_attributed_changes(data, NOW)) == count
        return len(seen)

    assert reads(20) == reads(1)
