"""Recommendations in the order to work on them, as the command and the pages rank them."""

from __future__ import annotations

from typing import Annotated

import msgspec

from nephoscope.admin.wire.admin_request import AdminRequest
from nephoscope.admin.wire.route import RouteSection
from nephoscope.operations.declaration.schemas import Shape
from nephoscope.posture.published.priorities import Priority, build_priorities

SECTION = RouteSection("recommendations", "Recommendations")
READ, PATHS = "Microsoft.Security/assessments/read", "Microsoft.Security/attackPaths/read"


class RecommendationShape(Shape, frozen=True, kw_only=True):
    """A recommendation; `gain` is in points of `control` over what the caller sees, `why` says why it ranks where it does.

    `attack_paths` are those that it makes, `gravest` the risk of the worst of them, `exposed` how many of the unhealthy resources the
    Internet reaches, `assessed` how many resources pass or fail, `not_assessed` how many could not be assessed.
    """

    id: str
    name: str
    severity: str
    why: str
    unhealthy: int
    assessed: int
    not_assessed: int
    control: str
    gain: float
    attack_paths: int
    gravest: str
    exposed: int


class RecommendationList(Shape, frozen=True, kw_only=True):
    """The first of them; `total` is how many there are."""

    value: tuple[RecommendationShape, ...]
    total: int


class RecommendationQuery(Shape, frozen=True, kw_only=True):
    """Query parameters of the list of recommendations."""

    all: Annotated[bool, msgspec.Meta(description="Include recommendations that no resource fails.")] = False
    top: Annotated[int, msgspec.Meta(ge=1, le=10_000, description="Maximum number of recommendations.")] = 100


@SECTION.route("GET", "/recommendations", READ, scoped=None)
def list_recommendations(ask: AdminRequest, query: RecommendationQuery) -> RecommendationList:
    """The recommendations of what the caller may see, in the order to work on them; none before the first assessment."""
    reach = ask.caller.find_reach(READ)
    if reach.is_empty:
        ask.caller.require(READ)
    snapshot = ask.instance.snapshots.load_newest()
    ranked = (
        build_priorities(snapshot).rank(reach, ask.caller.find_reach(PATHS)) if snapshot is not None else []
    )
    found = [one for one in ranked if query.all or one.tally.unhealthy]
    return RecommendationList(value=tuple(map(_build_shape, found[: query.top])), total=len(found))


def _build_shape(one: Priority) -> RecommendationShape:
    tally = one.tally
    return RecommendationShape(
        id=tally.recommendation, name=tally.title, severity=tally.severity.value, why=one.reason, unhealthy=tally.unhealthy,
        assessed=tally.counts.assessed_count, not_assessed=tally.counts.not_assessed, control=one.control, gain=round(one.gain, 4),
        attack_paths=one.paths, gravest=one.gravest.value if one.gravest else "", exposed=one.exposed,
    )  # fmt: skip
