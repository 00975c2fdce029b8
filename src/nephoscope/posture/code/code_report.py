"""Code report: the result of a run over files, the same for every file type."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import msgspec

from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.finding import CodeFinding, FindingState, Region, UnreadFile
from nephoscope.posture.code.planned_resources import PlannedPlace
from nephoscope_policy.model.state import ComplianceState, Severity


@dataclass(frozen=True, slots=True)
class CodeReport:
    """Findings in their order, the rules that they name, the files that were judged and those that could not be.

    `target` is what was asked for, `files` the paths that a reader claimed. `states` counts how many assessments of planned resources
    ended how, `elsewhere` those of them that no template decides, by cause; `resources` are what
    the files deploy. `assessed` counts the files, but for templates, that rules of their own judged.
    Raises ValueError where a finding names no known rule.
    """

    target: str
    now: datetime
    rules: Mapping[str, CodeRule]
    findings: Sequence[CodeFinding]
    files: Sequence[str] = ()
    unread: Sequence[UnreadFile] = field(default=())
    states: Counter[ComplianceState] = field(default_factory=Counter)
    elsewhere: Counter[str] = field(default_factory=Counter)
    resources: Sequence[PlannedPlace] = ()
    assessed: int = 0

    def __post_init__(self) -> None:
        for finding in self.findings:
            if finding.rule not in self.rules:
                raise ValueError(f"{finding.region}: the finding names an unknown rule: {finding.rule}")

    @property
    def failed_findings(self) -> list[CodeFinding]:
        """The findings that count for a gate."""
        return [finding for finding in self.findings if finding.state is FindingState.FAILED]

    @property
    def unknown(self) -> list[CodeFinding]:
        """The findings whose value is known at deployment or elsewhere only."""
        return [finding for finding in self.findings if finding.state is FindingState.UNKNOWN]

    @property
    def suppressed_findings(self) -> list[CodeFinding]:
        """The findings that somebody accepts."""
        return [finding for finding in self.findings if finding.state is FindingState.SUPPRESSED]

    def with_unread(self, unread: Sequence[UnreadFile]) -> CodeReport:
        """Return the report with more that could not be read; what they say of a file stands for all that was said of it."""
        unread_files = {one.region.file for one in unread}
        kept = (one for one in self.unread if one.region.file not in unread_files)
        listed = sorted({*unread, *kept}, key=lambda one: (one.region, one.reason))
        return replace(self, unread=listed)

    def prefix_file_names(self, folder: str) -> CodeReport:
        """Return the report with files named from a folder above (`infra/`)."""

        def prefix_region(region: Region) -> Region:
            return msgspec.structs.replace(region, file=f"{folder}{region.file}")

        return replace(
            self,
            findings=[
                msgspec.structs.replace(
                    one,
                    region=prefix_region(one.region),
                    related=tuple(map(prefix_region, one.related)),
                    fix=tuple(
                        msgspec.structs.replace(edit, region=prefix_region(edit.region)) for edit in one.fix
                    ),
                )
                for one in self.findings
            ],
            files=[f"{folder}{name}" for name in self.files],
            unread=[msgspec.structs.replace(one, region=prefix_region(one.region)) for one in self.unread],
            resources=[
                msgspec.structs.replace(one, region=prefix_region(one.region)) for one in self.resources
            ],
        )

    def counts(self) -> Counter[Severity]:
        """Return how many findings of each severity failed."""
        return Counter(finding.severity for finding in self.failed_findings)
