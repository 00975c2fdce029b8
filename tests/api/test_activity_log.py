"""The activity log of a subscription, as `az monitor activity-log list` asks for it, from rows of AzureActivity."""

from __future__ import annotations

from datetime import timedelta

import pytest

from nephoscope.lake.schema.row_conversion import to_arrow_rows

ERP, DATA = "sub-bwf-erp-prod", "sub-bwf-data-prod"


@pytest.fixture(scope="module")
def moment(instance):
    return instance.now.replace(microsecond=0)


@pytest.fixture(scope="module")
def filled(instance, subscriptions, moment):
    """Three events of one subscription in two workspaces, the last in both, and one of another."""
    instance.state.workspaces.add("second")
    erp, data = subscriptions[ERP], subscriptions[DATA]

    def row(at, event, subscription, group, **more):
        id_ = f"/subscriptions/{subscription}/resourcegroups/{group}/providers/microsoft.compute/virtualmachines/{event}"
        return {
            "TimeGenerated": moment - timedelta(hours=at), "EventDataId": event, "ResourceGroup": group, "_ResourceId": id_,
            "_SubscriptionId": subscription, "CorrelationId": f"c-{event}", "Caller": "someone@brackwater.example",
            "OperationNameValue": "MICROSOFT.COMPUTE/VIRTUALMACHINES/WRITE", "ResourceProviderValue": "MICROSOFT.COMPUTE",
            "ActivityStatusValue": "Success", "Level": "Informational", "Authorization": '{"action": "write"}', **more,
        }  # fmt: skip

    both = row(3, "c", erp, "rg-two", Caller="other'); print 1")
    several = {
        "default": [row(1, "a", erp, "rg-one"), both, row(1, "z", data, "rg-one")],
        "second": [row(2, "b", erp, "rg-one", ActivityStatusValue="Failure", Level="Error"), both],
    }
    table = instance.lake.tables["AzureActivity"]
    for name, records in several.items():
        place = instance.state.workspaces.get(name)
        made = to_arrow_rows(table, records, workspace=place, now=instance.now).table
        instance.lake.writer().append(name, {"AzureActivity": made}, producer=f"log-{name}", sequence=1)
    instance.lake.flush()


@pytest.fixture
def ask(server, owner, subscriptions, moment, filled):
    def asked(terms="", headers=owner, subscription=ERP, **more):
        since = f"eventTimestamp ge '{(moment - timedelta(days=1)).isoformat()}'"
        params = {"api-version": "2015-04-01", "$filter": f"{since}{terms and ' and '}{terms}", **more}
        path = f"/subscriptions/{subscriptions[subscription]}/providers/Microsoft.Insights/eventtypes/management/values"
        return server.get(path, params=params, headers=headers)

    return asked


def ids(told):
    assert told.status_code == 200, told.text
    return [one["eventDataId"] for one in told.json()["value"]]


def test_the_newest_first_and_each_once(ask):
    told = ask()
    assert ids(told) == ["a", "b", "c"]
    first = told.json()["value"][0]
    assert first["operationName"]["value"] == "MICROSOFT.COMPUTE/VIRTUALMACHINES/WRITE"
    assert first["authorization"] == {"action": "write"}
    assert first["id"] == f"{first['resourceId']}/events/a"


def test_filters(ask, subscriptions, moment):
    machine = f"/subscriptions/{subscriptions[ERP]}/resourceGroups/rg-two/providers/Microsoft.Compute/virtualMachines/c"
    for terms, wanted in (
        ("resourceGroupName eq 'RG-one'", ["a", "b"]),
        (f"resourceUri eq '{machine}'", ["c"]),
        (f"resourceId eq '{machine}'", ["c"]),
        ("correlationId eq 'c-b'", ["b"]),
        ("resourceProvider eq 'Microsoft.Compute'", ["a", "b", "c"]),
        ("resourceProvider eq 'Microsoft.Network'", []),
        ("caller eq 'someone@brackwater.example'", ["a", "b"]),
        ("status eq 'failure'", ["b"]),
        ("levels eq 'Error,Critical'", ["b"]),
        ("eventChannels eq 'Admin, Operation'", ["a", "b", "c"]),
        (f"eventTimestamp le {(moment - timedelta(hours=2)).isoformat()}", ["b", "c"]),
    ):
        assert ids(ask(terms)) == wanted, terms


def test_pages_and_fields(ask, server, owner):
    first = ask(**{"$top": "2", "$select": "eventDataId,level"})
    assert ids(first) == ["a", "b"]
    assert first.json()["value"][0].keys() == {"eventDataId", "level"}
    assert ids(server.get(first.json()["nextLink"], headers=owner)) == ["c"]


def test_who_may_read_one_subscription_gets_no_other(ask, token, subscriptions):
    reader = {"Authorization": "Bearer " + token(("Reader", f"/subscriptions/{subscriptions[ERP]}"))}
    assert ids(ask(headers=reader)) == ["a", "b", "c"]
    assert ask(headers=reader, subscription=DATA).status_code == 403
    group = f"/subscriptions/{subscriptions[ERP]}/resourcegroups/rg-erp-app"
    assert ask(headers={"Authorization": f"Bearer {token(('Reader', group))}"}).status_code == 403


def test_a_subscription_whose_log_was_not_read(ask):
    told = ask(subscription="sub-bwf-sandbox")
    assert (told.status_code, told.json()["error"]["code"]) == (501, "NotAssessed")


@pytest.mark.parametrize(
    "text",
    ["", "resourceGroupName eq 'a'", "eventTimestamp ge 'x' or caller eq 'a'", "eventTimestamp ge '2026-01-01' and colour eq 'a'",
     "eventTimestamp ge 'soon'", "eventTimestamp eq '2026-01-01'"],
)  # fmt: skip
def test_a_filter_that_is_none(ask, text):
    assert ask(**{"$filter": text}).status_code == 400
