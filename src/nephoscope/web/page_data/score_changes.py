"""Score changes: what changed in the scope since the evaluation a day ago, and which controls changed the score."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from nephoscope.posture.history.evaluation_diff import ChangeKind
from nephoscope.posture.history.finding_changes import FindingMoves, choose_baseline, merge_changes
from nephoscope.posture.history.history import EvaluationRecord, History
from nephoscope.posture.published.priorities import build_priorities
from nephoscope.posture.scans.scan import read_last_scan_request
from nephoscope.web.rendering.formatting import count_text
from nephoscope_policy.model.resource_id import ResourceId
from nephoscope_policy.model.state import Severity

if TYPE_CHECKING:
    from nephoscope.posture.history.evaluation_diff import FindingChange
    from nephoscope.posture.published.priorities import Priority
    from nephoscope.web.visits.request_context import Visit

READ, PATHS = "Microsoft.Security/assessments/read", "Microsoft.Security/attackPaths/read"
SINCE = timedelta(days=1)
#: Kind of change -> what the findings are called that moved so, of one and of several.
WORDS: Mapping[ChangeKind, tuple[str, str]] = {
    ChangeKind.NEW: ("new finding", "new findings"),
    ChangeKind.REOPENED: ("reopened finding", "reopened findings"),
    ChangeKind.FIXED: ("finding resolved", "findings resolved"),
    ChangeKind.EXEMPTED: ("finding exempted", "findings exempted"),
    ChangeKind.REMOVED: ("finding on a removed resource", "findings on removed resources"),
    ChangeKind.RETIRED: ("finding of a retired recommendation", "findings of retired recommendations"),
}


@dataclass(frozen=True, slots=True)
class MoveSummary:
    """The findings that moved in one way: how many, what they are called, and what is most among them."""

    kind: ChangeKind
    count: int
    words: str
    about: str


def read_evaluations(visit: Visit) -> Sequence[EvaluationRecord]:
    """The evaluations that the assessment continues, oldest first; read once for what was published last."""
    request = read_last_scan_request(visit.instance.data)
    if request is None or visit.snapshot is None:
        return ()
    history, series = History(visit.instance.data), request.series
    return visit.snapshot.get_or_compute(
        ("evaluations", series), lambda: tuple(history.list_evaluations(series))
    )


def read_moves(visit: Visit) -> FindingMoves | None:
    """Read what moved of the scope since a day ago; None where no earlier evaluation is known."""
    evaluations = read_evaluations(visit)
    before = choose_baseline(evaluations, visit.instance.now - SINCE)
    if before is None or visit.snapshot is None:
        return None
    snapshot, reach, after = visit.snapshot, visit.reach(READ), evaluations[-1]
    between = evaluations[evaluations.index(before) + 1 :]
    history = History(visit.instance.data)
    whole = snapshot.get_or_compute(
        ("moves", before.id), lambda: FindingMoves(before, after, merge_changes(history.changes(*between)))
    )
    return snapshot.get_or_compute(("moves", before.id, reach), lambda: whole.narrow_to(reach))


def has_score_history(visit: Visit) -> bool:
    """Return whether the history of the score is of what the visitor looks at: the whole estate."""
    return visit.chosen_subscriptions is None and visit.reach(READ).everything


def summarize_moves(visit: Visit, moves: FindingMoves) -> list[MoveSummary]:
    """The findings that moved, a summary for each way."""
    known = map_recommendations(visit)
    found = []
    for kind in ChangeKind:
        changes = [one for one in moves.changes if one.kind is kind]
        if changes:
            words = WORDS[kind][len(changes) > 1]
            found.append(MoveSummary(kind, len(changes), words, _summarize_severity(changes, known)))
    return found


def map_recommendations(visit: Visit) -> Mapping[str, Priority]:
    """Key -> recommendation, of all that are known."""
    if visit.snapshot is None:
        return {}
    ranked = build_priorities(visit.snapshot).rank(visit.reach(READ), visit.reach(PATHS))
    return {one.tally.recommendation: one for one in ranked}


def _summarize_severity(changes: Sequence[FindingChange], known: Mapping[str, Priority]) -> str:
    """Say how grave they are, and where most of them are."""
    grave = Counter(known[one.key].tally.severity for one in changes if one.key in known)
    said = [f"{grave[one]} {one.value.lower()}" for one in reversed(Severity) if grave[one]][:2]
    resources = len({one.id for one in changes})
    said.append(f"on {count_text(resources, 'resource')}")
    groups = Counter(_extract_resource_group(one.id) for one in changes)
    (name, count), *_ = groups.most_common(1)
    if name and len(groups) > 1 and count > 1:
        said.append(f"most in {name}")
    return ", ".join(said)


def _extract_resource_group(id_: str) -> str:
    return ResourceId.parse(id_ or "/").resource_group or ""
