"""Run every analyzer over a view and put together what policies read."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from nephoscope.analyze.discovery import analyzers
from nephoscope.analyze.overlay import assessment_id, resource_of, state_of
from nephoscope.estate.logs import Declared
from nephoscope_policy.gap import NOT_COLLECTED, STALE, UNDECIDED, Gap
from nephoscope_policy.model.state import State

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from nephoscope.analyze.discovery import Analyzer
    from nephoscope.estate.view import View
    from nephoscope_policy.model.assessment import Assessment
    from nephoscope_policy.model.resource import Resource

_KEPT = UNDECIDED | {STALE}
"""Causes that policies have of an analyzer as it says them."""


class Analysis(NamedTuple):
    """What the analyzers found.

    `overlay` are Microsoft.Security/assessments to lay over the estate; `unknown` maps the lower-cased id of an assessment
    that nobody can give to the reason; `assessments` are all verdicts, Unknown ones included. `said` is what each analyzer said by
    itself, `logs` the versions of the tables of the lake that it read.
    """

    overlay: list[Resource]
    unknown: dict[str, Gap]
    assessments: list[Assessment]
    said: dict[str, tuple[Assessment, ...]]
    logs: dict[str, Mapping[str, object]]


@dataclass(frozen=True, slots=True)
class Earlier:
    """What analyzers said before: `changed` are the lower-cased types of which anything differs since, None where all may.

    `moved`: time has passed, so that what asks logs up to now may find other rows.
    """

    said: Mapping[str, tuple[Assessment, ...]]
    logs: Mapping[str, Mapping[str, object]]
    changed: frozenset[str] | None
    moved: bool

    def holds(self, analyzer: Analyzer, logs: Mapping[str, object]) -> bool:
        """Whether an analyzer would say the same again."""
        if (
            analyzer.name not in self.said
            or self.changed is None
            or self.changed.intersection(analyzer.types)
        ):
            return False
        return not analyzer.tables or (not self.moved and logs == self.logs.get(analyzer.name))


def run(view: View, only: Iterable[str] | None = None, earlier: Earlier | None = None) -> Analysis:
    """Run the analyzers (or those named in `only`) over a view; of one whose facts are as they were `earlier`, what it said holds.

    Where an analyzer cannot say and the snapshot holds Azure's own assessment under the key, that one stands unless it is too old.
    """
    names = None if only is None else frozenset(only)
    result = Analysis([], {}, [], {}, {})
    for analyzer in analyzers():
        if names is None or analyzer.name in names:
            logs = view.logs.versions(analyzer.tables) if view.logs is not None and analyzer.tables else {}
            if earlier is not None and earlier.holds(analyzer, logs):
                said = earlier.said[analyzer.name]
            else:
                view.declared = Declared(analyzer.tables, analyzer.types)
                said = tuple(analyzer.analyze(view))
            result.said[analyzer.name], result.logs[analyzer.name] = said, logs
            _collect(analyzer, said, view, result)
    return result


def _collect(analyzer: Analyzer, said: Iterable[Assessment], view: View, result: Analysis) -> None:
    for assessment in said:
        key = analyzer.keys[assessment.key]
        if assessment.state is not State.UNKNOWN:
            result.assessments.append(assessment)
            result.overlay.append(resource_of(assessment, key))
            continue
        id_ = assessment_id(assessment.resource, assessment.key).lower()
        collected = view.estate.resources.get(id_)
        state = state_of(collected) if collected is not None else None
        expired = view.expiry(collected) if collected is not None and state is not None else ""
        if expired:
            assessment = replace(assessment, cause=STALE, description=expired)
        elif state is not None:
            result.assessments.append(
                replace(
                    assessment,
                    state=state,
                    cause="collected",
                    description="as Defender for Cloud assessed it",
                )
            )
            continue
        result.assessments.append(assessment)
        cause = assessment.cause if assessment.cause in _KEPT else NOT_COLLECTED
        result.unknown[id_] = Gap(f"{assessment.cause}: {assessment.description}", cause)


def types() -> frozenset[str]:
    """Every lower-cased type that some analyzer reads."""
    return frozenset(type_ for analyzer in analyzers() for type_ in analyzer.types)
