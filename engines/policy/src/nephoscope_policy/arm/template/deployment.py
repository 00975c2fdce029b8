"""A deployment while it is expanded: the resources that its template lists, its outputs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias

from nephoscope_policy.arm.template.deployment_scope import DeploymentScope
from nephoscope_policy.arm.template.document import WrittenValue, member
from nephoscope_policy.arm.template.expansion_result import PlannedDeployment, PlannedResource
from nephoscope_policy.arm.template.expansion_state import BudgetError, ExpansionPlan
from nephoscope_policy.arm.template.expansion_types import Output, WrittenNode
from nephoscope_policy.arm.template.resource_names import ResourceNames
from nephoscope_policy.arm.template.user_types import resolve_user_type
from nephoscope_policy.arm.template.value_evaluation import evaluate_loop
from nephoscope_policy.arm.text_patterns import escape_patterns, format_pattern
from nephoscope_policy.arm.unknown import Unknown
from nephoscope_policy.arm.value import Value

Plan: TypeAlias = "ExpansionPlan[Deployment, PlannedResource]"
Lister: TypeAlias = "Callable[[Deployment, WrittenNode], None]"


class Deployment:
    """A deployment of a template to a scope; `template` is None while it is not known, `level` counts the deployments around it.

    `files` are those of its template and of the ones around it. `outer` is the deployment in whose frame the template is read, None
    where it has its own. `symbols` and `loops` are the resources by lower-cased symbolic name and loop name, `absent` the names and
    keys that a false condition leaves out. `lister` lists the resources of a template that belong to a deployment.
    """

    def __init__(
        self, plan: Plan, lister: Lister, scope: DeploymentScope, id_: str, name: str, level: int = 0
    ) -> None:
        self.plan = plan
        self.lister = lister
        self.scope = scope
        self.id = id_
        self.name = name
        self.level = level
        self.files: frozenset[str] = frozenset()
        self.outer: Deployment | None = None
        self.template: WrittenNode | None = None
        self.resources: list[PlannedResource] = []
        self.symbols: dict[str, list[PlannedResource]] = {}
        self.loops: dict[str, list[PlannedResource]] = {}
        self.absent: set[str] = set()
        self.names = ResourceNames()
        self._listed = False
        self._outputs: dict[str, Output] | None = None
        self._answering = False
        plan.deployments.append(self)

    def qualify_key(self, key: str) -> str:
        """The key of an unknown of this deployment, which none of another deployment has."""
        return escape_patterns(f"{self.name}: {key}") if self.level else key

    def list_resources(self) -> None:
        """List the resources of the template, once."""
        if not self._listed and self.template is not None:
            self._listed = True
            self.lister(self, self.template)

    @property
    def outputs(self) -> dict[str, Output] | None:
        """The outputs of the template, None where it is not known or they are being computed."""
        if self._outputs is None and self.template is not None and not self._answering:
            self.list_resources()
            self._answering = True
            try:
                self._outputs = dict(_iterate_outputs(self.template))
            finally:
                self._answering = False
        return self._outputs

    def result(self) -> PlannedDeployment:
        """The deployment as the expansion gives it."""
        written = None if self.template is None else WrittenValue(self.template.document, self.template.path)
        return PlannedDeployment(
            format_pattern(self.id),
            format_pattern(self.name),
            format_pattern(self.scope.id),
            self.outputs or {},
            written,
        )

    def build_reference(self) -> Value:
        """The outputs as `reference()` of the deployment gives them; unknown where the template is."""
        outputs = self.outputs
        if outputs is None:
            return Unknown(
                "object",
                "remote",
                f"the template of the deployment {self.name!r} is not known",
                escape_patterns(f"{self.id}.outputs"),
            )
        return {one.name: {"type": one.type, "value": one.value} for one in outputs.values()}


def _iterate_outputs(template: WrittenNode) -> Iterator[tuple[str, Output]]:
    found = member(template.node, "outputs")
    if found is None or not isinstance(found[1], dict):
        return
    for name, declared in found[1].items():
        path = (*template.path, found[0], name)
        if not isinstance(declared, dict):
            template.frame.report_error(
                template.document.find_place(path), "an output is an object with a type and a value"
            )
            continue
        output = _find_output(WrittenNode(template.document, path, declared, template.frame), name)
        if output is not None:
            yield name, output


def _find_output(origin: WrittenNode, name: str) -> Output | None:
    condition = member(origin.node, "condition")
    if condition is not None:
        path = (*origin.path, condition[0])
        if origin.frame.evaluate(origin.document, path, condition[1]) is False:
            return None
    type_ = resolve_user_type(origin.frame.instance, origin.path, origin.node)
    value = _limit_size(origin, _find_output_value(origin))
    if isinstance(value, Unknown):
        value = value.with_type(type_.json)
    value = type_.hide_secrets(value, f"the output {name!r} is a secret")
    declared = member(origin.node, "type")
    return Output(
        name, str(declared[1]) if declared else "", value, WrittenValue(origin.document, origin.path)
    )


def _find_output_value(origin: WrittenNode) -> Value:
    loop, value = member(origin.node, "copy"), member(origin.node, "value")
    if loop is not None and isinstance(loop[1], dict):
        return evaluate_loop(origin.frame, origin.document, (*origin.path, loop[0]), loop[1], "")
    if value is None:
        return origin.frame.report_error(origin.document.find_place(origin.path), "an output needs a value")
    return origin.frame.evaluate(origin.document, (*origin.path, value[0]), value[1])


def _limit_size(origin: WrittenNode, value: Value) -> Value:
    """The value, or an unknown where it is too large, which is reported."""
    try:
        origin.frame.deployment.plan.check_size(value)
    except BudgetError as error:
        return origin.frame.report_error(origin.document.find_place(origin.path), str(error))
    return value
