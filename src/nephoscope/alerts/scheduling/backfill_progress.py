"""Backfill progress: windows already run, by rule and table versions, so that an interrupted backfill resumes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from nephoscope.alerts.scheduling.intervals import Interval

if TYPE_CHECKING:
    from nephoscope.alerts.rules.rule import AnalyticRule
    from nephoscope.state import State

_SOURCE = "detection/looked back"


class CoveredSpan(msgspec.Struct, frozen=True):
    """Windows of a rule that were run: those that end in (after, until], with the text of the rule and its tables' versions."""

    after: datetime
    until: datetime
    digest: str
    seen: dict[str, int]

    def was_run(self, end: datetime, digest: str, seen: Mapping[str, int]) -> bool:
        """Return whether a window was run with this text over these versions."""
        return self.after < end <= self.until and self.digest == digest and self.seen == seen


@dataclass(slots=True)
class LookBackProgress:
    """The windows that were run in a workspace, by rule; `save` keeps what was added since."""

    state: State
    workspace: str
    _spans: dict[str, list[CoveredSpan]] = field(default_factory=dict)
    _changed: set[str] = field(default_factory=set)

    @classmethod
    def load(cls, state: State, workspace: str) -> LookBackProgress:
        """Read what is kept."""
        kept = state.checkpoints.all(f"{_SOURCE}/{workspace}")
        return cls(state, workspace, msgspec.convert(kept, dict[str, list[CoveredSpan]]))

    def was_run(self, rule: str, end: datetime, digest: str, seen: Mapping[str, int]) -> bool:
        """Return whether a window was run with this text over these versions of its tables."""
        return any(one.was_run(end, digest, seen) for one in self._spans.get(rule, ()))

    def add(self, rule: str, span: CoveredSpan) -> None:
        """Note windows that were run; they take the place of earlier runs of the same ones."""
        kept = [part for one in self._spans.get(rule, ()) for part in _subtract_span(one, span)]
        before = next((one for one in kept if one.until == span.after and _is_same_coverage(one, span)), None)
        if before is not None:
            kept.remove(before)
            span = msgspec.structs.replace(span, after=before.after)
        self._spans[rule] = [*kept, span]
        self._changed.add(rule)

    def save(self) -> None:
        """Keep what was added."""
        values = {rule: msgspec.to_builtins(self._spans[rule]) for rule in sorted(self._changed)}
        self.state.checkpoints.put_values(f"{_SOURCE}/{self.workspace}", values)
        self._changed.clear()

    def list_intervals(self, rule: AnalyticRule) -> Sequence[Interval]:
        """Return the times of the rows that came to their turn in these windows."""
        return [(one.after, one.until) for one in self._spans.get(rule.id, ())]


def _is_same_coverage(one: CoveredSpan, other: CoveredSpan) -> bool:
    return (one.digest, one.seen) == (other.digest, other.seen)


def _subtract_span(one: CoveredSpan, taken: CoveredSpan) -> list[CoveredSpan]:
    """Return what of a span lies before and after another."""
    if one.until <= taken.after or one.after >= taken.until:
        return [one]
    parts = [(one.after, taken.after), (taken.until, one.until)]
    return [msgspec.structs.replace(one, after=after, until=until) for after, until in parts if after < until]
