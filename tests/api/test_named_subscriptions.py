"""A row that is sent with its subscription in the standard column is seen by who reaches that subscription, and by no other."""

from __future__ import annotations


def test_a_row_is_seen_in_the_subscription_that_it_names(server, owner, instance, token, subscriptions):
    mine, other = sorted(subscriptions.values())[:2]
    rows = [
        {"TimeGenerated": f"{instance.now:%Y-%m-%dT%H:%M:%SZ}", "Computer": name, "SubscriptionId": id_}
        for name, id_ in (("mine", mine.upper()), ("theirs", other), ("nobodys", "none"))
    ]
    path = "/dataCollectionRules/default/streams/Microsoft-Update?api-version=2023-01-01"
    told = server.post(path, headers=owner, json=rows)
    assert told.status_code == 204, told.text
    instance.lake.flush()
    for roles, seen in (
        ([("Reader", f"/subscriptions/{mine}")], ["mine"]),
        ([("Reader", "/")], ["mine", "nobodys", "theirs"]),
    ):
        headers = {"Authorization": f"Bearer {token(*roles)}"}
        query = {"query": "Update | order by Computer asc | project Computer"}
        told = server.post("/v1/workspaces/default/query", headers=headers, json=query)
        assert [row[0] for row in told.json()["tables"][0]["rows"]] == seen
    sender = {"Authorization": f"Bearer {token(('Monitoring Metrics Publisher', '/workspaces/another'))}"}
    assert server.post(path, headers=sender, json=rows).status_code == 403, (
        "a sender writes into its own rule alone"
    )
