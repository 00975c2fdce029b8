"""One engine asks the rules of every language, whichever command or process runs it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
import yaml
from click.testing import CliRunner

from nephoscope.automation.engine import KEPT
from nephoscope.automation.rule_catalog import load_rules
from nephoscope.automation.rule_formats.response_rules import FOLDER
from nephoscope.cli.main import cli
from nephoscope.state.automation.automation_runs import AutomationRun, RuleLanguage, RunStatus

NOW = datetime.now(UTC)
SENTINEL = "/workspaces/default/providers/microsoft.securityinsights/automationrules/tag"
TAG = {
    "actionType": "ModifyProperties",
    "order": 1,
    "actionConfiguration": {"labels": [{"labelName": "seen"}]},
}


@pytest.fixture
def rules(tmp_path, state, automate):
    """A rule of each language that is triggered by a new incident or alert."""
    folder = tmp_path / "data" / FOLDER
    folder.mkdir(parents=True)
    (folder / "r.yaml").write_text(
        yaml.safe_dump(
            {"name": "file", "when": ["incident.created"], "actions": [{"action": "incident", "tags": ["f"]}]}
        )
    )
    automate(["Incidents"], [{"actionType": "Workspace"}], name="document")
    logic = {"isEnabled": True, "triggersOn": "Incidents", "triggersWhen": "Created"}
    body = {
        "id": SENTINEL,
        "properties": {"displayName": "tag", "order": 1, "triggeringLogic": logic, "actions": [TAG]},
    }
    with state.transaction() as session:
        state.arm_documents.put(session, SENTINEL, "microsoft.securityinsights/automationrules", body, "kim")


def languages(state) -> list[str]:
    return sorted(one.language.value for one in state.automation_runs.list_newest("default"))


def test_rules_of_every_language_are_loaded_in_their_order(tmp_path, state, rules) -> None:
    found = load_rules(tmp_path / "data", state)
    assert [one.language for one in found.rules] == [
        RuleLanguage.RESPONSE,
        RuleLanguage.AUTOMATION,
        RuleLanguage.SENTINEL,
    ]
    assert (found.faults, [one.title for one in found.rules]) == ([], ["file", "document", "tag"])


@pytest.mark.parametrize(
    "command", [("response", "run"), ("automations", "run"), ("detect", "--rules", "{folder}")]
)
def test_every_command_that_runs_rules_asks_all_of_them(tmp_path, state, rules, raise_alert, command) -> None:
    folder = tmp_path / "rules"
    folder.mkdir()
    rule = {
        "id": "r9",
        "name": "None",
        "severity": "Low",
        "query": "Heartbeat",
        "queryFrequency": "1h",
        "queryPeriod": "1h",
    }
    (folder / "none.yaml").write_text(yaml.safe_dump({**rule, "kind": "Scheduled"}))
    raise_alert()
    words = [one.format(folder=folder) for one in command]
    found = CliRunner().invoke(cli, ["--data", str(tmp_path / "data"), *words], catch_exceptions=False)
    assert found.exit_code == 0, found.output
    assert languages(state) == ["automation", "response", "sentinel"]


def test_trying_an_automation_loses_no_event(tmp_path, state, rules, raise_alert) -> None:
    raise_alert()
    found = CliRunner().invoke(
        cli, ["--data", str(tmp_path / "data"), "automations", "test", "document", "--do"]
    )
    assert found.exit_code == 0, found.output
    assert languages(state) == ["automation", "response", "sentinel"]


def test_what_cannot_be_used_is_told_by_its_key(tmp_path, state) -> None:
    with state.transaction() as session:
        state.arm_documents.put(
            session,
            SENTINEL,
            "microsoft.securityinsights/automationrules",
            {"name": "x", "properties": {}},
            "kim",
        )
    (wrong,) = load_rules(tmp_path / "data", state).unusable
    assert (wrong.key, wrong.title, wrong.language) == (SENTINEL, "x", RuleLanguage.SENTINEL)
    assert str(wrong) == f"{SENTINEL}: properties.triggeringLogic: is missing"


def test_runs_of_every_language_are_forgotten_by_one_rule(state, engine) -> None:
    """Done and nothing to undo: after 30 days; dead ones, and those whose plan may be undone, stay."""

    def made(
        id_: str, status: RunStatus, language: RuleLanguage, plan: dict[str, str] | None = None
    ) -> AutomationRun:
        old = NOW - KEPT - timedelta(seconds=1)
        return AutomationRun(
            id_, "default", "r", "command", {"action": "command", "name": "x"}, "alert.created", "a", {}, status, old, old, old,
            plan=plan, language=language,
        )  # fmt: skip

    with state.transaction() as session:
        for language in RuleLanguage:
            state.automation_runs.put(session, made(f"done-{language}", RunStatus.DONE, language))
            state.automation_runs.put(session, made(f"dead-{language}", RunStatus.DEAD, language))
        state.automation_runs.put(
            session, made("applied", RunStatus.DONE, RuleLanguage.RESPONSE, {"undo": "x"})
        )
    list(engine().tick(NOW))
    left = {one.id for one in state.automation_runs.list_newest("default")}
    assert left == {"applied", *(f"dead-{language}" for language in RuleLanguage)}


def test_a_run_is_listed_by_the_language_of_its_rule(tmp_path, state, rules, raise_alert, engine) -> None:
    raise_alert()
    list(engine().tick())
    listed = CliRunner().invoke(
        cli, ["--data", str(tmp_path / "data"), "automations", "history", "--output", "json"]
    )
    assert [one["rule"] for one in json.loads(listed.stdout)] == [
        "/providers/microsoft.security/automations/document"
    ]


def test_an_event_of_an_unknown_kind_triggers_nothing_and_holds_nothing_up(
    state, rules, raise_alert, engine
) -> None:
    with state.transaction() as session:
        state.automation_runs.record_event(session, "default", "weather.changed", "x", {}, NOW)
    raise_alert()
    list(engine().tick())
    assert (state.automation_runs.waiting("default"), languages(state)) == (
        0,
        ["automation", "response", "sentinel"],
    )
