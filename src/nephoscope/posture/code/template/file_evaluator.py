"""Evaluate files one by one: a template by what it plans, each file by the rules of the reader that claims it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from nephoscope.collect.templates.source_text import SourceText
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.finding import CodeFinding, FindingState, Region, UnreadFile, to_region
from nephoscope.posture.code.suppression import CodeSuppressions, has_expiring_comment
from nephoscope.posture.code.template.case_duplicate_members import list_duplicate_members
from nephoscope.posture.code.template.file_verdict import (
    FileVerdict,
    JudgedFile,
    JudgedTemplate,
    select_named_rules,
)
from nephoscope.posture.code.template.forked_workers import Exchange
from nephoscope.posture.code.template.repository_files import RepositoryFiles
from nephoscope.posture.code.template.template_evaluation import TemplateEvaluator
from nephoscope.posture.code.template.template_report import TemplateReport
from nephoscope_policy.arm.template import TemplateDocument, TemplateError, TemplateExpansion, expand_template
from nephoscope_policy.model.state import Severity

NOT_KNOWN = CodeRule(
    id="template-part-not-known",
    title="Every part of a template should be readable where it is judged",
    severity=Severity.INFORMATIONAL,
    description="A part of the template, such as a template behind a remote link, is not known here, so that nothing judges it.",
    steps=(
        "Put the linked template into the repository, or link it by a relative path.",
        "Where it must stay elsewhere, accept it at the link: // nephoscope: ignore[template-part-not-known] reason.",
    ),
)


class TemplateExpansions(msgspec.Struct):
    """The expansions of a template with each of its parameters files, those that failed as a whole, and the files that they read."""

    expansions: list[TemplateExpansion] = msgspec.field(default_factory=list)
    unread: list[UnreadFile] = msgspec.field(default_factory=list)
    loaded: dict[str, str] = msgspec.field(default_factory=dict)


class FileEvaluator(msgspec.Struct):
    """Judges files of a repository; `deployed` are templates that are known to be deployed by others, and not judged alone."""

    judge_of_plans: TemplateEvaluator
    files: RepositoryFiles
    deployed: frozenset[str]

    def assess(self, names: Sequence[str], exchange: Exchange) -> dict[str, FileVerdict]:
        """Judge files by name; `exchange` tells the templates that those of other processes deploy."""
        templates = self.files.templates
        expanded = {name: self._expand_templates(name) for name in names if name in templates}
        linked = frozenset(
            other
            for name, one in expanded.items()
            for other, digest in one.loaded.items()
            if digest and other in templates and other != name
        )
        every = exchange(linked) | self.deployed
        return {
            name: self._build_verdict(name, expanded.get(name), alone=name not in every) for name in names
        }

    def _build_verdict(self, name: str, expanded: TemplateExpansions | None, *, alone: bool) -> FileVerdict:
        beside, rules = self._assess_as_plain_file(name)
        if expanded is None:
            return FileVerdict(
                is_template=False, beside=beside, rules=rules, lasting=not self._may_end([name])
            )
        judged, lasting = None, True
        if alone:
            report = TemplateReport()
            asked_time = [self._add_expansion(one, report) for one in expanded.expansions]
            lasting = not any(asked_time) and not self._may_end([name, *expanded.loaded])
            judged = JudgedTemplate.of(report)
            known = {NOT_KNOWN.id: NOT_KNOWN, **self.judge_of_plans.rules}
            rules = (*rules, *select_named_rules(known, report.findings))
        return FileVerdict(
            is_template=True,
            loaded=tuple(expanded.loaded.items()),
            unread=(*expanded.unread, *self._list_broken_comments(name)),
            judged=judged,
            beside=beside,
            rules=rules,
            lasting=lasting,
        )

    def _may_end(self, names: Sequence[str]) -> bool:
        """Return whether comments of files may count until a time only."""
        return any(has_expiring_comment(self._read_text(name)) for name in names)

    def _read_text(self, name: str) -> str:
        held = self.files.load(name)
        return held.text if isinstance(held, TemplateDocument) else (held or b"").decode("utf-8", "replace")

    def _list_broken_comments(self, name: str) -> list[UnreadFile]:
        return CodeSuppressions(
            SourceText(name, self._read_text(name)), self.judge_of_plans.now
        ).list_unread_files()

    def _expand_templates(self, name: str) -> TemplateExpansions:
        found = TemplateExpansions()

        def load(other: str) -> bytes | TemplateDocument | None:
            found.loaded[other] = self.files.digest(other)
            held = self.files.load(other)
            if isinstance(held, TemplateDocument) and held is repository.find_parsed_document(
                held.file
            ):  # the version of a template spec
                found.loaded[held.file] = self.files.digest(held.file)
            return held

        repository = self.files.repository
        found.unread += self._list_duplicate_members(name)
        for parameters in self.files.templates[name].parameters or ("",):
            try:
                document = repository.get_document(name)
                given = repository.get_document(parameters) if parameters else None
                found.expansions.append(expand_template(document, given, scope=self.files.scope, load=load))
            except TemplateError as error:
                problem = error.problem
                found.unread.append(UnreadFile(to_region(problem.place), problem.message))
        return found

    def _list_duplicate_members(self, name: str) -> list[UnreadFile]:
        try:
            return list(list_duplicate_members(self.files.repository.get_document(name)))
        except TemplateError:
            return []  # the expansion says it

    def _add_expansion(self, expansion: TemplateExpansion, report: TemplateReport) -> bool:
        """Add what is said of an expansion to a report; whether the time was asked for."""
        for problem in expansion.problems:
            region = to_region(problem.place)
            accepted = "" if problem.error else self._explain_accepted_region(region)
            if problem.error or (problem.unread and not accepted):
                report.unread.append(UnreadFile(region, problem.message))
            else:
                report.findings.append(_report_unknown_value(region, problem.message, accepted))
        judgement = self.judge_of_plans.assess(expansion.resources, expansion.unlisted)
        report.states += judgement.states
        report.elsewhere += judgement.elsewhere
        report.resources += judgement.resources
        report.unread += _list_unread_files(judgement.unjudged)
        report.findings += judgement.findings
        return judgement.asked_time

    def _explain_accepted_region(self, region: Region) -> str:
        """Return why a comment at a place accepts that what is deployed there is not known; '' where none does."""
        data = self.files.repository.load(region.file)
        if data is None:
            return ""
        text = SourceText(region.file, data.decode("utf-8", "replace"))
        return CodeSuppressions(text, self.judge_of_plans.now).reason(NOT_KNOWN, region) or ""

    def _assess_as_plain_file(self, name: str) -> tuple[JudgedFile | None, tuple[CodeRule, ...]]:
        """Return what the rules of the reader that claims a file find, and these rules."""
        source = self.files.source(name)
        if source is None:
            return None, ()
        from nephoscope.posture.code.file_evaluation import assess_files

        found = assess_files((source,), "", self.judge_of_plans.now)
        judged = JudgedFile(bool(found.files), tuple(found.findings), tuple(found.unread))
        return judged, tuple(found.rules.values())


def _list_unread_files(unjudged: Sequence[tuple[Region, str]]) -> Iterator[UnreadFile]:
    return (UnreadFile(region, why) for region, why in unjudged)


def _report_unknown_value(region: Region, message: str, accepted: str) -> CodeFinding:
    return CodeFinding(
        rule=NOT_KNOWN.id,
        region=region,
        message=message,
        severity=NOT_KNOWN.severity,
        state=FindingState.SUPPRESSED if accepted else FindingState.UNKNOWN,
        reason=accepted or message,
        remediation=NOT_KNOWN.steps,
    )
