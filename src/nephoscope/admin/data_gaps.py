"""Data gaps: what assessments lacked, and what settles them, as the command and the page list them."""

from __future__ import annotations

from nephoscope.admin.wire.admin_request import AdminRequest
from nephoscope.admin.wire.route import RouteSection
from nephoscope.operations.declaration.schemas import Shape
from nephoscope.posture.data_gaps.gap_groups import DataGap, list_gaps
from nephoscope.posture.data_gaps.segment_gaps import list_segment_gaps

SECTION = RouteSection("data-gaps", "Data gaps")
READ = "Microsoft.Security/assessments/read"


class GapRecommendationShape(Shape, frozen=True, kw_only=True):
    """A recommendation, and how many of its assessments wait for what is missing."""

    id: str
    name: str
    severity: str
    assessments: int


class DataGapShape(Shape, frozen=True, kw_only=True):
    """Data gap: the kind of data (`need`), the data (`subject`), the number of assessments that need it and the remedy.

    `commands` are run in their order, `permissions` are what reading takes, `examples` some of the reasons that assessments give.
    """

    need: str
    subject: str
    assessments: int
    action: str
    commands: tuple[str, ...]
    permissions: tuple[str, ...]
    recommendations: tuple[GapRecommendationShape, ...]
    examples: tuple[str, ...]


class DataGapList(Shape, frozen=True, kw_only=True):
    """The gaps, that for which the most assessments wait first; `unjudged` is how many of the `assessments` could not be judged."""

    value: tuple[DataGapShape, ...]
    assessments: int
    unjudged: int


@SECTION.route("GET", "/data-gaps", READ, scoped=None)
def list_data_gaps(ask: AdminRequest) -> DataGapList:
    """The data gaps of what the caller may see; none before the first assessment."""
    reach = ask.caller.find_reach(READ)
    if reach.is_empty:
        ask.caller.require(READ)
    snapshot = ask.instance.snapshots.load_newest()
    if snapshot is None:
        return DataGapList(value=(), assessments=0, unjudged=0)
    found = [*list_gaps(snapshot.findings, reach), *list_segment_gaps(ask.instance.state, reach)]
    assessed = sum(snapshot.findings.states(reach).values())
    return DataGapList(
        value=tuple(map(_build_shape, found)), assessments=assessed, unjudged=sum(one.count for one in found)
    )


def _build_shape(gap: DataGap) -> DataGapShape:
    return DataGapShape(
        need=gap.missing.need.value, subject=gap.subject, assessments=gap.count, action=gap.remedy.action,
        commands=gap.remedy.commands, permissions=gap.remedy.permissions, examples=gap.examples,
        recommendations=tuple(
            GapRecommendationShape(id=one.key, name=one.title, severity=one.severity.value, assessments=one.count)
            for one in gap.recommendations
        ),
    )  # fmt: skip
