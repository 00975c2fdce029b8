"""Collection plan: Resource Graph tables, Resource Manager lists and Microsoft Graph objects to request."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from nephoscope.collect.azure.content_requirements import ContentNeeds
from nephoscope.collect.azure.microsoft_graph import KINDS
from nephoscope.collect.resource_sources import (
    ANY,
    MAIN_TABLE,
    SEGMENT,
    ArmListing,
    DerivedType,
    GraphOmission,
    TypeSources,
)
from nephoscope.collect.resources.child_resources import is_listed

GRAPH = "microsoft.graph/"


@dataclass(frozen=True, slots=True)
class ListJob:
    """One list of Resource Manager, to be asked for every resource of the types `parents`; `depth` orders jobs by what they need.

    `spared` where a parent whose body carries the list need not be asked.
    """

    list: ArmListing
    parents: frozenset[str]
    depth: int = 0
    spared: bool = False


@dataclass(frozen=True, slots=True)
class CollectionPlan:
    """Everything that is asked, by lower-cased types; `unread` says why a needed type is not.

    `whole`: of the main table every row, and not of the needed types alone.
    """

    tables: Mapping[str, frozenset[str]]
    jobs: tuple[ListJob, ...]
    items: Mapping[str, frozenset[str]]
    lacks: Mapping[str, GraphOmission]
    embedded: frozenset[str]
    derived: Mapping[str, DerivedType]
    graph: frozenset[str]
    unread: Mapping[str, str]
    names: Mapping[str, frozenset[str]] = field(default_factory=dict)
    whole: bool = False

    @classmethod
    def of(cls, needs: ContentNeeds, reading: TypeSources) -> CollectionPlan:
        """Plan the reading of what is needed, and of the parents on the way there."""
        planner = _Planner(needs, reading)
        planner.add(needs.types)
        if needs.whole:
            planner.add((*reading.types, *KINDS))
        return planner.plan()

    @property
    def tables_by_type(self) -> dict[str, str]:
        """The table of every type that is in one."""
        return {type_: table for table, types in self.tables.items() for type_ in types}


class _Planner:
    def __init__(self, needs: ContentNeeds, reading: TypeSources) -> None:
        self._needs, self._reading = needs, reading
        self._tables: defaultdict[str, set[str]] = defaultdict(set)
        self._jobs: dict[str, ListJob] = {}
        self._embedded: set[str] = set()
        self._derived: dict[str, DerivedType] = {}
        self._graph: set[str] = set()
        self._unread: dict[str, str] = {}
        self._seen: set[str] = set()

    def add(self, types: Iterable[str]) -> None:
        """Place types, and the types that are needed to reach them."""
        for type_ in types:
            if type_ not in self._seen:
                self._seen.add(type_)
                self.add(self._place_type(type_))

    def _place_type(self, type_: str) -> Iterable[str]:
        """Put a type where it is read; returns the types that must be read first."""
        reading = self._reading
        if type_.startswith(GRAPH):
            self._graph.add(type_)
        elif type_ in reading.absent:
            self._unread[type_] = reading.absent[type_]
        elif type_ in reading.derived:
            self._derived[type_] = reading.derived[type_]
            return (reading.derived[type_].source,)
        elif type_ in reading.tables:
            self._tables[reading.tables[type_]].add(type_)
        elif type_ in reading.lists:
            return self._list_parents(reading.lists[type_])
        elif is_listed(type_):
            self._embedded.add(type_)
            return (type_.rpartition("/")[0],)
        elif type_.count("/") == 1:
            self._tables[MAIN_TABLE].add(type_)
        else:
            self._unread[type_] = "no request for it is known: it can be added to content/azure/reading.json"
        return ()

    def _list_parents(self, row: ArmListing) -> Iterable[str]:
        parents = row.of
        if ANY in parents:
            parents = self._needs.parents.get(row.type, frozenset())
            if self._needs.whole:
                parents = parents | row.under if row.under else frozenset({ANY})
            if not parents:
                self._unread[row.type] = "only definitions that name no resource type look it up"
                return ()
        spared = row.type.endswith("/" + SEGMENT) and not self._needs.whole
        self._jobs[row.type] = ListJob(row, parents, spared=spared)
        return parents - {ANY}

    def plan(self) -> CollectionPlan:
        """Return what came together."""
        jobs = [
            ListJob(job.list, job.parents, self._count_depth(type_, frozenset()), job.spared)
            for type_, job in self._jobs.items()
        ]
        tables = {table: frozenset(types) for table, types in sorted(self._tables.items())}
        held = {type_ for types in tables.values() for type_ in types}
        return CollectionPlan(
            tables,
            tuple(sorted(jobs, key=lambda job: (job.depth, job.list.type))),
            {type_: names for type_ in held if (names := self._separate_lookups(type_))},
            {
                type_: lack
                for type_, lack in self._reading.lacks.items()
                if type_ in held and self._needs_omitted(type_, lack)
            },
            frozenset(self._embedded),
            self._derived,
            frozenset(self._graph),
            self._unread,
            {type_: names for type_ in held if (names := self._find_names(type_))},
            self._needs.whole,
        )

    def _count_depth(self, type_: str, above: frozenset[str]) -> int:
        """Count how many lists must be read before this one."""
        if ANY in self._jobs[type_].parents:
            return len(self._jobs)
        parents = self._jobs[type_].parents & self._jobs.keys() - above - {type_}
        return 1 + max((self._count_depth(parent, above | {type_}) for parent in parents), default=-1)

    def _separate_lookups(self, type_: str) -> frozenset[str]:
        """The names that are looked up and that the type's table does not hold."""
        if type_ not in self._reading.items:
            return frozenset()
        return self._needs.names.get(type_, frozenset()) - self._reading.named.get(type_, frozenset()) - {""}

    def _find_names(self, type_: str) -> frozenset[str]:
        """The only names that are wanted of a type whose absence proves nothing, empty where any is."""
        names = self._needs.names.get(type_, frozenset())
        some = type_ in self._reading.partial and "" not in names and not self._needs.whole
        return names if some else frozenset()

    def _needs_omitted(self, type_: str, lack: GraphOmission) -> bool:
        prefix = type_ + "/"
        stems = tuple(prefix + path.partition(".")[2] for path in lack.paths)
        return any(name.startswith(stems) for name in self._needs.aliases)
