"""Resource lookup: resources by id and type, coverage and management groups of an estate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from nephoscope.estate.data_gap import DataNotCollectedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from nephoscope_policy.model.coverage import Coverage
    from nephoscope_policy.model.resource import Resource


class AnalyzerEstate(Protocol):
    """The part of an estate that analyzers read; estate.Estate has it, a test may bring its own."""

    @property
    def resources(self) -> Mapping[str, Resource]:
        """Lower-cased id -> resource."""
        ...

    @property
    def coverage(self) -> Coverage:
        """Return what was read."""
        ...

    @property
    def management_groups(self) -> Mapping[str, Sequence[str]]:
        """Subscription -> the ids of its management groups, where they are known."""
        ...

    def list_of_type(self, type_: str) -> Iterable[Resource]:
        """Every resource of a lower-cased type."""
        ...


def get_properties(resource: Resource) -> dict[str, object]:
    """The `properties` object of a body, {} where it has none."""
    found = resource.body.get("properties")
    return found if isinstance(found, dict) else {}


def require_complete(resource: Resource) -> dict[str, object]:
    """Return the same, where its absence would be taken for an answer: raises DataNotCollectedError on a body that came without."""
    if not resource.complete:
        raise DataNotCollectedError(f"the properties of {resource.key}")
    return get_properties(resource)
