"""Scan templates: find them, expand each with its parameters, judge what they plan."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from nephoscope.collect.templates.arm.repository import Repository, TemplateFile, open_repository
from nephoscope.collect.templates.bicep.compiler import BicepCompiler
from nephoscope.collect.templates.bicep.repository import BICEP, compile_bicep
from nephoscope.collect.templates.source_text import SourceText
from nephoscope.estate.garbage import no_collection
from nephoscope.posture.code.finding import CodeFinding, FindingState, Region, UnreadFile, region_at
from nephoscope.posture.code.foreign import ForeignChecks
from nephoscope.posture.code.planned import merge_places
from nephoscope.posture.code.report import CodeReport
from nephoscope.posture.code.rule import CodeRule
from nephoscope.posture.code.template.judge import TemplateJudge
from nephoscope.posture.code.template.plan_scan import NOT_MAPPED, judge_plans
from nephoscope.posture.code.template.shares import Exchange, in_shares, processes_for
from nephoscope.posture.code.template.template_report import TemplateReport
from nephoscope_policy.arm.template import Document, Expansion, Scope, TemplateError, expand
from nephoscope_policy.model.state import Severity

CODE_SUFFIXES = (
    ".json", ".jsonc", ".bicep", ".bicepparam", ".tf", ".tfvars", ".yml", ".yaml", ".sh", ".bash",
    "Dockerfile", "Containerfile", ".dockerfile",
)  # fmt: skip
"""Ends of the names of files that are judged, or that these read."""
_CLAIMABLE = re.compile(r"(?:^|/)[^/]*(?:dockerfile|containerfile)[^/]*$|\.(?:ya?ml|sh|bash)$", re.IGNORECASE)
NOT_KNOWN = CodeRule(
    id="template-part-not-known",
    title="Every part of a template should be readable where it is judged",
    severity=Severity.INFORMATIONAL,
    description="A part of the template, such as a template behind a remote link, is not known here, so that nothing judges it.",
    steps=("Put the linked template into the repository, or link it by a relative path.",),
)


@dataclass(slots=True)
class ScannedShare:
    """What came of a share of the files: reports of templates by name, the rules that they name, and what other rules found."""

    reports: dict[str, TemplateReport] = field(default_factory=dict)
    rules: dict[str, CodeRule] = field(default_factory=dict)
    beside: CodeReport | None = None


class TemplateScan:
    """Judges the files of repositories; `scope` is where templates are taken to be deployed.

    `processes` judge them together; None chooses by the number of files.
    """

    def __init__(self, judge: TemplateJudge, scope: Scope, processes: int | None = None) -> None:
        self.report = TemplateReport()
        self.rules: dict[str, CodeRule] = {one.id: one for one in (NOT_KNOWN, NOT_MAPPED)}
        self.beside: list[CodeReport] = []
        self.now = judge.now
        self._judge = judge
        self._scope = scope
        self._processes = processes
        self._seen: set[CodeFinding] = set()

    def add(self, repository: Repository, names: Sequence[str], parameters: Sequence[str] = ()) -> None:
        """Judge files: templates by what they plan (those that another one links there), plans, and others by their own rules."""
        templates = {one.name: one for one in repository.templates(names, parameters)}
        weights = [len(repository.load(name) or b"") if name in templates else 0 for name in names]

        def work(share: Sequence[int], exchange: Exchange) -> ScannedShare:
            return self._scanned(repository, templates, [names[index] for index in share], exchange)

        shares = in_shares(weights, work, self._processes or self._chosen(len(templates)))
        for share in shares:
            self.rules |= share.rules
            self.beside += [share.beside] if share.beside is not None else []
        reports = {name: report for share in shares for name, report in share.reports.items()}
        for name in templates:
            self._merge(reports[name])
        judge_plans(repository, names, self._judge, self._scope, self.report)
        self.rules |= self._judge.rules

    def _chosen(self, count: int) -> int:
        return 1 if self._judge.explains is not None else processes_for(count)

    def _scanned(
        self,
        repository: Repository,
        templates: Mapping[str, TemplateFile],
        names: Sequence[str],
        exchange: Exchange,
    ) -> ScannedShare:
        found = ScannedShare()
        linked: set[str] = set()
        expanded = {}
        for name in names:
            if name in templates:
                report = found.reports[name] = TemplateReport(files=[name])
                listed = self._expansions(repository, templates[name], templates.keys(), linked, report)
                expanded[name] = list(listed)
        every = exchange(frozenset(linked))
        for name, expansions in expanded.items():
            for expansion in expansions if name not in every else ():
                self._take(expansion, found.reports[name])
        found.rules = self._judge.rules
        found.beside = self._beside(repository, names)
        return found

    def _beside(self, repository: Repository, names: Sequence[str]) -> CodeReport | None:
        texts = list(_texts(repository, names))
        if not texts:
            return None
        from nephoscope.posture.code.judging import judge_files

        return judge_files(texts, "", self._judge.now)

    def _expansions(
        self,
        repository: Repository,
        template: TemplateFile,
        names: Container[str],
        linked: set[str],
        report: TemplateReport,
    ) -> Iterator[Expansion]:
        def load(name: str) -> bytes | Document | None:
            found = repository.compiled.get(name) or repository.load(name)
            if found is not None and name in names and name != template.name:
                linked.add(name)
            return found

        for parameters in template.parameters or ("",):
            try:
                document = repository.document(template.name)
                given = repository.document(parameters) if parameters else None
                yield expand(document, given, scope=self._scope, load=load)
            except TemplateError as error:
                problem = error.problem
                report.unread.append(UnreadFile(region_at(problem.place), problem.message))

    def _take(self, expansion: Expansion, report: TemplateReport) -> None:
        for problem in expansion.problems:
            region = region_at(problem.place)
            if problem.error:
                report.unread.append(UnreadFile(region, problem.message))
            else:
                report.findings.append(_not_known(region, problem.message))
        judgement = self._judge.judge(expansion.resources)
        report.states += judgement.states
        report.elsewhere += judgement.elsewhere
        report.resources += judgement.resources
        report.unread += (UnreadFile(region, why) for region, why in judgement.unjudged)
        report.findings += judgement.findings

    def _merge(self, one: TemplateReport) -> None:
        """Add the report of a template; a finding that several templates have counts once."""
        report = self.report
        report.files += one.files
        report.states += one.states
        report.elsewhere += one.elsewhere
        report.resources += one.resources
        report.unread += one.unread
        for finding in one.findings:
            if finding not in self._seen:
                self._seen.add(finding)
                report.findings.append(finding)


def _not_known(region: Region, message: str) -> CodeFinding:
    return CodeFinding(
        rule=NOT_KNOWN.id,
        region=region,
        message=message,
        severity=NOT_KNOWN.severity,
        state=FindingState.UNKNOWN,
        reason=message,
        remediation=NOT_KNOWN.steps,
    )


def scan_targets(
    targets: Sequence[Path],
    judge: TemplateJudge,
    scope: Scope,
    parameters: Sequence[Path] = (),
    foreign: ForeignChecks | None = None,
) -> CodeReport:
    """Judge the files of a repository or single ones; raises RepositoryError for what is not there."""
    opened = [open_repository(target) for target in targets]
    for repository, _ in opened:
        given = [_relative(repository, path) for path in parameters]
    report = scan_files(opened, " ".join(map(str, targets)), judge, scope, given if opened else [])
    return report if foreign is None else foreign.extend(report, opened)


def scan_files(
    opened: Sequence[tuple[Repository, Sequence[str]]],
    label: str,
    judge: TemplateJudge,
    scope: Scope,
    parameters: Sequence[str] = (),
    processes: int | None = None,
) -> CodeReport:
    """Judge files of repositories: templates by what they plan, pipelines, Dockerfiles and scripts by their own rules.

    `processes` do it together (None chooses by the number of templates); the report is the same for any number.
    """
    with no_collection():
        return _scan_files(opened, label, TemplateScan(judge, scope, processes), parameters)


def _scan_files(
    opened: Sequence[tuple[Repository, Sequence[str]]],
    label: str,
    scan: TemplateScan,
    parameters: Sequence[str],
) -> CodeReport:
    for repository, names in opened:
        bicep = compile_bicep(repository, [*names, *parameters], BicepCompiler.installed())
        scan.report.unread += (UnreadFile(region_at(one.place), one.message) for one in bicep.problems)
        scan.add(repository, [name for name in names if name not in bicep.superseded], parameters)
    report, rules = scan.report, scan.rules
    findings, files, unread = [*report.findings], [*report.files], {*report.unread}
    for beside in scan.beside:
        rules |= beside.rules
        findings += beside.findings
        files += [one for one in beside.files if one not in report.files]
        unread |= {one for one in beside.unread if one.region.file not in report.files}
    return CodeReport(
        label,
        scan.now,
        rules,
        sorted(findings, key=lambda one: one.order),
        sorted(files),
        sorted(unread, key=lambda one: (one.region, one.reason)),
        report.states,
        report.elsewhere,
        merge_places(report.resources),
    )


def _texts(repository: Repository, names: Iterable[str]) -> Iterator[SourceText]:
    """The files that readers of templates, pipelines, Dockerfiles and scripts may claim."""
    for name in names:
        compiled = repository.compiled.get(name)
        if compiled is not None and name.endswith(BICEP):
            yield SourceText(name, compiled.text, compiled)
        elif _CLAIMABLE.search(name) or (name.endswith((".json", ".jsonc")) and repository.is_template(name)):
            data = repository.load(name)
            if data is not None and b"\0" not in data:
                text, parsed = data.decode("utf-8", "replace"), repository.parsed(name)
                yield SourceText(name, text, parsed if parsed is not None and parsed.text == text else None)


def _relative(repository: Repository, path: Path) -> str:
    """The name of a parameters file in a repository; one from elsewhere is taken in under its own name."""
    full = path.absolute()
    if full.is_relative_to(repository.root):
        return full.relative_to(repository.root).as_posix()
    repository.overlay = {**repository.overlay, path.name: path.read_bytes()}
    return path.name
