"""Risk policies: response rules that secure the accounts of risky users and of risky sign-ins, and how each is enforced.

A policy is a response rule like any other: approved, undone, audited and listed with the others; this says what it is about.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Literal

import msgspec

from nephoscope.automation.actions.account import Measure
from nephoscope.automation.operator_policy import load_operator_policy
from nephoscope.automation.rule_formats.response_rule_files import list_rule_files
from nephoscope.identity.risk_events import IDENTITY_CHANGED, SIGN_IN_DETECTED
from nephoscope.model.identity_risk import ACTIVE, RiskLevel
from nephoscope.service.actors import ROOT_SCOPE
from nephoscope.service.automations import READ
from nephoscope.service.response_rules import put_response_rule
from nephoscope.state.automation.automation_runs import RuleLanguage, RunStatus

if TYPE_CHECKING:
    from nephoscope.automation.rule_formats.response_rules import ResponseRuleFile
    from nephoscope.service.service_context import ServiceContext

RiskSubject = Literal["userRisk", "signInRisk"]
_EVENTS: dict[RiskSubject, str] = {"userRisk": IDENTITY_CHANGED, "signInRisk": SIGN_IN_DETECTED}
_LEVELS = (RiskLevel.LOW, RiskLevel.MEDIUM, RiskLevel.HIGH)
#: Runs of a rule that are counted.
MOST_RUNS = 1_000


class RiskPolicy(msgspec.Struct, frozen=True):
    """A risk policy: the least level (none = no condition on it), the measures, and how it is enforced.

    `enforcement` is off, expired, incomplete (no measure on accounts), printsSteps or changesGraph. `waiting` plans wait for an
    approval, `done` were approved and carried out, `failed` could not be, `undone` were taken back.
    """

    name: str
    subjects: tuple[RiskSubject, ...]
    level: RiskLevel
    measures: tuple[str, ...]
    enforcement: str
    waiting: int
    done: int
    failed: int
    undone: int
    last: datetime | None


def list_risk_policies(context: ServiceContext) -> list[RiskPolicy]:
    """Return the risk policies; DeniedError for who may not read response rules, ValueError where operator.yaml is wrong."""
    context.require(READ, ROOT_SCOPE)
    allowed = load_operator_policy(context.data).accounts
    changes = allowed is not None and bool(allowed.sign_in)
    return [
        _describe_risk_policy(context, file, subjects, changes=changes)
        for _, file in list_rule_files(context.data)
        if (subjects := tuple(_list_subjects(file)))
    ]


def create_risk_policy(
    context: ServiceContext,
    name: str,
    subject: RiskSubject,
    level: RiskLevel,
    measures: Sequence[Measure],
    *,
    enabled: bool,
) -> None:
    """Create a risk policy as a response rule. Raises as `put_response_rule`."""
    levels = [one.value for one in _LEVELS[_LEVELS.index(level) :]]
    conditions = [
        {"property": "riskLevel", "values": levels},
        {"property": "riskState", "values": sorted(one.value for one in ACTIVE)},
        {"property": "identityKind", "values": ["user"]},
    ]
    if subject == "userRisk":
        # a further detection on who is as risky already plans nothing again
        conditions.append({"property": "before.riskLevel", "operator": "notIn", "values": levels})
    put_response_rule(
        context,
        {
            "name": name, "when": [_EVENTS[subject]], "conditions": conditions, "enabled": enabled,
            "actions": [{"action": "account", "measures": list(measures)}],
        },
    )  # fmt: skip


def _list_subjects(file: ResponseRuleFile) -> Iterator[RiskSubject]:
    for subject, event in _EVENTS.items():
        if event in file.when:
            yield subject


def _describe_risk_policy(
    context: ServiceContext, file: ResponseRuleFile, subjects: tuple[RiskSubject, ...], *, changes: bool
) -> RiskPolicy:
    runs = context.state.automation_runs.list_runs_in_language(RuleLanguage.RESPONSE, file.name, MOST_RUNS)
    counts = Counter(one.status for one in runs if one.action == "account")
    measures = tuple(_list_measures(file))
    return RiskPolicy(
        file.name, subjects, _find_least_level(file), measures, _choose_enforcement(context, file, measures, changes=changes),
        counts[RunStatus.APPROVE], counts[RunStatus.DONE], counts[RunStatus.DEAD], counts[RunStatus.UNDONE],
        max((one.changed for one in runs), default=None),
    )  # fmt: skip


def _list_measures(file: ResponseRuleFile) -> Iterator[str]:
    for action in file.actions:
        given = action.get("measures")
        if action.get("action") == "account" and isinstance(given, list):
            yield from map(str, given)


def _find_least_level(file: ResponseRuleFile) -> RiskLevel:
    wanted = [one for one in file.conditions if one.property.lower() == "risklevel" and one.operator == "in"]
    levels = {value.lower() for one in wanted for value in one.values}
    return next((one for one in _LEVELS if one.value in levels), RiskLevel.NONE)


def _choose_enforcement(
    context: ServiceContext, file: ResponseRuleFile, measures: Sequence[str], *, changes: bool
) -> str:
    if not file.enabled:
        return "off"
    if file.to_rule().is_expired(context.now):
        return "expired"
    if not measures:
        return "incomplete"
    return "changesGraph" if changes else "printsSteps"
