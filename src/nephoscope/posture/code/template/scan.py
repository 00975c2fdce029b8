"""Scan templates: find them, expand each with its parameters, judge what they plan."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
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


class TemplateScan:
    """Judges the templates of repositories; `scope` is where they are taken to be deployed."""

    def __init__(self, judge: TemplateJudge, scope: Scope) -> None:
        self.report = TemplateReport()
        self._judge = judge
        self._scope = scope
        self._seen: set[CodeFinding] = set()

    def add(self, repository: Repository, names: Iterable[str], parameters: Sequence[str] = ()) -> int:
        """Judge the templates among files; those that another of them links are judged there. Returns how many there are."""
        templates = repository.templates(names, parameters)
        linked: set[str] = set()
        expanded = [
            (one, list(self._expansions(repository, one, {each.name for each in templates}, linked)))
            for one in templates
        ]
        for template, expansions in expanded:
            self.report.files.append(template.name)
            for expansion in expansions if template.name not in linked else ():
                self._take(expansion)
        return len(templates)

    def add_plans(self, repository: Repository, names: Sequence[str]) -> None:
        """Judge the Terraform plans among files."""
        judge_plans(repository, names, self._judge, self._scope, self.report)

    def _expansions(
        self, repository: Repository, template: TemplateFile, names: set[str], linked: set[str]
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
                self.report.unread.append(UnreadFile(region_at(problem.place), problem.message))

    def _take(self, expansion: Expansion) -> None:
        report = self.report
        for problem in expansion.problems:
            region = region_at(problem.place)
            if problem.error:
                report.unread.append(UnreadFile(region, problem.message))
            else:
                self._keep(_not_known(region, problem.message))
        judgement = self._judge.judge(expansion.resources)
        report.states += judgement.states
        report.elsewhere += judgement.elsewhere
        report.resources += judgement.resources
        report.unread += (UnreadFile(region, why) for region, why in judgement.unjudged)
        for finding in judgement.findings:
            self._keep(finding)

    def _keep(self, finding: CodeFinding) -> None:
        if finding not in self._seen:
            self._seen.add(finding)
            self.report.findings.append(finding)


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
) -> CodeReport:
    """Judge files of repositories: templates by what they plan, pipelines, Dockerfiles and scripts by their own rules."""
    with no_collection():
        return _scan_files(opened, label, judge, scope, parameters)


def _scan_files(
    opened: Sequence[tuple[Repository, Sequence[str]]],
    label: str,
    judge: TemplateJudge,
    scope: Scope,
    parameters: Sequence[str],
) -> CodeReport:
    scan = TemplateScan(judge, scope)
    others: list[SourceText] = []
    for repository, names in opened:
        bicep = compile_bicep(repository, [*names, *parameters], BicepCompiler.installed())
        scan.report.unread += (UnreadFile(region_at(one.place), one.message) for one in bicep.problems)
        judged = [name for name in names if name not in bicep.superseded]
        scan.add(repository, judged, parameters)
        scan.add_plans(repository, judged)
        others += _texts(repository, judged)
    report = scan.report
    rules = {**judge.rules, **{one.id: one for one in (NOT_KNOWN, NOT_MAPPED)}}
    findings, files, unread = [*report.findings], [*report.files], {*report.unread}
    if others:
        from nephoscope.posture.code.judging import judge_files

        beside = judge_files(others, label, judge.now)
        rules |= beside.rules
        findings += beside.findings
        files += [one for one in beside.files if one not in report.files]
        unread |= {one for one in beside.unread if one.region.file not in report.files}
    return CodeReport(
        label,
        judge.now,
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
