"""Expansion state that all deployments share: resources by id, problems, limits, the loader."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Generic, TypeAlias, TypeVar

from nephoscope_policy.arm.template.deployment_scope import DeploymentScope
from nephoscope_policy.arm.template.document import Located, TemplateDocument, member
from nephoscope_policy.arm.template.errors import TemplateProblem
from nephoscope_policy.arm.template.expansion_types import DeploymentView, PlannedResourceView
from nephoscope_policy.arm.unknown import Unknown
from nephoscope_policy.arm.value import MAX_LEVELS, Value

if TYPE_CHECKING:
    from nephoscope_policy.model.source_location import Place

DeploymentT = TypeVar("DeploymentT", bound=DeploymentView)
ResourceT = TypeVar("ResourceT", bound=PlannedResourceView)
Loader: TypeAlias = Callable[[str], str | bytes | TemplateDocument | None]
"""Gives the text or the document of a file by its path with `/` (relative to that of the template), None where there is none."""

MAX_RESOURCES = 20_000
"""Resources that one expansion may plan; Azure takes 800 in a template."""
MAX_NESTING = 16
"""Levels of nested deployments."""
MAX_PROBLEMS = 1_000
MAX_TURNS = 1_000_000
"""Turns of all loops of one expansion."""
MAX_WEIGHT = 128 * 1024 * 1024
"""What all large values of one expansion may weigh: a character is 1, an element 64."""
SMALL = 256
"""Characters or elements up to which a value weighs nothing."""


MAX_SIZE = 1_000_000
"""Parts that one variable, parameter, output or body may have, shared ones counted wherever they stand."""


class BudgetError(Exception):
    """The expansion makes more than it may; what would exceed it is unknown."""


def compute_weight(value: str | list[Value] | dict[str, Value], *, deep: bool) -> int:
    """Return what a value weighs, by its outermost level or by all of them."""
    if isinstance(value, str):
        return len(value)
    inner = value.values() if isinstance(value, dict) else value
    below = (
        sum(compute_weight(item, deep=True) for item in inner if isinstance(item, str | list | dict))
        if deep
        else 0
    )
    return 64 * len(value) + below


class ExpansionPlan(Generic[DeploymentT, ResourceT]):
    """The state of one expansion."""

    def __init__(self, load: Loader | None) -> None:
        self.load = load
        self.calls = 0
        self._turns = MAX_TURNS
        self._weight = MAX_WEIGHT
        # by identity, with the value, so that no other one gets its identity
        self._measures: dict[int, tuple[int, int, Value]] = {}
        self.deployments: list[DeploymentT] = []
        self.artifacts: dict[str, Located] = {}
        self.documents: dict[str, TemplateDocument | None] = {}
        self.by_key: dict[str, ResourceT] = {}
        self.resources: list[ResourceT] = []
        self.pending: list[DeploymentT] = []
        self.inputs: Mapping[str, object] = {}
        self.unlisted: dict[str, str] = {}
        self._muted = False
        self._problems: dict[tuple[Place, str], TemplateProblem] = {}

    def report(self, place: Place, message: str, *, error: bool = True, unread: bool = False) -> None:
        """Add a problem; what is reported already is not repeated."""
        if len(self._problems) < MAX_PROBLEMS and not self._muted:
            self._problems.setdefault((place, message), TemplateProblem(place, message, error, unread))

    def leave_open(self, scope: str, reason: str) -> None:
        """Remember that more may be made in a scope or resource than is known."""
        if not self._muted:
            self.unlisted.setdefault(scope, reason)

    @contextmanager
    def suppress_reports(self) -> Iterator[None]:
        """Report nothing meanwhile: what is computed belongs to what is not made."""
        before, self._muted = self._muted, True
        try:
            yield
        finally:
            self._muted = before

    @property
    def problems(self) -> tuple[TemplateProblem, ...]:
        """Return what was reported, in order."""
        return tuple(self._problems.values())

    def spend(self, weight: int) -> None:
        """Count a large value; raises BudgetError where the expansion's values become too large."""
        self._weight -= weight
        if self._weight < 0:
            raise BudgetError("the values of this expansion become too large together: it is not computed")

    def check_size(self, value: Value) -> None:
        """Raise BudgetError for a value with too many parts or levels, which may be few where they are shared."""
        if not isinstance(value, list | dict):
            return
        size, depth = self._measure_value(value)
        if size > MAX_SIZE or depth > MAX_LEVELS:
            raise BudgetError(
                f"the value has more than {MAX_SIZE:,} parts or {MAX_LEVELS} levels: it is not computed"
            )

    def _measure_value(self, value: list[Value] | dict[str, Value]) -> tuple[int, int]:
        known = self._measures.get(id(value))
        if known is None:
            size, depth = 1, 0
            for item in value.values() if isinstance(value, dict) else value:
                if isinstance(item, list | dict):
                    inner, below = self._measure_value(item)
                    size, depth = size + inner, max(depth, below)
                else:
                    size += 1
            known = self._measures[id(value)] = size, depth + 1, value
        return known[0], known[1]

    def count_turns(self, turns: int) -> bool:
        """Count the turns of a loop, False where there are too many."""
        self._turns -= turns
        return self._turns >= 0

    @property
    def is_full(self) -> bool:
        """Return whether no more resources may be planned."""
        return len(self.resources) >= MAX_RESOURCES

    def add(self, resource: ResourceT) -> None:
        """Take a resource in; of two with one id the one that is made goes before one that is read."""
        self.resources.append(resource)
        known = self.by_key.get(resource.key)
        if known is None or known.existing:
            self.by_key[resource.key] = resource

    def find_resource_group(self, scope: DeploymentScope) -> dict[str, Value] | None:
        """The body of a resource group that the expansion itself makes, None where it makes none."""
        found = self.by_key.get(scope.id.lower())
        return None if found is None or found.existing or found.is_read else found.body

    def get_external_input(self, name: str) -> Value:
        """A value that is given to a parameters file from outside, an unknown where nobody gave it."""
        found = member(self.inputs, name)
        value = member(found[1], "value") if found else None
        if value is not None:
            return value[1]
        return Unknown(
            "any", "parameter", f"the external input {name!r} has no value", f"externalInputs.{name}"
        )
