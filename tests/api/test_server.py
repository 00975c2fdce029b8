"""The surfaces answer in Azure's shape, let in who shows a secret, and give only what the caller may see."""

from __future__ import annotations

import gzip
import json

import pytest

from nephoscope.api.wire.operation import PUBLIC, OperationRegistry
from nephoscope.lake.schema.row_conversion import to_arrow_rows
from nephoscope.posture.recommendations.finding_subject import verdicts
from nephoscope.state.access.principals import PrincipalKind, SecretKind
from nephoscope_policy.model.state import ComplianceState

GRAPH = "/providers/Microsoft.ResourceGraph/resources?api-version=2021-03-01"
VERSION = "api-version=2021-06-01"


def every(server, path, headers):
    """All items of a list, page by page."""
    found = []
    while path:
        answer = server.get(path, headers=headers)
        assert answer.status_code == 200, answer.text
        found += answer.json()["value"]
        path = answer.json().get("nextLink", "").removeprefix("https://127.0.0.1")
    return found


def example(one):
    """A path of an operation."""
    path = one.template.text
    for name in one.template.parameters:
        scope = "/subscriptions/00000000-0000-0000-0000-000000000000"
        path = path.replace("{" + name + "}", scope if path.startswith("{" + name) else "x")
    return path.replace("/v1/x/query", "/v1/subscriptions/s/query")


@pytest.mark.sampled(12, each=lambda given: given["one"].surface)
@pytest.mark.parametrize(
    "one", list(OperationRegistry.load_all_operations()), ids=lambda one: f"{one.method} {one.template.text}"
)
def test_nothing_is_answered_without_a_credential(server, one):
    for shown in ("", "Bearer nepho_" + "x" * 43, "Basic eDp5", "Bearer a.b.c"):
        headers = {"Authorization": shown} if shown else {}
        answer = server.request(one.method, f"{example(one)}?{VERSION}", headers=headers)
        if one.permission == PUBLIC:
            assert answer.status_code in (200, 400, 401, 404)
        else:
            assert answer.status_code == 401, answer.text
            assert answer.headers["www-authenticate"].startswith("Bearer ")
            assert answer.json()["error"]["code"] in ("AuthenticationFailed", "InvalidAuthenticationToken")


@pytest.mark.parametrize(
    "one", list(OperationRegistry.load_all_operations()), ids=lambda one: f"{one.method} {one.template.text}"
)
def test_every_operation_says_what_it_does(one):
    assert one.doc.endswith(".")
    assert one.permission == PUBLIC or one.permission.count("/") >= 1
    assert one.name


def test_one_name_and_one_path_each():
    found = [(one.method, one.template.text.lower()) for one in OperationRegistry.load_all_operations()]
    assert len(found) == len(set(found))
    # Azure calls operations of two providers the same: Entities_List is one of Management groups and one of Sentinel
    names = [(one.surface, one.name) for one in OperationRegistry.load_all_operations()]
    assert len(names) == len(set(names))


def test_paths_in_any_case_and_what_is_not_there(server, owner):
    assert (
        server.get(f"/PROVIDERS/microsoft.security/ASSESSMENTMETADATA?{VERSION}", headers=owner).status_code
        == 200
    )
    answer = server.get("/providers/Microsoft.Security/assessmentMetadata", headers=owner)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "MissingApiVersionParameter")
    answer = server.put(f"/providers/Microsoft.Security/assessmentMetadata?{VERSION}", headers=owner)
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET")
    answer = server.post(f"/nothing/here?{VERSION}", headers=owner)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "InvalidResourceType")


def test_assessments_are_those_of_the_report(server, owner, report, subscriptions):
    told = verdicts(report.run.assessments)
    codes = {ComplianceState.COMPLIANT: "Healthy", ComplianceState.NON_COMPLIANT: "Unhealthy"}
    found = {}
    for id_ in subscriptions.values():
        for one in every(
            server, f"/subscriptions/{id_}/providers/Microsoft.Security/assessments?{VERSION}&$top=200", owner
        ):
            subject = one["properties"]["resourceDetails"]["id"].lower(), one["name"].lower()
            found[subject] = one["properties"]["status"]["code"]
    below = {subject: state for subject, state in told.items() if subject[0].startswith("/subscriptions/")}
    wanted = {subject: codes.get(state, "NotApplicable") for subject, state in below.items()}
    alone = {
        subject for subject, name in report.judging_recommendations.items() if subject[1] == name.lower()
    }
    assert found == wanted | dict.fromkeys(alone, "NotApplicable"), "with what was found and no policy reads"
    assert alone.isdisjoint(wanted)


def test_one_assessment_and_its_metadata(server, owner, subscriptions):
    id_ = subscriptions["sub-bwf-sandbox"]
    one = server.get(
        f"/subscriptions/{id_}/providers/Microsoft.Security/assessments?{VERSION}", headers=owner
    ).json()["value"][0]
    assert server.get(f"{one['id'].upper()}?{VERSION}", headers=owner).json() == one
    metadata = server.get(
        f"/providers/Microsoft.Security/assessmentMetadata/{one['name']}?{VERSION}", headers=owner
    ).json()
    assert metadata["properties"] == one["properties"]["metadata"]
    assert server.get(f"{one['id']}x?{VERSION}", headers=owner).json()["error"]["code"] == "ResourceNotFound"


def test_scores(server, owner, report):
    for scope in report.score.subscriptions:
        path = f"/subscriptions/{scope.subscription}/providers/Microsoft.Security/secureScores"
        (one,) = server.get(f"{path}?api-version=2020-01-01", headers=owner).json()["value"]
        assert one["properties"]["score"]["percentage"] == scope.percentage
        controls = every(server, f"{path}/ascScore/secureScoreControls?api-version=2020-01-01", owner)
        assert len(controls) == len(scope.controls)


def test_who_may_read_one_subscription_sees_no_other(server, token, subscriptions):
    mine, other = subscriptions["sub-bwf-sandbox"], subscriptions["sub-bwf-erp-prod"]
    headers = {"Authorization": f"Bearer {token(('Security Reader', f'/subscriptions/{mine}'))}"}
    path = "/subscriptions/{}/providers/Microsoft.Security/assessments?" + VERSION
    assert every(server, path.format(mine), headers)
    told = server.get(path.format(other), headers=headers)
    assert (told.status_code, told.json()["error"]["code"]) == (403, "AuthorizationFailed")
    listed = every(server, "/subscriptions?api-version=2022-12-01", headers)
    assert [one["subscriptionId"] for one in listed] == [mine]
    query = {"query": "securityresources | union resources, resourcecontainers | distinct subscriptionId"}
    rows = server.post(GRAPH, headers=headers, json=query).json()["data"]
    assert {row["subscriptionId"] for row in rows} - {""} == {mine}
    query = {"query": "resources | count"}
    assert server.post(GRAPH, headers=headers, json=query).json()["data"] == [{"Count": 0}], (
        "a Security Reader reads no resources"
    )


def test_pages_of_resource_graph(server, owner):
    query = {"query": "resources | project id, name | order by id asc", "options": {"$top": 700}}
    seen = []
    while True:
        body = server.post(GRAPH, headers=owner, json=query).json()
        seen += [row["id"] for row in body["data"]]
        if "$skipToken" not in body:
            break
        query["options"]["$skipToken"] = body["$skipToken"]
    assert len(seen) == body["totalRecords"] == len(set(seen))
    assert seen == sorted(seen)


def test_facets_and_tables_of_resource_graph(server, owner):
    query = {
        "query": "where type =~ 'microsoft.compute/virtualmachines' | project name, location, properties",
        "options": {"resultFormat": "table", "$top": 3},
        "facets": [
            {"expression": "location", "options": {"$top": 2}},
            {"expression": "nothing"},
        ],
    }
    body = server.post(GRAPH, headers=owner, json=query).json()
    assert [one["type"] for one in body["data"]["columns"]] == ["string", "string", "object"]
    assert isinstance(body["data"]["rows"][0][2], dict)
    good, wrong = body["facets"]
    assert (good["resultType"], wrong["resultType"]) == ("FacetResult", "FacetError")
    assert list(good["data"][0]) == ["location", "count"]
    assert wrong["errors"][0]["code"] == "ParserFailure"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "InvalidRequestContent"),
        (b"[]", "InvalidRequestContent"),
        (b"{", "InvalidRequestContent"),
        (b'{"query": 1}', "InvalidRequestContent"),
        (b'{"query": "resources | wher x"}', "InvalidQuery"),
        (b'{"query": "resources", "options": {"$top": 0}}', "InvalidParameter"),
        (b'{"query": "resources", "options": {"$skipToken": "\\u00e9"}}', "InvalidSkipToken"),
        (b'{"query": "resources", "subscriptions": "x"}', "InvalidRequestContent"),
        (b"[" * 100_000, "InvalidRequestContent"),
    ],
)
def test_what_is_wrong_is_told(server, owner, body, code):
    answer = server.post(GRAPH, headers=owner, content=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, code)


def test_bodies_are_bounded(server, owner):
    assert server.post(GRAPH, headers=owner, content=b" " * (5 << 20)).status_code == 413
    bomb = gzip.compress(b" " * (64 << 20))
    assert server.post(GRAPH, headers={**owner, "Content-Encoding": "gzip"}, content=bomb).status_code == 413
    packed = gzip.compress(json.dumps({"query": "resources | count"}).encode())
    assert (
        server.post(GRAPH, headers={**owner, "Content-Encoding": "gzip"}, content=packed).status_code == 200
    )


def test_paths_are_bounded_before_anybody_is_known(server):
    path = "/subscriptions/x/" + "a" * 4000
    assert server.get(path).status_code == 401
    answer = server.get(path + "/a" * 100)
    assert (answer.status_code, answer.json()["error"]["code"]) == (414, "UriTooLong")


@pytest.mark.parametrize(("levels", "status"), [(64, {200, 201}), (65, {400}), (500, {400})])
@pytest.mark.parametrize("kind", ["customRecommendations", "securityStandards"])
def test_documents_nest_no_deeper_than_is_walked(server, owner, subscriptions, kind, levels, status):
    below = f"/subscriptions/{subscriptions['sub-bwf-sandbox']}/providers/Microsoft.Security/{kind}"
    path = f"{below}/deep-{levels}?api-version=2024-08-01"
    for opening, closing in ((b'{"a":', b"}"), (b"[", b"]")):
        inside = opening * (levels - 2) + b"1" + closing * (levels - 2)
        answer = server.put(path, headers=owner, content=b'{"properties":{"x":' + inside + b"}}")
        assert answer.status_code in status, answer.text


def test_resources_are_given_back_as_they_were(server, owner, report):
    for resource in list(report.run.estate.resources.values())[::211]:
        if resource.key.startswith("/subscriptions/") and "/providers/" in resource.key:
            answer = server.get(f"{resource.body['id']}?{VERSION}", headers=owner)
            assert answer.json() == resource.body


def test_lists_below_a_scope(server, owner, report, subscriptions):
    id_ = subscriptions["sub-bwf-erp-prod"]
    wanted = {
        one.key
        for one in report.run.estate.list_of_type("microsoft.network/networksecuritygroups")
        if id_ in one.key
    }
    path = f"/subscriptions/{id_}/providers/Microsoft.Network/networkSecurityGroups?{VERSION}"
    assert {one["id"].lower() for one in every(server, path, owner)} == wanted != set()
    by_filter = f"/subscriptions/{id_}/resources?{VERSION}&$filter=resourceType eq 'Microsoft.Network/networkSecurityGroups'"
    assert {one["id"].lower() for one in every(server, by_filter, owner)} == wanted


def test_a_program_gets_a_token(server, instance, token):
    secret = token(("Reader", "/"), kind=SecretKind.CLIENT_SECRET)
    program = instance.guard.authenticate_secret(secret, [SecretKind.CLIENT_SECRET]).principal
    form = {
        "grant_type": "client_credentials",
        "client_id": program.id,
        "client_secret": secret,
        "scope": "https://management.azure.com/.default",
    }
    path = f"/{instance.tenant}/oauth2/v2.0/token"
    issued = server.post(path, data=form).json()
    headers = {"Authorization": f"Bearer {issued['access_token']}"}
    assert server.get("/subscriptions?api-version=2022-12-01", headers=headers).status_code == 200
    assert server.post(path, data={**form, "client_id": "someone else"}).json()["error"] == "invalid_client"
    assert (
        server.post(path, data={**form, "grant_type": "password"}).json()["error"] == "unsupported_grant_type"
    )
    tampered = issued["access_token"][:-6] + "AAAAAA"
    assert (
        server.get(
            "/subscriptions?api-version=2022-12-01", headers={"Authorization": f"Bearer {tampered}"}
        ).status_code
        == 401
    )
    with instance.state.transaction() as session:
        instance.state.principals.disable(session, program.id)
    assert server.get("/subscriptions?api-version=2022-12-01", headers=headers).status_code == 401


def _bearer(server, instance, secret, scope="https://management.azure.com/.default"):
    program = instance.guard.authenticate_secret(secret, [SecretKind.CLIENT_SECRET]).principal
    form = {
        "grant_type": "client_credentials",
        "client_id": program.id,
        "client_secret": secret,
        "scope": scope,
    }
    issued = server.post(f"/{instance.tenant}/oauth2/v2.0/token", data=form).json()
    return {"Authorization": f"Bearer {issued['access_token']}"}


def test_a_token_is_over_when_its_secret_is_withdrawn(server, instance, token):
    secret = token(("Reader", "/"), kind=SecretKind.CLIENT_SECRET)
    caller = instance.guard.authenticate_secret(secret, [SecretKind.CLIENT_SECRET])
    other = instance.guard.make_secret(caller.principal, SecretKind.CLIENT_SECRET, "owner")
    by_first, by_other = _bearer(server, instance, secret), _bearer(server, instance, other)
    asked = "/subscriptions?api-version=2022-12-01"
    assert server.get(asked, headers=by_first).status_code == 200
    with instance.state.transaction() as session:
        assert instance.state.principals.drop(session, caller.secret)
    assert server.get(asked, headers=by_first).status_code == 401
    assert server.get(asked, headers=by_other).status_code == 200


@pytest.mark.parametrize(
    ("scope", "status"),
    [
        ("https://some-other-service.example/.default", 401),
        ("api://nephoscope/.default", 401),
        ("https://management.azure.com.example/.default", 401),
        ("https://monitor.azure.com//.default", 200),
        ("", 200),
    ],
    ids=["another service", "an application", "a name like Azure's", "Azure Monitor", "none"],
)
def test_a_token_opens_what_it_is_for(server, instance, token, scope, status):
    headers = _bearer(server, instance, token(("Reader", "/"), kind=SecretKind.CLIENT_SECRET), scope)
    assert server.get("/subscriptions?api-version=2022-12-01", headers=headers).status_code == status


def test_tokens_are_audited_and_refusals_counted_together(server, instance, token):
    secret = token(("Reader", "/"), kind=SecretKind.CLIENT_SECRET)
    before = instance.state.audit.entries(most=1)[0].number
    _bearer(server, instance, secret)
    (made,) = instance.state.audit.entries(most=1)
    assert (made.number, made.operation, made.outcome) == (
        before + 1,
        "Nephoscope/tokens/action",
        "Succeeded",
    )
    form = {"grant_type": "client_credentials", "client_id": "x", "client_secret": "nephc_" + "x" * 43}
    for _ in range(20):
        assert server.post(f"/{instance.tenant}/oauth2/v2.0/token", data=form).status_code == 401
    assert instance.state.audit.entries(most=1)[0].number <= made.number + 1


def test_a_denied_change_is_audited(server, instance):
    with instance.state.transaction() as session:
        person = instance.state.principals.add(session, PrincipalKind.PROGRAM, "nobody")
    headers = {"Authorization": f"Bearer {instance.guard.make_secret(person, SecretKind.TOKEN, 'test')}"}
    answer = server.post(GRAPH, headers=headers, json={"query": "resources"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "AuthorizationFailed")
    assert instance.state.audit.entries()[0].outcome == "Denied"
    assert instance.state.audit.find_broken_entry() is None


def test_logs(server, owner, instance, token, subscriptions):
    mine, other = subscriptions["sub-bwf-sandbox"], subscriptions["sub-bwf-erp-prod"]
    told = [("a", mine), ("b", other), ("c", mine)]
    records = [
        {"TimeGenerated": instance.now, "OperationNameValue": name, "_SubscriptionId": id_}
        for name, id_ in told
    ]
    table, place = instance.lake.tables["AzureActivity"], instance.state.workspaces.get()
    rows = to_arrow_rows(table, records, workspace=place, now=instance.now).table
    instance.lake.writer().append("default", {"AzureActivity": rows}, producer="test", sequence=1)
    instance.lake.flush()
    path = "/v1/workspaces/default/query"
    query = {
        "query": "AzureActivity | summarize n = count(), d = make_list(OperationNameValue)",
        "timespan": "PT1H",
    }
    headers = {**owner, "Prefer": "wait=10,include-statistics=true,include-render=true"}
    answer = server.post(path, headers=headers, json=query).json()
    (table,) = answer["tables"]
    assert [one["type"] for one in table["columns"]] == ["long", "dynamic"]
    assert table["rows"][0][0] == 3
    assert isinstance(table["rows"][0][1], str)
    assert {"statistics", "render"} <= answer.keys()
    scoped = {"Authorization": f"Bearer {token(('Reader', f'/subscriptions/{mine}'))}"}
    assert server.post(path, headers=scoped, json=query).json()["tables"][0]["rows"][0][0] == 2
    one = "/v1/subscriptions/{}/query"
    assert server.post(one.format(mine), headers=scoped, json=query).json()["tables"][0]["rows"][0][0] == 2
    assert server.post(one.format(other), headers=scoped, json=query).status_code == 403
    assert server.post(one.format(other), headers=owner, json=query).json()["tables"][0]["rows"][0][0] == 1
    assert server.post(one.format(f"{mine}/resourceGroups/g"), headers=owner, json=query).status_code == 501
    of_resource = "/v1/subscriptions/{}/query"
    assert (
        server.post(of_resource.format(mine), headers=scoped, json=query).json()["tables"][0]["rows"][0][0]
        == 2
    )
    assert server.post(of_resource.format(other), headers=scoped, json=query).status_code == 403
    assert (
        server.post(of_resource.format(other), headers=owner, json=query).json()["tables"][0]["rows"][0][0]
        == 1
    )
    smaller = of_resource.format(f"{mine}/resourceGroups/g")
    assert server.post(smaller, headers=owner, json=query).status_code == 501
    wrong = server.post(path, headers=owner, json={"query": "AzureActivity | wher 1"}).json()["error"]
    assert wrong["innererror"]["innererror"]["line"] == 1
    assert server.post(path, headers=owner, json={"query": "print 1", "timespan": "soon"}).status_code == 400
    assert server.post("/v1/workspaces/none/query", headers=owner, json=query).status_code == 404
    asked = [("1", query), ("2", {"query": "x y"})]
    batch = {"requests": [{"id": id_, "workspace": "default", "body": body} for id_, body in asked]}
    answers = server.post("/v1/$batch", headers=owner, json=batch).json()["responses"]
    assert [(one["id"], one["status"]) for one in answers] == [("1", 200), ("2", 400)]
