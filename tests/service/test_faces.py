"""What an attacker would do to stay unseen, by every face that offers it: one entry each, and the chain is whole.

An act is a row of the table for each face; what a face does not offer has none: neither the API nor a page changes the threshold of
a shipped rule.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from starlette.testclient import TestClient
from tests.service.calls import ALERT, RULE_OF
from tests.service.house import arranged
from tests.signing_keys import put_signing_key
from tests.web.sending import etag

from nephoscope.access.authenticator import Guard
from nephoscope.access.scopes import Hierarchy
from nephoscope.access.tokens import AccessTokenIssuer
from nephoscope.cli.main import cli
from nephoscope.instance import Instance
from nephoscope.posture.published.snapshot_cache import PublishedSnapshotCache
from nephoscope.serve.web_application import build_application
from nephoscope.service import tenants, watchlists, workspaces
from nephoscope.state.access.principals import PrincipalKind, SecretKind
from nephoscope.state.audit.audit import AuditEntry
from nephoscope.web.site import COOKIE

SUPPRESSIONS, RULES = (
    "Microsoft.Security/alertsSuppressionRules/write",
    "Microsoft.SecurityInsights/alertRules/write",
)
ID, CLIENT = "7d1b6c4e-0000-0000-0000-000000000001", "22222222-2222-3333-4444-555555555555"
SECRET = "very~secret~text"
WORKSPACE = f"/subscriptions/{ID}/resourceGroups/g/providers/Microsoft.OperationalInsights/workspaces/default"
INSIGHTS = f"{WORKSPACE}/providers/Microsoft.SecurityInsights"
SUPPRESSED = f"/subscriptions/{ID}/providers/Microsoft.Security/alertsSuppressionRules"


class Faces:
    """A server with an owner who is signed in and has a token, and its data folder for commands."""

    def __init__(self, instance: Instance, client: TestClient) -> None:
        self.instance, self._client = instance, client
        with instance.state.transaction() as session:
            owner = instance.state.principals.add(session, PrincipalKind.PERSON, "kim@contoso.com")
            instance.state.principals.grant(session, owner.id, "Owner", "/", "test")
        self._token = {
            "Authorization": f"Bearer {instance.guard.make_secret(owner, SecretKind.TOKEN, 'test')}"
        }
        self._cookie = {
            "Cookie": f"{COOKIE}={instance.guard.open_session(owner)}", "Sec-Fetch-Site": "same-origin"
        }  # fmt: skip

    def command(self, *words: str) -> None:
        done = CliRunner().invoke(cli, ["--data", str(self.instance.data), *words], env={"GIVEN": SECRET})
        assert done.exit_code == 0, done.output

    def send(self, method: str, path: str, body: dict[str, Any]) -> None:
        done = self._client.request(method, path, headers=self._token, json=body)
        assert done.status_code < 300, done.text

    def form(self, path: str, act: str = "", **form: str) -> None:
        page = self._client.get(path, headers=self._cookie).text
        sent = {
            **form,
            **({"act": act} if act else {}),
            **({"etag": etag(page, act)} if 'name="etag"' in page else {}),
        }
        done = self._client.post(path, headers=self._cookie, data=sent, follow_redirects=False)
        assert done.status_code == 303, done.text


@pytest.fixture
def faces(tmp_path: Path) -> Iterator[Faces]:
    with arranged(tmp_path) as (state, lake, data):
        put_signing_key(data)
        guard, snapshots = Guard(state, lambda: Hierarchy({})), PublishedSnapshotCache(data)
        instance = Instance(data, state, lake, snapshots, guard, AccessTokenIssuer(state, data / "keys", ID))
        with TestClient(build_application(instance), base_url="https://127.0.0.1") as client:
            yield Faces(instance, client)


@dataclass(frozen=True, slots=True)
class Act:
    """An act by each face, with the entry that it makes; `hides` is a text that is nowhere in the data folder afterwards."""

    operation: str
    target: str
    detail: Mapping[str, object]
    faces: Mapping[str, Callable[[Faces], None]]
    hides: str = ""


def _suppress(rule: str, *allowed: dict[str, object]) -> dict[str, Any]:
    scope = {"suppressionAlertsScope": {"allOf": list(allowed)}} if allowed else {}
    return {"properties": {"alertType": rule, "reason": "Other", "state": "Enabled", **scope}}


ACTS = {
    "hide an address from every rule for ever": Act(
        SUPPRESSIONS, "suppression all", {"rule": "*", "conditions": ["entities.ip.address in 192.0.2.7"], "expires": None},
        {
            "command": lambda it: it.command(
                "suppressions", "create", "all", "--rule", "*", "--entity", "ip.address=192.0.2.7", "--forever", "--yes"
            ),
            "api": lambda it: it.send(
                "PUT", f"{SUPPRESSED}/all?api-version=2019-01-01-preview",
                _suppress("*", {"field": "entities.ip.address", "in": ["192.0.2.7"]}),
            ),
        },
    ),
    "hide what a rule finds for ever": Act(
        SUPPRESSIONS, "suppression", {"rule": RULE_OF.id, "conditions": [], "expires": None},
        {
            "command": lambda it: it.command("suppressions", "create", "all", "--rule", RULE_OF.id, "--forever", "--yes"),
            "api": lambda it: it.send("PUT", f"{SUPPRESSED}/all?api-version=2019-01-01-preview", _suppress(RULE_OF.id)),
            "page": lambda it: it.form(
                f"/alerts/{ALERT}", "suppress", about="rule", reason="FalsePositive", comment="ours", forever="1"
            ),
        },
    ),
    "set a threshold that nothing reaches": Act(
        RULES, "", {"settings": {"triggerThreshold": 9999}, "rule": RULE_OF.id, "before": {"severity": "Low"}},
        {"command": lambda it: it.command("tuning", "set", RULE_OF.id, "--trigger-threshold", "9999")},
    ),
    "switch a rule off": Act(
        RULES, f"rule {RULE_OF.id}", {"enabled": False},
        {
            "command": lambda it: it.command("content", "disable", RULE_OF.id),
            "api": lambda it: it.send(
                "PUT", f"{INSIGHTS}/alertRules/{RULE_OF.id}?api-version=2023-11-01",
                {"kind": RULE_OF.kind.value, "properties": {"enabled": False}},
            ),
            "page": lambda it: it.form(f"/rules/{RULE_OF.id}", "off"),
            "list": lambda it: it.form(f"/content?q={RULE_OF.id}", "off", key=f"{RULE_OF.id} on"),
        },
    ),
    "set a retention of one day": Act(
        workspaces.WRITE, "workspace default", {"act": "change", "days": 1, "before": {"days": 90}},
        {
            "command": lambda it: it.command("workspaces", "set", "default", "--retention", "1"),
            "admin": lambda it: it.send("PATCH", "/admin/v1/workspaces/default", {"days": 1}),
            "page": lambda it: it.form("/settings/workspaces/item/default", "change", days="1"),
        },
    ),
    "connect a tenant with a secret": Act(
        tenants.WRITE, "tenant contoso", {"act": "connect", "tenant": ID, "client": CLIENT, "signIn": "secret"},
        {
            "command": lambda it: it.command(
                "tenants", "add", "contoso", "--tenant", ID, "--client", CLIENT, "--secret", "secret=env:GIVEN"
            ),
            "admin": lambda it: it.send(
                "POST", "/admin/v1/tenants",
                {"name": "contoso", "connection": {"tenant": ID, "client": CLIENT}, "secrets": {"secret": SECRET}},
            ),
            "page": lambda it: it.form(
                "/sources/tenants/new", name="contoso", tenant=ID, client=CLIENT, sign_in="secret", secret=SECRET, hours="8"
            ),
        },
        hides=SECRET,
    ),
    "trust an address by a watchlist": Act(
        watchlists.WRITE, "", {"act": "create"},
        {
            "command": lambda it: it.command("watchlists", "create", "KnownEgress"),
            "api": lambda it: it.send(
                "PUT", f"{INSIGHTS}/watchlists/KnownEgress?api-version=2023-11-01",
                {"properties": {"displayName": "Trusted", "provider": "p", "itemsSearchKey": "Address", "rawContent": "Address\n"}},
            ),
            "page": lambda it: it.form("/settings/watchlists/act/create", alias="KnownEgress", days="0"),
        },
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "face"),
    [pytest.param(name, face, id=f"{name} by {face}") for name, act in ACTS.items() for face in act.faces],
)
def test_an_act_has_one_entry(faces: Faces, name: str, face: str) -> None:
    act, audit = ACTS[name], faces.instance.state.audit
    before = audit.entries(most=1000)
    act.faces[face](faces)
    made: list[AuditEntry] = audit.entries(most=1000)[: -len(before)]
    assert [one.operation for one in made] == [act.operation]
    assert (made[0].outcome, act.target in made[0].target) == ("Succeeded", True)
    assert {key: made[0].detail.get(key) for key in act.detail} == act.detail
    assert made[0].author.startswith("os:") if face == "command" else made[0].author == "kim@contoso.com"
    assert audit.find_broken_entry() is None
    if act.hides:
        kept = b"".join(one.read_bytes() for one in faces.instance.data.rglob("*") if one.is_file())
        assert act.hides.encode() not in kept


def test_every_act_is_in_the_table_by_the_command_line() -> None:
    assert len(ACTS) == 7
    assert all("command" in act.faces for act in ACTS.values())
