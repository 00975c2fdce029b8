"""What all deployments of one expansion share: resources by id, problems, bounds, the loader."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeAlias

from nephoscope_policy.arm.template.document import Document, Located, member
from nephoscope_policy.arm.template.errors import Problem
from nephoscope_policy.arm.unknown import Unknown
from nephoscope_policy.arm.value import Value

if TYPE_CHECKING:
    from nephoscope_policy.arm.template.deployment import Deployment
    from nephoscope_policy.arm.template.planned import PlannedResource
    from nephoscope_policy.arm.template.scope import Scope
    from nephoscope_policy.model.place import Place

Loader: TypeAlias = Callable[[str], str | bytes | None]
"""Gives the text of a file by its path with '/' (relative to where the template's own `file` is), None where there is none."""

MAX_RESOURCES = 20_000
"""Resources that one expansion may plan; Azure takes 800 in a template."""
MAX_NESTING = 16
"""Levels of nested deployments."""
MAX_PROBLEMS = 1_000


class Plan:
    """The state of one expansion."""

    def __init__(self, load: Loader | None) -> None:
        self.load = load
        self.calls = 0
        self.deployments: list[Deployment] = []
        self.artifacts: dict[str, Located] = {}
        self.documents: dict[str, Document | None] = {}
        self.by_key: dict[str, PlannedResource] = {}
        self.resources: list[PlannedResource] = []
        self.pending: list[Deployment] = []
        self.inputs: Mapping[str, Any] = {}
        self._muted = False
        self._problems: dict[tuple[Place, str], Problem] = {}

    def report(self, place: Place, message: str, *, error: bool = True) -> None:
        """Add a problem; what is reported already is not repeated."""
        if len(self._problems) < MAX_PROBLEMS and not self._muted:
            self._problems.setdefault((place, message), Problem(place, message, error))

    @contextmanager
    def muted(self) -> Iterator[None]:
        """Report nothing meanwhile: what is computed belongs to what is not made."""
        before, self._muted = self._muted, True
        try:
            yield
        finally:
            self._muted = before

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What was reported, in order."""
        return tuple(self._problems.values())

    @property
    def is_full(self) -> bool:
        """Whether no more resources may be planned."""
        return len(self.resources) >= MAX_RESOURCES

    def add(self, resource: PlannedResource) -> None:
        """Take a resource in; of two with one id the one that is made goes before one that is read."""
        self.resources.append(resource)
        known = self.by_key.get(resource.key)
        if known is None or known.existing:
            self.by_key[resource.key] = resource

    def resource_group(self, scope: Scope) -> dict[str, Value] | None:
        """The body of a resource group that the expansion itself makes, None where it makes none."""
        found = self.by_key.get(scope.id.lower())
        return None if found is None or found.existing or found.is_read else found.body

    def external_input(self, name: str) -> Value:
        """A value that is given to a parameters file from outside, an unknown where nobody gave it."""
        found = member(self.inputs, name)
        value = member(found[1], "value") if found else None
        if value is not None:
            return value[1]
        return Unknown(
            "any", "parameter", f"the external input {name!r} has no value", f"externalInputs.{name}"
        )
