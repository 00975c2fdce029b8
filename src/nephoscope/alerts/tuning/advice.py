"""Advice from history: what could be changed in a rule, what that would have hidden, tried on the same days before it is offered."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from itertools import groupby
from typing import TYPE_CHECKING

from nephoscope.alerts.rules.rule import AnalyticRule, RuleKind
from nephoscope.alerts.suppression.rule_suppression import LearningPeriod, Suppression
from nephoscope.alerts.tuning.advisors import load_advisors
from nephoscope.alerts.tuning.alert_history import PastAlert, list_past_alerts
from nephoscope.alerts.tuning.effective_rules import EffectiveTuning
from nephoscope.alerts.tuning.replay import (
    CachingDetector,
    KnownWindows,
    ProgressReport,
    ReplayResult,
    ignore_progress,
    replay_windows,
)
from nephoscope.alerts.tuning.rule_case import LearnStep, Proposal, SettingStep, SuppressStep, TuningCase
from nephoscope.alerts.tuning.rule_settings import apply_settings
from nephoscope.alerts.tuning.tuning_service import TuningEditor
from nephoscope.state.database.database import StateError

if TYPE_CHECKING:
    from nephoscope.lake.lake import Lake
    from nephoscope.state import State
    from nephoscope.state.incidents.alerts import StoredAlert

SURE = 0.8
"""The share of alerts that people have judged from which on advice is likely."""


class Confidence(StrEnum):
    """Confidence of an advice: every hidden alert was closed as harmless, most were, or a person must review it."""

    PROVEN = "proven"
    LIKELY = "likely"
    REVIEW = "review"


@dataclass(frozen=True, slots=True)
class Advice:
    """Proposed change of a rule; `hides` are the alerts that a replay with it does not raise, out of `of`."""

    id: str
    kind: str
    rule: AnalyticRule
    proposal: Proposal = field(repr=False)
    confidence: Confidence
    hides: tuple[PastAlert, ...] = field(repr=False)
    of: int

    @property
    def false(self) -> int:
        """Count how many of them were closed as false or benign."""
        return sum(one.benign for one in self.hides)

    def document(self) -> dict[str, object]:
        """The advice as JSON values; `alerts` are the ids of those that it would have hidden."""
        return {
            "id": self.id,
            "rule": self.rule.name,
            "kind": self.kind,
            "advice": self.proposal.text,
            "confidence": self.confidence.value,
            "hides": len(self.hides),
            "of": self.of,
            "closedFalse": self.false,
            "truePositives": 0,
            "evidence": self.proposal.evidence,
            "change": self.proposal.step.document(),
            "alerts": [each.id for each in self.hides],
        }


@dataclass(frozen=True, slots=True)
class TuningAdvisor:
    """Looks at what rules raised in windows that ended in [since, until).

    `report_progress` gets the number of finished trial windows of a rule. Windows that it `knows` are not queried
    again; advisors may share them as long as the logs are the same.
    """

    state: State
    lake: Lake
    workspace: str
    since: datetime
    until: datetime
    report_progress: ProgressReport = ignore_progress
    knows: KnownWindows = field(default_factory=dict, repr=False)

    def propose(self, rules: Iterable[AnalyticRule]) -> Iterator[Advice]:
        """Yield what the advisors think, not tried yet; the rules with the most alerts first."""
        cases = [self._build_case(rule, alerts) for rule, alerts in self._list_rule_alerts(rules)]
        for case in sorted(cases, key=lambda one: (-len(one.alerts), one.rule.id)):
            for kind, advise in load_advisors().items():
                for proposal in advise(case):
                    if proposal.hides and not any(one.is_untouchable for one in proposal.hides):
                        yield _build_advice(kind, case, proposal, proposal.hides)

    def list_advice(self, rules: Iterable[AnalyticRule], wanted: str = "") -> Iterator[Advice]:
        """The advice (of one id or all) that holds when it is tried: it hides something, and nothing that was true or may be."""
        chosen = (one for one in self.propose(rules) if wanted in ("", one.id))
        for rule, group in groupby(chosen, key=lambda one: one.rule.id):
            several = list(group)
            known = list_past_alerts(self.state, self.workspace, self.since, self.until, rule)
            moments = sorted({each.alert.raised for each in known})
            with self.lake.reading(self.workspace) as reading:
                detector = CachingDetector(self.lake, self.workspace, reading=reading, knows=self.knows)
                parts = len(several) + 1
                before = replay_windows(
                    detector, several[0].rule, moments, self.until, self._report_part(0, parts)
                )
                for at, one in enumerate(several, 1):
                    report = self._report_part(at, parts)
                    changed = apply_proposal(one.rule, one.proposal)
                    after = replay_windows(detector, changed, moments, self.until, report)
                    if (advice := _confirm_advice(one, known, before, after)) is not None:
                        yield advice

    def _report_part(self, at: int, of: int) -> ProgressReport:
        """Tells of one of several runs of the same windows as a part of all."""
        return lambda done, total: self.report_progress(at * total + done, of * total)

    def _list_rule_alerts(self, rules: Iterable[AnalyticRule]) -> list[tuple[AnalyticRule, list[PastAlert]]]:
        """The rules as they run, with what they raised and would raise again."""
        tuned = EffectiveTuning.load(self.state, self.lake, self.workspace, self.until)
        found: dict[str, list[PastAlert]] = defaultdict(list)
        for one in list_past_alerts(self.state, self.workspace, self.since, self.until):
            if not one.is_held:
                found[one.alert.rule].append(one)
        runnable = [
            tuned.apply_to_rule(one) for one in rules if one.id in found and one.kind is not RuleKind.HUNTING
        ]
        return [
            (rule, [one for one in found[rule.id] if not _is_left(rule, one)])
            for rule in runnable
            if rule.enabled
        ]

    def _build_case(self, rule: AnalyticRule, alerts: list[PastAlert]) -> TuningCase:
        runs = self.state.rule_runs.list_runs_between(self.workspace, self.since, self.until)
        seconds = sum(one.seconds for one in runs if one.rule == rule.id)
        return TuningCase(rule, alerts, self.since, self.until, seconds)


def _confirm_advice(
    advice: Advice, known: Sequence[PastAlert], before: ReplayResult, after: ReplayResult
) -> Advice | None:
    """The advice with what the windows that raised alerts say it hides, replayed without and with it; None where it does not hold."""
    gone = _find_gone(before.raised_alerts, after.raised_alerts)
    hides = [each for each in known if each.id in gone and not each.is_held]
    if not hides or any(each.is_untouchable for each in hides) or after.errors:
        return None
    return replace(
        advice, hides=tuple(hides), confidence=_rate_confidence(hides), of=len(before.raised_alerts)
    )


def _find_gone(before: Sequence[StoredAlert], after: Sequence[StoredAlert]) -> set[str]:
    """The alerts that are not raised any more; what is told with others in a new alert of the same run is, but for one, gone too."""
    there, known = {one.id for one in after}, {one.id for one in before}
    news = Counter(one.raised for one in after if one.id not in known)
    gone = set()
    for one in before:
        if one.id in there:
            continue
        if news[one.raised] > 0:
            news[one.raised] -= 1
        else:
            gone.add(one.id)
    return gone


def _is_left(rule: AnalyticRule, one: PastAlert) -> bool:
    """Return whether what holds back now would hold it back."""
    learning = rule.tuning.learning
    return any(each.suppresses_subject(one.subject) for each in rule.tuning.suppressions) or (
        learning is not None and one.key in learning.knows
    )


def _build_advice(kind: str, case: TuningCase, proposal: Proposal, hides: Sequence[PastAlert]) -> Advice:
    id_ = proposal.compute_id(kind, case.rule.id)
    return Advice(id_, kind, case.rule, proposal, _rate_confidence(hides), tuple(hides), len(case.alerts))


def _rate_confidence(hides: Sequence[PastAlert]) -> Confidence:
    share = sum(one.benign for one in hides) / len(hides)
    return Confidence.PROVEN if share == 1 else Confidence.LIKELY if share >= SURE else Confidence.REVIEW


def apply_proposal(rule: AnalyticRule, proposal: Proposal) -> AnalyticRule:
    """The rule as it would run."""
    step, tuning = proposal.step, rule.tuning
    if isinstance(step, SuppressStep):
        one = Suppression("advice", proposal.text, step.conditions)
        return replace(rule, tuning=replace(tuning, suppressions=(*tuning.suppressions, one)))
    if isinstance(step, LearnStep):
        until = datetime.min.replace(tzinfo=UTC)
        learning = tuning.learning or LearningPeriod(until)
        knows = learning.knows | set(step.keys)
        return replace(rule, tuning=replace(tuning, learning=replace(learning, knows=knows)))
    found = apply_settings(rule, {step.setting: step.value})
    return replace(
        found.rule, tuning=replace(tuning, repeat=found.repeat if found.repeat is not None else tuning.repeat)
    )


def execute_advice(editing: TuningEditor, advice: Advice, expires: datetime | None) -> None:
    """Do what the advice says, in the name of who edits; `editing.advice` is its id."""
    step = advice.proposal.step
    comment = f"{advice.proposal.text}: {advice.proposal.evidence}"
    if editing.advice != advice.id:
        raise StateError("the applied change must have the ID of its suggestion")
    if isinstance(step, SuppressStep):
        reason = (
            "FalsePositive"
            if any(one.verdict == "FalsePositive" for one in advice.hides)
            else "BenignPositive"
        )
        editing.suppress(
            f"advice {advice.id}",
            advice.rule.id,
            step.conditions,
            reason=reason,
            comment=comment,
            expires=expires,
        )
    elif isinstance(step, LearnStep):
        editing.learn(advice.rule, step.keys, comment=comment, expires=expires)
    elif isinstance(step, SettingStep):
        editing.set_settings(advice.rule, {step.setting: step.value}, comment=comment, expires=expires)
