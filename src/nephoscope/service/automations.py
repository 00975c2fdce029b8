"""Workflow automations: keep, try and remove them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nephoscope.automation.engine import AutomationEngine
from nephoscope.automation.languages.security_actions import secrets_of
from nephoscope.automation.languages.security_automations import TYPE
from nephoscope.automation.rules import load_rules
from nephoscope.automation.trial import try_with_documents
from nephoscope.service.actors import ROOT_SCOPE
from nephoscope.state.workspace import DEFAULT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nephoscope.automation.rule import AutomationRule
    from nephoscope.lake.lake import Lake
    from nephoscope.service.context import ServiceContext
    from nephoscope.state.automation_runs import AutomationRun

READ, WRITE, DELETE = (f"Microsoft.Security/automations/{one}" for one in ("read", "write", "delete"))
TEST = "Microsoft.Security/automations/test/action"


def put_automation(
    context: ServiceContext, key: str, document: dict[str, Any], secrets: Mapping[str, str]
) -> bool:
    """Keep the automation of a lower-cased id with its secrets, by the names of their credentials; whether it is new."""
    context.require(WRITE, ROOT_SCOPE)
    state = context.state
    with state.credentials.sealing(secrets) as keep, state.transaction() as session:
        keep(session)
        new = state.arm_documents.put(session, key, TYPE, document, context.actor.name)
        context.enter(session, WRITE, key)
    return new


def remove_automation(context: ServiceContext, key: str) -> None:
    """Remove the automation of a lower-cased id, and its secrets; what it has begun goes on."""
    context.require(DELETE, ROOT_SCOPE)
    names = secrets_of(key, context.state.credentials.names())
    with context.state.transaction() as session:
        context.state.arm_documents.remove(session, key)
        context.state.credentials.drop(session, names)
        context.enter(session, DELETE, key)


def try_automation(context: ServiceContext, lake: Lake, automation: AutomationRule) -> list[AutomationRun]:
    """Do every action of an automation with the first document that it asks for; the runs as they ended."""
    context.require(TEST, ROOT_SCOPE)
    rules = load_rules(context.data, context.state).rules
    engine = AutomationEngine(lake, context.state, DEFAULT, rules)
    with context.change(TEST, ROOT_SCOPE, automation.key):
        return try_with_documents(engine, automation, context.now)
