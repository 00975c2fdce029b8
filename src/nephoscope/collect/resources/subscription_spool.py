"""Subscription spool: split a snapshot larger than memory by subscription on disk and read one estate at a time.

What a policy looks up lies in the subscription of the resource that it judges, so a part that holds whole subscriptions is judged
as the whole would be, given the coverage and the management groups of the whole.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from nephoscope.collect.resources.external_facts import LearnedResources, Learning, load_no_facts
from nephoscope.collect.resources.fact_merge import LearnedFacts
from nephoscope.collect.resources.packed_resource import PackedResource
from nephoscope.collect.resources.resource_reader import ReadResource, build_resource
from nephoscope.collect.resources.resource_record import ResourceRecord
from nephoscope.collect.resources.snapshot_loading import (
    SnapshotLoader,
    find_unowned_records,
    iterate_items,
    list_owners,
    record_tenant,
)
from nephoscope.collect.resources.tenant_assignment import Tenancy, TenantMap
from nephoscope.estate.estate import Estate
from nephoscope.estate.gc_control import pause_collection
from nephoscope.files.snapshot_files import SourceFile
from nephoscope_policy.model.coverage import Coverage
from nephoscope_policy.model.resource import Resource
from nephoscope_policy.model.resource_id import MANAGEMENT_GROUP_TYPE, SUBSCRIPTION_TYPE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from nephoscope.collect.resources.reading_order import Reading
    from nephoscope.collect.resources.resource_reader import Item, LostRecord
    from nephoscope.collect.resources.unstated_tenants import KnownTenants
    from nephoscope.files.snapshot_files import ArchiveLimits, Progress
    from nephoscope_policy.aliases import Aliases

#: How many resources a part holds at least, unless nothing is left; a larger subscription is a part of its own.
PART = 10_000
_BUFFERED = 16 * 1024**2
_ALWAYS = frozenset({SUBSCRIPTION_TYPE, MANAGEMENT_GROUP_TYPE, f"{MANAGEMENT_GROUP_TYPE}/subscriptions"})


#: What shares a file: a subscription; else the argument (by its number) and the tenant that a record outside of subscriptions names.
Cell = tuple[str, int, str]


class SnapshotSpool:
    """The records of a snapshot in a folder, a file for each subscription; memory does not grow with the snapshot."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._tenancy = Tenancy()
        self._others: list[Item] = []
        self._roots: dict[Path, int] = {}
        self._files: list[SourceFile] = []
        self._sizes: Counter[Cell] = Counter()
        self._buffers: defaultdict[Cell, bytearray] = defaultdict(bytearray)
        self._numbers: dict[Cell, int] = {}
        self._held = 0
        self._tenants = TenantMap({}, {}, {})
        self._readings: dict[str, dict[Path, Reading]] = {}

    @classmethod
    def of(
        cls,
        paths: Sequence[Path | str],
        folder: Path,
        progress: Progress | None = None,
        limits: ArchiveLimits | None = None,
        learning: Learning = load_no_facts,
        aliases: Aliases | None = None,
        knowledge: KnownTenants | None = None,
    ) -> SnapshotSpool:
        """Read files and folders as `load_tenants` does, into an empty folder that exists; raises as it."""
        spool = cls(folder)
        with pause_collection():
            for item in iterate_items(paths, progress, limits, aliases):
                named = record_tenant(spool._tenancy, item)
                if isinstance(item, ReadResource):
                    spool._spool_item(item, named)
                else:
                    spool._others.append(item)
            for own in learning(spool._tenancy.subscriptions):
                record_tenant(spool._tenancy, own)
                spool._add_external_facts(own)
        spool._flush_cells()
        spool._tenants = spool._tenancy.resolve(knowledge)
        return spool

    def _spool_item(self, item: ReadResource, named: str) -> None:
        file = self._number_file(item.source)
        subscription = item.resource.id.subscription
        cell = (subscription, -1, "") if subscription else ("", self._roots[item.source.root], named)
        self._write_record(cell, msgspec.json.encode((file, item.api_version, item.resource.body, None)))

    def _number_file(self, source: SourceFile) -> int:
        """The number of a file; its records come one after another, so that it is looked up once."""
        if not self._files or self._files[-1] is not source:
            self._files.append(source)
            self._roots.setdefault(source.root, len(self._roots))
        return len(self._files) - 1

    def _add_external_facts(self, item: LearnedResources) -> None:
        """Take external facts: their documents to those of the subscription, their claim to what is no resource."""
        self._others.append(msgspec.structs.replace(item, resources=()))
        for one in item.resources:
            line = msgspec.json.encode((0, "", one.body, item.read_at))
            self._write_record((item.subscription, -1, ""), line)

    def _write_record(self, cell: Cell, line: bytes) -> None:
        self._buffers[cell] += line + b"\n"
        self._sizes[cell] += 1
        self._held += len(line) + 1
        if self._held > _BUFFERED:
            self._flush_cells()

    def _flush_cells(self) -> None:
        for cell, data in self._buffers.items():
            with self._build_path(cell).open("ab") as file:
                file.write(data)
        self._buffers.clear()
        self._held = 0

    def _build_path(self, cell: Cell) -> Path:
        """A file by the cell's number, whatever characters an id has."""
        number = self._numbers.setdefault(cell, len(self._numbers))
        return self._folder / f"{number}.jsonl"

    @property
    def records(self) -> int:
        """Count how many records were read, embedded children apart."""
        return self._sizes.total()

    def count(self, cells: Sequence[Cell]) -> int:
        """Count how many records some cells hold."""
        return sum(self._sizes[cell] for cell in cells)

    def read_surveys(self, types: frozenset[str] = frozenset()) -> tuple[Survey, ...]:
        """Read everything once, a survey a tenant: what was read, the subscriptions, the resources of the lower-cased types."""
        return tuple(self._build_survey(tenant, types | _ALWAYS) for tenant in self._tenants.names)

    def _build_survey(self, tenant: str, types: frozenset[str]) -> Survey:
        whole = SnapshotLoader(tenant, self._tenants)
        kept: list[Resource] = []
        duplicates = 0
        for item in (*self._others, *self._list_unowned_records()):
            if tenant in list_owners(self._tenants, item, ""):
                whole.add_item(item)
        self._readings[tenant] = whole.list_readings()
        cells = tuple(sorted(cell for cell in self._sizes if self._find_owner(cell) == tenant))
        for group in self._group_cells(cells, PART):
            found, doubled = self._pick_resources(group, types, whole)
            kept += found
            duplicates += doubled
        # The subscriptions are among what was kept, and nobody asked for resource groups.
        coverage = whole.build_coverage()
        estate = Estate.of(kept, coverage, whole.quarantine, duplicates, derives=False, tenant=tenant)
        return Survey(self, estate, cells)

    def _find_owner(self, cell: Cell) -> str | None:
        subscription, root, named = cell
        path = list(self._roots)[root] if not subscription else Path()
        return self._tenants.find_tenant(subscription, named, path)

    def _list_unowned_records(self) -> Iterator[LostRecord]:
        for cell, count in self._sizes.items():
            if self._find_owner(cell) is None:
                root = list(self._roots)[cell[1]]
                yield find_unowned_records(SourceFile(root, root), count)

    def iterate_parts(self, whole: Estate, cells: Sequence[Cell], size: int = PART) -> Iterator[Estate]:
        """The estates of some subscriptions each, with the coverage and the management groups of the whole."""
        # nothing of a part may be bound here while it is judged, nor while the next one is read
        yield from (self._load_part(group, whole) for group in self._group_cells(cells, size))

    def _load_part(self, cells: Sequence[Cell], whole: Estate) -> Estate:
        """The estate of some cells, with the coverage and the management groups of the whole."""
        loader = SnapshotLoader(
            whole.tenant, learned=LearnedFacts(whole.coverage), readings=self._readings[whole.tenant]
        )
        part = self._load_estate(cells, whole.coverage, loader)
        return replace(part, management_groups=whole.management_groups)

    def _load_estate(self, cells: Sequence[Cell], coverage: Coverage, part: SnapshotLoader) -> Estate:
        """The estate of some cells."""
        with pause_collection():
            self._read_cells(cells, part)
            part.apply_reading_order()
            part.embed()
            part.merge_facts()
            dated = part.date_reports(coverage)
            return Estate.of(part.bodies.values(), dated, (), part.duplicates, tenant=part.tenant)

    def _pick_resources(
        self, cells: Sequence[Cell], types: frozenset[str], whole: SnapshotLoader
    ) -> tuple[list[Resource], int]:
        """The resources of some types in some cells, and how many bodies gave way there; the whole sees what was read."""
        part = SnapshotLoader(
            whole.tenant,
            seen=whole.seen,
            learned=whole.learned.without_facts(),
            readings=self._readings[whole.tenant],
        )
        estate = self._load_estate(cells, Coverage({}), part)
        whole.quarantine += part.quarantine
        return [
            PackedResource.pack(one) for type_ in types for one in estate.list_of_type(type_)
        ], estate.duplicates

    def _group_cells(self, cells: Sequence[Cell], size: int) -> Iterator[list[Cell]]:
        """Cells taken together until they have enough resources."""
        group: list[Cell] = []
        held = 0
        for number, cell in enumerate(cells, 1):
            group.append(cell)
            held += self._sizes[cell]
            # what lies in no subscription comes first and stays together: one id may stand in the files of several arguments
            within = bool(cell[0]) or number == len(cells) or bool(cells[number][0])
            if held >= size and within:
                yield group
                group, held = [], 0
        if group:
            yield group

    def _read_cells(self, cells: Sequence[Cell], part: SnapshotLoader) -> None:
        for cell in cells:
            with self._build_path(cell).open("rb") as file:
                for line in file:
                    number, version, body, read_at = _LINE.decode(line)
                    if read_at is not None:
                        part.learned.add(Resource.of(body), read_at)
                        continue
                    source = self._files[number]
                    found = ReadResource(build_resource(ResourceRecord(body, version)), version, source)
                    part.record_seen(found)
                    part.add_body(found, source.root)


_LINE = msgspec.json.Decoder(tuple[int, str, dict[str, object], datetime | None])


class Survey(msgspec.Struct):
    """A tenant of a spool that was read through: `whole` has the coverage, quarantine and management groups of everything, but only
    the subscriptions and the resources of the types that were asked for. `cells` are the files of the tenant."""

    spool: SnapshotSpool
    whole: Estate
    cells: tuple[Cell, ...]

    @property
    def records(self) -> int:
        """Count how many records the tenant has, embedded children apart."""
        return self.spool.count(self.cells)

    @property
    def subscriptions(self) -> frozenset[str]:
        """The lower-cased subscriptions that records lie in ('' = none)."""
        return frozenset(subscription for subscription, _, _ in self.cells)

    def release_memory(self) -> None:
        """Give back the memory of the whole's resources, which parts do not need."""
        whole = self.whole
        empty = Estate.of((), whole.coverage, whole.quarantine, whole.duplicates, tenant=whole.tenant)
        self.whole = replace(empty, management_groups=whole.management_groups)

    def iterate_parts(self, size: int = PART) -> Iterator[Estate]:
        """One small estate after the other; together they hold every resource once."""
        return self.spool.iterate_parts(self.whole, self.cells, size)
