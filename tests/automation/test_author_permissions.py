"""What an automation is told follows from what its author may read now, whenever it was kept."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from nephoscope.automation.condition import EventView
from nephoscope.automation.rule_catalog import load_automations
from nephoscope.automation.rule_formats.security_actions import build_credential_name
from nephoscope.automation.rule_formats.security_automations import TYPE
from nephoscope.cli.main import cli
from nephoscope.posture.published.snapshot_cache import PublishedSnapshotCache
from nephoscope.state.access.principals import PrincipalKind

SUB = "/subscriptions/11111111-1111-4111-8111-111111111111"
OTHER = "/subscriptions/22222222-2222-4222-8222-222222222222"
VM = "providers/microsoft.compute/virtualmachines/vm"
HERE, BESIDE = f"{SUB}/resourcegroups/here/{VM}", f"{SUB}/resourcegroups/beside/{VM}"


@pytest.fixture
def kept(state, tmp_path):
    """Keeps an automation of a subscription whose author has roles; gives what is usable and what is wrong, and the author."""

    def made(*roles, workspace="", author=True, events=("Assessments",), scopes=()):
        with state.transaction() as session:
            who = state.principals.add(session, PrincipalKind.PROGRAM, "author")
            for role, scope in roles:
                state.principals.grant(session, who.id, role, scope, "test")
            action = {"actionType": "LogicApp", "uri": "https://x.example/"}
            if workspace:
                action = {"actionType": "Workspace", "workspaceResourceId": f"/x/workspaces/{workspace}"}
            properties = {
                "isEnabled": True, "scopes": [{"scopePath": one} for one in scopes], "actions": [action],
                "sources": [{"eventSource": one} for one in events],
                **({"metadata": {"lastUpdatedBy": who.id}} if author else {}),
            }  # fmt: skip
            body = {
                "id": f"{SUB}/resourceGroups/here/providers/{TYPE}/a",
                "name": "a",
                "properties": properties,
            }
            state.arm_documents.put(session, body["id"].lower(), TYPE.lower(), body, "author")
        return lambda: load_automations(state, PublishedSnapshotCache(tmp_path / "data")), who

    return made


@pytest.mark.parametrize(
    ("role", "scope", "told"),
    [
        ("Owner", "/", (HERE, BESIDE)),
        ("Contributor", SUB, (HERE, BESIDE)),
        ("Contributor", f"{SUB}/resourcegroups/here", (HERE,)),
        ("Security Reader", OTHER, ()),
        ("Monitoring Metrics Publisher", "/", ()),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)
def test_it_is_told_of_what_its_author_reads_now(kept, role, scope, told):
    usable, _ = kept((role, scope))
    ((one,), wrong) = usable()
    assert wrong == []
    assert tuple(key for key in (HERE, BESIDE, f"{OTHER}/{VM}") if one.scope.covers(key)) == told


def test_a_role_that_is_taken_cuts_it_and_who_is_let_in_no_more_has_none(kept, state):
    usable, who = kept(("Contributor", SUB))
    assert usable()[0][0].scope.covers(BESIDE)
    with state.transaction() as session:
        state.principals.revoke(session, state.principals.roles(who.id)[0].id)
    assert not usable()[0][0].scope.covers(BESIDE)
    with state.transaction() as session:
        state.principals.disable(session, who.id)
    (found, (wrong,)) = usable()
    assert (found, "is disabled" in wrong.reason) == ([], True)


def test_it_writes_into_no_workspace_that_its_author_may_not_change(kept, state):
    usable, who = kept(("Contributor", SUB), workspace="default")
    (found, (wrong,)) = usable()
    assert (found, "cannot change the workspace default" in wrong.reason) == ([], True)
    with state.transaction() as session:
        state.principals.grant(session, who.id, "Contributor", "/workspaces/default", "test")
    assert len(usable()[0]) == 1


def test_it_is_told_of_risks_while_its_author_reads_them_and_the_logs(kept, state):
    usable, who = kept(("Security Admin", "/"), events=("IdentityRisks",))
    (found, (wrong,)) = usable()
    assert (found, "cannot read risks of identities" in wrong.reason) == ([], True)
    with state.transaction() as session:
        state.principals.grant(session, who.id, "Reader", "/", "test")
    assert len(usable()[0]) == 1


def test_one_of_the_command_line_has_no_author(kept):
    usable, _ = kept(author=False)
    assert usable()[0][0].scope.covers(BESIDE)


def test_a_document_as_azure_has_it_is_the_command_line_s(tmp_path):
    """The people whom Azure names in it are none of this server's."""
    properties = {
        "isEnabled": True, "scopes": [], "actions": [{"actionType": "Workspace", "workspaceResourceId": "/x/default"}],
        "sources": [{"eventSource": "Assessments"}], "metadata": {"lastUpdatedBy": "somebody of Azure"},
    }  # fmt: skip
    given = tmp_path / "azures.json"
    given.write_text(json.dumps({"name": "copied", "properties": properties}))
    data = ["--data", str(tmp_path / "data"), "automations"]
    done = CliRunner().invoke(cli, [*data, "add", "--from", str(given), "copied"])
    assert done.exit_code == 0, done.output
    listed = CliRunner().invoke(cli, [*data, "list", "--output", "json"])
    assert (listed.exit_code, "copied" in listed.output) == (0, True), listed.output


@pytest.mark.parametrize("named", ["a", f"{SUB}/resourceGroups/here/providers/{TYPE}/a"], ids=["name", "id"])
def test_one_whose_author_is_gone_is_removed_by_command(kept, state, tmp_path, named):
    usable, who = kept(("Contributor", SUB))
    (key,) = (one.key for one in state.arm_documents.all([TYPE]))
    other = build_credential_name("/providers/microsoft.security/automations/other", 0, "uri")
    for name in (
        build_credential_name(key, 0, "uri"),
        build_credential_name(key, 1, "connectionString"),
        other,
    ):
        state.credentials.put(name, "https://x.example/")
    with state.transaction() as session:
        state.principals.disable(session, who.id)
    assert usable()[0] == []
    done = CliRunner().invoke(cli, ["--data", str(tmp_path / "data"), "automations", "remove", named])
    assert done.exit_code == 0, done.output
    assert usable() == ([], [])
    assert list(state.credentials.names()) == [other]


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example/",
        "https://127.0.0.1/x",
        "https://[::ffff:169.254.169.254]/",
        "https://a:b@x.example/",
    ],
)
def test_an_address_that_no_run_would_ask_is_not_kept_by_command(tmp_path, url):
    given = tmp_path / "azures.json"
    action = {"actionType": "LogicApp", "uri": url}
    given.write_text(
        json.dumps({"properties": {"sources": [{"eventSource": "Alerts"}], "actions": [action]}})
    )
    (tmp_path / "secret").write_text("a word of many letters")
    named = ["response", "secret", "s", "--from", f"file:{tmp_path / 'secret'}"]
    done = CliRunner().invoke(cli, ["--data", str(tmp_path / "data"), *named])
    assert done.exit_code == 0, done.output
    data = ["--data", str(tmp_path / "data"), "automations"]
    for more in (["--from", str(given)], ["--on", "Alerts", "--webhook", url, "--secret", "s"]):
        done = CliRunner().invoke(cli, [*data, "add", *more, "inside"])
        assert done.exit_code == 2, done.output
        assert "is blocked by the egress policy" in done.output
    assert "inside" not in CliRunner().invoke(cli, [*data, "list"]).output


def vault(subscription, group="here"):
    return f"{subscription}/resourceGroups/{group}/providers/Microsoft.KeyVault/vaults/kv"


def alert(*resources, beside=""):
    """The row of an alert: an account, and resources of which the first is the row's where they lie in one subscription."""
    entities = [
        {"Type": "account", "Name": "ada"},
        *({"Type": "azure-resource", "ResourceId": one} for one in resources),
    ]
    one = len({each.split("/")[2] for each in resources}) == 1
    return {
        "SystemAlertId": "a", "AlertSeverity": "High", "Entities": json.dumps(entities), "_ResourceId": resources[0] if one else "",
        "ExtendedProperties": json.dumps({"Query": "AzureDiagnostics", "Custom Details": beside}),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("role", "scope", "row", "told"),
    [
        ("Owner", "/", alert(vault(SUB)), True),
        ("Owner", "/", alert(vault(SUB), vault(OTHER)), True),
        ("Owner", "/", alert(vault(OTHER)), False),
        ("Owner", "/", alert(), False),
        ("Contributor", SUB, alert(vault(SUB)), True),
        ("Contributor", SUB, alert(vault(SUB), vault(OTHER)), False),
        ("Contributor", SUB, alert(vault(SUB), beside=vault(OTHER)), False),
        ("Contributor", f"{SUB}/resourcegroups/here", alert(vault(SUB)), True),
        ("Contributor", f"{SUB}/resourcegroups/here", alert(vault(SUB, "beside")), False),
        ("Security Reader", OTHER, alert(vault(SUB)), False),
    ],
    ids=lambda one: one if isinstance(one, str) and len(one) < 20 else "",
)
def test_it_is_told_of_alerts_about_what_its_author_reads(kept, role, scope, row, told):
    usable, _ = kept((role, scope), events=("Alerts",))
    ((one,), _) = usable()
    assert one.matches("alert.created", EventView({}, row)) is told


@pytest.mark.parametrize(
    ("scope", "told"), [(SUB, True), (f"{SUB}/resourcegroups/beside", False), (OTHER, False)]
)
def test_scopes_bound_the_alerts(kept, scope, told):
    usable, _ = kept(("Owner", "/"), events=("Alerts",), scopes=(scope,))
    ((one,), _) = usable()
    assert one.matches("alert.created", EventView({}, alert(vault(SUB)))) is told
