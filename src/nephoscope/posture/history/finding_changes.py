"""Finding changes: sum up the evaluations since an earlier one as one change for each finding."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from nephoscope.posture.history.evaluation_diff import ChangeKind, FindingChange
from nephoscope.posture.history.history import EvaluationRecord

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nephoscope.model.read_scope import Reach

#: Changes after which a finding is open.
OPENING = frozenset({ChangeKind.NEW, ChangeKind.REOPENED})


class FindingMoves(msgspec.Struct, frozen=True):
    """Changes between two evaluations: `changes` in the order of resources and recommendations."""

    before: EvaluationRecord
    after: EvaluationRecord
    changes: tuple[FindingChange, ...]

    @property
    def score(self) -> float | None:
        """Return how far the share of the score moved (0.01 is one percentage point); None where one of both scored nothing."""
        if self.before.percentage is None or self.after.percentage is None:
            return None
        return self.after.percentage - self.before.percentage

    @property
    def controls(self) -> dict[str, float]:
        """Score control -> the points that it gained or lost, the largest move first; those that did not move are left out."""
        names = self.before.controls.keys() | self.after.controls.keys()
        moved = {
            name: self.after.controls.get(name, 0.0) - self.before.controls.get(name, 0.0) for name in names
        }
        kept = {name: points for name, points in moved.items() if abs(points) >= 0.005}
        return dict(sorted(kept.items(), key=lambda one: (-abs(one[1]), one[0])))

    def narrow_to(self, reach: Reach) -> FindingMoves:
        """The moves of what a reach sees."""
        if reach.everything:
            return self
        return replace(self, changes=tuple(one for one in self.changes if _can_see(reach, one)))


def choose_baseline(evaluations: Sequence[EvaluationRecord], since: datetime) -> EvaluationRecord | None:
    """The evaluation that the newest is compared with: the last up to a time, else the first; None where there is but one."""
    earlier = evaluations[:-1]
    return next((one for one in reversed(earlier) if one.when <= since), next(iter(earlier), None))


def merge_changes(changes: Iterable[FindingChange]) -> tuple[FindingChange, ...]:
    """Merge the changes of evaluations, the earliest first, to one a finding; what came back to where it was is left out."""
    found: dict[tuple[str, str], tuple[FindingChange, FindingChange]] = {}
    for one in changes:
        first, _ = found.get((one.resource, one.key), (one, one))
        found[one.resource, one.key] = (first, one)
    merged = (_merge_finding_changes(first, last) for _, (first, last) in sorted(found.items()))
    return tuple(one for one in merged if one is not None)


def _merge_finding_changes(first: FindingChange, last: FindingChange) -> FindingChange | None:
    if (first.kind in OPENING) != (last.kind in OPENING):
        return None
    kind = first.kind if last.kind in OPENING else last.kind
    return replace(last, kind=kind, before=first.before)


def _can_see(reach: Reach, change: FindingChange) -> bool:
    parts = change.id.split("/")
    if len(parts) < 3 or parts[1] != "subscriptions":
        return change.tenant in reach.whole_tenants
    group = "/".join(parts[:5]) if len(parts) > 4 and parts[3] == "resourcegroups" else ""
    return reach.can_read(parts[2], group)
