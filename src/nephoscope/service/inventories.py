"""Inventories: keep what a machine or an image holds, list what is kept, forget it."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from nephoscope.model.missing_inventory import explain_absence, is_of_system
from nephoscope.model.read_scope import EVERYTHING
from nephoscope.service.actors import ROOT_SCOPE
from nephoscope.service.advisories import MATCHED, WRITE, open_advisories
from nephoscope.service.inventory_rows import add_software_rows, add_vulnerability_rows
from nephoscope.service.pending_findings import mark_resources_unpublished, select_resources
from nephoscope.service.vulnerability_rematching import match_package, rematch_packages, to_checkpoint
from nephoscope.state.database.state_errors import NotFoundError, StateError
from nephoscope.state.inventory.inventories import ImageListing, NamedPackage
from nephoscope.state.inventory.subject import (
    OWN_SCANNER,
    InventorySubject,
    SubjectFilter,
    SubjectKind,
    UnreadPlace,
)
from nephoscope.vulnerability.database.changed_packages import (
    build_feeds_key,
    list_advisory_names,
    reduce_to_identity,
)
from nephoscope_policy.model.resource_id import ResourceId

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from nephoscope.collect.scanning.scan_contents import InventoryContents
    from nephoscope.model.package import Package
    from nephoscope.model.read_scope import Reach
    from nephoscope.service.service_context import ServiceContext
    from nephoscope.state.inventory.finding import FindingChanges, MatchedPackage
    from nephoscope.state.inventory.image_examinations import StoredExamination

READ = "Microsoft.Security/assessments/read"
DELETE = "Microsoft.Security/assessments/delete"
_ONE_TENANT = "/tenants/"
_DIGEST = re.compile(r"sha(256:[0-9a-f]{64}|512:[0-9a-f]{128})")
#: How far the clock of a scanner may be ahead.
_AHEAD = timedelta(minutes=5)


class InventoryError(StateError):
    """A scan that cannot be kept: the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class MachineScan:
    """Results of a scan of a machine: its id in ARM, or its host name where it has none, and its tenant ('' = not known)."""

    contents: InventoryContents
    scanned_at: datetime
    name: str
    resource_id: str = ""
    tenant: str = ""
    scanner: str = OWN_SCANNER
    scanner_version: str = ""


@dataclass(frozen=True, slots=True)
class ImageScan:
    """Results of a scan of an image: where it is, its digest and tags, and the id in ARM of its registry where it has one.

    `examination` is what it found beside packages; with None the stored one stays.
    """

    contents: InventoryContents
    scanned_at: datetime
    repository: str
    digest: str
    login_server: str = ""
    tags: tuple[str, ...] = ()
    resource_id: str = ""
    tenant: str = ""
    scanner: str = OWN_SCANNER
    scanner_version: str = ""
    examination: StoredExamination | None = None

    @property
    def name(self) -> str:
        """The name by which it is shown."""
        place = f"{self.login_server}/{self.repository}" if self.login_server else self.repository
        return f"{place}:{self.tags[0]}" if self.tags else f"{place}@{self.digest[:19]}"


@dataclass(frozen=True, slots=True)
class StoredInventory:
    """A subject as it is kept now, and what its scan changed in its findings."""

    subject: InventorySubject
    changes: FindingChanges


def keep_inventory(context: ServiceContext, scan: MachineScan | ImageScan) -> StoredInventory:
    """Keep what a scan found in place of the scan before it, and open and close the findings of the subject.

    Where files could not be read, the findings of packages that stood there before stay open. Raises DeniedError where the actor may
    not write assessments of the subject; InventoryError for an id that is none; StateError where a later scan is kept.
    """
    subject = _build_subject(context, scan)
    context.require(WRITE, get_permission_scope(subject))
    # what was imported since packages were matched last counts for those of before, too
    rematch_packages(context)
    packages = [_build_named_package(one) for one in scan.contents.packages]
    with open_advisories(context.data, context.now) as advisories:
        unknown = context.state.inventories.unknown(packages)
        matched = {digest: match_package(one.package, advisories) for digest, one in unknown.items()}
        imports = to_checkpoint(advisories)
    with context.transact(
        WRITE, get_permission_scope(subject), get_permission_scope(subject), act="keep inventory", name=subject.name,
        packages=len(packages)
    ), context.state.database.write() as session:  # fmt: skip
        numbers = _enter_packages(context, session, packages, matched, imports)
        kept = _keep_inventory(context, session, subject, scan.contents.packages, packages, numbers)
        if isinstance(scan, ImageScan) and scan.examination is not None:
            context.state.image_examinations.put(session, kept.subject.id, scan.examination)
        return kept


def forget_inventories(context: ServiceContext, ids: Collection[int]) -> int:
    """Forget subjects with their findings, all or none; how many. Raises DeniedError; NotFoundError for one that is not kept."""
    found = context.state.inventories.list_subjects(SubjectFilter(EVERYTHING, ids=frozenset(ids)))
    if missing := sorted(set(ids) - {one.id for one in found}):
        raise NotFoundError(f"inventory {missing[0]!r} not found")
    for one in found:
        context.require(DELETE, get_permission_scope(one))
    with context.state.database.write() as session:
        for one in found:
            context.enter(session, DELETE, get_permission_scope(one), act="forget inventory", name=one.name)
        context.state.inventories.remove(session, list(ids))
        mark_resources_unpublished(context, session, select_resources(context, found))
    return len(found)


def list_inventories(context: ServiceContext, wanted: SubjectFilter) -> list[InventorySubject]:
    """Return the subjects that a filter asks for; its reach is what the actor may read."""
    return context.state.inventories.list_subjects(wanted)


def load_packages(
    context: ServiceContext, reach: Reach, id_: int
) -> tuple[InventorySubject, tuple[Package, ...]]:
    """Return a subject with its packages. Raises NotFoundError where it is not kept or may not be read."""
    found = context.state.inventories.list_subjects(SubjectFilter(reach, ids=frozenset([id_])))
    if not found:
        raise NotFoundError(f"inventory {id_!r} not found")
    return found[0], context.state.inventories.list_packages(found[0].package_set)


def keep_image_listing(context: ServiceContext, listing: ImageListing) -> None:
    """Keep which images a registry holds or a cluster runs: only with it an absence of findings says something of all of it.

    Raises DeniedError; InventoryError for an id that is none.
    """
    resource = _parse_resource(listing.resource_id)
    with context.transact(
        WRITE, resource.key, resource.key, act="list images", images=len(listing.digests)
    ), context.state.database.write() as session:  # fmt: skip
        context.state.inventories.list_images(session, listing)
        mark_resources_unpublished(context, session, [resource.key])


def get_permission_scope(subject: InventorySubject) -> str:
    """Return the scope at which the permissions on a subject are checked: its resource, else its tenant, else everything."""
    if subject.resource_id:
        return subject.resource_id
    return f"{_ONE_TENANT}{subject.tenant}" if subject.tenant else ROOT_SCOPE


def _enter_packages(
    context: ServiceContext,
    session: Session,
    packages: Sequence[NamedPackage],
    matched: Mapping[str, MatchedPackage],
    imports: dict[str, list[int | str]],
) -> list[int]:
    """Return the numbers of packages; the new ones with what was said of them, if nothing was imported meanwhile."""
    digests = [one.digest for one in packages]
    numbers, new = context.state.inventories.enter_packages(session, packages)
    is_pending = context.state.checkpoints.load_in_transaction(session, MATCHED) != imports
    by_number = {
        number: matched[digest]
        for digest, number in zip(digests, numbers, strict=True)
        if number in new and digest in matched
    }
    context.state.vulnerabilities.put_matches(
        session, [replace(one, number=number, is_pending=is_pending) for number, one in by_number.items()]
    )
    return numbers


def _keep_inventory(
    context: ServiceContext,
    session: Session,
    subject: InventorySubject,
    placed: Sequence[Package],
    packages: Sequence[NamedPackage],
    numbers: Sequence[int],
) -> StoredInventory:
    inventories = context.state.inventories
    before = inventories.find(session, subject)
    unread = _find_undetermined_before(context, session, before, subject, placed)
    digest = inventories.put_set(session, packages, numbers, placed)
    kept = inventories.put(session, replace(subject, package_set=digest))
    changes = context.state.vulnerabilities.settle(session, kept.id, set(numbers), context.now, unread)
    mark_resources_unpublished(context, session, select_resources(context, [kept]))
    add_software_rows(context, session, kept, placed)
    add_vulnerability_rows(context, session, [kept])
    return StoredInventory(kept, changes)


def _find_undetermined_before(
    context: ServiceContext,
    session: Session,
    before: InventorySubject | None,
    now: InventorySubject,
    placed: Sequence[Package],
) -> frozenset[int]:
    """Return the packages that stood, at the scan before, where nothing can be read now, or no list of packages is any more."""
    is_absent = bool(explain_absence(now.family, now.release, placed))
    if before is None or not (now.unread or is_absent):
        return frozenset()
    places = [one.path.strip("/") for one in now.unread]
    lost = [
        _build_named_package(one)
        for one in context.state.inventories.list_packages(before.package_set)
        if (is_absent and (not placed or is_of_system(one.type)))
        or any(not place or one.path == place or one.path.startswith(f"{place}/") for place in places)
    ]
    return frozenset(context.state.inventories.list_numbers(session, lost))


def _build_named_package(package: Package) -> NamedPackage:
    known = reduce_to_identity(package)
    return NamedPackage(known, list_advisory_names(known), build_feeds_key(known))


def _build_subject(context: ServiceContext, scan: MachineScan | ImageScan) -> InventorySubject:
    """Return the subject of a scan. Raises InventoryError for an id that is none, or where nothing names it."""
    resource = _parse_resource(scan.resource_id) if scan.resource_id else None
    key = (
        _build_image_key(scan)
        if isinstance(scan, ImageScan)
        else (resource.key if resource else scan.name.lower())
    )
    if not key:
        raise InventoryError("name: use either the ARM ID or the host name of a machine")
    if scan.scanned_at > context.now + _AHEAD:
        raise InventoryError(f"scannedAt is in the future: {scan.scanned_at.isoformat()}")
    of_image = isinstance(scan, ImageScan)
    contents = scan.contents
    return InventorySubject(
        kind=SubjectKind.IMAGE if of_image else SubjectKind.MACHINE,
        tenant=scan.tenant.lower(), key=key, name=scan.name, scanned_at=scan.scanned_at, kept_at=context.now,
        scanner=scan.scanner, scanner_version=scan.scanner_version, author=context.author, package_set="",
        packages=len(contents.packages), resource_id=resource.key if resource else "",
        subscription=resource.subscription if resource else "",
        resource_group=resource.resource_group_id if resource else "",
        login_server=scan.login_server.lower() if isinstance(scan, ImageScan) else "",
        repository=scan.repository if isinstance(scan, ImageScan) else "",
        digest=scan.digest if isinstance(scan, ImageScan) else "",
        tags=tuple(sorted(scan.tags)) if isinstance(scan, ImageScan) else (),
        family=contents.family, release=contents.release,
        unread=tuple(UnreadPlace(one.path, one.reason) for one in contents.unread),
    )  # fmt: skip


def _build_image_key(scan: ImageScan) -> str:
    if not _DIGEST.fullmatch(scan.digest):
        raise InventoryError(f"digest must be sha256:... (got {scan.digest[:100]!r})")
    return f"{scan.login_server}/{scan.repository}@{scan.digest}".lower().lstrip("/")


def _parse_resource(id_: str) -> ResourceId:
    try:
        found = ResourceId.parse(id_)
    except ValueError as error:
        raise InventoryError(f"resource: {error}") from error
    if not found.subscription:
        raise InventoryError(f"resource must be the ID of a resource in a subscription (got {id_!r})")
    return found
