"""A query of several workspaces at once reads the rows of all of them, as far as its caller may."""

from __future__ import annotations

from nephoscope.api.logs import log_analytics
from nephoscope.lake.queries.principal_scope import LakeScope
from nephoscope.lake.schema.row_conversion import to_arrow_rows


def sent(instance, name, operation, subscription):
    """A row in a workspace."""
    instance.state.workspaces.add(name)
    table, place = instance.lake.tables["AzureActivity"], instance.state.workspaces.get(name)
    records = [
        {"TimeGenerated": instance.now, "OperationNameValue": operation, "_SubscriptionId": subscription}
    ]
    rows = to_arrow_rows(table, records, workspace=place, now=instance.now).table
    instance.lake.writer().append(name, {"AzureActivity": rows}, producer=f"test-{name}", sequence=1)


def test_rows_of_several_workspaces(server, owner, token, instance, subscriptions):
    mine, other = subscriptions["sub-bwf-sandbox"], subscriptions["sub-bwf-erp-prod"]
    sent(instance, "first", "a", mine)
    sent(instance, "second", "b", mine)
    sent(instance, "third", "c", other)
    instance.lake.flush()

    def answered(
        headers, workspaces, query="union * | distinct OperationNameValue | order by OperationNameValue asc"
    ):
        body = {"query": query, "workspaces": workspaces}
        return server.post("/v1/workspaces/first/query", headers=headers, json=body)

    def told(headers, workspaces):
        return [row[0] for row in answered(headers, workspaces).json()["tables"][0]["rows"]]

    assert told(owner, []) == ["a"]
    assert told(owner, ["second", "third", "first"]) == ["a", "b", "c"]
    one = {"Authorization": f"Bearer {token(('Reader', '/workspaces/first'))}"}
    assert told(one, []) == ["a"]
    assert answered(one, ["second"]).status_code == 403
    subscription = {"Authorization": f"Bearer {token(('Reader', f'/subscriptions/{mine}'))}"}
    assert told(subscription, ["second", "third"]) == ["a", "b"]
    assert answered(owner, ["nowhere"]).status_code == 404
    joined = "AzureActivity | join kind=inner (workspace('second').AzureActivity) on SourceSystem | count"
    assert answered(owner, ["third"], joined).json()["tables"][0]["rows"] == [[2]]


def test_a_subscription_is_the_same_in_any_case():
    mine = "AAAAAAAA-BBBB-CCCC-DDDD-EEEEEEEEEEEE"
    for held, asked in ((mine, mine.lower()), (mine.lower(), mine), (mine, mine)):
        scope = LakeScope(frozenset({held}))
        found = log_analytics._limit_to_subscription(None, scope, f"/Subscriptions/{asked}/")
        assert found.ids == frozenset({mine.lower()})


GROUP = "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/soc/providers"
NOWHERE = (
    "../../other/lake/default", "*", "no[where", f"{GROUP}/Microsoft.OperationalInsights/workspaces/none", "x" * 5000,
    "/etc", "", "a\\0b", "bed5cb5e-0000-0000-0000-000000000000",
)  # fmt: skip


def test_a_workspace_is_named_by_its_name_its_guid_and_its_arm_id(server, owner, instance, subscriptions):
    sent(instance, "fourth", "d", subscriptions["sub-bwf-sandbox"])
    instance.lake.flush()
    guid = instance.state.workspaces.get("fourth").id

    def counted(name):
        body = {"query": f"workspace('{name}').AzureActivity | where OperationNameValue == 'd' | count"}
        return server.post("/v1/workspaces/default/query", headers=owner, json=body)

    names = (
        "fourth",
        "FOURTH",
        guid,
        guid.upper(),
        f"{GROUP}/Microsoft.OperationalInsights/workspaces/fourth",
    )
    assert [counted(one).json()["tables"][0]["rows"] for one in names] == [[[1]]] * len(names)
    told = {one: counted(one) for one in NOWHERE}
    assert {one: answer.status_code for one, answer in told.items()} == dict.fromkeys(NOWHERE, 400)
    assert not any("fourth" in answer.text for answer in told.values())


def test_one_wrong_request_of_a_batch_ends_none_of_the_others(server, owner):
    sound = {"query": "print 1"}
    asked = [
        sound, [1], {"query": 1}, {**sound, "workspaces": 5}, {**sound, "timespan": 5}, "x", None, sound,
    ]  # fmt: skip
    requests = [{"id": str(at), "workspace": "default", "body": body} for at, body in enumerate(asked)]
    requests.append({"id": "9", "workspace": "default", "body": sound, "headers": [1]})
    answers = server.post("/v1/$batch", headers=owner, json={"requests": requests}).json()["responses"]
    assert [one["status"] for one in answers] == [200, *[400] * 6, 200, 400]


def test_a_kusto_schema_is_of_the_database_that_it_names(server, owner, token, instance, subscriptions):
    sent(instance, "fifth-soc", "e", subscriptions["sub-bwf-sandbox"])
    instance.lake.flush()

    def asked(command, headers=owner):
        return server.post("/v1/rest/mgmt", headers=headers, json={"db": "default", "csl": command})

    def named(command):
        return {row[0] for row in asked(command).json()["Tables"][0]["Rows"]}

    assert named(".show schema") == named(".show database schema") == {"default"}
    forms = ("fifth-soc", "['fifth-soc']", '["fifth-soc"]', "FIFTH-SOC")
    assert [named(f".show database {one} schema") for one in forms] == [{"fifth-soc"}] * len(forms)
    columns = asked(".show database fifth-soc schema").json()["Tables"][0]["Rows"]
    assert ["fifth-soc", "AzureActivity", "OperationNameValue", "System.String"] in [
        row[:4] for row in columns
    ]
    one = {"Authorization": f"Bearer {token(('Reader', '/workspaces/default'))}"}
    refused = {
        ".show database nowhere schema": 400,
        ".show fifth-soc schema": 400,
        ".show databases schema": 400,
    }
    assert {text: asked(text).status_code for text in refused} == refused
    assert asked(".show database fifth-soc schema", one).status_code == 403
