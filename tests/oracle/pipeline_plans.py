"""Terraform plans of the pipeline cases: every address becomes a resource of Azure, and policies judge it alike."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import nephoscope_policy as policy
from nephoscope.collect.templates.discovery import read_template
from nephoscope.collect.templates.terraform.plan import TerraformPlan
from nephoscope.collect.templates.terraform.planned_resource import TerraformResource
from nephoscope_policy.arm.unknown import Unknown
from nephoscope_policy.model.resource import Resource
from nephoscope_policy.model.state import ComplianceState

#: Checks of the records -> built-in policies that ask the same.
POLICIES = {
    "account_secure_transfer": "404c3081-a854-4457-ae30-26a93ef643f9",
    "account_deny_access": "34c877ad-507e-4c82-993e-3452a6e0ad3c",
}


def plan_units(record: dict[str, Any], policies: Path) -> Iterator[tuple[str, bool | None, str]]:
    """Give (rule, agrees, detail) for each address of a plan: that it is mapped, and the verdict where a policy means the check."""
    read = read_template("plan.json", json.dumps(record["plan"]))
    assert read is not None
    plan = read[1]
    assert isinstance(plan, TerraformPlan)
    check = str(record.get("check") or "")
    for address, expected in (record.get("expected") or {}).items():
        made = plan.list_resources_at(address)
        good = (
            bool(made)
            and made[0].is_id_known
            and made[0].id.lower().endswith(f"/{made[0].body['name']}".lower())
        )
        yield "mapped", good, f"{address}: {made[0].id if made else 'no resource'}"
        rule = _rule(policies, POLICIES.get(check, ""))
        if rule is not None and made:
            state = _verdict(rule, made[0])
            want = ComplianceState.COMPLIANT if expected == "pass" else ComplianceState.NON_COMPLIANT
            yield check, state is want, f"{address}: {state}, expected {want}"
    for unmapped in plan.unmapped:
        yield "mapped", False, f"{unmapped.address}: {unmapped.reason}"


def _verdict(rule: policy.Rule, resource: TerraformResource) -> ComplianceState:
    made = Resource.of(_shown(resource.body))
    end = rule.assess(made, policy.Snapshot([made]), policy.EvaluationContext(now=datetime.now(UTC)))
    return ComplianceState(end.state)


def _shown(value: Any) -> Any:
    """Put a text in the place of what is known after the apply: none of the checks reads it."""
    if isinstance(value, Unknown):
        return "{known after the apply}"
    if isinstance(value, dict):
        return {key: _shown(item) for key, item in value.items()}
    return [_shown(item) for item in value] if isinstance(value, list) else value


@cache
def _rule(folder: Path, name: str) -> policy.Rule | None:
    if not name:
        return None
    for path in folder.rglob("*.json"):
        text = path.read_text(encoding="utf-8")
        if name in text:
            body = json.loads(text)
            if body.get("name") == name:
                return policy.Definition.parse(body).bind()
    return None
