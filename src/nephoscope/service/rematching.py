"""Match packages that are kept with advisories: those of which something else is said since, without a new scan."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from nephoscope.model.read_reach import EVERYTHING
from nephoscope.service.advisories import ASSESSED, MATCHED, NEVER, open_advisories
from nephoscope.service.inventory_rows import add_vulnerability_rows
from nephoscope.service.pending_findings import mark_resources_unpublished, select_resources
from nephoscope.state.inventory.finding import (
    FindingChanges,
    KnownVulnerability,
    MatchedPackage,
    PackageVulnerability,
)
from nephoscope.state.inventory.inventories import MOST_SUBJECTS
from nephoscope.state.inventory.statement_batches import split_into_parts
from nephoscope.state.inventory.subject import SubjectFilter
from nephoscope.vulnerability.database.changed_packages import list_advisory_names
from nephoscope.vulnerability.matching.matcher import match_advisories
from nephoscope.vulnerability.severities import rank_severity

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from sqlalchemy.orm import Session

    from nephoscope.model.package import Package
    from nephoscope.service.advisories import Advisories
    from nephoscope.service.service_context import ServiceContext
    from nephoscope.vulnerability.matching.findings import PackageAssessment, PackageFinding

_PRODUCT = "matching"
_ENCODER = msgspec.msgpack.Encoder()


class RematchResult(NamedTuple):
    """Result of matching again: the number of packages and the changes; `known` are vulnerabilities whose facts changed."""

    packages: int = 0
    changes: FindingChanges = FindingChanges()
    known: frozenset[str] = frozenset()


def rematch_packages(context: ServiceContext) -> RematchResult:
    """Match again what imports since the last match are about, and open and close the findings of all that hold it.

    Feeds that are gone, or that began anew, have every package matched again; after a removal that closes nothing. The product does it
    by itself: whoever may import may have it done. Raises AdvisoriesError for a file that is no database of advisories.
    """
    with open_advisories(context.data, context.now) as advisories:
        before = context.state.checkpoints.all(MATCHED)
        if before == to_checkpoint(advisories):
            return RematchResult()
        with context.state.database.read() as session:
            numbers = context.state.inventories.find_outdated_subjects(
                session, _find_changed_packages(advisories, before)
            )
            bodies = context.state.inventories.bodies(session, numbers)
        is_removal = any(number == NEVER for number, _ in before.values())
        changes = FindingChanges()
        for part in split_into_parts(bodies):
            matched = [
                match_package(bodies[number], advisories, number, is_removal=is_removal) for number in part
            ]
            changes += _keep_matches(context, matched)
        return RematchResult(len(bodies), changes, _finish_rematching(context, advisories, before))


def match_package(
    package: Package, advisories: Advisories, number: int = 0, *, is_removal: bool = False
) -> MatchedPackage:
    """Return what advisories say of a package; where it cannot be assessed in full, what they said before is to stay.

    So it is where a feed that spoke of it is gone, but for vulnerabilities of which another one speaks. With `is_removal` nothing gets
    better: nobody said anything else.
    """
    found = match_advisories(package, advisories.source, advisories.options)
    vulnerabilities = tuple(_build_vulnerability(one) for one in _list_distinct_findings(found))
    is_in_doubt = found.status not in ("assessed", "own") or any(one.advisory for one in found.undetermined)
    retained = advisories.list_retained_packages(list_advisory_names(package))
    return MatchedPackage(
        number,
        vulnerabilities,
        keeps_earlier=is_in_doubt or is_removal or bool(retained),
        rejudged=frozenset()
        if is_in_doubt or is_removal
        else _list_named_vulnerabilities(advisories, retained),
        is_removal=is_removal,
        is_undetermined=bool(found.undetermined),
        keeps_exploitation=any(advisories.keeps_exploitation(one.vulnerability) for one in vulnerabilities),
    )


def _list_named_vulnerabilities(
    advisories: Advisories, packages: Iterable[tuple[str, str]]
) -> frozenset[str]:
    database = advisories.database
    return (
        frozenset().union(*(database.list_vulnerability_names(*one) for one in packages))
        if database
        else frozenset()
    )


def update_exploitation(advisories: Advisories, known: KnownVulnerability) -> KnownVulnerability:
    """Return a vulnerability with what is known of its exploitation now."""
    names, source = (known.id, *known.aliases), advisories.source
    exploited = next(
        (entry for name in names if (entry := source.find_exploited_vulnerability(name)) is not None), None
    )
    if exploited is None and known.is_exploited and advisories.keeps_exploitation(known):
        return known
    prediction = next(
        (predicted for name in names if (predicted := source.find_prediction(name)) is not None), None
    )
    return KnownVulnerability(
        known.id, known.summary, known.aliases, exploited is not None,
        exploited is not None and exploited.is_used_by_ransomware, exploited.added if exploited else "",
        prediction.probability if prediction else None, prediction.percentile if prediction else None,
    )  # fmt: skip


def to_checkpoint(advisories: Advisories) -> dict[str, list[int | str]]:
    """Return the imports of each feed as they are kept once packages were matched with them."""
    return {name: [number, time] for name, (number, time) in advisories.imports.items()}


def _list_distinct_findings(assessment: PackageAssessment) -> Iterable[PackageFinding]:
    return {one.id: one for one in reversed(assessment.findings)}.values()


def _build_vulnerability(finding: PackageFinding) -> PackageVulnerability:
    known = KnownVulnerability(
        finding.id, finding.summary, finding.aliases, finding.is_exploited, finding.is_used_by_ransomware,
        finding.exploited_since, finding.probability, finding.percentile,
    )  # fmt: skip
    body = zlib.compress(_ENCODER.encode(finding), 1)
    return PackageVulnerability(
        known, finding.severity, rank_severity(finding.severity), finding.score, finding.state, finding.fixed_version, body
    )  # fmt: skip


def _find_changed_packages(
    advisories: Advisories, before: Mapping[str, list[int | str]]
) -> Collection[tuple[str, str]] | None:
    """Return the packages of which something else is said than after earlier imports, None where all have to be matched again."""
    now = advisories.imports
    began_anew = any(
        name not in now or now[name][0] < number or (now[name][0] == number and now[name][1] != time)
        for name, (number, time) in before.items()
        if isinstance(number, int)
    )
    if advisories.database is None or not before or began_anew:
        return None
    return advisories.database.find_changed_packages(max(int(number) for number, _ in before.values()))


def _keep_matches(context: ServiceContext, matched: list[MatchedPackage]) -> FindingChanges:
    state = context.state
    with state.transaction(product=_PRODUCT) as session:
        pairs = state.vulnerabilities.put_matches(session, matched)
        holders = state.inventories.map_holders(session, {package for package, _ in pairs.came})
        changes = state.vulnerabilities.apply(session, pairs, holders, context.now)
        changed = SubjectFilter(EVERYTHING, ids=changes.subjects, most=MOST_SUBJECTS)
        add_vulnerability_rows(context, session, state.inventories.list_subjects(changed))
        return changes


def _keep_assessed_packages(context: ServiceContext, session: Session, advisories: Advisories) -> None:
    """Note what each feed assesses: a file that is made anew without one of them must not look better."""
    if advisories.database is None:
        return
    checkpoints, assessed = context.state.checkpoints, advisories.database.list_assessed_ecosystems()
    for name in checkpoints.load_in_transaction(session, ASSESSED).keys() - assessed.keys():
        checkpoints.drop(session, ASSESSED, name)
    checkpoints.keep(session, ASSESSED, assessed)


def _finish_rematching(
    context: ServiceContext, advisories: Advisories, before: Mapping[str, object]
) -> frozenset[str]:
    """Note the imports that packages were matched with, and what is known of exploitation now."""
    state = context.state
    with state.transaction(product=_PRODUCT) as session:
        known = state.vulnerabilities.refresh(session, lambda one: update_exploitation(advisories, one))
        for name in before.keys() - advisories.imports.keys():
            state.checkpoints.drop(session, MATCHED, name)
        state.checkpoints.keep(session, MATCHED, to_checkpoint(advisories))
        _keep_assessed_packages(context, session, advisories)
        # how long advisories are good changes with every import, whatever they say
        every = state.inventories.list_subjects(SubjectFilter(EVERYTHING, most=MOST_SUBJECTS))
        mark_resources_unpublished(context, session, select_resources(context, every))
    return known
