"""Expansion types: the frame, template instance, deployment and plan that an expansion works with.

Each is made by a module of its own and needs the others while it works; here is what they ask of one another, so that no module
needs the one that makes what it is handed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, MutableMapping, Sequence
from typing import Any, Protocol

import msgspec

from nephoscope_policy.arm.template.deployment_scope import DeploymentScope
from nephoscope_policy.arm.template.document import Located, Path, TemplateDocument, WrittenValue
from nephoscope_policy.arm.unknown import OpenObject, Unknown
from nephoscope_policy.arm.value import Value
from nephoscope_policy.model.source_location import Place


class WrittenNode(msgspec.Struct, frozen=True):
    """A template or a resource as it is written: its document, path and JSON, and the frame of its expressions."""

    document: TemplateDocument
    path: Path
    node: dict[str, object]
    frame: FrameView


class DeclaredPart(msgspec.Struct, frozen=True):
    """A part of a template under its name: its path and its JSON."""

    name: str
    path: Path
    node: Any


class GivenParameter(msgspec.Struct, frozen=True):
    """A parameter's value as it was given: its document and path, and the frame of its expressions (None: it is literal)."""

    document: TemplateDocument
    path: Path
    node: Any
    frame: FrameView | None


class Output(msgspec.Struct, frozen=True):
    """An output of a deployment: its declared type ('' = none), its value, and where it is written."""

    name: str
    type: str
    value: Value
    written: WrittenValue


class FunctionView(Protocol):
    """A function that a template defines itself."""

    def call(self, frame: FrameView, arguments: list[Value]) -> Value:
        """The value for evaluated arguments; raises FunctionError."""


class FrameView(Protocol):
    """View of the frame in which an expression is evaluated."""

    @property
    def instance(self) -> InstanceView:
        """The template whose parameters and variables it sees."""

    @property
    def deployment(self) -> DeploymentView:
        """The deployment whose resources it sees."""

    @property
    def arguments(self) -> Mapping[str, Value] | None:
        """Return those of a user-defined function by lower-cased name, None outside one."""

    def make_turn_frame(self, name: str, index: int | Unknown, *, resource: bool = False) -> FrameView:
        """The frame of one turn of a loop."""

    def make_nested_frame(self, deployment: DeploymentView) -> FrameView:
        """The frame of a nested deployment that is evaluated in the outer template."""

    def get_index(self, name: str) -> int | Unknown:
        """The turn of a loop by name; raises FunctionError outside of it."""

    def report_error(self, place: Place, message: str) -> Unknown:
        """Report an error; what failed is unknown."""

    def count(self, document: TemplateDocument, path: Path, loop: dict[str, object]) -> int | Unknown:
        """Count how many turns a loop has; a count that is none is reported."""

    def evaluate(self, document: TemplateDocument, path: Path, node: object) -> Value:
        """The value of a node of a document in this frame."""


class InstanceView(Protocol):
    """A template with the parameters that it was given."""

    @property
    def document(self) -> TemplateDocument:
        """The document that it stands in."""

    @property
    def node(self) -> dict[str, object]:
        """Its JSON."""

    @property
    def scope(self) -> DeploymentScope:
        """Return where it is deployed."""

    @property
    def frame(self) -> FrameView:
        """The frame of its expressions outside of loops and functions."""

    @property
    def given(self) -> Mapping[str, GivenParameter]:
        """Return what was given, by lower-cased name."""

    @property
    def declared_parameters(self) -> Mapping[str, DeclaredPart]:
        """Its parameters by lower-cased name."""

    @property
    def declared_variables(self) -> Mapping[str, DeclaredPart]:
        """Its variables by lower-cased name."""

    def get_section(self, name: str) -> tuple[Path, object]:
        """A section with its path; None for its JSON where it has none."""

    def get_parameter(self, name: str) -> Value:
        """The value of a parameter; raises FunctionError."""

    def get_variable(self, name: str) -> Value:
        """The value of a variable; raises FunctionError."""

    def find_function(self, key: str) -> FunctionView | None:
        """A user-defined function by its lower-cased `namespace.name`."""

    def report_error(self, path: Path, message: str) -> Unknown:
        """Report an error at a path of the template."""


class PlannedResourceView(Protocol):
    """A resource that a deployment makes or reads."""

    opened: OpenObject | None

    @property
    def key(self) -> str:
        """The lower-cased id as a pattern."""

    @property
    def id(self) -> str:
        """The full id, unknown parts in braces."""

    @property
    def full_name(self) -> str:
        """The name with its parents' names, as a pattern."""

    @property
    def written_type(self) -> str:
        """The type as the template has it."""

    @property
    def api_version(self) -> Value:
        """The version that the template names."""

    @property
    def existing(self) -> bool:
        """Return whether it is only read."""

    @property
    def repeated(self) -> Unknown | None:
        """The unknown number of copies that it stands for, None where it is one."""

    @property
    def at_turn(self) -> Callable[[int], PlannedResourceView | None] | None:
        """Return what gives one of its copies by number."""

    @property
    def nested(self) -> DeploymentView | None:
        """The deployment that it is."""

    @property
    def origin(self) -> WrittenNode:
        """Return where it is written."""

    @property
    def is_read(self) -> bool:
        """Return whether the body is being computed."""

    @property
    def is_certain(self) -> bool:
        """Return whether the deployment makes it, just once."""

    @property
    def body(self) -> dict[str, Value]:
        """Its JSON as it would be sent."""


class NamesView(Protocol):
    """The resources of a deployment by their names."""

    def find(self, resources: Sequence[PlannedResourceView], name: str) -> PlannedResourceView | None:
        """A resource by its name, by its type and name, or by the last part of its name."""


class DeploymentView(Protocol):
    """A deployment while it is expanded."""

    @property
    def plan(self) -> PlanView:
        """The plan of the whole expansion."""

    @property
    def id(self) -> str:
        """Its id as a pattern."""

    @property
    def name(self) -> str:
        """Its name as a pattern."""

    @property
    def level(self) -> int:
        """Count how many deployments are around it."""

    @property
    def files(self) -> Collection[str]:
        """Return those of its template and of the ones around it."""

    @property
    def outer(self) -> DeploymentView | None:
        """The deployment in whose frame its template is read."""

    @property
    def template(self) -> WrittenNode | None:
        """Its template, None while it is not known."""

    @property
    def resources(self) -> Sequence[PlannedResourceView]:
        """Return what its template lists."""

    @property
    def symbols(self) -> Mapping[str, Sequence[PlannedResourceView]]:
        """Its resources by lower-cased symbolic name."""

    @property
    def absent(self) -> Collection[str]:
        """The names and keys that a false condition leaves out."""

    @property
    def names(self) -> NamesView:
        """Its resources by name."""

    def qualify_key(self, key: str) -> str:
        """The key of an unknown of this deployment, which none of another has."""

    def build_reference(self) -> Value:
        """Its outputs as `reference()` gives them."""


class PlanView(Protocol):
    """State that all deployments of one expansion share."""

    calls: int

    @property
    def artifacts(self) -> MutableMapping[str, Located]:
        """Templates that stand in template specs, by their paths."""

    @property
    def documents(self) -> MutableMapping[str, TemplateDocument | None]:
        """Linked documents by their paths, None for one that cannot be used."""

    @property
    def load(self) -> Callable[[str], str | bytes | TemplateDocument | None] | None:
        """Return what gives linked files."""

    @property
    def by_key(self) -> Mapping[str, PlannedResourceView]:
        """All planned resources by lower-cased id."""

    def report(self, place: Place, message: str, *, error: bool = True, unread: bool = False) -> None:
        """Add a problem."""

    def spend(self, weight: int) -> None:
        """Count a large value; raises BudgetError."""

    def check_size(self, value: Value) -> None:
        """Raise BudgetError for a value with too many parts or levels."""

    def count_turns(self, turns: int) -> bool:
        """Count the turns of a loop, False where there are too many."""

    def find_resource_group(self, scope: DeploymentScope) -> dict[str, Value] | None:
        """The body of a resource group that the expansion itself makes."""

    def get_external_input(self, name: str) -> Value:
        """A value that is given to a parameters file from outside."""
