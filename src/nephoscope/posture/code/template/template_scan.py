"""Scan templates: find them, expand each with its parameters, judge what they plan."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from pathlib import Path

from nephoscope.collect.templates.arm.template_repository import Repository, make_absolute, open_repositories
from nephoscope.collect.templates.arm.template_specs import SpecLookup, TemplateSpecs
from nephoscope.collect.templates.bicep import BICEP, PARAMETERS
from nephoscope.collect.templates.bicep.built_parameters import extract_built_parameters
from nephoscope.collect.templates.terraform.plan_repository import list_plan_names
from nephoscope.estate.gc_control import pause_collection
from nephoscope.posture.code.code_report import CodeReport
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.external_tool_results import ForeignChecks
from nephoscope.posture.code.finding import CodeFinding, Region, UnreadFile, UnreadKind, to_region
from nephoscope.posture.code.planned_resources import merge_places
from nephoscope.posture.code.template.file_evaluator import NOT_KNOWN, FileEvaluator
from nephoscope.posture.code.template.file_verdict import FileVerdict, JudgedFile
from nephoscope.posture.code.template.forked_workers import Exchange, count_processes, run_in_shares
from nephoscope.posture.code.template.plan_scan import NOT_MAPPED, assess_plan, list_without_plan
from nephoscope.posture.code.template.repository_files import RepositoryFiles, list_refused_files
from nephoscope.posture.code.template.template_evaluation import TemplateEvaluator
from nephoscope.posture.code.template.template_report import TemplateReport
from nephoscope.posture.code.template.verdict_cache import VerdictCache
from nephoscope.posture.code.template.what_if_scan import assess_what_ifs
from nephoscope.posture.code.template.what_if_sources import link_to_templates
from nephoscope_policy.arm.template import DeploymentScope

CODE_SUFFIXES = (
    ".json", ".jsonc", ".bicep", ".bicepparam", ".tf", ".tfvars", ".yml", ".yaml", ".sh", ".bash",
    "dockerfile", "containerfile",
)  # fmt: skip
"""Ends of the names of files that are judged, or that these read."""


_NOT_USED = "no template here declares these parameters alone: name the file after its template (main.parameters.prod.json)"
"""What is said of a parameters file that no template is judged with."""

_ONE_IN = 24
"""Of so many files one is judged before processes share the others, which then find modules loaded and rules bound."""


class TemplateScan:
    """Judges the files of repositories; `scope` is where templates are taken to be deployed.

    `processes` judge them together; None chooses by the number of files. What `cache` holds of a file is taken in place of judging it.
    `specs` is asked for template specs that no file holds.
    """

    def __init__(
        self,
        assess: TemplateEvaluator,
        scope: DeploymentScope,
        processes: int | None = None,
        cache: VerdictCache | None = None,
        specs: SpecLookup | None = None,
    ) -> None:
        self.report = TemplateReport()
        self.rules: dict[str, CodeRule] = {one.id: one for one in (NOT_KNOWN, NOT_MAPPED)}
        self.beside_findings: list[CodeFinding] = []
        self.beside_unread: list[UnreadFile] = []
        self.beside_files: list[str] = []
        self.what_ifs: set[str] = set()
        self.now = assess.now
        self._judge = assess
        self._scope = scope
        self._processes = processes
        self._specs = specs
        self._cache = cache if assess.explains is None else None
        self._seen: set[CodeFinding] = set()

    def add(self, repository: Repository, names: Sequence[str], parameters: Sequence[str] = ()) -> None:
        """Judge files: templates by what they plan (those that another one links there), plans, and others by their own rules."""
        templates = {one.name: one for one in repository.find_templates(names, parameters)}
        unused = [] if parameters else repository.find_unused_parameters(names, templates.values())
        self.report.unread += (UnreadFile(Region(name, 1), _NOT_USED, UnreadKind.UNUSED) for name in unused)
        specs = TemplateSpecs(repository, names, self._specs)
        files = RepositoryFiles(repository, templates, self._scope, specs)
        plans = list_plan_names(repository, names)
        found = self._compute_verdicts(files, [name for name in names if files.is_file_judged(name)])
        if not found and not plans:
            self._judge.make_ready()  # that policies cannot be read is told where there is no file too
        deployed = find_linked_templates(found, templates)
        for name, verdict in found.items():
            self.rules |= {one.id: one for one in verdict.rules}
            if verdict.is_template:
                self._merge_report(verdict.report(name, deployed=name in deployed))
            if verdict.beside is not None:
                self._merge_other_findings(name, verdict.beside)
        planned: set[str] = set()
        for name in plans:
            verdict = self._plan_verdict(files, name, names)
            planned.update(verdict.configured)
            self._add_plan(name, verdict)
        self.report.unread += list_without_plan(repository, names, planned)
        self.what_ifs.update(assess_what_ifs(repository, names, self._judge, self.report))
        self.rules |= self._judge.rules

    def _plan_verdict(self, files: RepositoryFiles, name: str, names: Sequence[str]) -> FileVerdict:
        """Return what is said of a Terraform plan: of the cache where it has it, else judged."""
        key = files.plan_key(name, names)
        found = self._cache.find(key, files.digest) if self._cache is not None else None
        if found is None:
            found = assess_plan(files, name, names, self._judge)
            if self._cache is not None:
                self._cache.keep(key, found)
        return found

    def _add_plan(self, name: str, verdict: FileVerdict) -> None:
        self.rules |= {one.id: one for one in verdict.rules}
        self.report.extend(verdict.report(name, deployed=False))

    def _compute_verdicts(self, files: RepositoryFiles, names: Sequence[str]) -> dict[str, FileVerdict]:
        """Return what is said of each file, in order: of the cache where it has it, else judged."""
        known = self._find_cached_verdicts(files, names)
        wanted = [name for name in names if name not in known]
        if wanted:
            self._judge.make_ready()
        made = self._assess_files(files, wanted, find_linked_templates(known, files.templates))
        known |= made
        deployed = find_linked_templates(known, files.templates)
        alone = [name for name in names if known[name].is_verdict_missing and name not in deployed]
        if alone:  # another template deployed it when it was kept
            self._judge.make_ready()
            again = self._assess_files(files, alone, deployed)
            known |= again
            made |= again
        self._keep_verdicts(files, made)
        return {name: known[name] for name in names}

    def _find_cached_verdicts(self, files: RepositoryFiles, names: Sequence[str]) -> dict[str, FileVerdict]:
        if self._cache is None:
            return {}
        found = ((name, self._cache.find(files.key(name), files.digest)) for name in names)
        return {name: one for name, one in found if one is not None}

    def _keep_verdicts(self, files: RepositoryFiles, made: Mapping[str, FileVerdict]) -> None:
        if self._cache is not None:
            for name, verdict in made.items():
                self._cache.keep(files.key(name), verdict)

    def _assess_files(
        self, files: RepositoryFiles, names: Sequence[str], deployed: frozenset[str]
    ) -> dict[str, FileVerdict]:
        if not names:
            return {}
        templates = sum(name in files.templates for name in names)
        processes = self._processes or self._choose_processes(templates)
        first = names[::_ONE_IN] if processes > 1 else ()
        found = FileEvaluator(self._judge, files, deployed).assess(first, lambda linked: linked)
        rest = [name for name in names if name not in found]

        def assess_share(share: Sequence[int], exchange: Exchange) -> dict[str, FileVerdict]:
            return FileEvaluator(self._judge, files, deployed).assess(
                [rest[index] for index in share], exchange
            )

        shares = run_in_shares([files.weight(name) for name in rest], assess_share, processes)
        return found | {name: verdict for share in shares for name, verdict in share.items()}

    def _choose_processes(self, count: int) -> int:
        return 1 if self._judge.explains is not None else count_processes(count)

    def _merge_report(self, one: TemplateReport) -> None:
        """Add the report of a template; a finding that several templates have counts once."""
        fresh = [finding for finding in dict.fromkeys(one.findings) if finding not in self._seen]
        self._seen.update(fresh)
        self.report.extend(one, fresh)

    def _merge_other_findings(self, name: str, one: JudgedFile) -> None:
        self.beside_findings += one.findings
        self.beside_unread += one.unread
        if one.judged:
            self.beside_files.append(name)


def scan_targets(
    targets: Sequence[Path],
    assess: TemplateEvaluator,
    scope: DeploymentScope,
    parameters: Sequence[Path] = (),
    foreign: ForeignChecks | None = None,
    cache: VerdictCache | None = None,
    specs: SpecLookup | None = None,
    *,
    may_be_gone: bool = False,
) -> CodeReport:
    """Judge the files of a repository or single ones; raises RepositoryError for what is not there and must be."""
    opened = open_repositories(targets, may_be_gone=may_be_gone)
    for repository, _ in opened:
        given = [_format_relative_path(repository, path) for path in parameters]
    report = scan_files(
        opened, " ".join(map(str, targets)), assess, scope, given if opened else [], cache=cache, specs=specs
    )
    return report if foreign is None else foreign.extend(report, opened)


def scan_files(
    opened: Sequence[tuple[Repository, Sequence[str]]],
    label: str,
    assess: TemplateEvaluator,
    scope: DeploymentScope,
    parameters: Sequence[str] = (),
    processes: int | None = None,
    cache: VerdictCache | None = None,
    specs: SpecLookup | None = None,
) -> CodeReport:
    """Judge files of repositories: templates by what they plan, pipelines, Dockerfiles and scripts by their own rules.

    `processes` do it together (None chooses by the number of templates); the report is the same for any number, and the same with
    `cache` as without.
    """
    with pause_collection():
        return _scan_files(opened, label, TemplateScan(assess, scope, processes, cache, specs), parameters)


def _scan_files(
    opened: Sequence[tuple[Repository, Sequence[str]]],
    label: str,
    scan: TemplateScan,
    parameters: Sequence[str],
) -> CodeReport:
    refused: dict[str, UnreadFile] = {}
    for repository, names in opened:
        problems = extract_built_parameters(repository, names)
        scan.report.unread += (UnreadFile(to_region(one.place), one.message) for one in problems)
        compiled = _build_compiled_bicep(repository, [*names, *parameters], scan)
        scan.add(repository, [name for name in names if name not in compiled], parameters)
        refused |= {one.region.file: one for one in list_refused_files(repository, [*names, *parameters])}
    report = scan.report
    if scan.what_ifs:
        report.findings = link_to_templates(report.findings, report.resources, scan.what_ifs)
    templates = frozenset(report.files)
    files = [*report.files, *(one for one in scan.beside_files if one not in templates)]
    said = {*report.unread, *(one for one in scan.beside_unread if one.region.file not in templates)}
    unread = {*refused.values(), *(one for one in said if one.region.file not in refused)}
    return CodeReport(
        label,
        scan.now,
        scan.rules,
        sorted([*report.findings, *scan.beside_findings], key=lambda one: one.order),
        sorted(files),
        sorted(unread, key=lambda one: (one.region, one.reason)),
        report.states,
        report.elsewhere,
        merge_places(report.resources),
        assessed=len(files) - len(templates) + report.unchanged,
    )


def _build_compiled_bicep(repository: Repository, names: Sequence[str], scan: TemplateScan) -> Container[str]:
    """Compile the Bicep files among names, and give the JSON files that they stand for."""
    if not any(name.lower().endswith((BICEP, PARAMETERS)) for name in names):
        return ()
    from nephoscope.collect.templates.bicep.bicep_repository import compile_bicep
    from nephoscope.collect.templates.bicep.compiler import BicepCompiler

    bicep = compile_bicep(repository, names, BicepCompiler.find_installed_compiler())
    for one in bicep.problems:
        kind = UnreadKind.UNVERIFIED if one.place.file in bicep.unverified else UnreadKind.BROKEN
        scan.report.unread.append(UnreadFile(to_region(one.place), one.message, kind))
    return bicep.superseded


def find_linked_templates(found: Mapping[str, FileVerdict], templates: Container[str]) -> frozenset[str]:
    """Give the templates that another one of those that were judged deploys."""
    return frozenset(
        linked for name, verdict in found.items() for linked in verdict.find_linked_templates(name, templates)
    )


def _format_relative_path(repository: Repository, path: Path) -> str:
    """The name of a parameters file in a repository; one from elsewhere is taken in under its own name."""
    full = make_absolute(path)
    if full.is_relative_to(repository.root):
        return full.relative_to(repository.root).as_posix()
    repository.overlay = {**repository.overlay, path.name: path.read_bytes()}
    return path.name
