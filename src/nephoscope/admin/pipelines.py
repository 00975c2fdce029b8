"""Code to cloud: what gates of pipelines passed and the cloud violates."""

from __future__ import annotations

from nephoscope.admin.wire.admin_request import AdminRequest
from nephoscope.admin.wire.route import RouteSection
from nephoscope.operations.declaration.schemas import Shape, to_shape
from nephoscope.operations.posture.pipelines import OriginShape, RepositoryQuery
from nephoscope.service.code_to_cloud import ViolatedPass, list_violated_passes
from nephoscope.service.pipelines import READ, list_readable_repositories

SECTION = RouteSection("pipelines", "Pipelines")
ASSESSMENTS = "Microsoft.Security/assessments/read"


class ViolationShape(Shape, frozen=True, kw_only=True):
    """A recommendation that a resource fails in the cloud though the template that made it passes."""

    resource: str
    recommendation: str
    title: str
    severity: str
    why: str
    origin: OriginShape


class ViolationList(Shape, frozen=True, kw_only=True):
    """List of violations in the cloud that the gate passed."""

    value: tuple[ViolationShape, ...]


@SECTION.route("GET", "/pipelines/violations", READ, scoped=None)
def list_violations(ask: AdminRequest, query: RepositoryQuery) -> ViolationList:
    """Return what the gate passed and the cloud still violates, of what the caller may read; none before the first assessment."""
    if not ask.caller.has_in_any_repository(READ):
        ask.caller.require(READ)
    names = [
        one.name
        for one in list_readable_repositories(ask.service)
        if query.repository.lower() in ("", one.name)
    ]
    snapshot = ask.instance.snapshots.load_newest()
    reach = ask.caller.find_reach(ASSESSMENTS)
    found = [] if snapshot is None else list_violated_passes(ask.service, snapshot.findings, reach, names)
    return ViolationList(value=tuple(map(_build_violation, found[: query.top])))


def _build_violation(one: ViolatedPass) -> ViolationShape:
    finding, planned = one.finding, one.origin.planned
    return ViolationShape(
        resource=finding.resource,
        recommendation=finding.recommendation,
        title=finding.title,
        severity=finding.severity.value,
        why=finding.why,
        origin=to_shape(OriginShape, planned, certain=one.origin.certain),
    )
