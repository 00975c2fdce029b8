"""Vulnerabilities of packages after a feed was removed: each is as bad as it was, or worse by what is left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import select
from sqlalchemy.orm import Session

from nephoscope.state.inventory.finding import MatchedPackage, PackageVulnerability
from nephoscope.state.inventory.statement_batches import split_into_parts
from nephoscope.state.tables.inventory_rows import PackageVulnerabilityRow


def merge_worse_matches(session: Session, matched: Sequence[MatchedPackage]) -> list[MatchedPackage]:
    """Return packages, after a removal merged with what is kept: the severest of both, and a fixed version that either has."""
    kept: dict[tuple[int, str], PackageVulnerabilityRow] = {}
    for part in split_into_parts([one.number for one in matched if one.is_removal]):
        wanted = select(PackageVulnerabilityRow).where(PackageVulnerabilityRow.package.in_(part))
        kept.update(((row.package, row.vulnerability), row) for row in session.scalars(wanted))
    return [_merge_package(one, kept) if one.is_removal else one for one in matched]


def _merge_package(
    one: MatchedPackage, kept: dict[tuple[int, str], PackageVulnerabilityRow]
) -> MatchedPackage:
    found = (_merge_matches(match, kept.get((one.number, match.vulnerability.id))) for match in one.found)
    return replace(one, found=tuple(found))


def _merge_matches(
    found: PackageVulnerability, before: PackageVulnerabilityRow | None
) -> PackageVulnerability:
    if before is None:
        return found
    if found.rank <= before.rank:
        return PackageVulnerability(
            found.vulnerability, before.severity, before.rank, before.score, before.state, before.fixed_version, before.body
        )  # fmt: skip
    is_fix_lost = before.fixed_version and not found.fixed_version
    return replace(found, state=before.state, fixed_version=before.fixed_version) if is_fix_lost else found
