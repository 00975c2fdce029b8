"""Metadata of a recommendation beside its verdicts: severity, remediation, tactics, controls, and where each comes from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

from nephoscope.posture.recommendations.finding_text import count_failures, describe_failure
from nephoscope_policy.model.state import ComplianceState, Severity

if TYPE_CHECKING:
    from nephoscope.posture.recommendations.state_counts import StateCounts

SeveritySource = Literal["own", "published", "same-as", "control", "inferred"]


class Remediation(msgspec.Struct, frozen=True):
    """Remediation of a finding: steps for a person, a command line, a Bicep or ARM fragment ('' where there is none)."""

    steps: tuple[str, ...] = ()
    az: str = ""
    bicep: str = ""


class Recommendation(msgspec.Struct, frozen=True):
    """A recommendation. `severity_source` says where the severity comes from.

    `own`: the definition itself says it; `published`: Microsoft's documentation says it of the policy or of the assessment key that
    it reads; `same-as`: a definition of the own pack that asks the same; `control`: from the points of its score control;
    `inferred`: from nothing but its kind. `score_control` is the name of the control ('' = none known), `reads` the lower-cased
    assessment key by which it is judged ('' = it is judged by the resource's own properties). `finding` says what a
    scanner found where resources fail it, with `{count}` for how many do ('' = its name alone says it).
    """

    key: str
    name: str
    description: str = ""
    severity: Severity = Severity.MEDIUM
    severity_source: SeveritySource = "inferred"
    category: str = ""
    remediation: Remediation = Remediation()
    tactics: tuple[str, ...] = ()
    techniques: tuple[str, ...] = ()
    controls: tuple[str, ...] = ()
    score_control: str = ""
    preview: bool = False
    deprecated: bool = False
    reads: str = ""
    finding: str = ""

    def describe_finding(self, counts: StateCounts) -> str:
        """Return `Secrets found on 1 of 21 machines, 5 not assessed`; '' where nothing fails or the name is not clear."""
        text = count_failures(self.name, self.finding) if counts.unhealthy else ""
        return counts.describe(text) if text else ""

    def title(self, state: ComplianceState) -> str:
        """Return what was found where a resource fails it, else its name."""
        failed = state is ComplianceState.NON_COMPLIANT
        return describe_failure(self.name, self.finding) if failed else self.name
