"""Judge files: the reader that claims each, the rules of the reader, findings in their order."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from nephoscope.collect.templates.discovery import UnreadableFileError, read_source
from nephoscope.collect.templates.source_text import SourceText, TextSpan
from nephoscope.model.secret_redaction import redact_text
from nephoscope.posture.code.code_report import CodeReport
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.finding import CodeFinding, Edit, FindingState, Region, UnreadFile
from nephoscope.posture.code.rule_discovery import list_reader_rules, load_code_rules
from nephoscope.posture.code.rule_match import CodeMatch, CodeOptions
from nephoscope.posture.code.suppression import CodeSuppressions

_EVIDENCE = 200


def assess_files(
    files: Iterable[SourceText], target: str, now: datetime, options: CodeOptions | None = None
) -> CodeReport:
    """Judge files, whose names are relative, with `/`; those that no reader claims are left out."""
    findings: list[CodeFinding] = []
    judged: list[str] = []
    used: set[str] = set()
    unread: list[UnreadFile] = []
    for source in files:
        try:
            read = read_source(source)
        except UnreadableFileError as error:
            unread.append(UnreadFile(Region(source.name, error.line, error.column), str(error)))
            continue
        if read is not None:
            judged.append(source.name)
            used.add(read[0])
            suppressions = CodeSuppressions(source, now)
            unread += suppressions.list_unread_files()
            findings += _assess_document(source, *read, options or CodeOptions(), suppressions)
    findings.sort(key=lambda finding: finding.order)
    return CodeReport(target, now, load_code_rules(sorted(used)), findings, judged, unread)


def assess_text(name: str, text: str, options: CodeOptions | None = None) -> list[CodeFinding] | None:
    """Judge one file; None where no reader claims it. Raises UnreadableFileError where its reader cannot read it."""
    source = SourceText(name, text)
    read = read_source(source)
    return (
        None
        if read is None
        else _assess_document(
            source, *read, options or CodeOptions(), CodeSuppressions(source, datetime.now(UTC))
        )
    )


def _assess_document(
    source: SourceText, reader: str, document: object, options: CodeOptions, suppressions: CodeSuppressions
) -> list[CodeFinding]:
    found = []
    for check in list_reader_rules(reader):
        if options.optional or not check.rule.optional:
            found += [
                _make_finding(match, check.rule, source, suppressions)
                for match in check.run(document, options)
            ]
    return sorted(dict.fromkeys(found), key=lambda finding: finding.order)


def to_region(source: SourceText, span: TextSpan) -> Region:
    """Return the region of a span."""
    line, column = source.find_position(span.start)
    return Region(source.name, line, column, *source.find_position(max(span.end, span.start)))


def _trim_trailing_comments(source: SourceText, span: TextSpan) -> TextSpan:
    """Cut blank lines and lines of comments off the end of a part: these are the next one's."""
    lines = source.get_text(span).split("\n")
    while len(lines) > 1 and (not lines[-1].strip() or lines[-1].lstrip().startswith("#")):
        lines.pop()
    return TextSpan(span.start, span.start + len("\n".join(lines)))


def _make_finding(
    match: CodeMatch, rule: CodeRule, source: SourceText, suppressions: CodeSuppressions
) -> CodeFinding:
    region = to_region(source, match.span)
    scope = [to_region(source, _trim_trailing_comments(source, match.scope))] if match.scope else []
    reason = suppressions.reason(rule, region, *scope)
    state = FindingState.UNKNOWN if match.unknown else FindingState.FAILED
    unreasoned = "" if reason else suppressions.describe_missing_reason(rule, region, *scope)
    return CodeFinding(
        rule=rule.id,
        region=region,
        message=f"{match.message} ({unreasoned})" if unreasoned else match.message,
        severity=rule.severity,
        state=FindingState.SUPPRESSED if reason else state,
        reason=reason or match.unknown,
        evidence="" if rule.conceals else redact_text(source.get_text(match.span))[:_EVIDENCE],
        subject=match.subject,
        remediation=rule.steps,
        fix=tuple(Edit(to_region(source, span), text) for span, text in match.edits),
    )
