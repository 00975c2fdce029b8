"""Azure's automations: documents in the shape of Microsoft.Security/automations.

Source: https://learn.microsoft.com/rest/api/defenderforcloud/automations (2019-01-01-preview)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nephoscope.automation.condition import (
    ALWAYS,
    ORDERED,
    TEXT_OPERATORS,
    AllConditions,
    AnyCondition,
    PathProperty,
    ValueCondition,
    read_number,
)
from nephoscope.automation.event_kinds import SOURCES, list_source_kinds
from nephoscope.automation.rule import AutomationError, AutomationRule, Trigger
from nephoscope.automation.rule_formats.security_actions import to_engine_action
from nephoscope.automation.rule_scope import RuleScope, parse_subscription
from nephoscope.state.automation.automation_runs import RuleLanguage

TYPE = "microsoft.security/automations"
TENANT = "/providers/Microsoft.Security/automations"
"""Scope of automations that apply everywhere, as created by the command line."""
OPERATORS = (*TEXT_OPERATORS, "NotEquals", *ORDERED)
_NUMBERS = ("Integer", "Number")


def read_automation(body: Mapping[str, object]) -> AutomationRule:
    """Return the automation of a document with its id; AutomationError where it is none."""
    properties = body.get("properties")
    if not isinstance(properties, dict):
        raise AutomationError("properties", "is missing")
    key = str(body["id"]).lower()
    triggers = tuple(
        _read_source(one, f"properties.sources[{at}]")
        for at, one in enumerate(_read_list(properties, "sources"))
    )
    if not triggers:
        raise AutomationError("properties.sources", "has no event source")
    scopes = tuple(
        str(one.get("scopePath") or "").lower().rstrip("/") for one in _read_list(properties, "scopes")
    )
    return AutomationRule(
        key,
        str(body.get("name") or key),
        RuleLanguage.AUTOMATION,
        triggers,
        _read_actions(key, properties),
        enabled=properties.get("isEnabled", True) is True,
        scope=RuleScope(parse_subscription(key), scopes),
    )


def _read_actions(key: str, properties: Mapping[str, object]) -> list[dict[str, object]]:
    actions = []
    for at, one in enumerate(_read_list(properties, "actions")):
        try:
            actions.append(to_engine_action(key, at, one))
        except ValueError as error:
            raise AutomationError(f"properties.actions[{at}]", str(error)) from error
    if not actions:
        raise AutomationError("properties.actions", "has no action")
    return actions


def _read_source(given: Any, where: str) -> Trigger:
    """Return the trigger of a source; all conditions of one of its sets must hold (no set: any event)."""
    event = given.get("eventSource") if isinstance(given, dict) else None
    if event not in SOURCES:
        raise AutomationError(f"{where}.eventSource", f"must be one of {', '.join(SOURCES)} (got {event!r})")
    sets = []
    for at, one in enumerate(_read_list(given, "ruleSets")):
        rules = _read_list(one, "rules") if isinstance(one, dict) else []
        path = f"{where}.ruleSets[{at}].rules"
        sets.append(
            AllConditions(tuple(_read_condition(each, f"{path}[{n}]") for n, each in enumerate(rules)))
        )
    return Trigger(list_source_kinds(event), AnyCondition(tuple(sets)) if sets else ALWAYS)


def _read_condition(given: Any, where: str) -> ValueCondition:
    names = ("propertyJPath", "operator", "expectedValue")
    path, operator, expected = (given.get(name) if isinstance(given, dict) else None for name in names)
    if not isinstance(path, str) or not path:
        raise AutomationError(f"{where}.propertyJPath", "must be a path such as properties.status.code")
    if operator not in OPERATORS:
        raise AutomationError(
            f"{where}.operator", f"must be one of {', '.join(OPERATORS)} (got {operator!r})"
        )
    if expected is None:
        raise AutomationError(f"{where}.expectedValue", "is missing")
    is_number = given.get("propertyType") in _NUMBERS
    if operator in ORDERED and read_number(expected) is None:
        raise AutomationError(f"{where}.expectedValue", f"{operator} requires a number (got {expected!r})")
    negated = operator == "NotEquals"
    compared = "EqualsNumber" if is_number and operator in ("Equals", "NotEquals") else operator
    return ValueCondition(
        PathProperty(path), "Equals" if compared == "NotEquals" else compared, [expected], negated
    )


def _read_list(holder: Mapping[str, object], name: str) -> list[Any]:
    found = holder.get(name) or []
    if not isinstance(found, list):
        raise AutomationError(name, "must be a list")
    return found
