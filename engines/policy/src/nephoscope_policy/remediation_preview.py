"""Preview of an effect, which is shown and never applied: a JSON patch for modify and append, the deployment for deployIfNotExists.

Sources: https://learn.microsoft.com/azure/governance/policy/concepts/effect-modify, .../effect-append, .../effect-deploy-if-not-exists
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nephoscope_policy import explain
from nephoscope_policy.aliases import UnknownAlias
from nephoscope_policy.arm import ArmError
from nephoscope_policy.body_paths import MISSING, STAR, Segments
from nephoscope_policy.context import EvaluationContext
from nephoscope_policy.document import get_ignoring_case
from nephoscope_policy.errors import PolicyError, raise_first_error
from nephoscope_policy.evaluation_scope import EvaluationScope
from nephoscope_policy.json_patch import Draft, apply_patch
from nephoscope_policy.model.resource import Resource
from nephoscope_policy.parser import Parser

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nephoscope_policy import tree
    from nephoscope_policy.definition import Definition
    from nephoscope_policy.rule import Rule
    from nephoscope_policy.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Preview:
    """Preview of an effect on one resource.

    `patch` is an RFC 6902 patch of the resource's body, `deployment` the `properties` of an ARM deployment with its parameters
    evaluated (`scope` is the id it would be deployed to); both are empty where the rule does not ask for its effect.
    `conflicts` are appended values that stand against a value that is there: Azure would refuse the request.
    """

    effect: str
    patch: tuple[dict[str, object], ...] = ()
    deployment: dict[str, object] | None = None
    scope: str = ""
    conflicts: tuple[str, ...] = ()

    def apply_patch(self, resource: Resource) -> Resource:
        """The resource as the patch would leave it."""
        return Resource(resource.id, apply_patch(resource.body, self.patch), resource.complete)


def preview(
    definition: Definition,
    resource: Resource,
    snapshot: Snapshot,
    parameters: Mapping[str, object] | None = None,
    context: EvaluationContext | None = None,
) -> Preview:
    """Return what the definition's effect would do to a resource.

    Raises PolicyError for what `check` and `bind` refuse and for operations that cannot be applied, ArmError where an
    expression of the effect fails.
    """
    definition.check(snapshot.aliases, snapshot.switches)
    rule, context = definition.bind(parameters), context or EvaluationContext()
    if not rule.explain(resource, snapshot, context).matched:
        return Preview(rule.effect)
    scope = EvaluationScope(snapshot.get_view(resource), snapshot, context, rule.parameters)
    if rule.effect_key in ("modify", "append"):
        return _preview_change(rule, scope)
    if rule.effect_key == "deployifnotexists":
        return _preview_deployment(rule, scope)
    return Preview(rule.effect)


def _preview_change(rule: Rule, scope: EvaluationScope) -> Preview:
    draft = Draft(scope.subject.body)
    conflicts: list[str] = []
    for operation in rule.tree.then.operations or ():
        if operation.condition is not None and explain.explain_value(operation.condition, scope) is not True:
            continue
        name = explain.explain_value(operation.target.name, scope)
        try:
            spelled = scope.resolve_field(str(name), scope.subject).spelled
            for place in draft.expand_wildcards(spelled):
                _apply_operation(draft, operation, place, scope, conflicts)
        except (UnknownAlias, ValueError) as error:
            raise PolicyError(str(error), operation.path, "compile") from error
    return Preview(rule.effect, tuple(draft.patch), conflicts=tuple(conflicts))


def _apply_operation(
    draft: Draft,
    operation: tree.EffectOperation,
    place: Segments,
    scope: EvaluationScope,
    conflicts: list[str],
) -> None:
    """One operation at one place of the body."""
    many = bool(place) and place[-1] is STAR
    if not place:
        raise PolicyError(f"'{operation.target.text}' cannot be changed", operation.path, "compile")
    value = None if operation.value is None else explain.explain_value(operation.value, scope)
    if operation.operation == "remove":
        draft.remove(place[:-1] if many else place)
    elif many:
        draft.append(place[:-1], value)
    elif operation.operation == "addOrReplace" or draft.get_value(place) in (MISSING, None):
        draft.put(place, value)
    elif operation.operation == "append" and draft.get_value(place) != value:
        conflicts.append(operation.target.text)


def _preview_deployment(rule: Rule, scope: EvaluationScope) -> Preview:
    details = rule.tree.then.details
    deployment = get_ignoring_case(details, "deployment") if isinstance(details, dict) else None
    properties = get_ignoring_case(deployment, "properties") if isinstance(deployment, dict) else None
    if not isinstance(properties, dict):
        return Preview(rule.effect)
    result = copy.deepcopy(properties)
    given = get_ignoring_case(properties, "parameters")
    if isinstance(given, dict):
        path = "policyRule.then.details.deployment.properties.parameters"
        parser = Parser()
        operand = parser.parse_operand(given, path)
        raise_first_error(parser.errors)
        key = next(key for key in result if key.lower() == "parameters")
        result[key] = explain.explain_value(operand, scope)
    return Preview(rule.effect, deployment=result, scope=_find_scope(rule, scope, details))


def _find_scope(rule: Rule, scope: EvaluationScope, details: dict[str, object]) -> str:
    """The id that the deployment goes to: a resource group, or the subscription."""
    identifier = scope.subject.resource.id
    existence = rule.tree.then.existence
    if str(get_ignoring_case(details, "deploymentScope", "")).lower() == "subscription":
        return identifier.subscription_id
    named = None if existence is None or existence.resource_group is None else existence.resource_group
    group = None if named is None else explain.explain_value(named, scope)
    if group is None:
        return identifier.resource_group_id or identifier.subscription_id
    if not isinstance(group, str):
        raise ArmError("", f"'resourceGroupName' yields {group!r}, not a text")
    return f"{identifier.subscription_id}/resourceGroups/{group}"
