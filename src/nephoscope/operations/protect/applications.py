"""Adaptive application control: groups of similar machines, proposed rules, and their acceptance."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Literal

import msgspec

from nephoscope.operations.declaration.operation import (
    ApiRoute,
    CommandLine,
    OperationCall,
    OperationGroup,
    any_part_scope,
    translate_errors,
)
from nephoscope.operations.declaration.request_field import describe
from nephoscope.operations.declaration.schemas import PLAIN, InWorkspace, Shape, to_shape
from nephoscope.protect.applications.learned_group import LearnedGroup
from nephoscope.service import application_control as service
from nephoscope.service.application_control import READ, WRITE, ApplicationControlError

OPERATIONS = OperationGroup(
    "applications", "Adaptive application control", "The group",
    "Adaptive application control: learn what similar machines run, accept it, and find what else runs.",
)  # fmt: skip
GroupName = Annotated[
    str, describe("Name or resource ID of a group.", max_length=1000, pattern=PLAIN, metavar="GROUP")
]
Paths = Annotated[tuple[Annotated[str, msgspec.Meta(max_length=4096)], ...], msgspec.Meta(max_length=1000)]


class ApplicationLearning(InWorkspace, frozen=True, kw_only=True):
    """The days of executions to learn from."""

    days: Annotated[int, describe("Days to learn from.", ge=1, le=90)] = 30


class ApplicationCheck(InWorkspace, frozen=True, kw_only=True):
    """The days of executions to compare with what is accepted."""

    days: Annotated[int, describe("Days to check.", ge=1, le=90)] = 1


class ApplicationAcceptance(Shape, frozen=True, kw_only=True):
    """The mode of a policy, with paths beside the recommended ones, or without them."""

    mode: Annotated[
        Literal["Audit", "Enforce", "None"],
        describe("Audit raises alerts, Enforce also lets agents that opted in block, None does neither."),
    ] = "Audit"
    allow: Annotated[
        Paths, describe("Also accept the rule of PATH, which is not recommended.", metavar="PATH")
    ] = ()
    refuse: Annotated[Paths, describe("Do not accept the rule of PATH.", metavar="PATH")] = ()


class ApplicationGroupShape(Shape, frozen=True, kw_only=True):
    """A group of similar machines: `recommendation` is Recommended, or NotAvailable with less than two weeks of data."""

    name: str
    id: str
    system: str
    machines: tuple[str, ...]
    rules: int
    recommended: int
    days: int
    recommendation: str
    mode: str
    violations: int
    learned: datetime


class ApplicationGroupList(Shape, frozen=True, kw_only=True):
    """Groups by ID."""

    value: tuple[ApplicationGroupShape, ...]


class ApplicationRuleShape(Shape, frozen=True, kw_only=True):
    """A proposed rule: the share of the group's machines and the days on which the program was seen, and why it is recommended."""

    kind: str
    path: str
    value: str
    publisher: str
    package: str
    machines: int
    share: float
    days: int
    is_recommended: bool
    reason: str


class ApplicationRuleList(Shape, frozen=True, kw_only=True):
    """Rules, recommended and common ones first."""

    value: tuple[ApplicationRuleShape, ...]


class UnacceptedProgramShape(Shape, frozen=True, kw_only=True):
    """A program that no accepted rule allows; `reason` tells what is not recorded of it that a rule by product compares."""

    time: datetime
    group: str
    mode: str
    machine: str
    path: str
    hash: str
    publisher: str
    product: str
    package: str
    reason: str
    times: int
    command_line: str
    user: str


class UnacceptedProgramList(Shape, frozen=True, kw_only=True):
    """Programs, newest first."""

    value: tuple[UnacceptedProgramShape, ...]


def _group_rows(found: ApplicationGroupList) -> list[dict[str, object]]:
    return [
        {
            "group": one.name, "system": one.system, "machines": len(one.machines), "rules": one.rules,
            "recommended": one.recommended, "days": one.days, "recommendation": one.recommendation, "mode": one.mode,
            "violations": one.violations, "learned": one.learned, "id": one.id, "members": list(one.machines),
        }
        for one in found.value
    ]  # fmt: skip


def _build_rule_rows(found: ApplicationRuleList) -> list[dict[str, object]]:
    return [
        {
            "recommended": "yes" if one.is_recommended else "no", "kind": one.kind, "path": one.path or one.value,
            "share": f"{one.share:.0%}", "days": one.days, "publisher": one.publisher, "package": one.package,
            "reason": one.reason, "value": one.value, "machines": one.machines,
        }
        for one in found.value
    ]  # fmt: skip


def _list_violation_rows(found: UnacceptedProgramList) -> list[dict[str, object]]:
    return [
        {
            "time": one.time, "machine": one.machine.rpartition("/")[2], "path": one.path, "user": one.user, "times": one.times,
            "mode": one.mode, "commandLine": one.command_line, "hash": one.hash, "publisher": one.publisher,
            "product": one.product, "package": one.package, "reason": one.reason, "group": one.group, "resource": one.machine,
        }
        for one in found.value
    ]  # fmt: skip


def _describe_missing_days(found: ApplicationGroupList) -> Iterator[str]:
    for one in found.value:
        if one.recommendation == "NotAvailable":
            yield f"{one.name}: {one.days} days of data; a recommendation needs two weeks"


def _describe_unrecorded_programs(found: UnacceptedProgramList) -> Iterator[str]:
    for reason, count in Counter(one.reason for one in found.value if one.reason).items():
        yield f"rules by product could not be compared with {count} of them: {reason}"


_COLUMNS = (
    "group",
    "system",
    "machines",
    "rules",
    "recommended",
    "days",
    "recommendation",
    "mode",
    "violations",
)


@OPERATIONS.operation(
    WRITE, ApiRoute("POST", "/applicationGroups/learn"),
    CommandLine(
        "propose", columns=_COLUMNS, rows=_group_rows, nothing="no executions of machines with a resource ID",
        notes=_describe_missing_days,
    ),
    needs_lake=True,
)  # fmt: skip
def learn_groups(call: OperationCall, body: ApplicationLearning) -> ApplicationGroupList:
    """Group similar machines by what they executed, and propose rules for each group."""
    with translate_errors("body", ApplicationControlError):
        found = service.learn_groups(call.service, call.lake, call.workspace(body.workspace), body.days)
    return ApplicationGroupList(value=tuple(_build_group(call, one) for one in found))


@OPERATIONS.operation(
    READ, ApiRoute("GET", "/applicationGroups", scoped=any_part_scope),
    CommandLine(
        "list", columns=_COLUMNS, rows=_group_rows, nothing="no groups: `nephoscope protect applications propose` learns them",
    ),
)  # fmt: skip
def list_groups(call: OperationCall) -> ApplicationGroupList:
    """List groups of machines with the state of their policies."""
    return ApplicationGroupList(
        value=tuple(_build_group(call, one) for one in service.list_groups(call.service))
    )


@OPERATIONS.operation(
    READ, ApiRoute("GET", "/applicationGroups/{group}/rules", scoped=None),
    CommandLine(
        "rules", columns=("recommended", "kind", "path", "share", "days", "publisher", "package", "reason"), rows=_build_rule_rows,
        nothing="no rules",
    ),
)  # fmt: skip
def list_rules(call: OperationCall, group: GroupName) -> ApplicationRuleList:
    """List the proposed rules of a group with the share of machines and the days on which each program was seen."""
    found = service.find_group(call.service, group)
    return ApplicationRuleList(
        value=tuple(
            to_shape(ApplicationRuleShape, one, kind=one.rule.kind.value, path=one.rule.path, value=one.rule.value)
            for one in found.rules
        )
    )  # fmt: skip


@OPERATIONS.operation(
    WRITE, ApiRoute("POST", "/applicationGroups/{group}/accept", scoped=None),
    CommandLine("accept", "{name}: accepted, mode {mode}"), needs_lake=True,
)  # fmt: skip
def accept_rules(call: OperationCall, group: GroupName, body: ApplicationAcceptance) -> ApplicationGroupShape:
    """Accept the recommended rules of a group as its policy."""
    with translate_errors("body", ApplicationControlError):
        found = service.accept_group(
            call.service, call.lake, group, body.mode, allow=body.allow, refuse=body.refuse
        )
    return _build_group(call, found)


@OPERATIONS.operation(
    READ, ApiRoute("GET", "/applicationViolations"),
    CommandLine(
        "check", columns=("time", "machine", "path", "user", "times", "mode", "commandLine"), rows=_list_violation_rows,
        nothing="no programs outside of accepted policies", notes=_describe_unrecorded_programs,
    ),
    needs_lake=True,
)  # fmt: skip
def list_violations(call: OperationCall, query: ApplicationCheck) -> UnacceptedProgramList:
    """List programs that machines executed and no accepted rule allows, newest first."""
    found = service.find_violations(call.service, call.lake, call.workspace(query.workspace), query.days)
    return UnacceptedProgramList(value=tuple(to_shape(UnacceptedProgramShape, one) for one in found))


def _build_group(call: OperationCall, one: LearnedGroup) -> ApplicationGroupShape:
    accepted = service.find_accepted_policy(call.service, one.id)
    return ApplicationGroupShape(
        name=one.name, id=one.id, system=one.system, machines=one.machines, rules=len(one.rules),
        recommended=sum(1 for rule in one.rules if rule.is_recommended), days=one.days,
        recommendation="Recommended" if one.is_ready else "NotAvailable",
        mode=accepted.enforcement_mode if accepted is not None else "", violations=len(one.violations), learned=one.learned,
    )  # fmt: skip
