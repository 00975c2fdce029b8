"""Documents below a management group whose name two tenants have: put, read, listed, judged by and deleted in one of them alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from nephoscope.access.authenticator import DeniedError, Guard
from nephoscope.access.management_group_tenants import name_tenants
from nephoscope.access.scopes import Hierarchy
from nephoscope.access.tokens import AccessTokenIssuer
from nephoscope.api.server import build_app
from nephoscope.instance import Instance, build_hierarchy
from nephoscope.operations.declaration.group_scopes import place_in_tenant
from nephoscope.operations.declaration.operation import OperationCall, RefusedRequestError
from nephoscope.operations.posture.assignments import NewStandard, assign_standard
from nephoscope.posture.policies.policy_packs import Packs
from nephoscope.posture.published.publishing import publish_tenants
from nephoscope.posture.published.snapshot_cache import PublishedSnapshotCache
from nephoscope.posture.reports.report import Report
from nephoscope.posture.scans.scan import EstateScan, ScanRequest
from nephoscope.resource_graph import open_lake_with_estate
from nephoscope.service.arm_documents import DECIDING, put_document, remove_document
from nephoscope.service.local_user import LocalUser
from nephoscope.service.principals import ROLE_WRITE
from nephoscope.service.service_context import ServiceContext
from nephoscope.state import State
from nephoscope.state.access.principals import PrincipalKind, SecretKind
from nephoscope_policy.model.state import ComplianceState

A, B = TENANTS = tuple(f"{letter * 8}-1111-4000-8000-000000000000" for letter in "ab")
GROUP = "/providers/Microsoft.Management/managementGroups/platform"
AUTHORIZATION = "/providers/Microsoft.Authorization"
VERSION = "?api-version=2023-04-01"
FAILED = ComplianceState.NON_COMPLIANT
Ask = Callable[..., Any]


def bodies_of(tenant: str) -> list[dict[str, object]]:
    """A tenant with a management group, a subscription and a storage account, which has a policy of its own to fail."""
    subscription = f"/subscriptions/{tenant}"
    chain = [{"name": "platform"}]
    return [
        {"id": subscription, "properties": {"displayName": "Prod", "tenantId": tenant, "managementGroupAncestorsChain": chain}},
        {"id": GROUP, "name": "platform", "tenantId": tenant, "properties": {"tenantId": tenant, "displayName": "Platform"}},
        {
            "id": f"{subscription}/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/s{tenant[0]}",
            "location": "westeurope", "properties": {"supportsHttpsTrafficOnly": False},
        },
    ]  # fmt: skip


def scan_of(folders: list[Path], data: Path, state: State) -> EstateScan:
    put = state.arm_documents.by_tenant(DECIDING).of
    now = datetime(2026, 11, 1, tzinfo=UTC)
    return EstateScan(ScanRequest(tuple(map(str, folders)), assigned=True), data, now, put=put)


def publish(folders: list[Path], data: Path, state: State) -> None:
    scan = scan_of(folders, data, state)
    publish_tenants(data, [(Report(scan.run(estate), "both"), {}) for estate in scan.load_estates()])


@pytest.fixture
def folders(tmp_path: Path) -> list[Path]:
    for tenant in TENANTS:
        folder = tmp_path / tenant[0]
        folder.mkdir()
        (folder / "all.json").write_text(json.dumps(bodies_of(tenant)))
    return [tmp_path / tenant[0] for tenant in TENANTS]


@pytest.fixture
def instance(tmp_path: Path, folders: list[Path]) -> Iterator[Instance]:
    data = tmp_path / "data"
    data.mkdir()
    snapshots = PublishedSnapshotCache(data)
    with State.open_folder(data) as state, open_lake_with_estate(data, state) as lake:
        publish(folders, data, state)
        guard = Guard(state, lambda: build_hierarchy(snapshots))
        yield Instance(data, state, lake, snapshots, guard, AccessTokenIssuer(state, data / "keys", A), A)


@pytest.fixture
def ask(instance: Instance) -> Iterator[Ask]:
    """Makes a client of a program with roles: (role, scope) pairs."""
    with TestClient(build_app(instance), base_url="https://127.0.0.1") as client:

        def asker(*roles: tuple[str, str]) -> Ask:
            principals = instance.state.principals
            with instance.state.transaction() as session:
                made = principals.add(session, PrincipalKind.PROGRAM, f"program {len(principals.all())}")
                for role, scope in roles:
                    principals.grant(session, made.id, role, scope, "test")
            secret = instance.guard.make_secret(made, SecretKind.TOKEN, "test")
            headers = {"Authorization": f"Bearer {secret}"}

            def request(method: str, path: str, body: object = None) -> Any:
                return client.request(method, f"{path}{VERSION}", headers=headers, json=body)

            return request

        yield asker


@pytest.fixture
def owners(ask: Ask) -> tuple[Ask, Ask]:
    first, second = (ask(("Owner", f"/tenants/{tenant}{GROUP.lower()}")) for tenant in TENANTS)
    return first, second


def definition(effect: str) -> dict[str, object]:
    rule = {
        "if": {"field": "type", "equals": "Microsoft.Storage/storageAccounts"},
        "then": {"effect": effect},
    }
    return {"properties": {"displayName": f"says {effect}", "mode": "All", "policyRule": rule}}


DEFINITION = f"{GROUP}{AUTHORIZATION}/policyDefinitions/secret"
ASSIGNMENT = f"{GROUP}{AUTHORIZATION}/policyAssignments/secret"
ASSIGNED = {"properties": {"displayName": "secret of one", "policyDefinitionId": DEFINITION}}


def test_what_is_put_is_that_tenants_alone(owners: tuple[Ask, Ask], ask: Ask) -> None:
    first, second = owners
    assert second("GET", DEFINITION).status_code == 404
    before = second("PUT", ASSIGNMENT, ASSIGNED).json()
    assert first("PUT", DEFINITION, definition("audit")).status_code == 201
    assert first("PUT", ASSIGNMENT, ASSIGNED).status_code == 201
    assert first("GET", ASSIGNMENT).json()["properties"]["displayName"] == "secret of one"
    for path in (DEFINITION, ASSIGNMENT):
        assert second("GET", path).status_code == 404
        listed = second("GET", path.rpartition("/")[0])
        assert "says audit" not in listed.text
        assert "secret of one" not in listed.text
        assert second("DELETE", path).status_code == 204
        assert first("GET", path).status_code == 200
    # what the other tenant defined is not there to be assigned, as before it was
    assert second("PUT", ASSIGNMENT, ASSIGNED).json() == before
    below = f"/subscriptions/{B}{AUTHORIZATION}/policyAssignments"
    assert "secret of one" not in ask(("Reader", f"/tenants/{B}"))("GET", below).text
    below = f"/subscriptions/{A}{AUTHORIZATION}/policyAssignments"
    assert "secret of one" in ask(("Reader", f"/tenants/{A}"))("GET", below).text


@pytest.mark.full
def test_each_has_its_own_under_one_id_and_is_judged_by_it(
    owners: tuple[Ask, Ask], instance: Instance, folders: list[Path]
) -> None:
    for owner, effect in zip(owners, ("audit", "disabled"), strict=True):
        assert owner("PUT", DEFINITION, definition(effect)).status_code == 201
        assert owner("PUT", ASSIGNMENT, ASSIGNED).status_code == 201
        assert owner("GET", DEFINITION).json()["properties"]["displayName"] == f"says {effect}"
    scan = scan_of(folders, instance.data, instance.state)
    found = {
        estate.tenant: [one.resource[-2:] for one in scan.run(estate).assessments if one.state is FAILED]
        for estate in scan.load_estates()
    }
    assert found == {A: ["sa"], B: []}
    owners[0]("DELETE", ASSIGNMENT)
    assert owners[0]("GET", ASSIGNMENT).status_code == 404
    assert owners[1]("GET", ASSIGNMENT).status_code == 200


@pytest.mark.parametrize(
    ("roles", "status"),
    [
        ([("Owner", f"/tenants/{A}")], 201),
        ([("Owner", f"/tenants/{A}"), ("Reader", f"/tenants/{B}")], 201),
        ([("Owner", f"/subscriptions/{A}")], 403),
        ([("Reader", f"/tenants/{A}{GROUP.lower()}")], 403),
        ([("Owner", f"/tenants/{A}"), ("Owner", f"/tenants/{B}")], 403),
    ],
)
def test_who_may_put(ask: Ask, roles: list[tuple[str, str]], status: int) -> None:
    assert ask(*roles)("PUT", DEFINITION, definition("audit")).status_code == status


@pytest.mark.parametrize(
    ("scopes", "count"),
    [
        ([f"/tenants/{A}"], 1),
        ([f"/tenants/{A}{GROUP.lower()}", f"/tenants/{A}"], 2),
        (["/"], 1),
        ([GROUP.lower()], 0),  # names neither tenant
        ([f"/tenants/{A}", f"/tenants/{B}"], 0),
    ],
)
def test_permissions_are_told_as_roles_hold(ask: Ask, scopes: list[str], count: int) -> None:
    told = ask(*(("Reader", one) for one in scopes))("GET", f"{GROUP}{AUTHORIZATION}/permissions")
    assert len(told.json().get("value", ())) == count


@pytest.mark.parametrize(
    ("scopes", "explained"),
    [
        ([f"/tenants/{A}", f"/tenants/{B}"], True),
        ([f"/tenants/{A}", f"/subscriptions/{B}"], True),
        ([f"/subscriptions/{A}", f"/subscriptions/{B}"], False),  # no role covers the group
        ([f"/subscriptions/{A}"], False),
        ([GROUP.lower()], False),
    ],
)
def test_who_may_in_several_tenants_is_told_to_ask_in_one(
    ask: Ask, scopes: list[str], explained: bool
) -> None:
    told = ask(*(("Reader", one) for one in scopes))("GET", f"{GROUP}{AUTHORIZATION}/permissions")
    assert not explained or told.status_code == 403
    assert ("ask with roles in one of them alone" in told.text) == explained
    assert (B in told.text) == explained


def test_who_owns_everything_changes_each_or_the_one_that_has_it(owners: tuple[Ask, Ask], ask: Ask) -> None:
    everything = ask(("Owner", "/"))
    assert everything("PUT", DEFINITION, definition("audit")).status_code == 201
    assert [one("GET", DEFINITION).status_code for one in owners] == [200, 200]
    assert owners[0]("DELETE", DEFINITION).status_code == 204
    assert owners[0]("PUT", DEFINITION, definition("deny")).status_code == 201
    assert [one("GET", DEFINITION).json()["properties"]["displayName"] for one in owners] == [
        "says deny",
        "says audit",
    ]
    assert everything("DELETE", DEFINITION).status_code == 200
    assert everything("PUT", DEFINITION, definition("modify")).status_code in (200, 400)
    assert everything("DELETE", DEFINITION).status_code == 200
    assert [one("GET", DEFINITION).status_code for one in owners] == [404, 404]
    for owner in owners:
        assert owner("PUT", DEFINITION, definition("audit")).status_code == 201
    told = everything("DELETE", DEFINITION)
    assert (told.status_code, told.json()["error"]["code"]) == (409, "Conflict")


@pytest.mark.full
def test_a_governance_rule_holds_in_its_tenant(
    owners: tuple[Ask, Ask], ask: Ask, instance: Instance, folders: list[Path]
) -> None:
    request = ScanRequest(tuple(map(str, folders)))
    scan = EstateScan(request, instance.data, datetime(2026, 11, 1, tzinfo=UTC))
    publish_tenants(instance.data, [(Report(scan.run(estate), "both"), {}) for estate in scan.load_estates()])
    everything, rule = ask(("Owner", "/")), f"{GROUP}/providers/Microsoft.Security/governanceRules/assign"

    def put(asker: Ask, owner: str) -> None:
        properties = {
            "displayName": "assign", "rulePriority": 1, "ruleType": "Integrated", "sourceResourceType": "Assessments",
            "ownerSource": {"type": "Manually", "value": owner},
        }  # fmt: skip
        assert asker("PUT", rule, {"properties": properties}).status_code == 201

    def owners_of(tenant: str) -> set[str]:
        path = f"/subscriptions/{tenant}/providers/Microsoft.Security/governanceAssignments"
        return {one["properties"]["owner"] for one in everything("GET", path).json()["value"]}

    put(owners[1], "b")
    assert (owners_of(A), owners_of(B)) == (set(), {"b"})
    assert owners[1]("DELETE", rule).status_code in (200, 204)
    put(everything, "each")
    assert (owners_of(A), owners_of(B)) == ({"each"}, {"each"})
    put(owners[0], "a")
    assert (owners_of(A), owners_of(B)) == ({"a"}, {"each"})


def test_what_was_put_before_another_tenant_came_stays_with_its_own(instance: Instance) -> None:
    key = DEFINITION.lower()
    with instance.state.transaction() as session:
        instance.state.arm_documents.put(session, key, DECIDING[0], definition("audit"), "ann")
    alone = Hierarchy({A: (GROUP.lower(),)}, frozenset({A}), {A: A})
    assert name_tenants(instance.state, lambda: build_hierarchy(instance.snapshots)) == 0
    assert name_tenants(instance.state, lambda: alone) == 1
    assert name_tenants(instance.state, lambda: alone) == 0
    (kept,) = instance.state.arm_documents.list_documents_of_id(key)
    assert (kept.tenant, kept.key, kept.author) == (A, key, "ann")


@pytest.mark.full
def test_what_was_put_for_each_tenant_stays_of_each_while_one_of_them_is_not_read(
    instance: Instance, ask: Ask
) -> None:
    everything = ask(("Owner", "/"))
    assert everything("PUT", DEFINITION, definition("audit")).status_code == 201
    alone = Hierarchy({A: (GROUP.lower(),)}, frozenset({A}), {A: A})
    assert name_tenants(instance.state, lambda: alone) == 0
    (kept,) = instance.state.arm_documents.list_documents_of_id(DEFINITION.lower())
    assert kept.tenant == ""


def test_the_command_line_puts_for_each_tenant_that_has_the_name(instance: Instance) -> None:
    context = ServiceContext(LocalUser("ann"), instance.state, instance.data)
    body = {"id": DEFINITION, **definition("audit")}
    put_document(context, GROUP.lower(), body, DECIDING[0])
    alone = Hierarchy({A: (GROUP.lower(),)}, frozenset({A}), {A: A})
    assert name_tenants(instance.state, lambda: alone) == 0
    (kept,) = instance.state.arm_documents.list_documents_of_id(DEFINITION.lower())
    assert kept.tenant == ""


@pytest.mark.full
def test_the_command_line_puts_for_the_one_tenant_that_has_the_name(
    instance: Instance, folders: list[Path], ask: Ask
) -> None:
    context = ServiceContext(LocalUser("ann"), instance.state, instance.data)
    body, key = {"id": DEFINITION, **definition("audit")}, DEFINITION.lower()
    put_document(context, GROUP.lower(), body, DECIDING[0])
    publish(folders[:1], instance.data, instance.state)
    # the document that was put for each tenant is removed by who may in each, and by nobody else
    owner = ask(("Owner", f"/tenants/{A}"))
    assert owner("DELETE", DEFINITION).status_code in (204, 403, 404)
    assert [one.tenant for one in instance.state.arm_documents.list_documents_of_id(key)] == [""]
    assert remove_document(context, GROUP.lower(), key, DECIDING[0])
    put_document(context, GROUP.lower(), body, DECIDING[0])
    assert [one.tenant for one in instance.state.arm_documents.list_documents_of_id(key)] == [A]
    assert remove_document(context, GROUP.lower(), key, DECIDING[0])
    assert instance.state.arm_documents.list_documents_of_id(key) == []


def test_the_command_line_assigns_in_a_tenant_that_is_known_or_named(instance: Instance) -> None:
    call = OperationCall(
        ServiceContext(LocalUser("ann"), instance.state, instance.data), lambda: instance.guard
    )
    initiative = next(
        one.id
        for one in Packs(instance.data).catalog().entries
        if one.kind == "initiative"
        and all(
            "defaultValue" in each for each in one.document()["properties"].get("parameters", {}).values()
        )
    )

    def assign_at(scope: str) -> list[str]:
        assign_standard(call, NewStandard(initiative=initiative, scope=scope))
        return sorted(one.tenant for one in instance.state.arm_documents.list_at_groups())

    assert assign_at(f"/tenants/{B}{GROUP}") == [B]
    for scope, told in (
        (GROUP, "several tenants"),
        (GROUP.replace("platform", "unread"), "tenant is not known"),
    ):
        with pytest.raises(RefusedRequestError, match=told):
            assign_at(scope)
    assert assign_at(f"/tenants/{A}{GROUP.replace('platform', 'unread')}") == [A, B]


def test_a_role_is_given_in_the_tenant_of_who_gives_it(instance: Instance) -> None:
    def place(scope: str) -> str:
        with instance.state.transaction() as session:
            made = instance.state.principals.add(session, PrincipalKind.PROGRAM, f"gives at {scope}")
            instance.state.principals.grant(session, made.id, "Owner", scope, "test")
        service = ServiceContext(instance.guard.build_caller(made), instance.state, instance.data)
        call = OperationCall(service, lambda: instance.guard)
        return place_in_tenant(call, ROLE_WRITE, GROUP.lower())

    for tenant in TENANTS:
        assert place(f"/tenants/{tenant}") == f"/tenants/{tenant}{GROUP.lower()}"
    with pytest.raises(RefusedRequestError, match="several tenants"):
        place("/")
    with pytest.raises(DeniedError):
        place(f"/subscriptions/{A}")
