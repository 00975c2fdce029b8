"""Vulnerabilities of what is kept: by vulnerability, by machine and image, with what could not be assessed."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import msgspec

from nephoscope.model.missing_inventory import explain_absence, is_of_system
from nephoscope.service.advisories import open_advisories
from nephoscope.state.inventory.finding import FindingFilter, SubjectFinding
from nephoscope.state.inventory.subject import SubjectFilter
from nephoscope.vulnerability.matching.findings import PackageFinding
from nephoscope.vulnerability.matching.matcher import assess_status
from nephoscope.vulnerability.matching.source_precedence import list_layers

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from datetime import datetime

    from nephoscope.model.package import Package
    from nephoscope.model.read_scope import Reach
    from nephoscope.service.advisories import Advisories
    from nephoscope.service.service_context import ServiceContext
    from nephoscope.state.inventory.finding import VulnerabilityFinding, VulnerabilitySummary
    from nephoscope.state.inventory.subject import InventorySubject

_DECODER = msgspec.msgpack.Decoder(PackageFinding)


@dataclass(frozen=True, slots=True)
class AssessmentCoverage:
    """Coverage of a subject's assessment: packages assessed, and those that were not by the reason.

    `until` is when the first of its feeds gets too old, None where nothing is assessed. `absence` says why its packages cannot be all,
    `of_system` how many of them an operating system is made of. `reporter` is the other scanner that alone looked at it ('' = there is
    none): what it did not look at is not known.
    Nothing is known against a subject only where `is_complete`: it has no finding, every package was assessed and every file read.
    """

    assessed: int
    not_assessed: dict[str, int]
    undetermined: int
    unread: int
    until: datetime | None
    absence: str = ""
    of_system: int = 0
    reporter: str = ""

    @property
    def is_complete(self) -> bool:
        """Return whether all of the subject was read and assessed in full."""
        return not (self.not_assessed or self.undetermined or self.unread or self.absence or self.reporter)

    @property
    def reason(self) -> str:
        """Explain why it is not complete, in a sentence; '' where it is."""
        parts = [
            f"{_count_text(count, 'package was', 'packages were')} not assessed: {why}"
            for why, count in self.not_assessed.items()
        ]
        if self.undetermined:
            parts.append(
                f"the versions of {_count_text(self.undetermined, 'package', 'packages')} could not be compared"
            )
        if self.unread:
            parts.append(f"{_count_text(self.unread, 'file', 'files')} could not be read")
        if self.absence:
            parts.append(self.absence)
        if self.reporter:
            parts.append(f"results of {self.reporter} contain findings but not what was scanned")
        return "; ".join(parts)


def _count_text(count: int, one: str, many: str) -> str:
    return f"{count:,} {one if count == 1 else many}"


def list_findings(context: ServiceContext, wanted: FindingFilter) -> list[SubjectFinding]:
    """Return findings with their subjects, the riskiest first; the reach of the filter is what the actor may read."""
    found = context.state.vulnerabilities.findings(wanted)
    ids = frozenset(one.subject for one in found)
    subjects = {
        one.id: one
        for one in context.state.inventories.list_subjects(SubjectFilter(wanted.subjects.reach, ids=ids))
    }
    return [SubjectFinding(subjects[one.subject], one) for one in found if one.subject in subjects]


def list_vulnerabilities(context: ServiceContext, wanted: FindingFilter) -> list[VulnerabilitySummary]:
    """Return vulnerabilities with how many machines and images have them, the riskiest first, without since when."""
    return context.state.vulnerabilities.list_summaries(wanted)


def add_first_seen_dates(
    context: ServiceContext, wanted: FindingFilter, several: Iterable[VulnerabilitySummary]
) -> list[VulnerabilitySummary]:
    """Return vulnerabilities that a filter gave with since when they are seen."""
    every = list(several)
    since = context.state.vulnerabilities.map_first_seen_times(
        wanted, (one.vulnerability.id for one in every)
    )
    return [replace(one, first_seen=since.get(one.vulnerability.id)) for one in every]


def explain_finding(context: ServiceContext, finding: VulnerabilityFinding) -> PackageFinding | None:
    """Return what matching gave of a finding, with its reasons; None where advisories no longer speak of it."""
    bodies = context.state.vulnerabilities.bodies([finding])
    body = bodies.get((finding.package, finding.vulnerability.id))
    return None if body is None else _DECODER.decode(zlib.decompress(body))


def list_holders(context: ServiceContext, reach: Reach, vulnerability: str) -> list[SubjectFinding]:
    """Return who has a vulnerability, of what the actor may read."""
    return list_findings(context, FindingFilter(SubjectFilter(reach), vulnerability=vulnerability))


def list_distinct_findings(findings: Iterable[SubjectFinding]) -> list[SubjectFinding]:
    """Return findings with each package and vulnerability once, in their order: what the product itself saw before what others did."""
    found: dict[tuple[str, str, str, str], SubjectFinding] = {}
    for one in findings:
        finding = one.finding
        key = finding.type, finding.name, finding.version, finding.vulnerability.id
        if key not in found or (found[key].subject.is_reported and not one.subject.is_reported):
            found[key] = one
    return list(found.values())


def assess_coverage(
    context: ServiceContext, subjects: Iterable[InventorySubject]
) -> dict[int, AssessmentCoverage]:
    """Return how far subjects are assessed now, by their ids: a feed that got too old since counts as too old.

    Where the product itself scanned what another scanner reported of, too, the coverage of its own scan says enough.
    """
    given, inventories = list(subjects), context.state.inventories
    every = [one for one in given if not one.is_reported]
    scanned = {one.identity for one in every}
    sets = {one.package_set for one in every}
    with context.state.reading() as session:
        kinds = inventories.kinds(session, sets)
        undetermined = inventories.count_undetermined_packages(session, sets)
        bodies = inventories.bodies(session, {number for one in kinds.values() for number, _ in one})
    with open_advisories(context.data, context.now) as advisories:
        standings = _Standings(advisories, bodies)
        own = {
            one.id: standings.coverage(
                one, kinds.get(one.package_set, ()), undetermined.get(one.package_set, 0)
            )
            for one in every
        }
    return {
        one.id: own[one.id] if one.id in own else _build_reported_coverage(one, one.identity in scanned)
        for one in given
    }


def _build_reported_coverage(subject: InventorySubject, is_scanned: bool) -> AssessmentCoverage:
    """Return how far results of another scanner assess a subject: never in full, since they do not say what they left out."""
    reporter = "" if is_scanned else subject.scanner
    return AssessmentCoverage(0, {}, 0, len(subject.unread), None, reporter=reporter)


class _Standings:
    """What can be assessed now, asked once for all packages that the same feeds speak of."""

    def __init__(self, advisories: Advisories, bodies: Mapping[int, Package]) -> None:
        self._advisories = advisories
        self._known = {number: self._find_package_standing(body) for number, body in bodies.items()}
        self._bodies = bodies

    def coverage(
        self, subject: InventorySubject, kinds: Collection[tuple[int, int]], undetermined: int
    ) -> AssessmentCoverage:
        """Return how far a subject is assessed, by a package of each kind that it has with their number."""
        missed: dict[str, int] = {}
        assessed, until = 0, None
        for number, count in kinds:
            reason, good = self._known[number]
            if reason:
                missed[reason] = missed.get(reason, 0) + count
                continue
            assessed += count
            until = min((one for one in (until, good) if one is not None), default=None)
        absence = explain_absence(
            subject.family, subject.release, (self._bodies[number] for number, _ in kinds)
        )
        of_system = sum(count for number, count in kinds if is_of_system(self._bodies[number].type))
        return AssessmentCoverage(
            assessed, missed, undetermined, len(subject.unread), until, absence, of_system
        )

    def _find_package_standing(self, package: Package) -> tuple[str, datetime | None]:
        """Return why a package is not assessed ('' = it is), and how long its feeds are good."""
        status, reason = assess_status(package, self._advisories.source, self._advisories.options)
        if status == "own":
            return "", None
        if status != "assessed":
            return reason, None
        database = self._advisories.database
        good = (
            [database.find_valid_until(layer.ecosystem) for layer in list_layers(package)] if database else []
        )
        return "", min((one for one in good if one is not None), default=None)
