"""What a scan of templates and plans gathers."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from nephoscope.posture.code.finding import CodeFinding, UnreadFile
from nephoscope.posture.code.planned import PlannedPlace
from nephoscope_policy.model.state import State


@dataclass(slots=True)
class TemplateReport:
    """What a scan of templates came to; `states` and `elsewhere` count assessments as Judgement has them."""

    findings: list[CodeFinding] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    unread: list[UnreadFile] = field(default_factory=list)
    states: Counter[State] = field(default_factory=Counter)
    elsewhere: Counter[str] = field(default_factory=Counter)
    resources: list[PlannedPlace] = field(default_factory=list)
