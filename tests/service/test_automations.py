"""What may be kept as an automation, whoever asks for it by whichever face."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from nephoscope.access.authenticator import Caller, DeniedError
from nephoscope.access.scopes import Hierarchy
from nephoscope.automation.rule import AutomationError
from nephoscope.automation.rule_formats.security_actions import ActionSecret
from nephoscope.service.action_egress import AddressError, OperatorFileError
from nephoscope.service.automations import prepare_automation, put_automation
from nephoscope.service.local_user import LocalUser
from nephoscope.service.service_context import ServiceContext
from nephoscope.state.access.principals import Principal, PrincipalKind, RoleAssignment

if TYPE_CHECKING:
    from pathlib import Path

    from nephoscope.state import State

SUBSCRIPTION = "/subscriptions/7d1b6c4e-0000-0000-0000-000000000001"
GROUP = f"{SUBSCRIPTION}/resourcegroups/rg"
ID = f"{SUBSCRIPTION}/resourceGroups/rg/providers/Microsoft.Security/automations/a"
HUB = {"actionType": "EventHub", "eventHubResourceId": "/x/eventhubs/h"}
TABLE = {"actionType": "Workspace", "workspaceResourceId": "/x/workspaces/default"}
OWN = "Endpoint=sb://ns.servicebus.windows.net/;SharedAccessKey=c2VjcmV0"


def body(*actions: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "id": ID,
        "properties": {"sources": [{"eventSource": "Alerts"}], "actions": list(actions), **more},
    }


def acting(state: State, folder: Path, role: str, scope: str) -> ServiceContext:
    now = state.database.local_time()
    person = Principal("p", PrincipalKind.PERSON, "kim@contoso.com", now, None)
    caller = Caller(person, (RoleAssignment("r", "p", role, scope, "x", now),), Hierarchy({}))
    return ServiceContext(caller, state, folder)


@pytest.fixture
def local(state: State, tmp_path: Path) -> ServiceContext:
    return ServiceContext(LocalUser.current(), state, tmp_path)


@pytest.mark.parametrize(
    ("document", "secrets", "before", "path"),
    [
        (body(HUB), [], None, "properties.actions[0].connectionString"),
        (body(TABLE, HUB), [ActionSecret(0, "connectionString", OWN)], None, "properties.actions[1].connectionString"),
        (body(HUB), [ActionSecret(0, "connectionString", OWN)], None, ""),
        (body(HUB), [], body(HUB), ""),
        (body(HUB), [], body({**HUB, "eventHubResourceId": "/x/eventhubs/other"}), "properties.actions[0].connectionString"),
        (body(HUB), [ActionSecret(0, "connectionString", "Endpoint=sb://a.example/")], None, "properties.actions[0].connectionString"),
        (body({"actionType": "LogicApp"}), [ActionSecret(0, "uri", "http://127.0.0.1/")], None, "properties.actions[0].uri"),
        (body({"actionType": "Webhook", "url": "https://127.0.0.1/"}), [], None, "properties.actions[0].url"),
        (body({**TABLE, "workspaceResourceId": "/x/workspaces/gone"}), [], None, "properties.actions[0].workspaceResourceId"),
    ],
)  # fmt: skip
def test_an_action_has_an_address_that_may_be_sent_to(local, document, secrets, before, path) -> None:
    if not path:
        assert prepare_automation(local, document, secrets, before)["properties"]["actions"] == [HUB]
        return
    with pytest.raises(AutomationError) as refused:
        prepare_automation(local, document, secrets, before)
    assert refused.value.path == path


@pytest.mark.parametrize(
    ("role", "scope", "scopes", "kept"),
    [
        ("Owner", "/", (), ()),
        ("Owner", "/", (GROUP,), (GROUP,)),
        ("Contributor", SUBSCRIPTION, (), ()),
        ("Contributor", GROUP, (), (GROUP,)),
        ("Contributor", GROUP, (GROUP,), (GROUP,)),
        ("Contributor", GROUP, (SUBSCRIPTION,), None),
        ("Contributor", GROUP, ("",), None),
    ],
)
def test_it_is_told_of_no_more_than_its_author_reads(state, tmp_path, role, scope, scopes, kept) -> None:
    context = acting(state, tmp_path, role, scope)
    document = body(HUB, scopes=[{"scopePath": one} for one in scopes])
    secrets = [ActionSecret(0, "connectionString", OWN)]
    if kept is None:
        with pytest.raises(DeniedError):
            prepare_automation(context, document, secrets)
        return
    found = prepare_automation(context, document, secrets)["properties"].get("scopes") or ()
    assert tuple(one["scopePath"].lower() for one in found) == kept


@pytest.mark.parametrize(
    ("scope", "denied"), [("/", False), (SUBSCRIPTION, True), ("/workspaces/default", True)]
)
def test_it_writes_where_its_author_may(state, tmp_path, scope, denied) -> None:
    """Who may change the workspace but reads no part of the estate has nothing to send there."""
    context = acting(state, tmp_path, "Contributor", scope)
    if denied:
        with pytest.raises(DeniedError):
            prepare_automation(context, body(TABLE, scopes=[{"scopePath": GROUP}]), [])
    else:
        prepare_automation(context, body(TABLE, scopes=[{"scopePath": GROUP}]), [])


def test_a_wrong_file_of_the_operator_lets_no_address_be_judged(local) -> None:
    (local.data / "responses").mkdir(parents=True)
    (local.data / "responses" / "operator.yaml").write_text("webhook: [")
    with pytest.raises(OperatorFileError):
        prepare_automation(local, body(HUB), [ActionSecret(0, "connectionString", OWN)])


def test_a_secret_is_kept_as_a_credential_and_in_no_document(local) -> None:
    assert put_automation(local, body({**HUB, "connectionString": OWN}))
    (document,) = local.state.arm_documents.all(["microsoft.security/automations"])
    assert "c2VjcmV0" not in str(document.body)
    (name,) = local.state.credentials.names()
    assert local.state.credentials.get(name).reveal() == OWN
    assert "c2VjcmV0" not in repr(ActionSecret(0, "connectionString", OWN))
    with pytest.raises(AddressError):
        put_automation(local, body({**HUB, "connectionString": "Endpoint=sb://hub.example/"}))
    assert local.state.credentials.get(name).reveal() == OWN
