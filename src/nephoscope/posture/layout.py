"""Which requirement judges which resources with which check: blocks over a roster of resources by type."""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from nephoscope.estate.estate import Estate
from nephoscope.model.resource import Resource
from nephoscope.model.resource_id import in_scope
from nephoscope.policy.assignment import Assignment
from nephoscope.policy.selector import REFERENCE
from nephoscope.posture.program import Program

Positions = Sequence[int]


class Roster:
    """The judged resources of every type in the order of their ids; a resource's number in its type is its position."""

    def __init__(self, estate: Estate, scope: str = "") -> None:
        self.types: dict[str, tuple[Resource, ...]] = {}
        for type_ in sorted(estate.types):
            found = [resource for resource in estate.by_type(type_) if in_scope(resource.key, scope)]
            if found:
                self.types[type_] = tuple(sorted(found, key=_key))

    def __len__(self) -> int:
        return sum(len(resources) for resources in self.types.values())

    @cached_property
    def positions(self) -> Mapping[str, tuple[str, int]]:
        """(type, position) of a lower-cased id."""
        return {
            resource.key: (type_, at)
            for type_, found in self.types.items()
            for at, resource in enumerate(found)
        }

    @cached_property
    def by_group(self) -> Mapping[tuple[str, str], list[int]]:
        """Positions by (type, resource group id)."""
        return self._grouped(lambda resource: resource.id.resource_group_id)

    @cached_property
    def by_subscription(self) -> Mapping[tuple[str, str], list[int]]:
        """Positions by (type, subscription id)."""
        return self._grouped(lambda resource: resource.id.subscription_id)

    @cached_property
    def outside_groups(self) -> Mapping[tuple[str, str], list[int]]:
        """Positions by (type, subscription id) of the resources that lie in no resource group."""
        return self._grouped(
            lambda resource: "" if resource.id.resource_group else resource.id.subscription_id
        )

    def _grouped(self, place: Callable[[Resource], str]) -> dict[tuple[str, str], list[int]]:
        found: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
        for type_, resources in self.types.items():
            for at, resource in enumerate(resources):
                found[type_, place(resource)].append(at)
        return dict(found)


def _key(resource: Resource) -> str:
    return resource.key


@dataclass(frozen=True, slots=True)
class Block:
    """A requirement over some resources of one type: their positions, rising, and the check (a number in the program)."""

    requirement: int
    check: int
    type: str
    positions: Positions


class Layout:
    """The blocks of a program over a roster; `unplaced` are the (requirement, check) that end
    once for their whole scope: the definition is not held, or judges no resource."""

    def __init__(
        self, program: Program, roster: Roster, types_of: Callable[[int], frozenset[str] | None]
    ) -> None:
        self._program = program
        self._roster = roster
        self._types_of = types_of
        self._scopes: dict[tuple[int, str, str], Positions] = {}
        self.blocks: list[Block] = []
        self.unplaced: list[tuple[int, int]] = []
        for index, requirement in enumerate(program.requirements):
            if requirement.by_resource or requirement.only or requirement.never:
                self.blocks.extend(self._varying(index))
            else:
                self.blocks.extend(self._uniform(index))

    def _uniform(self, index: int) -> Iterator[Block]:
        check = self._program.check_of(index)
        if self._program.checks[check].placeless:
            self.unplaced.append((index, check))
        for type_ in self._relevant(check):
            positions = self._in_scope(index, type_)
            if len(positions):
                yield Block(index, check, type_, positions)

    def _varying(self, index: int) -> Iterator[Block]:
        """Blocks of a requirement whose effect or version depends on the resource."""
        requirement = self._program.requirements[index]
        relevant = self._candidates(index)
        for type_ in relevant:
            chosen: dict[int, array[int]] = {}
            for at in self._in_scope(index, type_):
                resource = self._roster.types[type_][at]
                if requirement.holds_for(resource):
                    chosen.setdefault(self._program.check_of(index, resource), array("I")).append(at)
            for check, positions in chosen.items():
                if type_ in self._relevant(check):
                    yield Block(index, check, type_, positions)

    def _candidates(self, index: int) -> Iterator[str]:
        """The types that some version of the requirement's definition concerns."""
        check = self._program.check_of(index)
        if self._program.checks[check].placeless:
            self.unplaced.append((index, check))
            return iter(())
        return iter(list(self._roster.types))

    def _relevant(self, check: int) -> list[str]:
        types = self._types_of(check)
        if types is None:
            return list(self._roster.types)
        return sorted(types & self._roster.types.keys())

    def _in_scope(self, index: int, type_: str) -> Positions:
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
