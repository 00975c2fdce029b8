"""Workflow automations: keep, try and remove them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from nephoscope.automation.actions import secrets_of
from nephoscope.automation.automation import TYPE
from nephoscope.automation.trying import tried
from nephoscope.service.actors import ROOT_SCOPE

if TYPE_CHECKING:
    from nephoscope.automation.automation import Automation
    from nephoscope.lake.lake import Lake
    from nephoscope.service.context import ServiceContext
    from nephoscope.state.responses import ResponseRun

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


def try_automation(context: ServiceContext, lake: Lake, automation: Automation) -> list[ResponseRun]:
    """Do every action of an automation with the first document that it asks for; the runs as they ended."""
    with context.change(TEST, ROOT_SCOPE, automation.key):
        return tried(lake, context.state, context.data, automation, context.now)
