"""Adaptive application controls: learned groups are proposals until a policy is accepted or put."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from nephoscope.lake.schema.row_conversion import to_arrow_rows
from nephoscope.service.application_control import accept_group, learn_groups
from nephoscope.service.local_user import LocalUser
from nephoscope.service.service_context import ServiceContext

VERSION = "api-version=2020-01-01"
PROVIDER = "providers/Microsoft.Security"


def write_executions(instance: Any, machine: str) -> None:
    rows = [
        {
            "TimeGenerated": instance.now - timedelta(days=age, hours=1), "ActionType": "ProcessCreated",
            "FolderPath": path, "SHA256": "A" * 64, "_ResourceId": machine,
        }
        for age in range(20)
        for path in ("/usr/bin/cat", "/srv/app/run")
    ]  # fmt: skip
    table, place = "DeviceProcessEvents", instance.state.workspaces.get("default")
    made = to_arrow_rows(instance.lake.tables[table], rows, workspace=place, now=instance.now).table
    instance.lake.writer().append("default", {table: made}, producer="executions", sequence=1)
    instance.lake.flush()


def test_a_proposal_becomes_a_policy(server, instance, owner, token, subscriptions) -> None:  # type: ignore[no-untyped-def]
    other = f"/subscriptions/{subscriptions['sub-bwf-erp-prod']}"
    root = f"/subscriptions/{subscriptions['sub-bwf-sandbox']}"
    machine = f"{root}/resourcegroups/rg-sbx-lab/providers/microsoft.compute/virtualmachines/vm-sbx-jump"
    write_executions(instance, machine)
    listed = f"{root}/{PROVIDER}/applicationWhitelistings?{VERSION}"
    assert server.get(listed, headers=owner).json()["value"] == []
    service = ServiceContext(LocalUser.current(), instance.state, instance.data)
    (learned,) = learn_groups(service, instance.lake)
    (proposal,) = server.get(listed, headers=owner).json()["value"]
    one = f"{proposal['id']}?{VERSION}"
    assert server.get(one, headers=owner).json() == proposal
    properties = proposal["properties"]
    assert {name: properties[name] for name in ("enforcementMode", "recommendationStatus", "sourceSystem")} == {
        "enforcementMode": "None", "recommendationStatus": "Recommended", "sourceSystem": "Azure_AuditD",
    }  # fmt: skip
    assert [vm["resourceId"] for vm in properties["vmRecommendations"]] == [machine]
    rules = {
        rule["path"]: (rule["type"], rule["action"], rule["common"])
        for rule in properties["pathRecommendations"]
    }
    assert rules == {
        "/usr/bin/cat": ("File", "Recommended", True),
        "/srv/app/run": ("FileHash", "Recommended", True),
    }
    stranger = {"Authorization": f"Bearer {token(('Reader', other))}"}
    assert server.get(one, headers=stranger).status_code == 403
    accept_group(service, instance.lake, learned.name)
    (policy,) = server.get(listed, headers=owner).json()["value"]
    assert (policy["id"], policy["properties"]["enforcementMode"]) == (proposal["id"], "Audit")
    found = instance.lake.rows("_GetWatchlist('ApplicationControl') | project Kind, Value").to_pylist()
    assert {row["Value"] for row in found} == {machine, "/usr/bin/cat", "a" * 64}
    # what clients of Azure put has the same effect, and what they delete is a proposal again
    policy["properties"]["pathRecommendations"] = [
        {"path": "/usr/bin/*"},
        {"path": "/x", "type": "productsignature"},
        {
            "type": "ProductSignature",
            "publisherInfo": {"publisherName": "CN=Contoso", "productName": "Backup"},
        },
        {"path": "/usr/bin/nc", "type": "File", "action": "Remove"},
    ]
    put = server.put(one, headers=owner, json=policy).json()["properties"]["pathRecommendations"]
    assert [(rule["type"], rule["configurationStatus"]) for rule in put[1:]] == [
        ("ProductSignature", "Failed"),
        ("ProductSignature", "Configured"),
        ("File", "Configured"),
    ]
    found = instance.lake.rows("_GetWatchlist('ApplicationControl') | project Kind, Value").to_pylist()
    assert {row["Value"] for row in found} == {machine, "/usr/bin/*", "CN=Contoso|Backup"}
    assert server.delete(one, headers=owner).status_code == 200
    assert server.get(one, headers=owner).json() == proposal
    assert instance.lake.rows("_GetWatchlist('ApplicationControl')").num_rows == 0


def test_words_that_are_none_of_azures_are_refused(server, owner, subscriptions) -> None:  # type: ignore[no-untyped-def]
    path = f"/subscriptions/{subscriptions['sub-bwf-sandbox']}/{PROVIDER}/locations/centralus/applicationWhitelistings/g"
    wrong: dict[str, dict[str, object]] = {
        "properties.enforcementMode": {"enforcementMode": "Block"},
        "properties.protectionMode.exe": {"protectionMode": {"exe": "x"}},
        "properties.vmRecommendations[0].resourceId": {
            "vmRecommendations": [{"resourceId": "/subscriptions/x"}]
        },
        "properties.pathRecommendations[0].action": {
            "pathRecommendations": [{"path": "/a", "action": "Allow"}]
        },
        "properties.pathRecommendations[0].path": {"pathRecommendations": [{"path": 5}]},
        "properties.pathRecommendations": {"pathRecommendations": None},
        "properties.pathRecommendations[1].publisherInfo.productName": {
            "pathRecommendations": [{"path": "/a"}, {"publisherInfo": {"productName": None}}]
        },
    }
    told = {
        place: server.put(f"{path}?{VERSION}", headers=owner, json={"properties": properties})
        for place, properties in wrong.items()
    }
    assert {place: (one.status_code, one.json()["error"].get("target")) for place, one in told.items()} == {
        place: (400, place) for place in wrong
    }
