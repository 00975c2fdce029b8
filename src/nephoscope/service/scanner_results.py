"""Results of scanners of others: kept beside the scans of the product itself, each with the history of its own findings."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec

from nephoscope.model.package import Package
from nephoscope.service.advisories import WRITE, open_advisories
from nephoscope.service.inventories import StoredInventory, get_permission_scope
from nephoscope.service.inventory_rows import add_vulnerability_rows
from nephoscope.service.pending_findings import mark_resources_unpublished, select_resources
from nephoscope.service.reported_targets import TargetResolver
from nephoscope.service.vulnerability_facts import publish_findings
from nephoscope.service.vulnerability_rematching import update_exploitation
from nephoscope.state.database.state_errors import StateError
from nephoscope.state.inventory.finding import (
    FindingChanges,
    KnownVulnerability,
    MatchedPackage,
    PackageVulnerability,
)
from nephoscope.state.inventory.inventories import NamedPackage
from nephoscope.state.inventory.subject import OWN_SCANNER, InventorySubject, UnreadPlace
from nephoscope.vulnerability.database.changed_packages import reduce_to_identity
from nephoscope.vulnerability.errors import ScannerResultsError
from nephoscope.vulnerability.matching.findings import MatchReason, PackageFinding
from nephoscope.vulnerability.scanner_results.refused_records import (
    RecordRefusedError,
    RefusedRecord,
    RefusedRecords,
)
from nephoscope.vulnerability.severities import rank_severity
from nephoscope_policy.model.resource_id import ResourceId

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from nephoscope.service.advisories import Advisories
    from nephoscope.service.reported_targets import ResultsOrigin, ScannedThing
    from nephoscope.service.service_context import ServiceContext
    from nephoscope.vulnerability.scanner_results.scanner_report import (
        ReportedTarget,
        ReportedVulnerability,
        ScannerReport,
    )

_ENCODER = msgspec.msgpack.Encoder()
_AHEAD = timedelta(minutes=5)
_MOST_UNREAD = 100


@dataclass(frozen=True, slots=True)
class ImportedResults:
    """Result of an import: the stored inventories, and the refused records and hosts, the first of them each with a remedy."""

    kept: tuple[StoredInventory, ...]
    refused: tuple[RefusedRecord, ...]
    refused_count: int

    @property
    def changes(self) -> FindingChanges:
        """Return what it changed in findings."""
        return sum((one.changes for one in self.kept), FindingChanges())


@dataclass(slots=True)
class _ScannedSubject:
    """A subject with all that a report says of it."""

    subject: InventorySubject
    vulnerabilities: list[ReportedVulnerability]
    refused: RefusedRecords


def import_results(context: ServiceContext, report: ScannerReport, origin: ResultsOrigin) -> ImportedResults:
    """Keep what a scanner reports of machines and images, in place of what it reported of them before, and publish the findings.

    What it no longer reports of one of them is closed, unless a record that could not be read might have been about it. What others
    found stays. Raises DeniedError where the actor may not write assessments of one of them: then nothing is kept;
    ScannerResultsError for results of the product itself.
    """
    if report.scanner == OWN_SCANNER:
        raise ScannerResultsError("these are results of nephoscope itself: use --keep when you scan")
    scans, refused = _read_scans(context, report, origin)
    for one in scans:
        context.require(WRITE, get_permission_scope(one.subject))
    kept = []
    for one in scans:
        try:
            kept.append(
                _keep_scanned_subject(context, one, closes=not (report.unplaced or one.refused.count))
            )
        except StateError as error:
            refused.append(RefusedRecord(one.subject.name, str(error)))
    publish_findings(context)
    return ImportedResults(tuple(kept), (*report.refused.kept, *refused), report.refused.count + len(refused))


def _read_scans(
    context: ServiceContext, report: ScannerReport, origin: ResultsOrigin
) -> tuple[list[_ScannedSubject], list[RefusedRecord]]:
    """Return what a report says, by the subjects that its targets are, and the targets that are none."""
    resolver = TargetResolver(context, origin, len(report.targets))
    found: dict[tuple[str, str, str], _ScannedSubject] = {}
    refused: list[RefusedRecord] = []
    for target in report.targets.values():
        try:
            subject = _build_subject(context, report, target, resolver.resolve(target), origin)
        except RecordRefusedError as error:
            refused.append(RefusedRecord(target.place, f"{target.name}: {error}"))
            continue
        scan = found.setdefault(subject.identity, _ScannedSubject(subject, [], RefusedRecords()))
        if subject.scanned_at > scan.subject.scanned_at:
            scan.subject = subject
        scan.vulnerabilities += target.vulnerabilities
        scan.refused.absorb(target.refused, _MOST_UNREAD)
    return list(found.values()), refused


def _build_subject(
    context: ServiceContext,
    report: ScannerReport,
    target: ReportedTarget,
    thing: ScannedThing,
    origin: ResultsOrigin,
) -> InventorySubject:
    scanned_at = origin.scanned_at or target.find_last_seen_time()
    if scanned_at is None:
        raise RecordRefusedError("the result has no scan time: import it with --scanned-at TIME")
    if scanned_at > context.now + _AHEAD:
        raise RecordRefusedError(f"the scan time is in the future: {scanned_at.isoformat()}")
    resource = ResourceId.parse(thing.resource_id) if thing.resource_id else None
    return InventorySubject(
        kind=thing.kind, tenant=thing.tenant, key=thing.key, name=thing.name, scanned_at=scanned_at, kept_at=context.now,
        scanner=report.scanner, scanner_version=report.scanner_version, author=context.author, package_set="", packages=0,
        resource_id=thing.resource_id, subscription=resource.subscription if resource else "",
        resource_group=resource.resource_group_id if resource else "", login_server=thing.login_server, repository=thing.repository,
        digest=thing.digest, tags=thing.tags, family=target.family, release=target.release,
    )  # fmt: skip


def _keep_scanned_subject(context: ServiceContext, scan: _ScannedSubject, *, closes: bool) -> StoredInventory:
    open_ = [one for one in scan.vulnerabilities if one.status != "fixed"]
    packages = [_build_package(one) for one in open_]
    named = [
        NamedPackage(reduce_to_identity(one), (), f"reported by {scan.subject.scanner}", scan.subject.scanner)
        for one in packages
    ]
    subject = replace(
        scan.subject, unread=_list_unread(scan.refused), packages=len({one.digest for one in named})
    )
    scope = get_permission_scope(subject)
    with open_advisories(context.data, context.now) as advisories, context.transact(
        WRITE, scope, scope, act="import results", scanner=subject.scanner, name=subject.name, findings=len(open_)
    ), context.state.database.write() as session:  # fmt: skip
        numbers, _ = context.state.inventories.enter_packages(session, _list_distinct_packages(named))
        by_digest = dict(zip(dict.fromkeys(one.digest for one in named), numbers, strict=True))
        at = [by_digest[one.digest] for one in named]
        _put_reported_findings(
            context, session, advisories, subject.scanner, list(zip(at, packages, open_, strict=True))
        )
        digest = context.state.inventories.put_set(session, named, at, packages)
        kept = context.state.inventories.put(session, replace(subject, package_set=digest))
        changes = context.state.vulnerabilities.settle_reported_findings(
            session, kept.id, _list_pairs(at, open_), context.now, closes=closes
        )
        mark_resources_unpublished(context, session, select_resources(context, [kept]))
        add_vulnerability_rows(context, session, [kept])
    return StoredInventory(kept, changes)


def _list_unread(refused: RefusedRecords) -> tuple[UnreadPlace, ...]:
    """Return the places of refused records; the last tells how many more there are."""
    places = [UnreadPlace(one.place, one.reason) for one in refused.kept]
    if more := refused.count - len(places):
        places.append(UnreadPlace("further records", f"{more:,} more were refused"))
    return tuple(places)


def _list_distinct_packages(named: Iterable[NamedPackage]) -> list[NamedPackage]:
    return list({one.digest: one for one in named}.values())


def _build_package(one: ReportedVulnerability) -> Package:
    return Package(type=one.package_type, name=one.package_name, version=one.package_version, path=one.path)


def _list_pairs(
    numbers: Iterable[int], found: Iterable[ReportedVulnerability]
) -> dict[tuple[int, str], datetime | None]:
    """Return the pairs of a package and a vulnerability with since when the scanner sees each."""
    pairs: dict[tuple[int, str], datetime | None] = {}
    for number, one in zip(numbers, found, strict=True):
        before = pairs.get((number, one.id))
        times = [time for time in (before, one.first_found) if time is not None]
        pairs[number, one.id] = min(times, default=None)
    return pairs


def _put_reported_findings(
    context: ServiceContext,
    session: Session,
    advisories: Advisories,
    scanner: str,
    found: Sequence[tuple[int, Package, ReportedVulnerability]],
) -> None:
    """Keep what a scanner says of packages, beside what it says of them elsewhere."""
    known = context.state.vulnerabilities.load_known_vulnerabilities(session, {one.id for _, _, one in found})
    by_package: dict[int, dict[str, PackageVulnerability]] = {}
    for number, package, one in found:
        vulnerability = known.get(one.id) or update_exploitation(
            advisories, KnownVulnerability(one.id, one.summary, one.aliases)
        )
        known[one.id] = vulnerability
        several = by_package.setdefault(number, {})
        if one.id not in several or several[one.id].rank < rank_severity(one.severity):
            several[one.id] = _build_vulnerability(scanner, package, one, vulnerability)
    matched = [
        MatchedPackage(number, tuple(several.values()), keeps_earlier=True)
        for number, several in by_package.items()
    ]
    context.state.vulnerabilities.put_matches(session, matched)


def _build_vulnerability(
    scanner: str, package: Package, one: ReportedVulnerability, known: KnownVulnerability
) -> PackageVulnerability:
    reason = MatchReason(
        advisory=one.check, source=scanner, ecosystem=package.type, name=package.name, version=package.version, range=""
    )  # fmt: skip
    finding = PackageFinding(
        id=one.id, package=package, state=one.fix_state, severity=one.severity, reasons=(reason,), aliases=one.aliases,
        fixed_version=one.fixed_version, fixed_versions=(one.fixed_version,) if one.fixed_version else (), score=one.score,
        summary=one.summary,
    )  # fmt: skip
    body = zlib.compress(_ENCODER.encode(finding), 1)
    return PackageVulnerability(
        known, one.severity, rank_severity(one.severity), one.score, one.fix_state, one.fixed_version, body
    )
