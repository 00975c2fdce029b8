"""What an attacker would do to stay unseen, by every face that offers it: one entry each, and the chain is whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner
from starlette.testclient import TestClient
from tests.service.calls import ALERT, RULE_OF
from tests.service.house import arranged
from tests.web.sending import etag

from nephoscope.access.authenticator import Guard
from nephoscope.access.scopes import Hierarchy
from nephoscope.access.tokens import AccessTokenIssuer
from nephoscope.cli.main import cli
from nephoscope.instance import Instance
from nephoscope.posture.published.edition_cache import PublishedSnapshotCache
from nephoscope.serve.web_application import application
from nephoscope.state.access.principals import Principal, PrincipalKind, SecretKind
from nephoscope.web.site import COOKIE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SUPPRESSIONS, RULES = (
    "Microsoft.Security/alertsSuppressionRules/write",
    "Microsoft.SecurityInsights/alertRules/write",
)
_ANY = "7d1b6c4e-0000-0000-0000-000000000001"
_WORKSPACE = (
    f"/subscriptions/{_ANY}/resourceGroups/g/providers/Microsoft.OperationalInsights/workspaces/default"
)
_SAME = {"Sec-Fetch-Site": "same-origin"}


@pytest.fixture
def instance(tmp_path) -> Iterator[Instance]:
    with arranged(tmp_path) as (state, lake, data):
        shelf = PublishedSnapshotCache(data)
        yield Instance(
            data,
            state,
            lake,
            shelf,
            Guard(state, lambda: Hierarchy({})),
            AccessTokenIssuer(state, data / "keys", _ANY),
        )


@pytest.fixture
def person(instance) -> Principal:
    """An owner."""
    with instance.state.transaction() as session:
        found = instance.state.principals.add(session, PrincipalKind.PERSON, "kim@contoso.com")
        instance.state.principals.grant(session, found.id, "Owner", "/", "test")
    return found


@pytest.fixture
def pages(instance, person) -> Iterator[TestClient]:
    cookie = f"{COOKIE}={instance.guard.open_session(person)}"
    with TestClient(
        application(instance),
        base_url="https://127.0.0.1",
        headers={"Cookie": cookie, **_SAME},
        follow_redirects=False,
    ) as client:
        yield client


@pytest.fixture
def api(instance, person) -> Iterator[TestClient]:
    token = instance.guard.make_secret(person, SecretKind.TOKEN, "test")
    with TestClient(
        application(instance), base_url="https://127.0.0.1", headers={"Authorization": f"Bearer {token}"}
    ) as client:
        yield client


def _run(instance: Instance, *words: str) -> None:
    done = CliRunner().invoke(cli, ["--data", str(instance.data), *words])
    assert done.exit_code == 0, done.output


def _entered(instance: Instance, act: Callable[[], Any], operation: str) -> dict[str, Any]:
    """The detail of the one entry that an act made."""
    before = len(instance.state.audit.entries(most=1000))
    act()
    entries = instance.state.audit.entries(most=1000)
    assert len(entries) == before + 1
    assert instance.state.audit.broken() is None
    assert entries[0].operation == operation
    return {**entries[0].detail, "by": entries[0].author, "target": entries[0].target}


def test_hiding_an_address_from_every_rule_for_ever_by_the_command_line(instance):
    words = (
        "suppressions",
        "create",
        "all",
        "--rule",
        "*",
        "--entity",
        "ip.address=192.0.2.7",
        "--forever",
        "--yes",
    )
    found = _entered(instance, lambda: _run(instance, *words), SUPPRESSIONS)
    assert (found["rule"], found["target"], found["conditions"]) == (
        "*",
        "suppression all",
        ["entities.ip.address in 192.0.2.7"],
    )
    assert found["by"].startswith("os:")
    assert "expires" not in found


def test_hiding_an_address_from_every_rule_for_ever_by_the_api(instance, api):
    body = {
        "properties": {
            "alertType": "*", "reason": "Other", "state": "Enabled",
            "suppressionAlertsScope": {"allOf": [{"field": "entities.ip.address", "in": ["192.0.2.7"]}]},
        }
    }  # fmt: skip
    address = f"/subscriptions/{_ANY}/providers/Microsoft.Security/alertsSuppressionRules/all?api-version=2019-01-01-preview"

    def put() -> None:
        assert api.put(address, json=body).status_code == 200

    found = _entered(instance, put, SUPPRESSIONS)
    assert (found["rule"], found["by"], found["target"]) == ("*", "kim@contoso.com", "suppression all")
    assert found["conditions"] == ["entities.ip.address in 192.0.2.7"]


def test_hiding_what_a_rule_finds_for_ever_by_a_page(instance, pages):
    page = pages.get(f"/alerts/{ALERT}").text
    form = {
        "act": "suppress", "about": "rule", "reason": "FalsePositive", "comment": "ours", "forever": "1",
        "etag": etag(page, "suppress"),
    }  # fmt: skip

    def send() -> None:
        assert pages.post(f"/alerts/{ALERT}", data=form).status_code == 303

    found = _entered(instance, send, SUPPRESSIONS)
    assert (found["rule"], found["conditions"], found["comment"]) == (RULE_OF.id, [], "ours")
    assert "expires" not in found


def test_setting_a_threshold_that_nothing_reaches(instance):
    words = ("tuning", "set", RULE_OF.id, "--trigger-threshold", "9999")
    found = _entered(instance, lambda: _run(instance, *words), RULES)
    assert (found["settings"], found["rule"], found["before"]) == (
        {"triggerThreshold": 9999},
        RULE_OF.id,
        {"severity": "Low"},
    )


def test_disabling_a_rule_by_the_command_line(instance):
    found = _entered(instance, lambda: _run(instance, "content", "disable", RULE_OF.id), RULES)
    assert (found["target"], found["enabled"]) == (f"rule {RULE_OF.id}", False)


def test_disabling_a_rule_by_a_page(instance, pages):
    def send() -> None:
        assert pages.post(f"/rules/{RULE_OF.id}", data={"act": "off"}).status_code == 303

    found = _entered(instance, send, RULES)
    assert (found["target"], found["enabled"], found["by"]) == (
        f"rule {RULE_OF.id}",
        False,
        "kim@contoso.com",
    )


def test_disabling_a_rule_by_the_list_of_content(instance, pages):
    address = f"/content?q={RULE_OF.id}"
    assert f"{RULE_OF.id} on" in pages.get(address).text

    def send() -> None:
        form = {"act": "off", "key": f"{RULE_OF.id} on"}
        assert pages.post(address, data=form).status_code == 303

    found = _entered(instance, send, RULES)
    assert (found["target"], found["enabled"]) == (f"rule {RULE_OF.id}", False)


def test_disabling_a_rule_by_the_api(instance, api):
    address = (
        f"{_WORKSPACE}/providers/Microsoft.SecurityInsights/alertRules/{RULE_OF.id}?api-version=2023-11-01"
    )
    body = {"kind": RULE_OF.kind.value, "properties": {"enabled": False}}

    def put() -> None:
        assert api.put(address, json=body).status_code == 200

    found = _entered(instance, put, RULES)
    assert (found["target"], found["enabled"], found["by"]) == (
        f"rule {RULE_OF.id}",
        False,
        "kim@contoso.com",
    )
