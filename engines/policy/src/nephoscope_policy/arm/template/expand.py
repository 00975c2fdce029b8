"""From a template with parameters and a scope to planned resources."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from nephoscope_policy.arm.template.deployment import Deployment, Plan
from nephoscope_policy.arm.template.deployment_scope import DeploymentScope, find_schema_scope
from nephoscope_policy.arm.template.document import Path, TemplateDocument, member
from nephoscope_policy.arm.template.errors import TemplateError
from nephoscope_policy.arm.template.expansion_result import TemplateExpansion
from nephoscope_policy.arm.template.expansion_state import ExpansionPlan, Loader
from nephoscope_policy.arm.template.expansion_types import GivenParameter, WrittenNode
from nephoscope_policy.arm.template.parameters import read_given_parameters
from nephoscope_policy.arm.template.resource_expansion import list_template_resources
from nephoscope_policy.arm.template.resource_ids import name_resource
from nephoscope_policy.arm.template.template_instance import TemplateInstance


def is_template(value: object) -> bool:
    """Return whether a JSON value is a deployment template, by its schema."""
    found = member(value, "$schema")
    return found is not None and find_schema_scope(found[1]) is not None


def expand_template(
    template: TemplateDocument,
    parameters: TemplateDocument | None = None,
    *,
    scope: DeploymentScope | None = None,
    load: Loader | None = None,
) -> TemplateExpansion:
    """Expand a template: its own and all nested deployments' resources, outputs and problems.

    `load` reads linked templates by path; without it they are unknown. Raises TemplateError where the document is no template
    at all; every other failure is a problem of the expansion, and what failed is unknown.
    """
    return _expand_deployment(build_root_deployment(template, parameters, scope=scope, load=load))


def build_root_deployment(
    template: TemplateDocument,
    parameters: TemplateDocument | None,
    *,
    scope: DeploymentScope | None = None,
    load: Loader | None = None,
) -> Deployment:
    """The template's own deployment before anything is listed; raises TemplateError as `expand` does."""
    path, node = find_template(template)
    where = scope or DeploymentScope()
    if where.kind is None:
        where = replace(where, kind=find_schema_scope(node.get("$schema")) or "resourceGroup")
    plan: Plan = ExpansionPlan(load)
    id_ = name_resource(where.id, "Microsoft.Resources/deployments", where.deployment_name).id
    deployment = Deployment(plan, list_template_resources, where, id_, where.deployment_name)
    deployment.files = frozenset({template.file})
    instance = TemplateInstance(
        template, path, node, _read_parameters(plan, template, parameters), where, deployment
    )
    deployment.template = WrittenNode(template, path, node, instance.frame)
    instance.check_given_parameters()
    return deployment


def _expand_deployment(deployment: Deployment) -> TemplateExpansion:
    plan = deployment.plan
    deployment.list_resources()
    while plan.pending:
        plan.pending.pop(0).list_resources()
    for resource in plan.resources:
        resource.body  # noqa: B018 - computes it, so that all problems are known
    results = tuple(one.result() for one in plan.deployments)
    return TemplateExpansion(
        results,
        tuple(one for one in plan.resources if not one.existing),
        tuple(one for one in plan.resources if one.existing),
        plan.problems,
        plan.unlisted,
    )


def find_template(document: TemplateDocument) -> tuple[Path, dict[str, object]]:
    """The template in a document: itself, or inside a deployment request, a blueprint's artifact or a template spec's export."""
    value = document.value
    for names in ((), ("properties", "template"), ("mainTemplate",), ("properties", "mainTemplate")):
        path: Path = ()
        node = value
        for name in names:
            found = member(node, name)
            if found is None:
                break
            path, node = (*path, found[0]), found[1]
        else:
            if isinstance(node, dict) and (is_template(node) or member(node, "resources") is not None):
                return path, node
    raise TemplateError(
        document.find_place(()),
        ("it is not a deployment template: it has neither a deployment schema as $schema nor resources"),
    )


def _read_parameters(
    plan: Plan, template: TemplateDocument, parameters: TemplateDocument | None
) -> Mapping[str, GivenParameter]:
    if parameters is None:
        return _read_request_parameters(template)
    value = parameters.value
    if not isinstance(value, dict):
        plan.report(parameters.find_place(()), "a parameters file is a JSON object")
        return {}
    inputs = member(value, "externalInputs")
    if inputs is not None and isinstance(inputs[1], dict):
        plan.inputs = inputs[1]
    found = member(value, "parameters")
    if found is None:  # the short form: names and values without a schema
        return read_given_parameters(parameters, (), value, None) if "$schema" not in value else {}
    return read_given_parameters(parameters, (found[0],), found[1], None)


def _read_request_parameters(template: TemplateDocument) -> Mapping[str, GivenParameter]:
    """The parameters of a deployment request, which stand beside its template."""
    properties = member(template.value, "properties")
    found = member(properties[1], "parameters") if properties else None
    if properties is None or found is None or member(template.value, "resources") is not None:
        return {}
    return read_given_parameters(template, (properties[0], found[0]), found[1], None)
