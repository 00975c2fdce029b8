"""Applied advice of a rule, and the parts of it that are still in force."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from nephoscope.alerts.tuning.tuning_service import LEARNED, SETTING, SUPPRESSION

if TYPE_CHECKING:
    from nephoscope.state import State
    from nephoscope.state.rules.tuning_changes import TuningChange


@dataclass(frozen=True, slots=True)
class AppliedAdvice:
    """An advice that `author` followed, with the words it came with; `stands`: some of what it changed is still so."""

    advice: str
    author: str
    moment: datetime
    text: str
    expires: str
    stands: bool


def list_applied_advice(state: State, workspace: str, rule: str) -> list[AppliedAdvice]:
    """Return those of a rule, the newest first."""
    several: dict[str, list[TuningChange]] = {}
    for one in state.tuning_changes.all(workspace):
        if one.rule == rule and one.advice:
            several.setdefault(one.advice, []).append(one)
    standing = _find_in_force(state, workspace, rule)
    learned = state.learned.load_for_rule(workspace, rule)
    found = [_make_applied_advice(advice, changes, standing, learned) for advice, changes in several.items()]
    return sorted(found, key=lambda one: one.moment, reverse=True)


def _find_in_force(state: State, workspace: str, rule: str) -> set[tuple[str, str]]:
    """(kind, advice) of the suppressions and settings that are there."""
    suppressions = {
        (SUPPRESSION, one.advice) for one in state.suppressions.all(workspace) if one.rule == rule
    }
    settings = {(SETTING, one.advice) for one in state.rule_settings.all(workspace) if one.rule == rule}
    return suppressions | settings


def _make_applied_advice(
    advice: str, changes: list[TuningChange], standing: set[tuple[str, str]], learned: frozenset[str]
) -> AppliedAdvice:
    last = changes[-1]
    comment_values = next((one.after for one in changes if one.after and one.after.get("comment")), {}) or {}
    stands = any(
        not learned.isdisjoint((one.after or {}).get("keys", ()))
        if one.kind == LEARNED
        else (one.kind, advice) in standing
        for one in changes
    )
    return AppliedAdvice(
        advice,
        last.author,
        last.moment,
        comment_values.get("comment", ""),
        comment_values.get("expires") or "",
        stands,
    )
