"""A search that a program saves by the API is a query of the logs page, and is gone in both where one of them removes it."""

from __future__ import annotations

from tests.web.conftest import HERE

from nephoscope.state.access.principals import PrincipalKind, SecretKind
from nephoscope.state.database.etag import to_etag

PATH = "/subscriptions/{}/resourceGroups/rg/providers/Microsoft.OperationalInsights/workspaces/default/savedSearches"


def test_a_search_of_a_program_is_a_query_of_the_page(instance, owner, anybody, sandbox):
    with instance.state.transaction() as session:
        program = instance.state.principals.add(session, PrincipalKind.PROGRAM, "saver")
        instance.state.principals.grant(session, program.id, "Owner", "/", "test")
    secret = instance.guard.make_secret(program, SecretKind.TOKEN, "test")
    headers = {"Authorization": f"Bearer {secret}"}
    properties = {"category": "SOC", "displayName": "Put <here>", "query": "Heartbeat | count"}
    properties |= {"functionAlias": "BeatsOf", "functionParameters": "who:string='all'"}
    address = f"{PATH.format(sandbox)}/mine?api-version=2020-08-01"
    assert anybody.put(address, headers=headers, json={"properties": properties}).status_code == 200
    assert "Put &lt;here&gt;" in owner.get("/logs?workspace=default").text
    asked = {"workspace": "default", "query": "BeatsO"}
    found = owner.post("/logs/editor/complete", data=asked, headers=HERE).json()["items"]
    assert [(one["label"], one["detail"]) for one in found] == [("BeatsOf", "(who:string='all')")]
    (kept,) = (one for one in instance.state.saved_queries.list_shared("default") if one.name == "Put <here>")
    form = {"act": "remove", "id": kept.id, "workspace": "default", "etag": to_etag(kept.changed)}
    assert owner.post("/logs/queries", data=form, headers=HERE).status_code == 303
    assert anybody.get(address, headers=headers).status_code == 404
    assert instance.state.arm_documents.all(["microsoft.operationalinsights/workspaces/savedsearches"]) == []
    assert "BeatsOf" not in instance.lake.functions.for_workspace("default")
    assert owner.post("/logs/editor/complete", data=asked, headers=HERE).json()["items"] == []
