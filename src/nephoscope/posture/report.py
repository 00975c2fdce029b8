"""A report: what one evaluation run says of an estate, filtered, ranked and scored; every output format prints one."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from fnmatch import fnmatchcase
from functools import cached_property

from nephoscope.model.assessment import Assessment, Reason
from nephoscope.model.coverage import Coverage
from nephoscope.model.place import Quarantined
from nephoscope.model.resource import Resource
from nephoscope.model.resource_id import ResourceId
from nephoscope.model.secret import redact
from nephoscope.model.state import Severity, State
from nephoscope.posture.comparison import Change
from nephoscope.posture.controls import Controls
from nephoscope.posture.delta import Part
from nephoscope.posture.history import TrendPoint
from nephoscope.posture.ranking import Ranked, rank
from nephoscope.posture.recommendation import Recommendation
from nephoscope.posture.run import Run
from nephoscope.posture.score import SecureScore, score
from nephoscope.posture.subject import Subject

SCHEMA_VERSION = 1
#: Conditions told in a sentence; the JSON output has all.
MAX_SAID = 3
MAX_VALUE = 60
#: What says which resource is meant, not what is wrong with it.
_PLAIN = frozenset({"type", "kind", "name", "fullname", "id"})


@dataclass(frozen=True, slots=True)
class Filter:
    """Which rows to show; an empty field lets everything through, values are compared in any case, `*` is a wildcard.

    `tags` holds `name` or `name=value`.
    """

    subscriptions: tuple[str, ...] = ()
    resource_groups: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    severities: tuple[Severity, ...] = ()
    states: tuple[State, ...] = ()

    def takes(self, row: Row) -> bool:
        """Whether the row is asked for."""
        return (
            self.places(row)
            and (not self.severities or row.recommendation.severity in self.severities)
            and (not self.states or row.assessment.state in self.states)
        )

    def places(self, row: Row) -> bool:
        """Whether the row's resource is one of those that are looked at, whatever its verdict."""
        return (
            _matches(row.id.subscription, self.subscriptions)
            and _matches(row.id.resource_group, self.resource_groups)
            and _matches(row.id.type, self.types)
            and all(_tagged(row.tags, tag) for tag in self.tags)
        )


def _matches(value: str, patterns: Sequence[str]) -> bool:
    return not patterns or any(fnmatchcase(value.casefold(), pattern.casefold()) for pattern in patterns)


def _tagged(tags: Mapping[str, str], wanted: str) -> bool:
    name, equals, value = wanted.partition("=")
    found = [text for key, text in tags.items() if key.casefold() == name.casefold()]
    return bool(found) and (not equals or _matches(found[0], (value,)))


@dataclass(frozen=True, slots=True)
class Row:
    """One assessment with what a reader needs beside it; `change` is new, fixed, reopened, removed or ''."""

    assessment: Assessment
    recommendation: Recommendation
    resource: Resource | None
    change: str = ""

    @property
    def id(self) -> ResourceId:
        """The parsed id of the resource."""
        return ResourceId.parse(self.assessment.resource)

    @property
    def tags(self) -> Mapping[str, str]:
        """The tags of the resource."""
        tags = self.resource.body.get("tags") if self.resource else None
        return {str(key): str(value) for key, value in tags.items()} if isinstance(tags, dict) else {}

    @property
    def name(self) -> str:
        """The resource's name as its source spelled it."""
        return self.resource.name if self.resource else self.id.name

    def owner(self, tag: str) -> str:
        """The value of an owner tag, '' where the resource has none."""
        return next((text for key, text in self.tags.items() if key.casefold() == tag.casefold()), "")


@dataclass(frozen=True)
class Report:
    """What a run says; `rows` are the assessments that the filter lets through, the score is that of the resources it looks at."""

    run: Run
    scope: str
    filter: Filter = field(default_factory=Filter)
    changes: Mapping[Subject, Change] = field(default_factory=dict)
    trend: Sequence[TrendPoint] = ()
    delta: Sequence[Part] = ()
    top: int = 15
    controls: Controls = field(default_factory=Controls.builtin)

    @property
    def now(self) -> datetime:
        """The instant the run was frozen at."""
        return self.run.now

    @property
    def coverage(self) -> Coverage:
        """What the snapshot had read."""
        return self.run.coverage

    @property
    def quarantine(self) -> Sequence[Quarantined]:
        """The input records that could not be used."""
        return self.run.quarantine

    @cached_property
    def rows(self) -> tuple[Row, ...]:
        """The rows that were asked for, worst first."""
        return tuple(sorted(filter(self.filter.takes, self._all()), key=_row_order))

    def _all(self) -> Iterator[Row]:
        resources = self.run.estate.resources
        for item in self.run.assessments:
            key = ResourceId.parse(item.resource).key
            change = self.changes.get((key, item.key.lower()))
            yield Row(item, self.run.metadata(item.key), resources.get(key), change.kind if change else "")

    @cached_property
    def score(self) -> SecureScore:
        """The secure score of the resources that are looked at."""
        return score(self.placed(), self._control_id, self.controls.controls)

    def placed(self) -> Iterable[Assessment]:
        """The assessments of the resources that are looked at, whatever their verdict."""
        asked = self.filter
        if not (asked.subscriptions or asked.resource_groups or asked.types or asked.tags):
            return self.run.assessments
        return (row.assessment for row in self._all() if asked.places(row))

    def _control_id(self, key: str) -> str | None:
        control = self.controls.scoring(self.run.metadata(key))
        return control.id if control else None

    @cached_property
    def ranking(self) -> list[Ranked]:
        """The recommendations of the rows that were asked for, in the order to work on them."""
        return rank(
            (row.assessment for row in self.rows),
            self.run.metadata,
            lambda key: self.controls.scoring(self.run.metadata(key)),
        )

    def reasons(self, row: Row) -> tuple[Reason, ...]:
        """The leaf conditions that decided the row; one that read an analyzer's assessment carries what the analyzer found."""
        return tuple(self._told(reason) for reason in self.run.reasons(row.assessment))

    def why(self, row: Row) -> str:
        """The deciding conditions as a short sentence, '' where there are none."""
        said = dict.fromkeys(
            _said(reason) for reason in self.reasons(row) if reason.subject.lower() not in _PLAIN
        )
        return "; ".join(list(said)[:MAX_SAID])

    def _told(self, reason: Reason) -> Reason:
        found = self._found.get(reason.resource.lower()) if reason.resource and not reason.message else None
        return replace(reason, message=found) if found else reason

    @cached_property
    def _found(self) -> Mapping[str, str]:
        """What analyzers found, by the id of the assessment that they wrote."""
        return {one.key: description(one) for one in self.run.analysis.overlay if description(one)}

    @cached_property
    def states(self) -> Counter[State]:
        """How many rows ended in each state."""
        return Counter(row.assessment.state for row in self.rows)

    @cached_property
    def causes(self) -> Counter[tuple[State, str]]:
        """How many rows ended Unknown, Error or NotApplicable for each cause."""
        return Counter(
            (row.assessment.state, row.assessment.cause) for row in self.rows if row.assessment.cause
        )

    def findings(self) -> Iterator[Row]:
        """The rows that a person must act on: NonCompliant."""
        return (row for row in self.rows if row.assessment.state is State.NON_COMPLIANT)

    def worst_severity(self) -> Severity | None:
        """The highest severity among the findings, None where there is none."""
        return max(
            (row.recommendation.severity for row in self.findings()), key=lambda item: item.rank, default=None
        )


def _said(reason: Reason) -> str:
    if reason.message:
        return reason.message
    value = json.dumps(redact(reason.actual), ensure_ascii=False, default=str)
    value = value if len(value) <= MAX_VALUE else value[:MAX_VALUE] + "..."
    return f"{reason.subject.rsplit('/', 1)[-1]} is {value}"


def description(assessment: Resource) -> str:
    """The text of a Microsoft.Security/assessments body, '' where it has none."""
    properties = assessment.body.get("properties")
    status = properties.get("status") if isinstance(properties, dict) else None
    return str(status.get("description") or "") if isinstance(status, dict) else ""


_STATE_ORDER = {
    State.NON_COMPLIANT: 0,
    State.ERROR: 1,
    State.UNKNOWN: 2,
    State.EXEMPT: 3,
    State.COMPLIANT: 4,
    State.NOT_APPLICABLE: 5,
}


def _row_order(row: Row) -> tuple[int, int, str, str]:
    return (
        _STATE_ORDER[row.assessment.state],
        -row.recommendation.severity.rank,
        row.recommendation.name.casefold(),
        row.assessment.resource.casefold(),
    )
