"""What analyzers add to an estate before its policies are judged."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from nephoscope import analyze
from nephoscope.estate.estate import Estate
from nephoscope.estate.view import View
from nephoscope.model.assessment import Assessment
from nephoscope.model.resource import Resource
from nephoscope.policy.gap import Gap


@dataclass(frozen=True, slots=True)
class Analysis:
    """`overlay` are the resources that analyzers write, `unknown` the ids that they could not compute with the reason why."""

    overlay: tuple[Resource, ...] = ()
    unknown: Mapping[str, Gap] = field(default_factory=dict)
    assessments: tuple[Assessment, ...] = ()


#: Runs analyzers over an estate at a time.
Analyzers = Callable[[Estate, datetime], Analysis]


def every_analyzer(estate: Estate, now: datetime) -> Analysis:
    """What all analyzers of the package say."""
    overlay, unknown, assessments = analyze.run(View(estate, now))
    return Analysis(tuple(overlay), unknown, tuple(assessments))


def no_analyzers(estate: Estate, now: datetime) -> Analysis:  # noqa: ARG001 - the shape of Analyzers
    """Adds nothing: a policy that reads an assessment then ends as what the snapshot itself holds, else Unknown."""
    return Analysis()
