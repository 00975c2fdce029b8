"""`scan` over templates: judge, gate, write; it knows neither the lake nor the state."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from nephoscope.cli.code_outputs import is_read_by_host, list_code_formats, load_code_renderer
from nephoscope.cli.session.allowed_openings_file import find_openings_of_change
from nephoscope.cli.session.output_stream import open_output
from nephoscope.cli.session.policy_patterns import check_patterns, matches_patterns
from nephoscope.cli.session.repository_decisions import (
    find_decisions,
    find_misnamed_exemptions,
    list_unusable_decisions,
    list_unusable_policies,
)
from nephoscope.cli.terminal.exit_code import CLEAN, FINDINGS, NOT_JUDGED, NOTHING_ASSESSED
from nephoscope.cli.terminal.messages import exit_with_usage_error, print_message
from nephoscope.cli.terminal.sanitize_output import format_count
from nephoscope.collect.templates.arm.template_repository import (
    RepositoryError,
    find_repository_folder,
    open_repositories,
)
from nephoscope.estate.estate import Estate
from nephoscope.posture.code.baseline import (
    BaselineError,
    format_baseline,
    mark_known_failures,
    read_baseline,
)
from nephoscope.posture.code.file_edits import apply_fixes
from nephoscope.posture.code.git_command import GitError
from nephoscope.posture.code.template.change_comparison import ChangeComparison
from nephoscope.posture.code.template.file_evaluator import NOT_KNOWN
from nephoscope.posture.code.template.plan_scan import NOT_MAPPED
from nephoscope.posture.code.template.template_evaluation import TemplateEvaluator
from nephoscope.posture.code.template.template_scan import scan_targets
from nephoscope.posture.code.template.verdict_cache import VerdictCache
from nephoscope.posture.code.template.verdict_cache_key import hash_inputs
from nephoscope.posture.policies.plan_builder import build_plan
from nephoscope.posture.policies.policy_packs import Packs
from nephoscope_policy.arm.template import DeploymentScope
from nephoscope_policy.catalog import NotHeldError
from nephoscope_policy.documents import ContentError
from nephoscope_policy.errors import PolicyError
from nephoscope_policy.model.coverage import Coverage
from nephoscope_policy.model.state import Severity

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from nephoscope.cli.session.estate_options import ScanOptions
    from nephoscope.collect.templates.arm.template_specs import SpecLookup
    from nephoscope.posture.code.code_report import CodeReport
    from nephoscope.posture.code.external_tool_results import ForeignChecks
    from nephoscope.posture.code.finding import CodeFinding
    from nephoscope.posture.code.template.verdict_explanation import ExplainedVerdict, VerdictExplanation
    from nephoscope.posture.exposure.allowed_openings import AllowedOpenings
    from nephoscope.posture.policies.evaluation_plan import EvaluationPlan


class _PlanOptions:
    """The options as what a plan is asked for."""

    def __init__(self, options: ScanOptions) -> None:
        self.policies: tuple[str, ...] = options["policies"]
        self.initiatives: tuple[str, ...] = options["initiatives"]
        self.parameters: tuple[tuple[str, object], ...] = options["parameters"]
        self.decisions: tuple[str, ...] = (*options["decisions"], *find_decisions(options["targets"]))
        self.assigned: bool = options["assigned"]


def _write_fixes(report: CodeReport, options: ScanOptions) -> None:
    """Write the fixes of what fails into the files, and say how many each got."""
    opened = open_repositories(map(Path, options["targets"]), may_be_gone=True)
    for root in {repository.root for repository, _ in opened}:
        outcome = apply_fixes(report.failed_findings, root)
        for file, count in outcome.applied.items():
            print_message(
                f"{file}: {format_count(count, 'fix', 'fixes')} applied; scan again to check the rest"
            )
        for file, reason in outcome.refused.items():
            print_message(f"{file}: no fix applied: {reason}")


def _build_deployment_scope(options: ScanOptions) -> DeploymentScope:
    scope = DeploymentScope(location=options["location"])
    if not options["deploy_to"]:
        return scope
    found = scope.find_scope(options["deploy_to"])
    if found is None:
        exit_with_usage_error(
            f"--deploy-to {options['deploy_to']}: give the id of a resource group (/subscriptions/<id>/resourceGroups/<name>), "
            "a subscription or a management group"
        )
    return replace(found, kind=None, location=options["location"])


def scan_code(data: Path, options: ScanOptions, explanation: VerdictExplanation | None = None) -> int:
    """Judge the targets of the options and write the report, or the explanation in its place; returns the exit code."""
    _check_scan_options(options)
    explained: list[ExplainedVerdict] = []
    try:
        report = _assess_targets(data, options, explanation, explained)
    except (
        RepositoryError, BaselineError, GitError, ContentError, NotHeldError, PolicyError
    ) as error:  # fmt: skip
        exit_with_usage_error(str(error))
    if options["fix"]:
        _write_fixes(report, options)
    if options["write_baseline"] is not None:
        options["write_baseline"].write_bytes(format_baseline(report))
    if explanation is not None:
        with open_output(options["output_file"], styled=True) as out:
            explanation.write(explained, out)
        return choose_exit_code(report, options)
    folder = find_repository_folder(map(Path, options["targets"]))
    for name, path in (*options["reports"], (options["output"], options["output_file"])):
        with open_output(path, styled=False) as out:
            named = report.prefix_file_names(folder) if folder and is_read_by_host(name) else report
            load_code_renderer(name)(named, out)
    return choose_exit_code(report, options)


def _check_scan_options(options: ScanOptions) -> None:
    output = options["output"]
    if output not in list_code_formats():
        exit_with_usage_error(
            f"-o {output} does not support findings in files: use {', '.join(list_code_formats())}"
        )


def _assess_targets(
    data: Path,
    options: ScanOptions,
    explanation: VerdictExplanation | None,
    explained: list[ExplainedVerdict],
) -> CodeReport:
    """The report of the targets; verdicts that are to be explained are added to `explained`."""
    packs, asked = Packs(data), _PlanOptions(options)
    now = options["at"] or datetime.now(UTC)
    allowed, before = find_openings_of_change(
        options["allowed_openings"], options["targets"], now, options["since"]
    )
    assess = TemplateEvaluator(lambda: (_build_plan(asked, packs), packs.aliases()), now, allowed)
    targets = [Path(target) for target in options["targets"]]
    scope = _build_deployment_scope(options)
    assess.explains = explanation.wants if explanation is not None else None
    foreign = _build_foreign_checks(options)
    cache = _open_verdict_cache(data, options, asked, packs, now, allowed)
    specs = _make_template_spec_lookup(data)
    may_be_gone = options["since"] is not None
    report = scan_targets(
        targets, assess, scope, options["parameters_files"], foreign, cache, specs, may_be_gone=may_be_gone
    )
    report = report.with_unread(
        [
            *list_unusable_decisions(asked.decisions, options["targets"]),
            *find_misnamed_exemptions(asked.decisions, assess),
            *list_unusable_policies(asked.policies, packs),
        ]
    )
    _check_critical(options, report, assess)
    _check_policies(options, report, assess)
    explained += assess.explained
    assess.explains = None
    if options["since"] is not None:
        comparison = ChangeComparison(
            options["since"], assess, scope, options["parameters_files"], foreign, cache, specs
        )
        if before is not None and before != allowed:
            comparison.earlier_judge = assess.with_openings(before)
            comparison.earlier_cache = _open_verdict_cache(data, options, asked, packs, now, before)
        report = comparison.compare(report, targets)
    if cache is not None:
        _trim_cache(cache)
    for file in options["results"]:
        report = _with_results(report, file)
    if options["baseline"] is not None:
        report = mark_known_failures(report, read_baseline(options["baseline"]), str(options["baseline"]))
    return report


def _check_critical(options: ScanOptions, report: CodeReport, assess: TemplateEvaluator) -> None:
    """Refuse a gate that can never fail: no policy of Azure or of the own pack is Critical, rules of manifests are."""
    if options["fail_on"] != Severity.CRITICAL or options["results"]:
        return
    if (
        not any(one.severity is Severity.CRITICAL for one in report.rules.values())
        and not assess.has_critical()
    ):
        exit_with_usage_error(
            "--fail-on Critical would never fail: no policy or rule for these files is Critical; use High, Medium, Low or "
            "Informational"
        )


def _check_policies(options: ScanOptions, report: CodeReport, assess: TemplateEvaluator) -> None:
    """Refuse a gate on a policy that does not exist: it can never fail, or never pass."""
    sources = (lambda: report.rules, _list_code_rule_names, assess.list_recommendation_names)
    check_patterns("--fail-on-policy", options["failing_policies"], sources)
    check_patterns("--pass-policy", options["passing_policies"], sources)


def _list_code_rule_names() -> list[str]:
    from nephoscope.posture.code.rule_discovery import load_code_rules
    from nephoscope.posture.code.secret_scan import load_secret_code_rules
    from nephoscope.posture.code.template.planned_openings import OPENING

    return [*load_code_rules(), *load_secret_code_rules(), NOT_KNOWN.id, NOT_MAPPED.id, OPENING.id]


def _make_template_spec_lookup(data: Path) -> SpecLookup:
    """Return what the estate knows of template specs; it is opened where a template deploys one that no file holds."""

    def find(id_: str) -> Mapping[str, object] | None:
        from nephoscope.estate.tenant_stores import open_tenant_stores

        held = (store.find_resources([id_]).get(id_) for store in open_tenant_stores(data))
        return next((one.body for one in held if one is not None), None)

    return find


def _build_plan(asked: _PlanOptions, packs: Packs) -> EvaluationPlan:
    return build_plan(asked, packs, Estate.of((), Coverage({}), derives=False))


def _open_verdict_cache(
    data: Path,
    options: ScanOptions,
    asked: _PlanOptions,
    packs: Packs,
    now: datetime,
    allowed: AllowedOpenings | None,
) -> VerdictCache | None:
    """The verdicts that earlier scans kept in the data folder; none where they are not wanted or cannot be told to be the same."""
    largest = options["cache_size"] << 20
    basis = hash_inputs(asked, packs, now, allowed) if options["cache"] and largest else None
    return None if basis is None else VerdictCache(data / "content" / "verdicts", basis, largest)


def _trim_cache(cache: VerdictCache) -> None:
    """Keep the cache within its bound, and say what of it could not be used."""
    cache.prune()
    count = len(cache.damaged)
    if count:
        print_message(
            f"{format_count(count, 'kept verdict')} could not be read and {'was' if count == 1 else 'were'} judged anew "
            f"(first: {cache.damaged[0]})"
        )
    if cache.failure:
        print_message(f"results are not cached: {cache.failure}")


def _build_foreign_checks(options: ScanOptions) -> ForeignChecks | None:
    """The programs that judge files too; where one is needed that is not installed, a usage error."""
    if options["tools"] == "none":
        return None
    from nephoscope.posture.pipelines.external_tools import ExternalChecks

    found = ExternalChecks.find_installed_tools()
    if options["tools"] == "all" and found.missing:
        exit_with_usage_error(
            f"--tools all: not installed: {', '.join(found.missing)} (run pip install '.[tools]' in a "
            "checkout)"
        )
    return found if found.programs else None


def _with_results(report: CodeReport, file: Path) -> CodeReport:
    """The report with what a tool wrote to a file; a usage error names a file that cannot be read."""
    from nephoscope.cli.session.pipeline_upload import read_document
    from nephoscope.posture.pipelines.results.result_merging import merge_results
    from nephoscope.posture.pipelines.results.result_reader import read_results
    from nephoscope.posture.pipelines.results.tool_results import ResultsError

    try:
        return merge_results(report, read_results(read_document(file)), source=str(file))
    except ResultsError as error:
        exit_with_usage_error(f"--results {file}: {error}")


def choose_exit_code(report: CodeReport, options: ScanOptions) -> int:
    """Return 1 for findings that fail, else 3 where something could not be judged, else 4 where nothing was, else 0."""
    if any(_fails(finding, options) for finding in report.failed_findings):
        return FINDINGS
    if report.unread or (options["fail_on_unknown"] and report.unknown):
        return NOT_JUDGED
    if not report.states and not report.findings and not report.assessed:
        print_message(f"nothing was assessed: {_explain_empty_scan(options['targets'])}")
        return NOTHING_ASSESSED
    return CLEAN


def _explain_empty_scan(targets: Iterable[str]) -> str:
    """Explain why nothing was assessed: a configuration of Terraform without its plan, or no policy for what is deployed."""
    if any(
        name.lower().endswith(".tf")
        for _, names in open_repositories(map(Path, targets), may_be_gone=True)
        for name in names
    ):
        return "Terraform is judged by its plan: terraform plan -out plan.out && terraform show -json plan.out > plan.json"
    return "no policy or rule applies to the resources of these templates"


def _fails(finding: CodeFinding, options: ScanOptions) -> bool:
    if matches_patterns(finding.rule, options["passing_policies"]):
        return False
    if matches_patterns(finding.rule, options["failing_policies"]):
        return True
    level = options["fail_on"]
    return level is not None and finding.severity.rank >= Severity(level).rank
