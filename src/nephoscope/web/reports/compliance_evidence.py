"""Evidence of a standard: every control with its policies and the resources behind each result, as rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

HEADER = (
    "Standard",
    "Control",
    "Title",
    "Control result",
    "Policy",
    "Resource",
    "Result",
    "Cause",
    "Assessed",
)


@dataclass(frozen=True, slots=True)
class EvidencePolicy:
    """A policy behind a control: its result, and (resource, state, cause) of what it judged, those that fail first."""

    title: str
    state: str
    resources: Sequence[tuple[str, str, str]]


@dataclass(frozen=True, slots=True)
class EvidenceControl:
    """A control of a standard with its policies."""

    name: str
    title: str
    state: str
    policies: Sequence[EvidencePolicy]


@dataclass(frozen=True, slots=True)
class Evidence:
    """A standard at a moment, of a scope in words."""

    standard: str
    scope: str
    assessed: datetime
    author: str
    controls: Sequence[EvidenceControl]

    def rows(self) -> Iterator[Sequence[str]]:
        """A row a judged resource; a control or a policy that judged none has a row of its own."""
        when = self.assessed.isoformat()
        for control in self.controls:
            start = (self.standard, control.name, control.title, control.state)
            if not control.policies:
                yield (*start, "", "", "", "no policy", when)
            for policy in control.policies:
                if not policy.resources:
                    yield (*start, policy.title, "", policy.state, "no resource", when)
                for resource, state, cause in policy.resources:
                    yield (*start, policy.title, resource, state, cause, when)
