"""Rows of policies that an example's answer could have been made of: states, events, what is summed up, what is remediated."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from api_example import Example

SUBSCRIPTION = "11111111-2222-3333-4444-555555555555"
GROUP = "/providers/microsoft.management/managementgroups/"
PAGE = 1000
_POLICY = re.compile(
    r"(?P<below>.*?)/providers/microsoft\.authorization/(?P<kind>policy\w+?)s/[^/]+", re.IGNORECASE
)
_COUNT = re.compile(r"\$count\s+as\s+(\w+)", re.IGNORECASE)
_TEST = re.compile(r"(\w+)\s+(eq|ne)\s+(?:'([^']*)'|(true|false))", re.IGNORECASE)

Row = dict[str, Any]


def scope_of(example: Example) -> str:
    """What an example asks about."""
    id_ = example.id
    return id_[: id_.lower().rindex("/providers/microsoft.policyinsights/")]


def groups_of(scope: str) -> dict[str, tuple[str, ...]]:
    """A subscription in the management group that a scope is, if it is one."""
    return (
        {SUBSCRIPTION: (scope.lower(),)} if scope.lower().startswith(GROUP) and scope.count("/") == 4 else {}
    )


def holder(scope: str) -> tuple[str, Row]:
    """Under which id rows of a scope are published, and what each of them says so that it belongs to the scope."""
    named = _POLICY.fullmatch(scope)
    below = named["below"] if named else scope
    inside = f"/subscriptions/{SUBSCRIPTION}" if below.lower().startswith(GROUP) else below
    return inside, {f"{named['kind'][0].lower()}{named['kind'][1:]}Id": scope} if named else {}


def documents(example: Example, word: str) -> list[Row]:
    """Documents of states or events that the answer of a query could be made of."""
    inside, fixed = holder(scope_of(example))
    kind = f"Microsoft.PolicyInsights/{word}"
    rows = [{**filled(example, one), **fixed} for one in wanted_rows(example)]
    first = "$skiptoken" in {name.lower() for name in example.query}
    several = [*([rows[0]] * PAGE if first and rows else []), *rows]
    return [
        {"id": f"{inside}/providers/{kind}/{at:06d}", "type": kind, "properties": row}
        for at, row in enumerate(several)
    ]


def wanted_rows(example: Example) -> Iterator[Row]:
    """The rows of an answer with the names that rows are published with; of a table its rows, without what was counted."""
    counted = {one.lower() for one in _COUNT.findall(example.query.get("$apply", ""))}
    for one in example.answer["value"]:
        several = tabular(one) if "columns" in one else [one]
        for row in several:
            yield {
                f"{name[:1].lower()}{name[1:]}": value
                for name, value in row.items()
                if not name.startswith("@odata") and name.lower() not in counted
            }


def tabular(table: Mapping[str, Any]) -> list[Row]:
    """The rows of a table as objects."""
    names = [one["name"] for one in sorted(table["columns"].values(), key=lambda one: one["ordinal"])]
    return [dict(zip(names, row, strict=True)) for row in table["rows"]]


def filled(example: Example, row: Row) -> Row:
    """A row with what the filter and the interval of the example ask for, where it does not say it."""
    found = dict(row)
    known = {name.lower() for name in row}
    for name, sign, text, flag in _TEST.findall(example.query.get("$filter", "")):
        if name.lower() not in known:
            known.add(name.lower())
            value: Any = flag.lower() == "true" if flag else text
            found[f"{name[:1].lower()}{name[1:]}"] = value if sign.lower() == "eq" else "other"
    start = example.query.get("$from", "")
    if start and "timestamp" not in known:
        found["timestamp"] = (datetime.fromisoformat(start) + timedelta(seconds=1)).isoformat()
    found.setdefault("resourceId", f"{scope_of(example)}/providers/Microsoft.Example/things/t{len(row)}")
    found.setdefault("complianceState", "Compliant" if found.get("isCompliant") else "NonCompliant")
    found.setdefault("policyAssignmentId", "/providers/Microsoft.Authorization/policyAssignments/a")
    asked = example.query.get("$select") or example.query.get("$apply")
    return (
        found if asked else {name: found[name] for name in found if name in row or name in _needed(example)}
    )


def _needed(example: Example) -> set[str]:
    """What a row must say to be picked."""
    names = {name for name, *_ in _TEST.findall(example.query.get("$filter", ""))} | (
        {"Timestamp"} if example.query.get("$from") else set()
    )
    return {f"{name[:1].lower()}{name[1:]}" for name in names}


def summarized(example: Example) -> list[Row]:
    """States that a summary could count: of every policy of its answer one resource that fails and one that complies."""
    inside, fixed = holder(scope_of(example))
    answer = example.answer["value"][0]
    detailed = "policyGroupDetails" in answer["results"]
    policies = [
        (one, policy) for one in answer["policyAssignments"] for policy in one.get("policyDefinitions") or ()
    ] or [
        (
            {"policyAssignmentId": "/providers/Microsoft.Authorization/policyAssignments/a"},
            {"policyDefinitionId": "/p", "effect": "deny"},
        )
    ]
    found = []
    named = any("policyDefinitionGroupNames" in policy for _, policy in policies)

    def grouped(policy: Mapping[str, Any]) -> bool:
        """Whether the policy is of a group: it says so, or none does and groups are counted all the same."""
        return "policyDefinitionGroupNames" in policy or (detailed and not named)

    for at, (assignment, policy) in enumerate(policies):
        for state in ("NonCompliant", "Compliant"):
            row = {
                "resourceId": f"{inside}/things/{state}",
                "policyAssignmentId": assignment["policyAssignmentId"],
                "policySetDefinitionId": assignment.get("policySetDefinitionId", ""),
                "policyDefinitionId": policy["policyDefinitionId"],
                "policyDefinitionReferenceId": policy.get("policyDefinitionReferenceId", ""),
                "policyDefinitionAction": policy.get("effect", ""),
                "complianceState": state,
                "isCompliant": state == "Compliant",
                **({"policyDefinitionGroupNames": ["group"]} if grouped(policy) else {}),
            }
            row = filled(example, {**row, **fixed}) | row | fixed
            kind = "Microsoft.PolicyInsights/policyStates"
            if start := example.query.get("$from"):
                row["timestamp"] = (datetime.fromisoformat(start) + timedelta(seconds=1)).isoformat()
            found.append(
                {"id": f"{inside}/providers/{kind}/{at:04d}{state}", "type": kind, "properties": row}
            )
    return found


def followed(example: Example, assignment: str, state: str) -> list[Row]:
    """States of the resources that a remediation follows."""
    inside, _ = holder(scope_of(example))
    answer = example.answer if isinstance(example.answer, dict) else {}
    resources = [one["remediatedResourceId"] for one in answer.get("value") or ()] or [f"{inside}/things/t"]
    kind = "Microsoft.PolicyInsights/policyStates"
    return [
        {
            "id": f"{inside}/providers/{kind}/{at}",
            "type": kind,
            "properties": {
                "resourceId": one, "policyAssignmentId": assignment, "complianceState": state, "resourceLocation": "westeurope",
            },
        }
        for at, one in enumerate(resources)
    ]  # fmt: skip
