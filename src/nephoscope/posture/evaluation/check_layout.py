"""Check layout: which requirement evaluates which resources with which check."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from operator import attrgetter

import msgspec

from nephoscope.estate.estate import Estate
from nephoscope.posture.evaluation.program import Program
from nephoscope_policy.assignment import Assignment, is_within_scope
from nephoscope_policy.copy_on_write import replace_members
from nephoscope_policy.model.resource import Resource
from nephoscope_policy.model.resource_id import ResourceId
from nephoscope_policy.selector import REFERENCE

Positions = Sequence[int]


class Roster:
    """The judged resources of every type in the order of their ids; a resource's number in its type is its position."""

    def __init__(self, types: Mapping[str, Sequence[Resource]]) -> None:
        self.types = types

    @classmethod
    def of(cls, estate: Estate, scope: str = "") -> Roster:
        """The resources of an estate that lie in a lower-cased scope ('' = everything)."""
        return cls(
            {
                type_: found
                for type_ in sorted(estate.types)
                if (found := _sort_resources(estate, type_, scope))
            }
        )

    def update_roster(self, estate: Estate, scope: str, keys: Iterable[str]) -> Roster:
        """The roster of a later estate in the same scope and under the same management groups, of which only the ids `keys` differ.

        What stays is the same object as here, and all of it where nothing differs.
        """
        keys = tuple(keys)
        if not keys:
            return self
        found: dict[str, Sequence[Resource]] = dict(self.types)
        changed: dict[str, list[Resource]] = {}
        removed: dict[str, list[Resource]] = {}
        added: dict[str, list[Resource]] = {}
        for key in keys:
            place, resource = self.place(key), estate.resources.get(key)
            if place is None:
                if resource is not None and _is_in_scope(resource, estate, scope):
                    added.setdefault(resource.type, []).append(resource)
                continue
            type_, at = place
            if type_ not in changed:
                found[type_] = changed[type_] = list(self.types[type_])
            if resource is None:
                removed.setdefault(type_, []).append(changed[type_][at])
            else:
                changed[type_][at] = resource
        for type_ in removed.keys() | added.keys():
            found[type_] = replace_members(found.get(type_, ()), removed.get(type_, ()), added.get(type_, ()))
        return Roster({type_: found[type_] for type_ in sorted(found) if found[type_]})

    def __len__(self) -> int:
        return sum(len(resources) for resources in self.types.values())

    def keys(self) -> Iterator[str]:
        """The ids of all resources."""
        return (resource.key for resources in self.types.values() for resource in resources)

    def place(self, key: str) -> tuple[str, int] | None:
        """(type, position) of a lower-cased id, None where it is not here."""
        type_ = _extract_type(key)
        at = self.find_position(type_, key)
        return None if at is None else (type_, at)

    def find_position(self, type_: str, key: str) -> int | None:
        """The position of the resource of a type with a lower-cased id, None where it is not here."""
        resources = self.types.get(type_, ())
        at = bisect_left(resources, key, key=_key)
        return at if at < len(resources) and resources[at].key == key else None


_key = attrgetter("id.key")


def _extract_type(key: str) -> str:
    """The type in an id, '' where it is none."""
    try:
        return ResourceId.parse(key).type
    except ValueError:
        return ""


def _is_in_scope(resource: Resource, estate: Estate, scope: str) -> bool:
    return not scope or is_within_scope(
        resource.key, scope, estate.management_groups.get(resource.id.subscription_id, ())
    )


def _sort_resources(estate: Estate, type_: str, scope: str) -> tuple[Resource, ...]:
    found = estate.list_of_type(type_)
    if scope:
        found = [one for one in found if _is_in_scope(one, estate, scope)]
    return tuple(sorted(found, key=_key))


class EvaluationBlock(msgspec.Struct, frozen=True):
    """A requirement over some resources of one type: their positions, rising, and the check (a number in the program)."""

    requirement: int
    check: int
    type: str
    positions: Positions


class Concerns:
    """Requirements of a program by the resource types that they concern: the part of a layout that every roster shares.

    `types_of` gives the lower-cased types that a check (a number in the program) can judge, None for any. `varying` are the
    requirements whose effect or version depends on the resource; `unplaced` as a Layout has them.
    """

    def __init__(self, program: Program, types_of: Callable[[int], frozenset[str] | None]) -> None:
        self.program = program
        self.types_of = types_of
        self.unplaced: list[tuple[int, int]] = []
        self.varying: list[int] = []
        self._by_type: dict[str, list[tuple[int, int]]] = {}
        self._every: list[tuple[int, int]] = []
        for index, requirement in enumerate(program.requirements):
            check = program.find_check(index)
            if program.checks[check].is_scope_wide:
                self.unplaced.append((index, check))
            elif requirement.varies_by_resource or requirement.only or requirement.never:
                self.varying.append(index)
            else:
                self._place_check(index, check)

    def _place_check(self, index: int, check: int) -> None:
        types = self.types_of(check)
        if types is None:
            self._every.append((index, check))
        for type_ in types or ():
            self._by_type.setdefault(type_, []).append((index, check))

    def list_type_wide_checks(self, types: Iterable[str]) -> list[tuple[int, str, int]]:
        """(requirement, type, check) of what concerns some types whatever the resource, in the order of requirements and types."""
        found = [
            (index, type_, check)
            for type_ in types
            for index, check in (*self._every, *self._by_type.get(type_, ()))
        ]
        return sorted(found)


class Layout:
    """The blocks of a program over a roster; `unplaced` are the (requirement, check) that end
    once for their whole scope: the definition is not held, or judges no resource."""

    def __init__(self, concerns: Concerns, roster: Roster) -> None:
        self._program = concerns.program
        self._roster = roster
        self._types_of = concerns.types_of
        self._scopes: dict[tuple[int, str, str], Positions] = {}
        self.unplaced = concerns.unplaced
        self.blocks: list[EvaluationBlock] = [
            EvaluationBlock(index, check, type_, positions)
            for index, type_, check in concerns.list_type_wide_checks(roster.types)
            if len(positions := self._list_positions_in_scope(index, type_))
        ]
        if concerns.varying:
            self.blocks += [block for index in concerns.varying for block in self._list_varying_blocks(index)]
            self.blocks.sort(key=attrgetter("requirement"))

    def _list_varying_blocks(self, index: int) -> Iterator[EvaluationBlock]:
        """Blocks of a requirement whose effect or version depends on the resource."""
        requirement = self._program.requirements[index]
        for type_ in self._roster.types:
            chosen: dict[int, array[int]] = {}
            for at in self._list_positions_in_scope(index, type_):
                resource = self._roster.types[type_][at]
                if requirement.applies_to(resource):
                    chosen.setdefault(self._program.find_check(index, resource), array("I")).append(at)
            for check, positions in chosen.items():
                types = self._types_of(check)
                if types is None or type_ in types:
                    yield EvaluationBlock(index, check, type_, positions)

    def _list_positions_in_scope(self, index: int, type_: str) -> Positions:
        """The positions that the requirement's assignment applies to."""
        requirement = self._program.requirements[index]
        assignment = requirement.assignment
        everything = range(len(self._roster.types[type_]))
        if not assignment.scope and not assignment.not_scopes and not assignment.resource_selectors:
            return everything
        reference = requirement.reference if _reads_reference(assignment) else ""
        key = (id(assignment), reference, type_)
        if key not in self._scopes:
            groups = self._program.management_groups
            resources = self._roster.types[type_]
            found = array(
                "I", [at for at in everything if assignment.applies(resources[at], groups, reference)]
            )
            self._scopes[key] = everything if len(found) == len(everything) else found
        return self._scopes[key]


def _reads_reference(assignment: Assignment) -> bool:
    return any(
        selector.kind == REFERENCE
        for chosen in assignment.resource_selectors
        for selector in chosen.selectors
    )
