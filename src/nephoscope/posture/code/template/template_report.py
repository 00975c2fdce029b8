"""Report of a scan of templates and plans."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from nephoscope.posture.code.finding import CodeFinding, UnreadFile
from nephoscope.posture.code.planned_resources import PlannedPlace
from nephoscope_policy.model.state import ComplianceState

if TYPE_CHECKING:
    from nephoscope.posture.code.template.template_evaluation import TemplateJudgement


class TemplateReport(msgspec.Struct):
    """Result of a scan of templates; `states` and `elsewhere` count assessments as Judgement has them.

    `unchanged` counts what-if results without a change: nothing in them has to be assessed.
    """

    findings: list[CodeFinding] = msgspec.field(default_factory=list)
    files: list[str] = msgspec.field(default_factory=list)
    unread: list[UnreadFile] = msgspec.field(default_factory=list)
    states: Counter[ComplianceState] = msgspec.field(default_factory=Counter)
    elsewhere: Counter[str] = msgspec.field(default_factory=Counter)
    resources: list[PlannedPlace] = msgspec.field(default_factory=list)
    unchanged: int = 0

    def add_plan_result(self, judgement: TemplateJudgement) -> None:
        """Add what judging one plan came to."""
        self.states += judgement.states
        self.elsewhere += judgement.elsewhere
        self.resources += judgement.resources
        self.unread += (UnreadFile(region, why) for region, why in judgement.unjudged)
        self.findings += judgement.findings

    def extend(self, other: TemplateReport, findings: Sequence[CodeFinding] | None = None) -> None:
        """Add another report; of its findings those that are given."""
        self.files += other.files
        self.states += other.states
        self.elsewhere += other.elsewhere
        self.resources += other.resources
        self.unread += other.unread
        self.findings += other.findings if findings is None else findings
