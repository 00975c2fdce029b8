"""Results of the security baseline as findings in files, for SARIF."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

import msgspec

from nephoscope.posture.code.code_report import CodeReport
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.finding import CodeFinding, FindingState, Region
from nephoscope.protect.baseline.baseline_evaluation import BaselineResult
from nephoscope.protect.baseline.baseline_verdict import BaselineEvidence, BaselineState


def build_baseline_report(name: str, results: Sequence[BaselineResult], now: datetime) -> CodeReport:
    """Return failed and unknown rules as a report over the files of `name`; what stands in no file stands in `name`."""
    reported = [one for one in results if one.state in (BaselineState.FAIL, BaselineState.UNKNOWN)]
    rules = {one.rule.id: _build_rule(one) for one in reported}
    return CodeReport(
        name, now, rules, [finding for one in reported for finding in _list_findings(name, one)]
    )


def _build_rule(one: BaselineResult) -> CodeRule:
    rule = one.rule
    description = f"{rule.title} ({rule.name})."
    return CodeRule(
        id=rule.id, title=rule.title, severity=rule.severity, description=description, steps=(rule.fix,)
    )


def _list_findings(name: str, one: BaselineResult) -> Iterator[CodeFinding]:
    for evidence in one.verdict.evidence or (BaselineEvidence(name),):
        region = Region(evidence.path if evidence.is_file else name, evidence.line or 1)
        finding = CodeFinding(
            rule=one.rule.id, region=region, message=one.verdict.reason, severity=one.rule.severity, evidence=evidence.value,
            remediation=(one.rule.fix,),
        )  # fmt: skip
        if one.state is BaselineState.UNKNOWN:
            finding = msgspec.structs.replace(finding, state=FindingState.UNKNOWN, reason=one.verdict.reason)
        yield finding
