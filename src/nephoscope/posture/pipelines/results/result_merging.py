"""Put results of other tools into the gate's report: what an own rule finds too is one finding."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

import msgspec

from nephoscope.collect.templates.source_text import SourceText
from nephoscope.posture.code.code_report import CodeReport
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.finding import CodeFinding, FindingState, Region, UnreadFile
from nephoscope.posture.code.rule_discovery import load_code_rules
from nephoscope.posture.code.suppression import CodeSuppressions
from nephoscope.posture.pipelines.results.tool_results import ReportedFinding, ToolResults

#: Gives the text of a file, None where there is none.
Texts = Callable[[str], str | None]
#: So many lines an instruction or a step has at most, of which one tool names the first and another the one that decides.
_NEAR = 60


def merge_results(
    report: CodeReport, results: ToolResults, text_of: Texts = lambda _: None, source: str = ""
) -> CodeReport:
    """Give a report with the results of a tool beside its own.

    A finding whose rule an own rule equals is that rule's: it is left out where the own rule found it (each own finding stands for
    one), and takes the own rule's id where it did not. Every other rule is named `tool:rule`. Suppressing comments count.
    """
    known = _load_rule_aliases()
    rules: dict[str, CodeRule] = {**report.rules}
    unpaired = _group_by_rule(report.findings)
    found: list[CodeFinding] = []
    suppressions: dict[str, CodeSuppressions | None] = {}
    for one in results.findings:
        same = known.get(_normalize_rule_name(results.tool, one.finding.rule), [])
        file = one.finding.region.file
        if any(_pop_nearest(unpaired[rule.id, file], one.finding) for rule in same):
            continue
        rule = same[0] if same else _build_rule(results.tool, one, rules)
        rules.setdefault(rule.id, rule)
        finding = msgspec.structs.replace(
            one.finding,
            rule=rule.id,
            severity=rule.severity if same else one.finding.severity,
            remediation=one.finding.remediation or rule.steps,
        )
        if file not in suppressions:
            text = text_of(file)
            suppressions[file] = (
                None if text is None else CodeSuppressions(SourceText(file, text), report.now)
            )
        found.append(_apply_suppression(finding, rule, suppressions[file]))
    unread = [UnreadFile(Region(name, 1), f"{results.tool} could not judge it") for name in results.unread]
    if results.failure:
        reason = f"{results.tool} says that it failed, so that findings may be missing: {results.failure}"
        unread.append(UnreadFile(Region(source or results.tool, 1), reason))
    return replace(
        report,
        rules=rules,
        findings=sorted([*report.findings, *found], key=lambda one: one.order),
        files=sorted({*report.files, *results.files}),
        unread=[*report.unread, *unread],
    )


def _load_rule_aliases() -> Mapping[str, list[CodeRule]]:
    """Own rules by the names that they have in other tools; those that run by default come first."""
    found: defaultdict[str, list[CodeRule]] = defaultdict(list)
    for rule in sorted(load_code_rules().values(), key=lambda rule: (rule.optional, rule.id)):
        for name in rule.equivalents:
            found[name].append(rule)
    return found


def _normalize_rule_name(tool: str, rule: str) -> str:
    """The name of a foreign rule as own rules spell it: `zizmor:unpinned-uses`, `hadolint:DL3008`."""
    name = tool.lower().replace(" ", "-")
    return f"{name}:{rule.removeprefix(f'{name}/')}"


def _build_rule(tool: str, one: ReportedFinding, rules: Mapping[str, CodeRule]) -> CodeRule:
    """The rule of another tool; of several findings the first tells its words."""
    name = _normalize_rule_name(tool, one.finding.rule)
    return rules.get(name) or CodeRule(
        id=name,
        title=one.title or name,
        severity=one.finding.severity,
        description=f"A rule of {tool}.",
        steps=one.finding.remediation,
    )


def _group_by_rule(findings: Iterable[CodeFinding]) -> defaultdict[tuple[str, str], list[CodeFinding]]:
    found: defaultdict[tuple[str, str], list[CodeFinding]] = defaultdict(list)
    for one in findings:
        found[one.rule, one.region.file].append(one)
    return found


def _pop_nearest(own: list[CodeFinding], foreign: CodeFinding) -> bool:
    """Take the nearest own finding out of those that stand for none yet; False where none is near."""
    line = foreign.region.line
    near = min(own, key=lambda one: abs(one.region.line - line), default=None)
    if near is None or abs(near.region.line - line) > _NEAR:
        return False
    own.remove(near)
    return True


def _apply_suppression(
    finding: CodeFinding, rule: CodeRule, comments: CodeSuppressions | None
) -> CodeFinding:
    if comments is None or finding.state is FindingState.SUPPRESSED:
        return finding
    reason = comments.reason(rule, finding.region)
    if reason is None:
        fault = comments.describe_missing_reason(rule, finding.region)
        return msgspec.structs.replace(finding, message=f"{finding.message} ({fault})") if fault else finding
    return msgspec.structs.replace(finding, state=FindingState.SUPPRESSED, reason=reason)
