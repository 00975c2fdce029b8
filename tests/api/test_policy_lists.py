"""What stands in a list of policy documents at a scope, for whom, and what each filter leaves of it."""

from __future__ import annotations

import pytest

from nephoscope.model.read_scope import EVERYTHING
from nephoscope.posture.published.findings import FindingQuery

V = "api-version=2022-07-01-preview"
AUTHORIZATION = "providers/Microsoft.Authorization"
GROUP = "/providers/Microsoft.Management/managementGroups/mg-brackwater"
OWN = f"/{AUTHORIZATION}/policySetDefinitions/nephoscope"
BASELINE = "nephoscope-baseline"
RULE = {"if": {"field": "location", "equals": "moon"}, "then": {"effect": "audit"}}


@pytest.fixture(scope="module")
def scopes(instance):
    """Name -> scope: management group, subscription with a group, its resource and another group, another subscription."""
    found = instance.snapshots.load_newest().findings.page(
        EVERYTHING, FindingQuery(states=frozenset({"NonCompliant"})), order="resource", most=400
    )
    ids = sorted(one.resource for one in found if "/resourcegroups/" in one.resource)
    resource = ids[0]
    group = "/".join(resource.split("/")[:5])
    subscription = "/".join(resource.split("/")[:3])
    beside = next(
        "/".join(one.split("/")[:5]) for one in ids if one.startswith(subscription) and group not in one
    )
    other = next(
        id_ for id_ in sorted(instance.snapshots.load_newest().build_info.ancestors) if id_ not in group
    )
    return {
        "mg": GROUP, "sub": subscription, "group": group, "resource": "/".join(resource.split("/")[:9]),
        "beside": beside, "other": f"/subscriptions/{other}",
    }  # fmt: skip


def _put(server, owner, path, properties):
    answer = server.put(f"{path}?{V}", headers=owner, json={"properties": properties})
    assert answer.status_code in (200, 201), answer.text
    return path


@pytest.fixture(scope="module")
def assigned(server, owner, scopes):
    """An assignment, an exemption and a definition named after each scope; of the other subscription a definition of a category."""
    made = []
    for name, scope in scopes.items():
        at = f"{scope}/{AUTHORIZATION}"
        made.append(_put(server, owner, f"{at}/policyAssignments/{name}", {"policyDefinitionId": OWN}))
        waiver = {"exemptionCategory": "Waiver", "policyAssignmentId": made[-1]}
        waiver |= {"expiresOn": "2020-01-01T00:00:00Z"} if name == "group" else {}
        made.append(_put(server, owner, f"{at}/policyExemptions/{name}", waiver))
        if name in ("mg", "sub", "other"):
            body = {"mode": "All", "policyRule": RULE, "metadata": {"category": f"Moon {name}"}}
            made.append(_put(server, owner, f"{at}/policyDefinitions/{name}", body))
            member = {"policyDefinitions": [{"policyDefinitionId": made[-1]}]}
            made.append(_put(server, owner, f"{at}/policySetDefinitions/{name}", member))
    yield scopes
    for path in reversed(made):
        assert server.delete(f"{path}?{V}", headers=owner).status_code == 200


def _listed(server, headers, scope, kind, **query):
    found, address = [], f"{scope}/{AUTHORIZATION}/{kind}"
    answer = server.get(address, headers=headers, params={"api-version": "2022-07-01-preview", **query})
    while True:
        assert answer.status_code == 200, answer.text
        found += answer.json()["value"]
        address = answer.json().get("nextLink")
        if not address:
            return found
        answer = server.get(address, headers=headers)


def _names(several):
    """The names, of those that the tests put and the baseline alone."""
    mine = {"mg", "sub", "group", "resource", "beside", "other", BASELINE}
    names = [one["name"] for one in several if one["name"] in mine]
    assert len(names) == len(set(names))
    return set(names)


ABOVE = {"mg", BASELINE}
PLACED = [
    ("sub", "", ABOVE | {"sub", "group", "resource", "beside"}),
    ("sub", "atScope()", ABOVE | {"sub"}),
    ("sub", " AtExactScope( ) ", {"sub"}),
    ("group", "", ABOVE | {"sub", "group", "resource"}),
    ("group", "atScope()", ABOVE | {"sub", "group"}),
    ("group", "atExactScope()", {"group"}),
    ("resource", "", ABOVE | {"sub", "group", "resource"}),
    ("resource", "atExactScope()", {"resource"}),
    ("beside", "atScope()", ABOVE | {"sub", "beside"}),
    ("mg", "", ABOVE),
    ("mg", "atScope()", ABOVE),
    ("other", "", ABOVE | {"other"}),
]


@pytest.mark.parametrize(
    ("scope", "asked", "wanted"), PLACED, ids=lambda one: (one or "all") if isinstance(one, str) else ""
)
def test_a_list_has_what_stands_at_above_and_below_its_scope(server, owner, assigned, scope, asked, wanted):
    query = {"$filter": asked} if asked else {}
    found = _listed(server, owner, assigned[scope], "policyAssignments", **query)
    assert _names(found) == wanted
    assert [one["id"].lower() for one in found] == sorted(one["id"].lower() for one in found)
    assert _names(_listed(server, owner, assigned[scope], "policyExemptions", **query)) == wanted - {BASELINE}


def test_the_list_of_the_tenant_has_all_that_may_be_read(server, owner, token, assigned):
    every = _names(_listed(server, owner, "", "policyAssignments"))
    assert every == ABOVE | {"sub", "group", "resource", "beside", "other"}
    reader = {"Authorization": f"Bearer {token(('Reader', assigned['group']))}"}
    found = _names(_listed(server, reader, "", "policyAssignments"))
    assert found == ABOVE | {"group", "resource"}


def test_who_reads_a_group_sees_there_what_holds_there_and_no_more(server, token, assigned):
    reader = {"Authorization": f"Bearer {token(('Reader', assigned['group']))}"}
    found = _names(_listed(server, reader, assigned["group"], "policyAssignments"))
    assert found == ABOVE | {"sub", "group", "resource"}
    for scope in ("beside", "sub", "other"):
        at = f"{assigned[scope]}/{AUTHORIZATION}/policyAssignments?{V}"
        assert server.get(at, headers=reader).status_code == 403


@pytest.mark.parametrize("top", ["1", "3", "500"])
def test_pages_of_any_size_make_the_same_list(server, owner, assigned, top):
    whole = _listed(server, owner, assigned["sub"], "policyAssignments")
    address = f"{assigned['sub']}/{AUTHORIZATION}/policyAssignments?{V}&$top={top}"
    first = server.get(address, headers=owner).json()
    assert len(first["value"]) == min(int(top), len(whole))
    assert _listed(server, owner, assigned["sub"], "policyAssignments", **{"$top": top}) == whole


def test_assignments_are_picked_by_their_definition(server, owner, assigned):
    asked = {"$filter": f"policyDefinitionId eq '{OWN.upper()}/'"}
    found = _listed(server, owner, assigned["sub"], "policyAssignments", **asked)
    assert {one["properties"]["policyDefinitionId"] for one in found} == {OWN}
    assert {"sub", "group", "mg"} <= _names(found)
    both = {"$filter": f"atExactScope() and {asked['$filter']}"}
    assert _names(_listed(server, owner, assigned["sub"], "policyAssignments", **both)) == {"sub"}
    none = {"$filter": "policyDefinitionId eq '/none''s and more'"}
    assert _listed(server, owner, assigned["sub"], "policyAssignments", **none) == []


def test_exemptions_are_picked_by_their_end_and_assignment(server, owner, assigned):
    kept = _listed(server, owner, assigned["sub"], "policyExemptions", **{"$filter": "excludeExpired()"})
    assert _names(kept) == {"mg", "sub", "resource", "beside"}
    named = f"{assigned['group']}/{AUTHORIZATION}/policyAssignments/group"
    asked = {"$filter": f"policyAssignmentId eq '{named}'"}
    assert _names(_listed(server, owner, assigned["sub"], "policyExemptions", **asked)) == {"group"}


@pytest.mark.parametrize("kind", ["policyDefinitions", "policySetDefinitions"])
def test_definitions_are_those_of_azure_of_the_subscription_and_of_what_contains_it(
    server, owner, assigned, kind
):
    found = _listed(server, owner, assigned["sub"], kind)
    assert _names(found) == {"mg", "sub"}
    built_in = {one["id"] for one in found if one["id"].lower().startswith(f"/{AUTHORIZATION.lower()}/")}
    assert built_in
    assert len(built_in) == len(found) - 2
    assert {one["id"] for one in _listed(server, owner, "", kind)} == built_in
    assert _names(_listed(server, owner, assigned["mg"], kind)) == {"mg"}

    def picked(text):
        return _listed(server, owner, assigned["sub"], kind, **{"$filter": text})

    assert {one["name"] for one in picked("atExactScope()")} == {"sub"}
    assert {one["id"] for one in picked("policyType eq 'BuiltIn'")} == built_in
    assert {one["name"] for one in picked("policyType -eq custom")} == {"mg", "sub"}


def test_definitions_are_picked_by_category(server, owner, assigned):
    asked = {"$filter": "category eq 'moon SUB'"}
    found = _listed(server, owner, assigned["sub"], "policyDefinitions", **asked)
    assert [one["name"] for one in found] == ["sub"]


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("policyAssignments", "scope eq 'here'"),
        ("policyAssignments", "atScope() or atExactScope()"),
        ("policyAssignments", "atScope() and"),
        ("policyAssignments", "atScope"),
        ("policyAssignments", "atScope() eq 'x'"),
        ("policyAssignments", "policyDefinitionId eq"),
        ("policyAssignments", "policyDefinitionId eq bare"),
        ("policyAssignments", "policyDefinitionId()"),
        ("policyAssignments", "policyType eq 'BuiltIn'"),
        ("policyAssignments", "x" * 5000),
        ("policyExemptions", "policyDefinitionId eq 'x'"),
        ("policyDefinitions", "atScope()"),
        ("policyDefinitions", "policyType eq 'Own'"),
        ("policySetDefinitions", "category ne 'x'"),
    ],
)  # fmt: skip
def test_another_filter_is_refused_with_those_that_there_are(server, owner, scopes, kind, text):
    at = f"{scopes['sub']}/{AUTHORIZATION}/{kind}"
    answer = server.get(at, headers=owner, params={"api-version": "2022-07-01-preview", "$filter": text})
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (400, "InvalidFilterInQueryString"), answer.text
    assert " eq '<" in error["message"] or "NotSpecified" in error["message"]
    assert len(error["message"]) < 400
