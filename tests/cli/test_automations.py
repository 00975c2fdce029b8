"""Automations by command line: what they name must be there, and mistakes are told in the words of the options."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from tests.automation.conftest import SUBSCRIPTION, assessment
from tests.cli.test_detect import run

from nephoscope.posture.published.build_info import BuildInfo
from nephoscope.posture.published.publishing import publish_documents

pytestmark = pytest.mark.system

OPERATOR = {
    "mail": {"host": "smtp.contoso.com", "sender": "soc@contoso.com", "recipients": ["*@contoso.com"]},
    "files": {"archive": {"folder": "/var/lib/archive"}},
    "commands": {"ticket": {"run": ["/bin/true"]}},
    "webhook": {"private": ["192.0.2.0/24"]},
}
ON = ("--on", "Assessments")
HOOK = ("--webhook", "https://192.0.2.1/hook")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    from datetime import UTC, datetime

    folder = tmp_path / "data"
    (folder / "responses").mkdir(parents=True)
    (folder / "responses" / "operator.yaml").write_text(yaml.safe_dump(OPERATOR))
    made = BuildInfo(datetime(2026, 11, 1, tzinfo=UTC), "all", 1, None, 0, 0, {}, (), {}, (), (), 0, {}, {})
    publish_documents(folder, [(assessment("vm"), "securityresources")], made)
    return folder


def errors(data: Path, code: int) -> list[str]:
    return [
        row["error"] for row in json.loads(run(data, "automations", "list", "-o", "json", code=code).stdout)
    ]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        pytest.param((*ON, "--table", "export"), "workspace 'export' not found", id="table"),
        pytest.param((*ON, "--files", "nope"), "files 'nope' not found", id="files"),
        pytest.param((*ON, "--command", "nope"), "command 'nope' not found", id="command"),
        pytest.param((*ON, "--mail", "a@other.com"), "recipient a@other.com is not allowed in operator.yaml", id="mail"),
        pytest.param((*ON, "--mail", "kim"), "--mail must be an address", id="no-address"),
        pytest.param((*ON, *HOOK, "--secret", "nosuch"), "secret 'nosuch' not found: store it", id="secret"),
        pytest.param((*ON, *HOOK), "--webhook requires --secret NAME", id="unsigned"),
        pytest.param((*ON, "--mail", "a@contoso.com", "--secret", "x"), "--secret requires --webhook", id="secret-of-nothing"),
        pytest.param((*ON, "--mail", "a@contoso.com", "--batch", "5"), "--batch requires --webhook", id="batch-of-nothing"),
        pytest.param(
            (*ON, "--files", "archive", "--scope", "nonsense"),
            "the scope nonsense is invalid: use /subscriptions/ID or /subscriptions/ID/resourceGroups/NAME", id="no-scope",
        ),
        pytest.param(
            (*ON, "--files", "archive", "--scope", f"{SUBSCRIPTION}/resourceGroups/no"), "has no assessed resource",
            id="scope",
        ),
        pytest.param(ON, "an action is required: --webhook, --mail", id="nothing-done"),
        pytest.param(("--files", "archive"), "--on is required", id="nothing-told"),
        pytest.param(("--on", "Assessment", "--files", "archive"), "'Alerts', 'Incidents', 'IdentityRisks'.", id="no-event"),
        pytest.param(
            (*ON, "--files", "archive", "--where", "a Is b"),
            "--where 'a Is b': the operator must be one of Equals, Contains, StartsWith, EndsWith, NotEquals,", id="operator",
        ),
    ],
)  # fmt: skip
def test_what_an_automation_names_must_be_there(data: Path, options: tuple[str, ...], said: str) -> None:
    assert said in run(data, "automations", "add", "x", *options, code=2).stderr
    assert errors(data, 0) == []


def test_what_is_there_is_taken_and_what_went_since_is_listed_with_the_reason(data: Path) -> None:
    run(data, "workspaces", "add", "export")
    scope = f"{SUBSCRIPTION}/resourceGroups/RG"
    told = ("--table", "export", "--files", "archive", "--command", "ticket", "--mail", "a@contoso.com")
    run(data, "automations", "add", "all", *ON, *told, "--scope", scope)
    assert errors(data, 0) == [""]
    (data / "responses" / "operator.yaml").write_text(yaml.safe_dump({**OPERATOR, "files": {}}))
    (why,) = errors(data, 3)
    assert why.startswith("files 'archive' not found")
