"""Coverage manifests: read from coverage.json, or inferred from the types that were seen.

What may be concluded from what was seen is argued in docs/decisions/0041-inferred-coverage.md.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from nephoscope.model.coverage import Coverage
from nephoscope.model.resource_id import ResourceId

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from nephoscope.model.resource import Resource

SCHEMA_VERSION = 1
# Namespaces whose resources never lie in a subscription.
_TENANT_NAMESPACES = ("microsoft.graph/", "microsoft.management/", "microsoft.aadiam/")
# Types of which single named resources are looked up: one name that was seen says nothing about another.
_NAMED = frozenset(
    {"microsoft.security/assessments", "microsoft.guestconfiguration/guestconfigurationassignments"}
)


class CoverageError(ValueError):
    """A coverage manifest that cannot be used; the message says which member and what it must be."""


def parse_manifest(document: Any) -> Coverage:
    """Read `{"schemaVersion": 1, "scopes": {scope: [type, ...]}, "gaps": {type: reason}}`; raises CoverageError."""
    if not isinstance(document, dict):
        raise CoverageError("the manifest must be a JSON object")
    if document.get("schemaVersion") != SCHEMA_VERSION:
        raise CoverageError(
            f"'schemaVersion' must be {SCHEMA_VERSION}, not {document.get('schemaVersion')!r}"
        )
    scopes = document.get("scopes")
    if not isinstance(scopes, dict):
        raise CoverageError("'scopes' must map a scope ('/subscriptions/<id>' or '') to a list of types")
    gaps = document.get("gaps", {})
    if not isinstance(gaps, dict) or not all(isinstance(reason, str) for reason in gaps.values()):
        raise CoverageError("'gaps' must map a type to the reason why it was not read")
    read = {scope.lower().rstrip("/"): _types(scope, types) for scope, types in scopes.items()}
    return Coverage(read, declared=True, gaps={type_.lower(): reason for type_, reason in gaps.items()})


def _types(scope: str, types: Any) -> frozenset[str]:
    if not isinstance(types, list) or not all(isinstance(type_, str) for type_ in types):
        raise CoverageError(f"'scopes' at {scope!r} must be a list of resource types")
    return frozenset(type_.lower() for type_ in types)


def manifest_document(coverage: Coverage) -> dict[str, Any]:
    """The JSON document of a manifest, in a stable order."""
    return {
        "schemaVersion": SCHEMA_VERSION,
        "declared": coverage.declared,
        "scopes": {scope: sorted(types) for scope, types in sorted(coverage.scopes.items())},
        "gaps": dict(sorted(coverage.gaps.items())),
    }


def merge(parts: Iterable[Coverage]) -> Coverage:
    """What several snapshots have read together; it is declared only when every part is."""
    scopes: defaultdict[str, frozenset[str]] = defaultdict(frozenset)
    gaps: dict[str, str] = {}
    declared = [part.declared for part in parts if _add(part, scopes, gaps)]
    return Coverage(dict(scopes), declared=bool(declared) and all(declared), gaps=gaps)


def _add(part: Coverage, scopes: dict[str, frozenset[str]], gaps: dict[str, str]) -> bool:
    for scope, types in part.scopes.items():
        scopes[scope] |= types
    gaps.update(part.gaps)
    return True


@dataclass(slots=True)
class Inference:
    """What the resources of one snapshot tell about what it has read; feed every resource, then ask for the manifest."""

    _own: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    _embedded: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    _bodiless: set[tuple[str, str]] = field(default_factory=set)
    _broken: dict[str, str] = field(default_factory=dict)

    def see(
        self, resource: Resource, *, embedded: bool = False, carries: frozenset[str] = frozenset()
    ) -> None:
        """Note a resource; `embedded` when it was found inside its parent's body.

        `carries` are the child types that a whole body of its type lists in full: with the body they are read, none or many.
        """
        scope = scope_of(resource)
        entry = f"{resource.type}/{resource.id.name}" if resource.type in _NAMED else resource.type
        (self._embedded if embedded else self._own)[scope].add(entry)
        if not resource.complete:
            self._bodiless.add((scope, resource.type))
        elif carries:
            self._embedded[scope] |= carries

    def lost(self, type_: str, reason: str) -> None:
        """Note that a resource of the lower-cased type ('*' = of some type) was there and could not be read."""
        self._broken.setdefault(type_, reason)

    def manifest(self, declared: Coverage | None = None) -> Coverage:
        """The manifest: the declared one, else the inferred one, in both cases without what was lost."""
        scopes = self._declared(declared.scopes) if declared else self._seen()
        coverage = Coverage(scopes, declared is not None, declared.gaps if declared else {})
        if not self._broken:
            return coverage
        scopes = {scope: self._kept(scope, types) for scope, types in coverage.scopes.items()}
        return Coverage(scopes, coverage.declared, {**coverage.gaps, **self._broken})

    def _seen(self) -> dict[str, frozenset[str]]:
        scopes = self._own.keys() | self._embedded.keys()
        return {scope: frozenset(self._own.get(scope, ())) | self._listed(scope) for scope in scopes}

    def _declared(self, declared: Mapping[str, frozenset[str]]) -> dict[str, frozenset[str]]:
        """The declared types, and the child types that the bodies of a declared parent list."""
        return {
            scope: types | {type_ for type_ in self._listed(scope) if type_.rpartition("/")[0] in types}
            for scope, types in declared.items()
        }

    def _listed(self, scope: str) -> frozenset[str]:
        return frozenset(
            type_ for type_ in self._embedded.get(scope, ()) if self._parents_whole(scope, type_)
        )

    def _parents_whole(self, scope: str, type_: str) -> bool:
        """A child type read out of its parents is read in full only where no parent came without its body."""
        return (scope, type_.rpartition("/")[0]) not in self._bodiless

    def _kept(self, scope: str, types: frozenset[str]) -> frozenset[str]:
        if "*" in self._broken:
            return frozenset()
        if "*" in types:
            types = frozenset(self._own.get(scope, set()) | self._embedded.get(scope, set()))
        return frozenset(
            entry
            for entry in types
            if entry not in self._broken and entry.rpartition("/")[0] not in self._broken
        )


def scope_of(resource: Resource) -> str:
    """The scope of a manifest that a resource belongs to: its subscription, '' for what only a tenant has, else its parent.

    A role assignment at the root does not tell that those of the subscriptions were read: its scope is '/'.
    """
    if resource.id.subscription:
        return resource.id.subscription_id
    if resource.type.startswith(_TENANT_NAMESPACES):
        return ""
    return resource.id.parent or "/"


def was_read(coverage: Coverage, id_: ResourceId, scope: str) -> bool:
    """Whether a resource with this id, which lies in a scope of the manifest, would have been read if it existed.

    Narrower claims count: a resource group in place of its subscription, an extension under its parent's type
    (docs/decisions/0081-what-a-manifest-may-claim.md).
    """
    types = [id_.type, f"{_type_of(id_.parent)}/providers/{id_.type}"]
    places = [scope, id_.resource_group_id] if id_.resource_group else [scope]
    return any(coverage.covers(type_, place, id_.name) for type_ in types for place in places)


def _type_of(id_: str) -> str:
    """The lower-cased type of an id, '' where it is none (the scope that something in no subscription lies under)."""
    try:
        return ResourceId.parse(id_).type if id_ else ""
    except ValueError:
        return ""
