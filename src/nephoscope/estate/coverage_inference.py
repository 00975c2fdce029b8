"""Coverage inference: what the resources of a snapshot tell about what it has read (docs/decisions/0041-inferred-coverage.md)."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from nephoscope.estate.coverage import find_claim, find_scope, has_times_only
from nephoscope_policy.model.coverage import Coverage

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nephoscope_policy.model.resource import Resource


class CoverageInference(msgspec.Struct):
    """Inference of what a snapshot has read from its resources; feed every resource, then ask for the manifest."""

    _own: dict[str, set[str]] = msgspec.field(default_factory=lambda: defaultdict(set))
    _embedded: dict[str, set[str]] = msgspec.field(default_factory=lambda: defaultdict(set))
    _bodiless: set[tuple[str, str]] = msgspec.field(default_factory=set)
    _broken: dict[str, str] = msgspec.field(default_factory=dict)

    def add_resource(
        self, resource: Resource, *, embedded: bool = False, carries: frozenset[str] = frozenset()
    ) -> None:
        """Note a resource; `embedded` when it was found inside its parent's body.

        `carries` are the child types that a whole body of its type lists in full: with the body they are read, none or many.
        """
        scope, entry = find_claim(resource)
        (self._embedded if embedded else self._own)[scope].add(entry)
        if not resource.complete:
            self._bodiless.add((find_scope(resource), resource.type))
        elif carries:
            self._embedded[find_scope(resource)] |= carries

    def record_lost_resource(self, type_: str, reason: str) -> None:
        """Note that a resource of the lower-cased type ('*' = of some type) was there and could not be read."""
        self._broken.setdefault(type_, reason)

    @property
    def lost_types(self) -> frozenset[str]:
        """The lower-cased types of which something could not be read, '*' where its type is not known."""
        return frozenset(self._broken)

    def build_manifest(self, declared: Coverage | None = None) -> Coverage:
        """The manifest: the declared one, else the inferred one (at the time that a declared one tells), in both cases without what
        was lost."""
        timed = declared if declared is not None and has_times_only(declared) else None
        declared = None if timed else declared
        scopes = self._add_embedded_types(declared.scopes) if declared else self._group_seen_types()
        known = declared or timed or Coverage({})
        coverage = replace(known, scopes=scopes, declared=declared is not None)
        if not self._broken:
            return coverage
        scopes = {scope: self._list_readable_types(scope, types) for scope, types in coverage.scopes.items()}
        return replace(coverage, scopes=scopes, gaps={**coverage.gaps, **self._broken})

    def _group_seen_types(self) -> dict[str, frozenset[str]]:
        scopes = self._own.keys() | self._embedded.keys()
        return {
            scope: frozenset(self._own.get(scope, ())) | self._list_listed_types(scope) for scope in scopes
        }

    def _add_embedded_types(self, declared: Mapping[str, frozenset[str]]) -> dict[str, frozenset[str]]:
        """The declared types, and the child types that the bodies of a declared parent list."""
        return {
            scope: types
            | {type_ for type_ in self._list_listed_types(scope) if type_.rpartition("/")[0] in types}
            for scope, types in declared.items()
        }

    def _list_listed_types(self, scope: str) -> frozenset[str]:
        return frozenset(
            type_ for type_ in self._embedded.get(scope, ()) if self._has_whole_parents(scope, type_)
        )

    def _has_whole_parents(self, scope: str, type_: str) -> bool:
        """A child type read out of its parents is read in full only where no parent came without its body."""
        return (scope, type_.rpartition("/")[0]) not in self._bodiless

    def _list_readable_types(self, scope: str, types: frozenset[str]) -> frozenset[str]:
        if "*" in self._broken:
            return frozenset()
        if "*" in types:
            types = frozenset(self._own.get(scope, set()) | self._embedded.get(scope, set()))
        return frozenset(entry for entry in types if not self._is_broken(entry.rpartition("/providers/")[2]))

    def _is_broken(self, entry: str) -> bool:
        return entry in self._broken or entry.rpartition("/")[0] in self._broken
