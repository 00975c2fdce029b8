"""A query of several workspaces at once reads the rows of all of them, as far as its caller may."""

from __future__ import annotations

from nephoscope.lake.rows import arrow_of


def sent(instance, name, operation, subscription):
    """A row in a workspace."""
    instance.state.workspaces.add(name)
    table, place = instance.lake.tables["AzureActivity"], instance.state.workspaces.get(name)
    records = [
        {"TimeGenerated": instance.now, "OperationNameValue": operation, "_SubscriptionId": subscription}
    ]
    rows = arrow_of(table, records, workspace=place, now=instance.now).table
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
