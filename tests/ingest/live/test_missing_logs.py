"""Logs that never arrive: only rows of what a setting or a flow log sends tell that it works."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from nephoscope.ingest.live.health.missing_logs import find_missing_logs
from nephoscope.ingest.live.health.newest_rows import NewestRows, read_newest_rows
from nephoscope.lake.lake import Lake
from nephoscope.lake.schema.row_conversion import to_arrow_rows
from nephoscope.state import State
from nephoscope_policy.model.resource import Resource

NOW = datetime.now(UTC).replace(minute=30, second=0, microsecond=0)
VAULT = (
    "/subscriptions/00000000-0000-0000-0000-000000000001/resourcegroups/g/providers/microsoft.keyvault/vaults"
)
NET = "/subscriptions/00000000-0000-0000-0000-000000000001/resourcegroups/g/providers/microsoft.network"


def _setting(name: str, *, enabled: bool = True) -> Resource:
    id_ = f"{VAULT}/{name}/providers/Microsoft.Insights/diagnosticSettings/toLake"
    return Resource.of({"id": id_, "properties": {"logs": [{"category": "AuditEvent", "enabled": enabled}]}})


def _flow_log(name: str, *, enabled: bool = True) -> Resource:
    properties = {"targetResourceId": f"{NET}/virtualNetworks/{name}", "enabled": enabled}
    return Resource.of({"id": f"{NET}/networkWatchers/w/flowLogs/{name}", "properties": properties})


def test_resources_whose_logs_never_arrive() -> None:
    resources = [
        *(Resource.of({"id": f"{VAULT}/{name}"}) for name in ("ok", "late", "never", "off", "bare", "elsewhere")),
        *(_setting(name) for name in ("ok", "late", "never")), _setting("off", enabled=False),
        *(Resource.of({"id": f"{NET}/virtualNetworks/{name}"}) for name in ("flows", "unlogged", "stopped")),
        _flow_log("flows"), _flow_log("stopped", enabled=False), Resource.of({"id": f"{NET}/networkInterfaces/n"}),
    ]  # fmt: skip
    newest_rows = NewestRows([
        (f"{VAULT}/ok", "AZKVAuditLogs", "", NOW - timedelta(hours=1)),
        (f"{VAULT}/late", "AzureDiagnostics", "auditevent", NOW - timedelta(days=3)),
        (f"{VAULT}/elsewhere", "AZKVAuditLogs", "", NOW - timedelta(hours=2)),
        (f"{NET}/virtualnetworks/flows/subnets/s", "AzureFlowLogs", "", NOW - timedelta(minutes=5)),
    ])  # fmt: skip
    found = find_missing_logs(resources, newest_rows, lambda last: NOW - last > timedelta(days=1))
    assert [(one.resource.rpartition("/")[2], one.reason, one.setting) for one in found] == [
        ("bare", "no diagnostic setting sends its logs", ""),
        ("late", "set up, and nothing arrives any more", "tolake"),
        ("never", "set up, and nothing has arrived", "tolake"),
        ("off", "its diagnostic setting sends no category of logs", "tolake"),
        ("stopped", "its flow log is switched off", "stopped"),
        ("unlogged", "no flow log sends its logs", ""),
    ]


SUBSCRIPTION = "/subscriptions/00000000-0000-0000-0000-000000000001"
PROVIDERS = f"{SUBSCRIPTION}/resourcegroups/g/providers"
STORAGE = f"{PROVIDERS}/microsoft.storage/storageaccounts/sa"
FIREWALL = f"{NET}/azurefirewalls/f"
CLUSTER = f"{PROVIDERS}/microsoft.containerservice/managedclusters/c"
NETWORK = f"{NET}/virtualnetworks/v"
NEVER, NONE = "set up, and nothing has arrived", "no diagnostic setting sends its logs"
NO_LOGS = "its diagnostic setting sends no category of logs"


def _sends(scope: str, *categories: str, name: str = "s") -> dict[str, Any]:
    """A diagnostic setting; a category that begins with `-` is off, one that begins with `=` is a group."""
    logs = [
        {"categoryGroup" if one[0] == "=" else "category": one.lstrip("-="), "enabled": one[0] != "-"}
        for one in categories
    ]
    metrics = [{"category": "AllMetrics", "enabled": True}]
    id_ = f"{scope}/providers/Microsoft.Insights/diagnosticSettings/{name}"
    return {"id": id_, "properties": {"logs": logs, "metrics": metrics}}


@pytest.mark.parametrize(
    ("resources", "rows", "expected"),
    [
        pytest.param(resources, rows, expected, id=name)
        for name, resources, rows, expected in (
            ("activity", [_sends(f"{VAULT}/a", "AuditEvent")], [(f"{VAULT}/a", "AzureActivity", "")], [NEVER]),
            ("metrics", [_sends(f"{VAULT}/a", "AuditEvent")], [(f"{VAULT}/a", "AzureMetrics", "")], [NEVER]),
            ("alert", [_sends(f"{VAULT}/a", "=allLogs")], [(f"{VAULT}/a", "SecurityAlert", "")], [NEVER]),
            ("dedicated", [_sends(f"{VAULT}/a", "AuditEvent")], [(f"{VAULT}/a", "AZKVAuditLogs", "")], []),
            ("shared", [_sends(f"{VAULT}/a", "AuditEvent")], [(f"{VAULT}/a", "AzureDiagnostics", "auditevent")], []),
            ("other-category", [_sends(f"{VAULT}/a", "AzurePolicyEvaluationDetails", "-AuditEvent")],
             [(f"{VAULT}/a", "AzureDiagnostics", "auditevent"), (f"{VAULT}/a", "AZKVAuditLogs", "")], [NEVER]),
            ("group", [_sends(f"{VAULT}/a", "=audit")], [(f"{VAULT}/a", "AzureDiagnostics", "auditevent")], []),
            ("same-table", [_sends(CLUSTER, "guard")], [(CLUSTER, "AKSControlPlane", "kube-scheduler")], [NEVER]),
            ("same-table-own", [_sends(CLUSTER, "guard")], [(CLUSTER, "AKSControlPlane", "guard")], []),
            ("column-of-the-event", [_sends(FIREWALL, "AZFWIdpsSignature")],
             [(FIREWALL, "AZFWIdpsSignature", "a network trojan")], []),
            ("older-category", [_sends(FIREWALL, "AzureFirewallNetworkRule")], [(FIREWALL, "AZFWNetworkRule", "")], []),
            ("none-of-none", [{"id": f"{VAULT}/a"}], [(f"{VAULT}/a", "AzureActivity", "")], [NONE]),
            ("no-logs", [{"id": f"{VAULT}/a"}, _sends(f"{VAULT}/a")], [], [NO_LOGS]),
            ("off", [{"id": f"{VAULT}/a"}, _sends(f"{VAULT}/a", "-AuditEvent")], [], [NO_LOGS]),
            ("metrics-beside", [_sends(f"{VAULT}/a"), _sends(f"{VAULT}/a", "AuditEvent", name="t")],
             [(f"{VAULT}/a", "AZKVAuditLogs", "")], []),
            ("metrics-of-a-disk", [_sends(f"{PROVIDERS}/microsoft.compute/disks/d")], [], []),
            ("flows", [_flow_log("v").body], [(NETWORK, "NTANetAnalytics", "")], []),
            ("flows-activity", [_flow_log("v").body],
             [(NETWORK, "AzureActivity", ""), (NETWORK, "AzureDiagnostics", "vmprotectionalerts")], [NEVER]),
            ("subscription", [_sends(SUBSCRIPTION, "Administrative")],
             [(SUBSCRIPTION, "AzureActivity", "administrative")], []),
            ("subscription-category", [_sends(SUBSCRIPTION, "Security")],
             [(SUBSCRIPTION, "AzureActivity", "administrative")], [NEVER]),
            ("subscription-beneath", [_sends(SUBSCRIPTION, "Administrative")],
             [(f"{VAULT}/a", "AZKVAuditLogs", ""), (f"{VAULT}/a", "AzureDiagnostics", "administrative")], [NEVER]),
            ("account", [{"id": STORAGE}], [(STORAGE, "AzureActivity", "")], [NONE]),
            ("account-elsewhere", [{"id": STORAGE}], [(f"{STORAGE}/blobservices/default", "StorageBlobLogs", "")], []),
            ("account-metrics", [{"id": STORAGE}, _sends(STORAGE)], [], [NONE]),
            ("service", [{"id": STORAGE}, _sends(f"{STORAGE}/blobServices/default", "StorageRead")],
             [(f"{STORAGE}/blobservices/default", "StorageBlobLogs", "storageread")], []),
            ("service-by-account", [{"id": STORAGE}, _sends(f"{STORAGE}/blobServices/default", "=allLogs")],
             [(STORAGE, "StorageBlobLogs", "storageread")], []),
            ("service-other", [{"id": STORAGE}, _sends(f"{STORAGE}/queueServices/default", "StorageRead")],
             [(STORAGE, "StorageBlobLogs", "storageread")], [NEVER]),
            ("service-no-logs", [{"id": STORAGE}, _sends(f"{STORAGE}/blobServices/default")], [], [NO_LOGS]),
        )
    ],
)  # fmt: skip
def test_only_what_a_setting_sends_counts(resources, rows, expected) -> None:
    newest_rows = NewestRows((*row, NOW - timedelta(hours=1)) for row in rows)
    found = find_missing_logs(
        [Resource.of(one) for one in resources], newest_rows, lambda last: NOW - last > timedelta(days=1)
    )
    assert [one.reason for one in found] == expected


@pytest.fixture
def lake(tmp_path):
    with State.open_folder(tmp_path) as state, Lake.open(tmp_path, state) as lake:
        yield lake


def test_last_rows_are_those_of_tables_of_logs(lake, tmp_path) -> None:
    subscription = SUBSCRIPTION.rpartition("/")[2]
    for number, (table, values, back) in enumerate((
        ("Syslog", {"_ResourceId": f"{VAULT}/A"}, 1),
        ("AZKVAuditLogs", {"_ResourceId": f"{VAULT}/A"}, 5),
        ("AZKVAuditLogs", {"_ResourceId": f"{VAULT}/a"}, 2),
        ("AzureDiagnostics", {"_ResourceId": f"{VAULT}/b", "Category": "AuditEvent"}, 9),
        ("AzureActivity", {"_ResourceId": f"{VAULT}/b", "_SubscriptionId": subscription, "CategoryValue": "Policy"}, 3),
    )):  # fmt: skip
        rows = [{"TimeGenerated": NOW - timedelta(hours=back), **values}]
        found = to_arrow_rows(lake.tables[table], rows, workspace=lake.workspace(), now=NOW)
        lake.writer().append("default", {table: found.table}, producer=str(number), sequence=0)
    lake.flush()
    last = read_newest_rows(lake, tmp_path, ["default"], NOW, timedelta(days=1))
    seen: list[tuple[str, str]] = []

    def every(table: str, category: str) -> bool:
        seen.append((table, category))
        return True

    newest = [last.find_newest_time(key, every) for key in (f"{VAULT}/a", f"{VAULT}/b", SUBSCRIPTION)]
    assert newest == [NOW - timedelta(hours=back) for back in (2, 9, 2)]
    assert set(seen) == {
        ("AZKVAuditLogs", ""),
        ("AzureDiagnostics", "auditevent"),
        ("AzureActivity", "policy"),
    }
