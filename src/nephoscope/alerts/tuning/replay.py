"""A rule run over the past as its schedule would have run it: by the same code, into a state that is thrown away."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nephoscope.alerts.detection.detector import Detector
from nephoscope.alerts.incidents.incident_service import IncidentService
from nephoscope.alerts.rules.query_result import RuleResultRow
from nephoscope.alerts.rules.rule import AnalyticRule
from nephoscope.alerts.rules.window import RuleWindow, build_window, iterate_window_ends
from nephoscope.alerts.tuning.alert_history import read_entities
from nephoscope.state import State
from nephoscope.state.incidents.alerts import StoredAlert

if TYPE_CHECKING:
    from nephoscope.lake.lake import Lake

TOP = 10
#: ProgressReport how many windows are done, and of how many: what it raises ends the run.
ProgressReport = Callable[[int, int], None]
#: How many rows a query found in a window, and the first of them.
KnownWindows = dict[tuple[str, RuleWindow], tuple[int, list[RuleResultRow]]]


@dataclass(frozen=True, slots=True)
class ReplayResult:
    """Result of a replay of a rule: `alerts` include suppressed ones, `errors` are (end of the window, error)."""

    rule: AnalyticRule
    windows: int
    rows: int
    seconds: float
    alerts: tuple[StoredAlert, ...]
    incidents: int
    errors: tuple[tuple[datetime, str], ...] = ()

    @property
    def raised_alerts(self) -> list[StoredAlert]:
        """The alerts that would have been raised."""
        return [one for one in self.alerts if not one.held_by]

    def days(self) -> dict[date, int]:
        """The raised alerts by the day in which their window ended."""
        return dict(sorted(Counter(one.raised.date() for one in self.raised_alerts).items()))

    def list_entities(self, most: int = TOP) -> list[tuple[str, int]]:
        """Return what the most of the raised alerts are about: `Account kim@contoso.com` and of how many."""
        found = Counter(
            name
            for one in self.raised_alerts
            for name in {f"{each.kind} {each.title}" for each in read_entities(one.document)}
        )
        return sorted(found.items(), key=lambda pair: (-pair[1], pair[0]))[:most]

    def document(self) -> dict[str, Any]:
        """Return what came of it as JSON values, with the names and the numbers that people read."""
        return {
            "rule": self.rule.name,
            "windows": self.windows,
            "rows": self.rows,
            "alerts": len(self.raised_alerts),
            "held": len(self.alerts) - len(self.raised_alerts),
            "incidents": self.incidents,
            "seconds": round(self.seconds, 3),
            "tuning": list(self.rule.tuning.shown),
            "days": {day.isoformat(): count for day, count in self.days().items()},
            "entities": [{"entity": name, "alerts": count} for name, count in self.list_entities()],
            "errors": [{"until": moment.isoformat(), "error": text} for moment, text in self.errors],
        }


def ignore_progress(done: int, total: int) -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True)
class CachingDetector(Detector):
    """A detector that looks at a window once: for rules that are tried with several tunings. What it `knows` may be shared."""

    knows: KnownWindows = field(default_factory=dict, repr=False)

    def _read_rows(
        self, rule: AnalyticRule, window: RuleWindow, *asked: Any
    ) -> tuple[int, list[RuleResultRow]]:
        found = self.knows.get((rule.query, window))
        if found is None:
            found = self.knows[rule.query, window] = Detector._read_rows(self, rule, window, *asked)  # noqa: SLF001 - super() does not find it in a slotted class
        return found


@contextmanager
def open_temporary_state() -> Iterator[State]:
    """A state of its own, gone at the end of the block."""
    with (
        tempfile.TemporaryDirectory(prefix="nephoscope-replay-") as folder,
        State.open(f"sqlite:///{Path(folder) / 'state.db'}") as state,
    ):
        yield state


def replay_rule(
    lake: Lake,
    rule: AnalyticRule,
    workspace: str,
    since: datetime,
    until: datetime,
    now: datetime,
    report_progress: ProgressReport = ignore_progress,
) -> ReplayResult:
    """Run every window of the rule, as it is given, that ends in (since, until], with all rows that are there now."""
    with lake.reading(workspace) as reading:
        detector = Detector(lake, workspace, reading=reading)
        return replay_windows(
            detector, rule, list(iterate_window_ends(rule, since, until)), now, report_progress
        )


def replay_windows(
    detector: Detector,
    rule: AnalyticRule,
    moments: Sequence[datetime],
    now: datetime,
    report_progress: ProgressReport = ignore_progress,
) -> ReplayResult:
    """Run the windows of the rule that end at these times, in their order."""
    windows = rows = 0
    seconds, errors = 0.0, []
    with open_temporary_state() as state:
        workspace = detector.workspace
        incident_service = IncidentService(state, workspace)
        for end in moments:
            report_progress(windows, len(moments))
            outcome = detector.run(
                _add_learned_entities(rule, state, workspace), build_window(rule, end), now
            )
            incident_service.store_outcome(outcome, now)
            windows, rows, seconds = windows + 1, rows + outcome.rows, seconds + outcome.seconds
            if outcome.error:
                errors.append((end, outcome.error))
        alerts = state.alerts.history(workspace, datetime.min.replace(tzinfo=now.tzinfo), now)
        incidents = len(state.incidents.verdicts(workspace))
    return ReplayResult(rule, windows, rows, seconds, tuple(alerts), incidents, tuple(errors))


def _add_learned_entities(rule: AnalyticRule, state: State, workspace: str) -> AnalyticRule:
    """A rule that learns, with what it knew and what it has learned in this run."""
    learning = rule.tuning.learning
    if learning is None:
        return rule
    knows = learning.knows | state.learned.load_for_rule(workspace, rule.id)
    return replace(rule, tuning=replace(rule.tuning, learning=replace(learning, knows=knows)))
