"""An automation whose runs were given up, for tests of those who tell of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from nephoscope.automation.rule_formats.security_automations import TENANT, TYPE
from nephoscope.state import State
from nephoscope.state.automation.automation_runs import AutomationRun, RuleLanguage, RunStatus

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
KEY = f"{TENANT}/tell <team>".lower()
REASON = "recipient a@other.example is not allowed in operator.yaml"
SUBJECT = "/subscriptions/11111111-1111-4111-8111-111111111111/resourceGroups/rg/providers/Microsoft.Compute/virtualMachines/vm-1"


def automation(state: State) -> None:
    """Keep the automation."""
    body: dict[str, Any] = {
        "id": f"{TENANT}/tell <team>", "name": "tell <team>", "type": "Microsoft.Security/automations",
        "properties": {"isEnabled": True, "scopes": [{"scopePath": SUBJECT[:51]}],
                       "sources": [{"eventSource": "Assessments"}], "actions": [{"actionType": "Mail", "to": ["a@other.example"]}]},
    }  # fmt: skip
    with state.transaction() as session:
        state.arm_documents.put(session, KEY, TYPE, body, "test")


def run(
    state: State,
    id_: str,
    status: RunStatus,
    detail: str = "",
    rule: str = KEY,
    minutes: int = 0,
    language: RuleLanguage = RuleLanguage.AUTOMATION,
) -> None:
    """Keep a run."""
    at = NOON + timedelta(minutes=minutes)
    made = AutomationRun(
        id_,
        "default",
        rule,
        "mail",
        {},
        "assessments.changed",
        SUBJECT,
        {},
        status,
        at,
        NOON,
        at,
        1,
        detail=detail,
        language=language,
        urgent=False,
    )
    with state.transaction() as session:
        state.automation_runs.put(session, made)


def spoil(state: State) -> None:
    """An automation with two dead runs and one that was done; a response rule with one that waits."""
    automation(state)
    run(state, "dead-1", RunStatus.DEAD, "older")
    run(state, "dead-2", RunStatus.DEAD, REASON, minutes=1)
    run(state, "done-1", RunStatus.DONE, "sent", minutes=2)
    run(state, "wait-1", RunStatus.PENDING, rule="page <us>", minutes=3, language=RuleLanguage.RESPONSE)
