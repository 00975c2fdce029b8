"""Load snapshots: one estate out of any mix of files and folders, or a stream of their resources."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from nephoscope.collect.resources.body_precedence import BodyRank, rank_body
from nephoscope.collect.resources.child_resources import is_listed, iterate_children, list_child_types
from nephoscope.collect.resources.expected_shapes import ExpectedShapes
from nephoscope.collect.resources.external_facts import LearnedResources, Learning, load_no_facts
from nephoscope.collect.resources.fact_merge import LearnedFacts
from nephoscope.collect.resources.page_completeness import find_missing_page
from nephoscope.collect.resources.reading_order import (
    Reading,
    ReadingOrder,
    RepeatedBody,
    find_read_time,
    is_gone,
)
from nephoscope.collect.resources.resource_reader import (
    LostRecord,
    ReadResource,
    SnapshotManifest,
    build_carried_origin,
    build_resource,
    read,
)
from nephoscope.collect.resources.tenant_assignment import Tenancy
from nephoscope.estate.coverage import has_times_only, merge
from nephoscope.estate.coverage_inference import CoverageInference
from nephoscope.estate.estate import Estate
from nephoscope.estate.gc_control import pause_collection
from nephoscope.files.snapshot_files import (
    ArchiveLimits,
    ByteMeter,
    FileError,
    is_json,
    is_tape,
    iterate_sources,
)
from nephoscope.files.tar_archive import iterate_members
from nephoscope.model.tenant_name import describe_tenant
from nephoscope_policy.aliases import Aliases
from nephoscope_policy.azure_facts import list_report_types
from nephoscope_policy.model.source_location import Place, Quarantined
from nephoscope_policy.report_age import has_no_report_time

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from datetime import datetime

    from nephoscope.collect.resources.page_completeness import FileAnswers
    from nephoscope.collect.resources.resource_reader import Item
    from nephoscope.collect.resources.tenant_assignment import TenantMap
    from nephoscope.collect.resources.unstated_tenants import KnownTenants
    from nephoscope.files.snapshot_files import Progress, SourceFile
    from nephoscope_policy.model.coverage import Coverage
    from nephoscope_policy.model.resource import Resource


class SnapshotError(Exception):
    """A snapshot that is not there or cannot be listed; the message names the path."""


def load(
    paths: Sequence[Path | str], progress: Progress | None = None, limits: ArchiveLimits | None = None
) -> Estate:
    """The estate in files and folders of one tenant, of any known format.

    One body per id: the complete, then the newest reading, then the newest API version, then the last. `progress(done, total)` is
    called with bytes of the files. Broken records are in `estate.quarantine`; raises SnapshotError when a path does not exist, or
    when tenants are several.
    """
    found = load_tenants(paths, progress, limits)
    if len(found) > 1:
        names = ", ".join(describe_tenant(one.tenant) for one in found)
        raise SnapshotError(
            f"the files belong to {len(found)} tenants ({names}): load each tenant separately"
        )
    return found[0]


def load_tenants(
    paths: Sequence[Path | str],
    progress: Progress | None = None,
    limits: ArchiveLimits | None = None,
    learning: Learning = load_no_facts,
    aliases: Aliases | None = None,
    knowledge: KnownTenants | None = None,
) -> tuple[Estate, ...]:
    """Load the estates of files and folders with external facts about their subscriptions, one for each tenant; else as `load`.

    `aliases` (default: the shipped ones) tell where types have lists, `knowledge` what else is known of tenants.
    """
    tenancy = Tenancy()
    with pause_collection():
        found = [
            (item, record_tenant(tenancy, item)) for item in iterate_items(paths, progress, limits, aliases)
        ]
        found += [(item, record_tenant(tenancy, item)) for item in learning(tenancy.subscriptions)]
        tenants = tenancy.resolve(knowledge)
        loaders = {name: SnapshotLoader(name, tenants) for name in tenants.names}
        unowned: Counter[SourceFile] = Counter()
        for item, named in found:
            names = list_owners(tenants, item, named) if len(loaders) > 1 else loaders
            for name in names:
                loaders[name].add_item(item)
            if not names:
                unowned[item.source] += 1
        del found
        for lost in map(find_unowned_records, unowned, unowned.values()):
            for name in list_owners(tenants, lost, ""):
                loaders[name].add_item(lost)
        return tuple(loader.build_estate() for loader in loaders.values())


def record_tenant(tenancy: Tenancy, item: Item) -> str:
    """Note what an item of a file says of tenants; the tenant that it names itself, '' where it names none."""
    if isinstance(item, ReadResource):
        return tenancy.add_resource(item.resource, item.source.root)
    if isinstance(item, SnapshotManifest) and not has_times_only(item.coverage):
        tenancy.add_manifest(item.coverage, item.source.root)
    if isinstance(item, LearnedResources):
        tenancy.add_facts(item.subscription, item.tenant)
    return ""


def list_owners(tenants: TenantMap, item: Item, named: str) -> Collection[str]:
    """The tenants that an item speaks of: a resource one at most, what stands for a whole file every tenant of its argument."""
    if isinstance(item, ReadResource):
        owner = tenants.find_tenant(item.resource.id.subscription, named, item.source.root)
        return () if owner is None else (owner,)
    if isinstance(item, LearnedResources):
        return (tenants.find_tenant(item.subscription, "", item.source.root) or "",)
    return tenants.find_tenants_below(item.source.root) or tenants.names


def find_unowned_records(source: SourceFile, count: int) -> LostRecord:
    """Return what a file holds of the directory of a tenant that it does not name, where its argument is about several tenants."""
    reason = (
        f"{count} records lie in no subscription and name no tenant, and the files are of several: "
        "put the files of each tenant into a folder of its own"
    )
    return LostRecord(Quarantined(Place(source.name), reason), "", source)


def stream_resources(
    paths: Sequence[Path | str], progress: Progress | None = None, limits: ArchiveLimits | None = None
) -> Iterator[Resource | Quarantined]:
    """Every resource in the order of the files, embedded children behind their parent, in memory of a few records.

    An id that stands in the files twice comes twice; containers are not derived. Raises as `load`.
    """
    for item in iterate_items(paths, progress, limits):
        if isinstance(item, LostRecord):
            yield item.quarantined
        elif isinstance(item, ReadResource):
            yield item.resource
            for record in iterate_children(item.resource.body, item.resource.id):
                yield build_resource(record, build_carried_origin(item.resource.origin))


def iterate_items(
    paths: Sequence[Path | str],
    progress: Progress | None,
    limits: ArchiveLimits | None,
    aliases: Aliases | None = None,
) -> Iterator[Item]:
    """Everything that the files hold, in their order; raises SnapshotError."""
    roots = [Path(path) for path in paths]
    for root in roots:
        if not root.exists():
            raise SnapshotError(f"no such file or folder: {root}")
    limits, shapes = limits or ArchiveLimits(), ExpectedShapes(aliases or Aliases.load_builtin())
    meter = ByteMeter(roots, progress)
    for source in iterate_sources(roots, limits):
        if is_tape(source.path.name) and not source.entry:
            yield from _read_tape(source, limits, shapes)
            meter.advance(source.path.stat().st_size)
        else:
            yield from read(source, limits, meter.advance, shapes)


def _read_tape(source: SourceFile, limits: ArchiveLimits, shapes: ExpectedShapes) -> Iterator[Item]:
    """Yield what a tar archive holds, a member at a time in a folder for temporary files; what stops it before its end is told."""
    special: list[Path] = []
    with TemporaryDirectory(prefix="nephoscope-") as folder:
        try:
            for member in iterate_members(source, limits, Path(folder), is_json, [], special):
                yield from read(member, limits, lambda _: None, shapes)
        except FileError as error:
            yield _make_lost(source, source.name, str(error))
    for path in special:
        if is_json(path.name):
            yield _make_lost(
                source, str(path), "a link, a device or a file with holes in an archive is not read"
            )


def _make_lost(source: SourceFile, name: str, reason: str) -> LostRecord:
    return LostRecord(Quarantined(Place(name), reason), "*", source)


class SnapshotLoader(msgspec.Struct):
    """Collects what is read of a tenant, argument by argument, and builds its estate; without `tenants` it is the only one.

    `readings` are those by argument for one that reads a part of the files (default: those that it takes itself).
    """

    tenant: str = ""
    tenants: TenantMap | None = None
    bodies: dict[str, Resource] = msgspec.field(default_factory=dict)
    _ranks: dict[str, BodyRank] = msgspec.field(default_factory=dict)
    _roots: dict[str, Path] = msgspec.field(default_factory=dict)
    _files: dict[str, SourceFile] = msgspec.field(default_factory=dict)
    _order: ReadingOrder = msgspec.field(default_factory=ReadingOrder)
    seen: dict[Path, CoverageInference] = msgspec.field(
        default_factory=lambda: defaultdict(CoverageInference)
    )
    _declared: dict[Path, list[Coverage]] = msgspec.field(default_factory=lambda: defaultdict(list))
    quarantine: list[Quarantined] = msgspec.field(default_factory=list)
    _paged: dict[Path, list[FileAnswers]] = msgspec.field(default_factory=lambda: defaultdict(list))
    duplicates: int = 0
    learned: LearnedFacts = msgspec.field(default_factory=LearnedFacts)
    readings: dict[Path, Reading] | None = None

    def add_item(self, item: Item) -> None:
        """Note one item of a file."""
        root = item.source.root
        if isinstance(item, ReadResource):
            self.record_seen(item)
            self.add_body(item, root)
        elif isinstance(item, LostRecord):
            self.quarantine.append(item.quarantined)
            if item.type:
                self.seen[root].record_lost_resource(
                    item.type, f"a record was broken: {item.quarantined.place}"
                )
        elif isinstance(item, SnapshotManifest):
            restrict = self.tenants.restrict if self.tenants is not None else None
            mine = restrict(item.coverage, root, self.tenant) if restrict else item.coverage
            self._declared[root].append(mine)
            self.learned.read(mine)
        elif isinstance(item, LearnedResources):
            self.learned.add_claim(item)
        else:
            self._paged[item.source.path.parent].append(item)

    def record_seen(self, item: ReadResource) -> None:
        """Note for the coverage that the resource was there."""
        self.seen[item.source.root].add_resource(item.resource, carries=list_child_types(item.resource.type))

    def add_body(self, item: ReadResource, root: Path) -> None:
        """Keep the body, or leave the better one of its id in place."""
        key = item.resource.key
        rank = rank_body(item.resource, item.api_version)
        if key in self.bodies:
            self.duplicates += 1
            self._record_repeated_body(key, RepeatedBody(item.resource, root, item.source.name, rank))
            if rank < self._ranks[key]:
                return
        self.bodies[key] = item.resource
        self._ranks[key] = rank
        self._roots[key], self._files[key] = root, item.source

    def _record_repeated_body(self, key: str, again: RepeatedBody) -> None:
        """Note a further body of an id, behind the first."""
        several = self._order.repeated[key]
        if not several:
            first = RepeatedBody(self.bodies[key], self._roots[key], self._files[key].name, self._ranks[key])
            several.append(first)
        several.append(again)

    def list_readings(self) -> dict[Path, Reading]:
        """Return what each argument with a manifest read; `readings` where another has read them."""
        if self.readings is not None:
            return self.readings
        self._record_missing_pages()
        return {
            root: Reading(merge(several), self.seen[root].lost_types)
            for root, several in self._declared.items()
        }

    def apply_reading_order(self) -> None:
        """Let the newer of two readings hold: its bodies, and that something is gone."""
        readings = self.list_readings()
        self.quarantine += self._order.find_conflicts(readings)
        for one in self._order.iterate_newest_bodies(readings):
            self.bodies[one.resource.key], self._roots[one.resource.key] = one.resource, one.root
        dated = {root: found for root, found in readings.items() if found.manifest.read_at}
        if len(dated) > 1:
            gone = [key for key, one in self.bodies.items() if is_gone(one, self._list_roots(key), dated)]
            for key in gone:
                del self.bodies[key]

    def _list_roots(self, key: str) -> set[Path]:
        """Return the arguments that have a body of an id."""
        return {one.root for one in self._order.repeated.get(key, ())} or {self._roots[key]}

    def build_estate(self) -> Estate:
        """Return what was read, as an estate."""
        self.apply_reading_order()
        self.embed()
        self.merge_facts()
        coverage = self.date_reports(self.build_coverage())
        return Estate.of(self.bodies.values(), coverage, self.quarantine, self.duplicates, tenant=self.tenant)

    def date_reports(self, coverage: Coverage) -> Coverage:
        """Let each report that bears no time be as old as the argument that it was read from, not as all arguments together."""
        readings = self.list_readings()
        times: dict[str, datetime | None] = {}
        reports = list_report_types()
        for key, body in self.bodies.items():
            if body.id.type in reports and has_no_report_time(body):
                root = self._roots.get(key)
                when = self.learned.placed.get(key) or (root and find_read_time(readings, root, body))
                if when != coverage.find_read_time(key, body.type, body.id.name):
                    times[key] = when or None
        return replace(coverage, read_at={**coverage.read_at, **times}) if times else coverage

    def build_coverage(self) -> Coverage:
        """Return what was read, after the embedded children were seen."""
        self._record_missing_pages()
        roots = dict.fromkeys([*self.seen, *self._declared])
        found = replace(merge([self._find_coverage(root) for root in roots]), tenant=self.tenant)
        return self.learned.merge_claims(found)

    def _find_coverage(self, root: Path) -> Coverage:
        declared = self._declared.get(root)
        return self.seen[root].build_manifest(merge(declared) if declared else None)

    def _record_missing_pages(self) -> None:
        """Where the answers in a folder lack one, what the folder holds was not read in full."""
        for files in self._paged.values():
            if reason := find_missing_page(files):
                source = files[-1].source
                self.quarantine.append(Quarantined(Place(source.name), reason))
                self.seen[source.root].record_lost_resource("*", f"a page is missing: {source.name}")
        self._paged.clear()

    def embed(self) -> None:
        """Add the children inside the bodies that were kept, where the files hold no whole body of their own for them."""
        for parent in list(self.bodies.values()):
            for record in iterate_children(parent.body, parent.id):
                child = build_resource(record, build_carried_origin(parent.origin))
                if is_listed(child.type):
                    self.seen[self._roots[parent.key]].add_resource(
                        child, embedded=True, carries=list_child_types(child.type)
                    )
                own = self.bodies.get(child.key)
                if own is None or (child.complete and not own.complete):
                    self.bodies[child.key] = child

    def merge_facts(self) -> None:
        """Put external facts beside the bodies, the newer of two of one id; behind `embed`, since children of theirs claim nothing."""
        conflicts, given_way = self.learned.merge_into(self.bodies)
        self.quarantine += conflicts
        self.duplicates += given_way
