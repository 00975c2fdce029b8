"""Planned openings: what a deployment would show to everybody on the Internet without being allowed to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from nephoscope.estate.admin_rules import READS as ADMIN_TYPES
from nephoscope.estate.estate_view import EstateView
from nephoscope.estate.exposure import WAY_TYPES
from nephoscope.estate.public_endpoint import FIREWALLED
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.finding import CodeFinding, FindingState
from nephoscope.posture.code.template.analyzer_evidence import locate_rules
from nephoscope.posture.code.template.planned_analysis import GuardedResources, PlannedAnalyzerEstate
from nephoscope.posture.exposure.exposure_rows import UNKNOWN, ExposureRow, build_exposure_rows
from nephoscope.posture.exposure.internet_exposure import find_exposure
from nephoscope_policy.model.state import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from nephoscope.estate.estate import Estate
    from nephoscope.posture.code.template.planned_estate import PlannedEstate
    from nephoscope.posture.code.template.source_locations import ValueLocation, ValueLocator
    from nephoscope.posture.code.template.template_resource import WrittenResource
    from nephoscope.posture.code.template.template_suppressions import TemplateSuppressions
    from nephoscope.posture.exposure.allowed_openings import AllowedOpenings

_BESIDE = frozenset({*WAY_TYPES, *ADMIN_TYPES, *(f"{one}/firewallrules" for one in FIREWALLED)})
"""Types that other deployments make: they open more, or close what this one opens."""
OPENING = CodeRule(
    id="opening-not-allowed",
    title="Only allowed openings should face the internet",
    severity=Severity.HIGH,
    description="The resource would answer everybody on the internet, and the list of allowed openings does not name it.",
    steps=(
        "Close the opening, or limit it to the addresses that need it.",
        "Where everybody should reach it, add it with a reason to .nephoscope/allowed-openings.json.",
    ),
)


def find_openings(
    planned: PlannedEstate,
    allowed: AllowedOpenings,
    now: datetime,
    places: ValueLocator,
    suppressions: TemplateSuppressions,
) -> Iterator[CodeFinding]:
    """Find the openings to everybody that are not allowed, and the resources of which it is not known."""
    view = EstateView(_without_other_openings(planned.estate), now)
    for key, written in planned.planned.items():
        resource = view.estate.resources.get(key)
        skipped = resource is None or written.existing or key in planned.derived
        found = None if resource is None or skipped else find_exposure(resource, view)
        for row in (
            build_exposure_rows(written.id, written.name, written.type, found) if found is not None else ()
        ):
            if row.state == UNKNOWN or allowed.forbids(row):
                yield _make_finding(row, written, planned, places, suppressions)


def _without_other_openings(estate: Estate) -> PlannedAnalyzerEstate:
    """The planned estate as if there were no other way in, nothing that closes one, and no setting that is not written."""
    claimed = estate.coverage.scopes.get("", frozenset()) | _BESIDE
    coverage = replace(estate.coverage, scopes={**estate.coverage.scopes, "": claimed})
    return PlannedAnalyzerEstate(GuardedResources(estate.resources, fills_in=False), coverage)


def _make_finding(
    row: ExposureRow,
    written: WrittenResource,
    planned: PlannedEstate,
    places: ValueLocator,
    suppressions: TemplateSuppressions,
) -> CodeFinding:
    located = [places.find(*one) for one in locate_rules(row.rules, planned)]
    own = places.find(written, ())
    place: ValueLocation = located[0] if located else own
    around = places.locate_resource(written)
    ignored = suppressions.reason(OPENING, written, around, place)
    if row.state == UNKNOWN:
        state, said = FindingState.UNKNOWN, row.why
    else:
        state, said = FindingState.FAILED, f"{row.protocol} {row.ports} is open to everybody ({row.path})"
    if ignored is not None:
        state = FindingState.SUPPRESSED
    return CodeFinding(
        rule=OPENING.id,
        region=place.region,
        message=f"{OPENING.title} ({written.label or written.name}): {said}",
        severity=OPENING.severity,
        state=state,
        evidence=place.evidence,
        subject=written.id,
        reason=ignored or ("" if state is FindingState.FAILED else row.why),
        remediation=OPENING.steps,
        related=tuple(dict.fromkeys(one.region for one in (*located[1:], own) if one.region != place.region)),
    )
