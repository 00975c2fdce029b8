"""Risk policies: what happens to the accounts of risky users and of risky sign-ins, and how each policy is enforced."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Literal

from nephoscope.automation.rule_formats.response_rules import ResponseRuleError
from nephoscope.model.identity_risk import RiskLevel
from nephoscope.operations.declaration.operation import (
    ApiRoute,
    CommandLine,
    OperationCall,
    OperationGroup,
    translate_errors,
)
from nephoscope.operations.declaration.operation_page import OperationForm, PageColumn, Row, SectionList
from nephoscope.operations.declaration.request_field import describe
from nephoscope.operations.declaration.schemas import Shape, Text
from nephoscope.service.automations import READ, WRITE
from nephoscope.service.risk_policies import RiskPolicy, create_risk_policy, list_risk_policies
from nephoscope.state import StateError

OPERATIONS = OperationGroup("riskPolicies", "Risk policies", "The risk policy")

SUBJECTS = {"userRisk": "User risk", "signInRisk": "Sign-in risk"}
LEVELS = {"low": "Low and above", "medium": "Medium and above", "high": "High"}
MEASURES = {
    "revokeSessions": "Revoke sessions", "requirePasswordChange": "Require a password change", "block": "Block sign-in",
}  # fmt: skip
ENFORCEMENT = {
    "off": "Off", "expired": "Expired", "incomplete": "No measure on accounts", "printsSteps": "Prints the steps after an approval",
    "changesGraph": "Changes Microsoft Graph after an approval",
}  # fmt: skip


class RiskPolicyShape(Shape, frozen=True, kw_only=True):
    """A risk policy and its enforcement; plans that wait for an approval, and those carried out, failed and undone."""

    name: str
    subjects: tuple[str, ...]
    level: str
    measures: tuple[str, ...]
    enforcement: str
    waiting: int
    done: int
    failed: int
    undone: int
    last: datetime | None


class RiskPolicyList(Shape, frozen=True, kw_only=True):
    """Risk policies by name."""

    value: tuple[RiskPolicyShape, ...]


class RiskPolicyBody(Shape, frozen=True, kw_only=True):
    """A risk policy. A person approves each plan; operator.yaml decides whether Microsoft Graph is changed."""

    name: Annotated[Text, describe("Unique name.", min_length=1)]
    subject: Annotated[
        Literal["userRisk", "signInRisk"], describe("Risk that triggers the policy.", label="Risk of")
    ] = "userRisk"
    level: Annotated[Literal["low", "medium", "high"], describe("Lowest risk level that triggers it.")] = (
        "high"
    )
    measures: Annotated[
        tuple[Literal["revokeSessions", "requirePasswordChange", "block"], ...],
        describe("Measures on the account: revokeSessions, requirePasswordChange, block."),
    ] = ("revokeSessions", "requirePasswordChange")
    disabled: Annotated[bool, describe("Create it disabled: nothing is planned.")] = False


_CHOICES = {
    "subject": lambda _: SUBJECTS, "level": lambda _: LEVELS, "measures": lambda _: MEASURES,
}  # fmt: skip


def _list_rows(found: RiskPolicyList) -> list[Row]:
    return [
        {
            "name": one.name, "risk": _format_words(one.subjects, SUBJECTS), "level": LEVELS.get(one.level, "Any"),
            "measures": _format_words(one.measures, MEASURES), "enforcement": ENFORCEMENT[one.enforcement], "waiting": one.waiting,
            "done": one.done, "failed": one.failed, "undone": one.undone, "last": one.last,
        }
        for one in found.value
    ]  # fmt: skip


def _format_words(several: tuple[str, ...], words: Mapping[str, str]) -> str:
    return ", ".join(words.get(one, one) for one in several)


@OPERATIONS.operation(
    READ, ApiRoute("GET", "/riskPolicies"),
    CommandLine(
        "list", columns=("name", "risk", "level", "measures", "enforcement", "waiting", "done", "failed", "undone", "last"),
        rows=_list_rows, nothing="no risk policies: `nephoscope identity risk-policies create` makes one",
    ),
    page=SectionList(
        "Risk policies", "Identity", "risk policy",
        "Measures on the accounts of risky users and risky sign-ins, planned for an approval.", key="name", order=25, tab="Risk",
        guide="identity.md",
        facets=("risk", "enforcement"), rows=_list_rows, nothing="No risk policies.", plural="risk policies",
        columns=(
            PageColumn("name", "Policy"), PageColumn("risk", "Risk"), PageColumn("level", "Level"),
            PageColumn("measures", "Measures", optional=True), PageColumn("enforcement", "Enforcement"),
            PageColumn("waiting", "Waiting for approval"), PageColumn("done", "Carried out", optional=True),
            PageColumn("last", "Last run", optional=True),
        ),
    ),
)  # fmt: skip
def list_policies(call: OperationCall) -> RiskPolicyList:
    """List risk policies with their enforcement and their plans."""
    with translate_errors("operator", ValueError):
        found = list_risk_policies(call.service)
    return RiskPolicyList(value=tuple(map(_build_shape, sorted(found, key=lambda one: one.name))))


@OPERATIONS.operation(
    WRITE, ApiRoute("POST", "/riskPolicies"), CommandLine("create", "created the risk policy {name}"),
    page=OperationForm("Create a risk policy", choices=_CHOICES),
)  # fmt: skip
def create_policy(call: OperationCall, body: RiskPolicyBody) -> None:
    """Create a risk policy. It is a response rule, and is changed, disabled and deleted like the others."""
    with translate_errors("name", ResponseRuleError, StateError):
        create_risk_policy(
            call.service,
            body.name,
            body.subject,
            RiskLevel(body.level),
            body.measures,
            enabled=not body.disabled,
        )


def _build_shape(one: RiskPolicy) -> RiskPolicyShape:
    return RiskPolicyShape(
        name=one.name, subjects=one.subjects, level=one.level.value, measures=one.measures, enforcement=one.enforcement,
        waiting=one.waiting, done=one.done, failed=one.failed, undone=one.undone, last=one.last,
    )  # fmt: skip
