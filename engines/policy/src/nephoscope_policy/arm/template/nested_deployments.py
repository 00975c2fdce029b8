"""Nested deployments: target scope, template and evaluation frame."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope_policy.arm.template.deployment import Deployment
from nephoscope_policy.arm.template.deployment_scope import DeploymentScope
from nephoscope_policy.arm.template.document import Located, Path, TemplateDocument, member
from nephoscope_policy.arm.template.expansion_result import PlannedResource
from nephoscope_policy.arm.template.expansion_state import MAX_NESTING
from nephoscope_policy.arm.template.expansion_types import GivenParameter, WrittenNode
from nephoscope_policy.arm.template.linked_templates import load_linked_parameters, load_linked_template
from nephoscope_policy.arm.template.parameters import read_given_parameters
from nephoscope_policy.arm.template.template_instance import TemplateInstance
from nephoscope_policy.arm.text_patterns import build_pattern
from nephoscope_policy.arm.unknown import Unknown

if TYPE_CHECKING:
    from collections.abc import Mapping


def resolve_nested_scope(deployment: Deployment, origin: WrittenNode) -> DeploymentScope:
    """The scope that a deployment resource goes to by `scope`, `subscriptionId` and `resourceGroup`, else that of the outer one."""
    outer = deployment.scope
    scope = _match_pattern(origin, "scope")
    if scope is not None:
        found = outer.find_scope(scope if scope.startswith("/") else f"/providers/{scope}")
        if found is not None:
            return found
        deployment.plan.report(
            origin.document.find_place(origin.path),
            f"{scope!r} is not the id of a scope that takes deployments",
        )
    subscription, group = _match_pattern(origin, "subscriptionId"), _match_pattern(origin, "resourceGroup")
    if group is not None:
        return outer.to_resource_group(group, subscription or outer.subscription_id)
    return outer if subscription is None else outer.to_subscription(subscription)


def _match_pattern(origin: WrittenNode, name: str) -> str | None:
    found = member(origin.node, name)
    if found is None:
        return None
    value = origin.frame.evaluate(origin.document, (*origin.path, found[0]), found[1])
    return build_pattern(value) or (
        str(build_pattern(Unknown(key=name))) if isinstance(value, Unknown) else None
    )


def build_nested_deployment(outer: Deployment, resource: PlannedResource) -> Deployment:
    """The deployment behind a deployment resource; one whose template cannot be read has none, and says why."""
    origin = resource.origin
    scope = resolve_nested_scope(outer, origin)
    inner = Deployment(
        outer.plan, outer.lister, scope, resource.key_text, resource.full_name, outer.level + 1
    )
    if inner.level > MAX_NESTING:
        outer.plan.report(resource.place, f"deployments are nested deeper than {MAX_NESTING} levels")
        return inner
    found = member(origin.node, "properties")
    if found is None or not isinstance(found[1], dict):
        outer.plan.report(resource.place, "a deployment needs properties with a template or a templateLink")
        return inner
    path, properties = (*origin.path, found[0]), found[1]
    template, is_linked = _find_template(origin, path, properties)
    if template is None:
        return inner
    inner.files = outer.files | {template[0].file}
    if not is_linked and not _is_inner(origin, path, properties):
        inner.outer = outer
        inner.template = WrittenNode(*template, origin.frame.make_nested_frame(inner))
    else:
        instance = TemplateInstance(
            *template, _read_given_parameters(origin, path, properties), inner.scope, inner
        )
        instance.check_given_parameters()
        inner.template = WrittenNode(*template, instance.frame)
    return inner


def _find_template(
    origin: WrittenNode, path: Path, properties: dict[str, object]
) -> tuple[Located | None, bool]:
    """The template, inline or linked, and whether it is linked; None where it cannot be read, which is reported."""
    inline = member(properties, "template")
    if inline is not None and isinstance(inline[1], dict):
        return (origin.document, (*path, inline[0]), inline[1]), False
    if inline is not None:
        here = (*path, inline[0])
        value = origin.frame.evaluate(origin.document, here, inline[1])
        if isinstance(value, dict):
            return (
                TemplateDocument.from_expression(value, origin.document.find_place(here)),
                (),
                value,
            ), False
    link = member(properties, "templateLink")
    if link is not None:
        return load_linked_template(origin, (*path, link[0]), link[1]), True
    plan = origin.frame.deployment.plan
    plan.report(
        origin.document.find_place(path),
        "the template of this deployment is not known: it is not expanded",
        error=False,
        unread=True,
    )
    return None, False


def _is_inner(origin: WrittenNode, path: Path, properties: dict[str, object]) -> bool:
    found = member(properties, "expressionEvaluationOptions")
    scope = member(found[1], "scope") if found else None
    if found is None or scope is None:
        return False
    value = origin.frame.evaluate(origin.document, (*path, found[0], scope[0]), scope[1])
    return isinstance(value, str) and value.lower() == "inner"


def _read_given_parameters(
    origin: WrittenNode, path: Path, properties: Mapping[str, object]
) -> Mapping[str, GivenParameter]:
    found = member(properties, "parameters")
    if found is None:
        link = member(properties, "parametersLink")
        return {} if link is None else load_linked_parameters(origin, (*path, link[0]), link[1])
    here = (*path, found[0])
    if isinstance(found[1], dict):
        return read_given_parameters(origin.document, here, found[1], origin.frame)
    value = origin.frame.evaluate(origin.document, here, found[1])
    return read_given_parameters(
        TemplateDocument.from_expression(value, origin.document.find_place(here)), (), value, None
    )
