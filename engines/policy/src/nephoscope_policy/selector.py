"""Selectors of assignments, overrides and exemptions: which resources and which members of an initiative they pick.

Source: https://learn.microsoft.com/azure/governance/policy/concepts/assignment-structure#resource-selectors
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from nephoscope_policy.arm_object import make_error

if TYPE_CHECKING:
    from nephoscope_policy.arm_object import ArmObject
    from nephoscope_policy.model.resource import Resource

LOCATION = "resourceLocation"
TYPE = "resourceType"
NO_LOCATION = "resourceWithoutLocation"
REFERENCE = "policyDefinitionReferenceId"
KINDS = (LOCATION, TYPE, NO_LOCATION, REFERENCE)
#: The one value that resourceWithoutLocation takes.
SUBSCRIPTION_LEVEL = "subscriptionlevelresources"


class Selector(msgspec.Struct, frozen=True):
    """One test: a property of the resource, or the member's reference id, is among the lower-cased `values` (`negated`: is not)."""

    kind: str
    values: frozenset[str]
    negated: bool = False

    @classmethod
    def parse(cls, source: ArmObject, kinds: tuple[str, ...] = KINDS) -> Selector:
        """Read `{"kind": ..., "in" | "notIn": [...]}`; exactly one of the two lists, and one of the allowed kinds."""
        kind = source.get_choice("kind", kinds)
        included, excluded = source.get_value("in"), source.get_value("notIn")
        if (included is None) == (excluded is None):
            raise make_error("a selector has either 'in' or 'notIn'", source.path)
        name = "notIn" if included is None else "in"
        values = frozenset(_normalize_text(kind, text) for text in source.get_texts(name))
        if kind == NO_LOCATION and values != {SUBSCRIPTION_LEVEL}:
            raise make_error(
                "resourceWithoutLocation takes only 'subscriptionLevelResources'", source.build_path(name)
            )
        return cls(kind, values, included is None)

    def document(self) -> dict[str, object]:
        """The JSON that it was read from."""
        return {"kind": self.kind, "notIn" if self.negated else "in": sorted(self.values)}

    def matches(self, resource: Resource | None, reference: str) -> bool:
        """Return whether it picks the resource under the member; a selector on resources picks nothing where `resource` is None."""
        if self.kind == REFERENCE:
            return (reference.lower() in self.values) != self.negated
        return resource is not None and (_choose_subject(self.kind, resource) in self.values) != self.negated


class ResourceSelector(msgspec.Struct, frozen=True):
    """A named set of selectors; it picks a resource that all of them pick."""

    name: str
    selectors: tuple[Selector, ...]

    @classmethod
    def parse(cls, source: ArmObject) -> ResourceSelector:
        """Read `{"name": ..., "selectors": [...]}`; resourceLocation and resourceWithoutLocation exclude each other."""
        selectors = tuple(Selector.parse(item) for item in source.get_children("selectors"))
        if {LOCATION, NO_LOCATION} <= {selector.kind for selector in selectors}:
            raise make_error(
                "resourceLocation and resourceWithoutLocation cannot be combined in one resource selector",
                source.path,
            )
        return cls(source.get_text("name"), selectors)

    def document(self) -> dict[str, object]:
        """The JSON that it was read from."""
        return {"name": self.name, "selectors": [selector.document() for selector in self.selectors]}

    def matches(self, resource: Resource, reference: str) -> bool:
        """Return whether every selector picks the resource under the member."""
        return all(selector.matches(resource, reference) for selector in self.selectors)


def matches_any(selectors: tuple[ResourceSelector, ...], resource: Resource, reference: str) -> bool:
    """Return whether the resource is picked: no resource selector at all picks everything, else one of them must."""
    return not selectors or any(selector.matches(resource, reference) for selector in selectors)


def _normalize_text(kind: str, text: str) -> str:
    return text.lower().replace(" ", "") if kind == LOCATION else text.lower()


def _choose_subject(kind: str, resource: Resource) -> str:
    if kind == TYPE:
        return resource.type
    location = resource.body.get("location")
    place = _normalize_text(LOCATION, location) if isinstance(location, str) else ""
    if kind == LOCATION:
        return place
    return SUBSCRIPTION_LEVEL if not place and not resource.id.resource_group else ""
