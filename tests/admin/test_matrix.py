"""Every route of the own API, asked by a role that allows it and by one that does not, at the tenant, in and out of scope.

Which role allows which operation, and that each call of a service asks for it, is tested below the faces
(tests/service/test_matrix.py).
"""

from __future__ import annotations

import re

import pytest

from nephoscope.access.roles import ROLES, Role
from nephoscope.admin.wire.route import PREFIX, list_routes
from nephoscope.operations.declaration.schemas import InWorkspace

NOBODY = "0b0d9b3e-6f4e-4b11-9a53-1f6ef4c0a1aa"
KNOWN = {
    "id": NOBODY,
    "secret": NOBODY,
    "name": "default",
    "machine": "web09",
    "group": "linux-web",
    "address": "192.0.2.7",
}
NETWORK = f"/subscriptions/{NOBODY}/resourceGroups/rg/providers/Microsoft.Network"
CAPTURE = f"{NETWORK}/networkWatchers/nw/packetCaptures/one"
VIRTUAL_MACHINE = (
    f"/subscriptions/{NOBODY}/resourceGroups/rg/providers/Microsoft.Compute/virtualMachines/web01"
)
#: What a body must have so that the roles decide, not the body.
MACHINE = f"/subscriptions/{NOBODY}/resourceGroups/rg/providers/Microsoft.HybridCompute/machines/web01"
BODIES = {
    "Agents_ScanSentFiles": {"sequence": 1, "files": []},
    "BlockedHashes_UnblockProgram": {"reason": "why"},
    "NetworkWatcherCaptures_Start": {"machine": VIRTUAL_MACHINE, "reason": "why"},
    "NetworkWatcherCaptures_Query": {"id": CAPTURE},
    "NetworkWatcherCaptures_Stop": {"id": CAPTURE, "reason": "why"},
    "Facts_Report": {
        "resource": MACHINE, "readAt": "2026-01-01T00:00:00Z", "documents": [{"id": MACHINE, "properties": {}}],
    },
    "Pipelines_PutRun": {
        "repository": "contoso/shop", "branch": "main", "commit": "c", "runId": "1",
        "document": {"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "x"}}}]},
    },
    "Agents_Enrol": {"computer": "web01", "machineId": "1"},
    "Agents_CreateEnrolment": {"scope": f"/subscriptions/{NOBODY}/resourceGroups/rg"},
    "Agents_AnswerOrder": {"status": "Succeeded"},
    "ResponseOrders_Create": {"machine": "web09", "kind": "isolate"},
    "PacketCaptures_Start": {"machine": "web09", "reason": "why"},
    "PacketCaptures_Stop": {"reason": "why"},
    "ResponseOrders_Decide": {"decision": "approve"},
    "Pipelines_ChangeRepository": {"repository": "contoso/other", "defaultBranch": "main"},
    "Roles_Grant": {"principal": NOBODY, "role": "Reader", "scope": "/workspaces/default"},
    "Principals_Add": {"kind": "User", "name": ""},
}  # fmt: skip

#: Lists for everybody who is signed in, empty or not.
LISTS = {"Workspaces_List"}


@pytest.fixture(scope="module")
def callers(caller):
    """(role, where) -> headers."""
    places = {"tenant": "/", "inside": "/workspaces/default", "outside": "/workspaces/other"}
    return {(one.name, word): caller((one.name, scope)) for one in ROLES for word, scope in places.items()}


def may(route, role, where: str) -> bool:
    """What the declaration says; of routes that ask for themselves, what their documentation says."""
    if route.name in LISTS:
        return True
    if not role.allows(route.permission):
        return False
    if where == "tenant":
        return True
    about = (
        route.name == "Roles_Grant"
        or asks_in_workspace(route)
        or (route.scoped is not None and route.scoped(KNOWN) != "/")
    )
    return about and where == "inside"


def asks_in_workspace(route) -> bool:
    """Whether a route asks for itself at the workspace that its query names."""
    return route.scoped is None and isinstance(route.query, type) and issubclass(route.query, InWorkspace)


def two_roles(route) -> list[Role]:
    """The first role that allows a route, and the first that does not."""
    allowing = [one for one in ROLES if one.allows(route.permission)]
    return [*allowing[:1], *[one for one in ROLES if one not in allowing][:1]]


@pytest.mark.parametrize("route", list_routes(), ids=lambda one: one.name)
def test_a_route(server, route, callers):
    path = re.sub(r"\{(\w+)\}", lambda found: KNOWN[found[1]], PREFIX + route.path)
    given = {"json": BODIES.get(route.name, {})} if route.body is not None else {}
    assert server.request(route.method, path, **given).status_code == 401
    wrong = {"Authorization": "Bearer nepho_" + "x" * 43}
    assert server.request(route.method, path, headers=wrong, **given).status_code == 401
    for role in two_roles(route):
        for where in ("tenant", "inside", "outside"):
            told = server.request(route.method, path, headers=callers[role.name, where], **given)
            assert told.status_code < 500, told.text
            allowed = may(route, role, where)
            assert (told.status_code != 403) is allowed, (role.name, where, told.status_code, told.text)


def test_workspaces_are_those_that_may_be_read(server, callers, instance):
    instance.state.workspaces.add("other")

    def seen(role: str, where: str) -> list[str]:
        body = server.get("/admin/v1/workspaces", headers=callers[role, where]).json()
        return [one["name"] for one in body["value"]]

    assert seen("Reader", "tenant") == ["default", "other"]
    assert seen("Reader", "inside") == ["default"]
    assert seen("Security Reader", "inside") == []


def test_a_workspace_that_is_not_there_is_told_to_who_could_read_it(server, callers):
    def status(where: str, workspace: str) -> int:
        path = f"/admin/v1/responseRuns?workspace={workspace}"
        return server.get(path, headers=callers["Reader", where]).status_code

    assert (status("tenant", "nowhere"), status("tenant", "default")) == (404, 200)
    assert (status("inside", "nowhere"), status("inside", "default")) == (403, 200)
    assert (status("outside", "nowhere"), status("outside", "default")) == (403, 403)


def test_a_role_at_one_machine_lists_what_it_may_read(server, caller):
    headers = caller(("Reader", VIRTUAL_MACHINE))
    for path in ("agents", "agentEnrolments", "applicationGroups", "blockedHashes"):
        assert server.get(f"/admin/v1/{path}", headers=headers).json() == {"value": []}, path
    assert server.get("/admin/v1/advisoryFeeds", headers=headers).status_code == 403


def test_the_description_wants_a_credential(server, callers):
    for path in ("/openapi.json", "/admin/v1/openapi.json"):
        assert server.get(path).status_code == 401
        assert server.get(path, headers=callers["Reader", "outside"]).json()["openapi"] == "3.1.0"


def test_a_cookie_is_no_credential(server, instance):
    """What changes something here cannot be sent by a page of another site."""
    from nephoscope.state.access.principals import PrincipalKind

    with instance.state.transaction() as session:
        ada = instance.state.principals.add(session, PrincipalKind.PERSON, "ada")
        instance.state.principals.grant(session, ada.id, "Owner", "/", "test")
    cookie = {"Cookie": f"__Host-nephoscope={instance.guard.open_session(ada)}"}
    assert server.get("/admin/v1/principals", headers=cookie).status_code == 401


def test_bodies_and_lists_are_of_routes_that_exist():
    assert {*BODIES, *LISTS} <= {one.name for one in list_routes()}


def test_the_matrix_says_yes_and_no():
    owners = [
        one
        for one in list_routes()
        if not [each for each in ROLES if each.name != "Owner" and each.allows(one.permission)]
    ]
    assert {one.section for one in owners} >= {"principals", "secrets", "signInProviders", "audit"}
    assert {one.section for one in list_routes() if one not in owners} >= {
        "workspaces",
        "sources",
        "server",
        "roles",
    }
