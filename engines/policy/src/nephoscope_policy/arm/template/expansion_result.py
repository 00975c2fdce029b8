"""Expansion result: planned resources, deployments with outputs, and problems."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import msgspec

from nephoscope_policy.arm.template.document import WrittenValue, member
from nephoscope_policy.arm.template.errors import TemplateProblem
from nephoscope_policy.arm.template.expansion_state import BudgetError
from nephoscope_policy.arm.template.expansion_types import DeploymentView, Output, WrittenNode
from nephoscope_policy.arm.template.resource_ids import PlannedName
from nephoscope_policy.arm.template.value_provenance import trace_value
from nephoscope_policy.arm.text_patterns import format_pattern, is_open
from nephoscope_policy.arm.unknown import OpenObject, Unknown
from nephoscope_policy.arm.value import Value

if TYPE_CHECKING:
    from nephoscope_policy.model.source_location import Place

DEPLOYMENTS = frozenset({"microsoft.resources/deployments", "microsoft.resources/deploymentstacks"})
"""The lower-cased types of resources that are deployments."""
_CONTROL = frozenset(
    {
        "apiversion",
        "comments",
        "condition",
        "copy",
        "dependson",
        "existing",
        "extension",
        "id",
        "import",
        "metadata",
        "name",
        "resources",
        "scope",
        "type",
        "@options",
    }
)
"""Members of a resource that direct the deployment and are not part of its body."""
_LARGE = frozenset({"template", "parameters", "templatelink", "parameterslink"})
"""Properties of a nested deployment that are expanded and not repeated in its body."""


class PlannedResource:
    """A resource that a deployment makes, or reads where `existing`.

    `id` is the full id; where a part of it is unknown (`is_id_known` False), that part is in braces. `name` is the full name with its
    parents' names, `type` the type as the id has it and `written_type` as the template has it, `container` the id of the resource or
    scope it stands in ('' = the tenant). `condition` is True, or the unknown that decides whether it is made at all; `repeated` is the
    unknown number of copies that it stands for, None where it is one resource; `at_turn` gives one of them by its 0-based number.
    `depends_on` are the ids of what is deployed before it.
    """

    __slots__ = (
        "_body",
        "_named",
        "_reading",
        "api_version",
        "at_turn",
        "condition",
        "depends_on",
        "deployment",
        "existing",
        "full_name",
        "nested",
        "opened",
        "origin",
        "repeated",
        "symbol",
        "written_type",
    )

    def __init__(
        self, deployment: DeploymentView, origin: WrittenNode, named: PlannedName, written: tuple[str, str]
    ) -> None:
        self.deployment = deployment
        self.origin = origin
        self.written_type, self.full_name = written
        self.api_version: Value = None
        self.condition: bool | Unknown = True
        self.depends_on: tuple[str, ...] = ()
        self.existing = False
        self.nested: DeploymentView | None = None
        self.opened: OpenObject | None = None
        self.repeated: Unknown | None = None
        self.at_turn: Callable[[int], PlannedResource | None] | None = None
        self.symbol = ""
        self._named = named
        self._body: dict[str, Value] | None = None
        self._reading = False

    @property
    def key(self) -> str:
        """The lower-cased id as a pattern: what references to it are found by."""
        return self._named.id.lower()

    @property
    def key_text(self) -> str:
        """The id as a pattern, as it is spelled."""
        return self._named.id

    @property
    def extension_scope(self) -> str | None:
        """The id of the scope or resource that it and what is nested in it extend."""
        types = self.written_type.count("/")
        return self._named.id.rsplit("/", 2 * types)[0].rpartition("/providers/")[0] if types else None

    @property
    def id(self) -> str:
        """The full id, unknown parts in braces."""
        return format_pattern(self._named.id)

    @property
    def is_id_known(self) -> bool:
        """Return whether no part of the id is unknown."""
        return not is_open(self._named.id)

    @property
    def name(self) -> str:
        """The full name with the parents' names, unknown parts in braces."""
        return format_pattern(self.full_name)

    @property
    def type(self) -> str:
        """The type as the id has it."""
        return self._named.type

    @property
    def container(self) -> str:
        """The id of the resource or scope that it stands in, unknown parts in braces."""
        return format_pattern(self._named.container)

    @property
    def place(self) -> Place:
        """Return where the resource is written."""
        return self.origin.document.find_place(self.origin.path)

    @property
    def source_location(self) -> WrittenValue:
        """Return where the whole is written."""
        return WrittenValue(self.origin.document, self.origin.path)

    @property
    def label(self) -> str:
        """Return what people know it by beside its id: nothing."""
        return ""

    @property
    def is_deployment(self) -> bool:
        """Return whether it deploys a template of its own."""
        return self.written_type.lower() in DEPLOYMENTS

    @property
    def unread_scope(self) -> str | None:
        """The id of the scope that it deploys a template to that could not be read; None where it deploys none such."""
        known = self.nested is not None and self.nested.template is not None
        return None if known or self.existing or not self.is_deployment else self.container

    @property
    def is_certain(self) -> bool:
        """Return whether the deployment makes it, just once, and with a template that is known where it is a deployment."""
        once = self.repeated is None and self.condition is True and not self.existing
        return once and (self.nested is not None or not self.is_deployment)

    @property
    def is_read(self) -> bool:
        """Return whether the body is being computed: what asks for it then needs itself."""
        return self._reading

    @property
    def body(self) -> dict[str, Value]:
        """The resource's JSON as it would be sent, with `id`, `name` and `type`; what is not known is an Unknown. Do not change it."""
        if self._body is None:
            self._reading = True
            try:
                self._body = self._measure_body(self._evaluate_body())
            finally:
                self._reading = False
        return self._body

    def _measure_body(self, body: dict[str, Value]) -> dict[str, Value]:
        """The body, or one whose members are unknown where they are too large, which is reported."""
        try:
            self.deployment.plan.check_size(body)
        except BudgetError as error:
            unknown = self.origin.frame.report_error(self.place, str(error))
            return {key: value if isinstance(value, str) else unknown for key, value in body.items()}
        return body

    def _evaluate_body(self) -> dict[str, Value]:
        origin, named = self.origin, self._named
        body: dict[str, Value] = {
            "id": _make_text_or_unknown(named.id),
            "name": _make_text_or_unknown(named.name),
            "type": named.type,
        }
        for key, node in origin.node.items():
            if key.lower() in _CONTROL:
                continue
            if self.is_deployment and key.lower() == "properties" and isinstance(node, dict):
                node = {name: value for name, value in node.items() if name.lower() not in _LARGE}
                body[key] = {
                    name: origin.frame.evaluate(origin.document, (*origin.path, key, name), value)
                    for name, value in node.items()
                }
            else:
                body[key] = origin.frame.evaluate(origin.document, (*origin.path, key), node)
        return body

    def trace(self, *steps: str | int) -> tuple[WrittenValue, ...]:
        """The places that a part of the body comes from, by its keys and 0-based indexes: from the resource to what decides it.

        Of a part that is absent, they end at the nearest part around it.
        """
        return trace_value(self, steps)

    @property
    def partial_body(self) -> None:
        """A template tells all that is sent."""
        return

    def member(self, name: str) -> tuple[str, object] | None:
        """A member of the resource's JSON in the template."""
        return member(self.origin.node, name)


def _make_text_or_unknown(text: str) -> Value:
    if not is_open(text):
        return text
    return Unknown("string", "parameter", f"a part of {format_pattern(text)} is unknown", text, filled=True)


class PlannedDeployment(msgspec.Struct, frozen=True):
    """A deployment: its id and name, the id of its scope ('' = the tenant), its outputs by name, and where its template is written.

    `written` is None for a nested deployment whose template could not be read.
    """

    id: str
    name: str
    scope: str
    outputs: dict[str, Output]
    written: WrittenValue | None


class TemplateExpansion(msgspec.Struct, frozen=True):
    """Resources and deployments that a template makes.

    `deployments` begins with the template's own; `resources` holds what all of them make, in the order of the documents, nested
    deployments as resources among them; `existing` what they only read. `problems` says what failed and what could not be known.
    `unlisted` are the lower-cased ids of scopes and resources in which more may be made than is known, each with the reason.
    """

    deployments: tuple[PlannedDeployment, ...]
    resources: tuple[PlannedResource, ...]
    existing: tuple[PlannedResource, ...]
    problems: tuple[TemplateProblem, ...]
    unlisted: Mapping[str, str] = {}

    @property
    def errors(self) -> tuple[TemplateProblem, ...]:
        """The problems that are errors of the template or its parameters."""
        return tuple(problem for problem in self.problems if problem.error)

    @property
    def outputs(self) -> dict[str, Output]:
        """The outputs of the template."""
        return self.deployments[0].outputs
