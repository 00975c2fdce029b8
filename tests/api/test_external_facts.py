"""External facts by the API: put, read back at once, judged by the next assessment, taken back; each where the caller may."""

from __future__ import annotations

import time
import uuid

import pytest

from nephoscope.access.authenticator import BoundDeniedError
from nephoscope.collect.facts.fact_recording import FACTS_CHANGED, FORGOTTEN
from nephoscope.collect.facts.fact_report import FactReport, list_claims
from nephoscope.collect.facts.report_errors import FactError
from nephoscope.lake.writing.outbox import deliver_outbox
from nephoscope.model.resource_binding import bind_resource
from nephoscope.service.external_facts import put_facts
from nephoscope.service.service_context import ServiceContext
from nephoscope.state.access.principals import PrincipalKind, SecretKind
from nephoscope.state.estate.arm_documents import REMOVED

VERSION = "?api-version=2024-07-10"
GUEST = "providers/Microsoft.GuestConfiguration/guestConfigurationAssignments/AzureLinuxBaseline"
FINDING = "providers/Microsoft.Security/assessments/f97aa83c-9b63-4f9a-99f6-b22c4398f936/subAssessments/VA1"


@pytest.fixture(scope="module")
def group(subscriptions):
    return f"/subscriptions/{subscriptions['sub-bwf-sandbox']}/resourceGroups/rg-sbx-lab"


@pytest.fixture(autouse=True)
def clean(instance):
    yield
    with instance.state.transaction() as session:
        for one in {"/subscriptions/" + one.subscription for one in instance.state.external_facts.all()}:
            instance.state.external_facts.remove(session, one)
    instance.state.checkpoints.remove(REMOVED)
    instance.state.checkpoints.remove(FORGOTTEN)
    instance.state.checkpoints.remove(*FACTS_CHANGED)


@pytest.fixture
def ask(server, owner, group):
    """Asks below a resource group of the sample: the status, and the body."""

    def asked(method, path, body=None, headers=owner):
        told = server.request(method, f"{group}/{path}{VERSION}", headers=headers, json=body)
        return told.status_code, told.json() if told.content else None

    return asked


@pytest.fixture
def lake_rows(instance):
    """Rows of the lake, with all that waits."""

    def rows(query):
        instance.guard.flush()
        while deliver_outbox(instance.lake, instance.state) is None:
            time.sleep(0.01)
        instance.lake.flush()
        return instance.lake.query(query)[-1].table.to_pylist()

    return rows


OWN = "providers/Microsoft.HybridCompute/machines/web01"
KINDS = {
    "a machine": OWN,
    "its updates": f"{OWN}/patchAssessmentResults/latest",
    "an assignment on a machine of Azure": f"providers/Microsoft.Compute/virtualMachines/vm-sbx-jump/{GUEST}",
    "a finding on a machine of Azure": f"providers/Microsoft.Compute/virtualMachines/vm-sbx-jump/{FINDING}",
}


@pytest.mark.parametrize("kind", KINDS)
def test_put_read_and_taken_back(ask, instance, group, kind):
    path = KINDS[kind]
    assert ask("GET", path)[0] == 404
    status, body = ask("PUT", path, {"properties": {"note": 1}})
    assert status == 201, body
    assert (body["id"], body["properties"]) == (f"{group}/{path}", {"note": 1})
    assert f"/{body['type'].rsplit('/', 1)[-1]}/" in path
    assert ask("GET", path) == (200, body)
    assert ask("PUT", path, {**body, "properties": {"note": 2}})[0] == 200
    assert ask("GET", path)[1]["properties"] == {"note": 2}
    assert instance.state.checkpoints.get(*FACTS_CHANGED)
    told = [(one.operation.rsplit("/", 1)[-1], one.target) for one in instance.state.audit.entries(most=2)]
    assert told == [("write", f"{group}/{path}".lower())] * 2
    assert ask("DELETE", path) == (200, None)
    assert ask("GET", path)[0] == 404
    assert ask("DELETE", path) == (204, None)


def test_what_the_estate_has_is_not_created(ask, machine):
    """The status tells whether there was such a document, whoever told of it."""
    assert ask("PUT", OWN, {"properties": {}})[0] == 201
    assert ask("PUT", f"{OWN}/patchAssessmentResults/latest", {"properties": {"a": 1}})[0] == 201
    assert ask("PUT", f"{OWN}/patchAssessmentResults/latest", {"properties": {"a": 2}})[0] == 200


BAD = {
    "no properties": (OWN, {}, "InvalidRequestContent", "properties"),
    "another id": (OWN, {"id": f"/subscriptions/x/{OWN}", "properties": {}}, "InvalidRequestContent", "id"),
    "a member that no resource has": (OWN, {"properties": {}, "secrets": []}, "InvalidRequestContent", "secrets"),
    "below something else": (f"providers/Microsoft.KeyVault/vaults/v/{GUEST}", {"properties": {}}, "InvalidRequestContent", "id"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_what_is_refused(ask, instance, name):
    path, sent, code, target = BAD[name]
    status, body = ask("PUT", path, sent)
    assert (status, body["error"]["code"], body["error"]["target"]) == (400, code, target)
    assert not instance.state.external_facts.any()


def test_a_subscription_that_there_is_not(server, owner):
    path = f"/subscriptions/{'9' * 8}-1111-4000-8000-000000000000/resourceGroups/rg/{OWN}{VERSION}"
    assert server.put(path, headers=owner, json={"properties": {}}).status_code == 404


@pytest.mark.parametrize(
    ("role", "status"), [("Reader", 403), ("Security Reader", 403), ("Contributor", 201)]
)
def test_who_may(ask, token, group, role, status):
    headers = {"Authorization": f"Bearer {token((role, group.lower()))}"}
    assert ask("PUT", OWN, {"properties": {}}, headers)[0] == status
    at_it = {"Authorization": f"Bearer {token((role, f'{group}/{OWN}'.lower()))}"}
    assert ask("PUT", f"{OWN}/patchAssessmentResults/latest", {"properties": {}}, at_it)[0] == status
    assert ask("PUT", f"{OWN}9/patchAssessmentResults/latest", {"properties": {}}, at_it)[0] == 403
    elsewhere = {"Authorization": f"Bearer {token((role, f'{group.lower()}-other'))}"}
    assert ask("PUT", OWN, {"properties": {}}, elsewhere)[0] == 403
    assert ask("DELETE", OWN, headers=elsewhere)[0] == 403


@pytest.fixture
def bound(instance, group):
    """The headers of a program with all rights at the group of its machine, which it is bound to."""
    state = instance.state
    with state.transaction() as session:
        program = state.principals.add(session, PrincipalKind.PROGRAM, f"of-web01-{uuid.uuid4()}")
        for scope in (group.lower(), "/workspaces/default"):
            state.principals.grant(session, program.id, "Owner", scope, "test")
        state.principals.bind(session, program.id, bind_resource(f"{group}/{OWN}"))
    key = instance.guard.make_secret(program, SecretKind.TOKEN, "test")
    return {"Authorization": f"Bearer {key}"}


OTHERS = [
    f"{OWN}2",
    f"{OWN}2/patchAssessmentResults/latest",
    f"providers/Microsoft.Compute/virtualMachines/vm-sbx-jump/{GUEST}",
    f"providers/Microsoft.Compute/virtualMachines/vm-sbx-jump/{FINDING}",
]


def test_a_bound_program_writes_of_its_machine_alone(ask, instance, bound, group, lake_rows):
    for path in (OWN, f"{OWN}/patchAssessmentResults/latest", f"{OWN}/{GUEST}"):
        assert ask("PUT", path, {"properties": {}}, bound)[0] == 201, path
    own = {one.subject for one in instance.state.external_facts.all()}
    for path in OTHERS:
        for method, body in (("PUT", {"properties": {}}), ("DELETE", None)):
            assert ask(method, path, body, bound)[0] == 403, path
    assert {one.subject for one in instance.state.external_facts.all()} == own
    rows = lake_rows(
        "_Quarantine | where SenderResourceId endswith '/web01' | project Reason, Place, SenderResourceId"
    )
    assert {row["Place"].removeprefix(f"{group}/".lower()) for row in rows} == {
        path.lower() for path in OTHERS
    }
    assert all(row["Reason"].startswith("Identity conflict: Microsoft.") for row in rows)
    assert all(row["Reason"].endswith(f", but its sender is bound to {group}/{OWN}") for row in rows)


@pytest.mark.parametrize("other", ["resource", "document", "scope"])
def test_a_report_of_a_bound_program_is_of_its_machine_alone(instance, bound, group, other):
    mine, theirs = f"{group}/{OWN}", f"{group}/{OWN}2"
    resource = theirs if other == "resource" else mine
    document = {
        "id": f"{theirs if other == 'document' else resource}/patchAssessmentResults/latest",
        "properties": {},
    }
    scopes = (
        {theirs: ("Microsoft.HybridCompute/machines/patchAssessmentResults",)} if other == "scope" else {}
    )
    caller = instance.guard.authenticate_secret(
        bound["Authorization"].removeprefix("Bearer "), [SecretKind.TOKEN]
    )
    now = instance.now
    with pytest.raises((BoundDeniedError, FactError)):
        put_facts(
            ServiceContext(caller, instance.state, instance.data),
            list(list_claims(FactReport(resource, now, (document,), scopes), now)),
        )
    assert not instance.state.external_facts.any()


@pytest.mark.parametrize(
    ("operation", "place", "may"),
    [
        ("Microsoft.HybridCompute/machines/write", "{group}/{own}", True),
        ("Microsoft.HybridCompute/machines/write", "{group}/{own}/extensions/x", True),
        ("Microsoft.HybridCompute/machines/write", "{group}/{own}2", False),
        ("Microsoft.HybridCompute/machines/write", "{group}", False),
        ("Microsoft.HybridCompute/machines/read", "{group}", True),
        ("Microsoft.Insights/Telemetry/Write", "/workspaces/default", True),
        ("Microsoft.SecurityInsights/incidents/write", "/workspaces/default", False),
        ("Microsoft.Authorization/policyAssignments/write", "{group}", False),
    ],
)
def test_what_a_binding_leaves_of_a_role(instance, bound, group, operation, place, may):
    caller = instance.guard.authenticate_secret(
        bound["Authorization"].removeprefix("Bearer "), [SecretKind.TOKEN]
    )
    assert caller.is_permitted(operation, place.replace("{group}", group).replace("{own}", OWN)) is may
    kept = operation.endswith("/read") or "Telemetry" in operation
    assert caller.find_reach(operation).is_empty is not kept
