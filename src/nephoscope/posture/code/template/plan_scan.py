"""Scan Terraform plans: each is judged as what it makes, at the lines of the files that it was made from."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from nephoscope.collect.templates.discovery import UnreadableFileError
from nephoscope.collect.templates.source_text import SourceText
from nephoscope.collect.templates.terraform.plan_repository import TERRAFORM, list_plan_names, read_plan
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.finding import (
    CodeFinding,
    FindingState,
    Region,
    UnreadFile,
    UnreadKind,
    to_region,
)
from nephoscope.posture.code.suppression import CodeSuppressions, has_expiring_comment
from nephoscope.posture.code.template.file_verdict import FileVerdict, JudgedTemplate, select_named_rules
from nephoscope.posture.code.template.template_report import TemplateReport
from nephoscope_policy.arm.template.deployment_scope import ASSUMED_SUBSCRIPTION
from nephoscope_policy.model.state import Severity

if TYPE_CHECKING:
    from nephoscope.collect.templates.arm.template_repository import Repository
    from nephoscope.collect.templates.terraform.plan import TerraformPlan, Unmapped
    from nephoscope.collect.templates.terraform.planned_resource import SourceOfPlan
    from nephoscope.posture.code.template.repository_files import RepositoryFiles
    from nephoscope.posture.code.template.template_evaluation import TemplateEvaluator
    from nephoscope_policy.arm.template import DeploymentScope

NOT_MAPPED = CodeRule(
    id="terraform-resource-not-mapped",
    title="Every resource of a plan should be one that policies can judge",
    severity=Severity.INFORMATIONAL,
    description="No table says what this resource is in Azure, or it is a part of a resource that the plan does not have, "
    "so that nothing judges it before the apply.",
    steps=(
        "Judge the resource after the apply: nephoscope scan azure:",
        "Write a table of its type: docs/reference/terraform.md says which there are.",
    ),
)


_MAKE_PLAN = "terraform plan -out plan.out && terraform show -json plan.out > plan.json"
_BLOCK = re.compile(r'^[ \t]*((?:resource[ \t]+"?(?:azurerm|azapi)_|module[ \t]+"?[\w-]))', re.MULTILINE)


class NotedFiles:
    """The files of a repository as a plan reads them; `read` has the digest of each file and folder that it asked for."""

    def __init__(self, files: RepositoryFiles) -> None:
        self.read: dict[str, str] = {}
        self._files = files

    def load(self, name: str) -> bytes | None:
        """Return what a file holds, None where there is none."""
        self.read[name] = self._files.digest(name)
        return self._files.repository.load(name)

    def list_file_names(self, folder: str) -> Iterable[str]:
        """The names of the files right in a folder."""
        self.read[f"{folder}/"] = self._files.digest(f"{folder}/")
        return self._files.repository.list_file_names(folder)


def assess_plan(
    files: RepositoryFiles, name: str, names: Sequence[str], assess: TemplateEvaluator
) -> FileVerdict:
    """Judge a plan; `names` are the files of the scan, in which the configuration that it was made from may be."""
    noted, report, lasting, folders = NotedFiles(files), TemplateReport(), True, frozenset[str]()
    try:
        plan = read_plan(noted, name, names, _get_subscription_name(files.scope))
    except UnreadableFileError as error:
        report.unread.append(UnreadFile(Region(name, error.line, error.column), str(error)))
    else:
        judgement = assess.assess(plan.resources)
        report.add_plan_result(judgement)
        report.findings += (_report_unmapped_resource(plan, one) for one in plan.unmapped)
        ending = [source for source in _list_sources(files, noted.read) if has_expiring_comment(source.text)]
        report.unread += (
            one for source in ending for one in CodeSuppressions(source, assess.now).list_unread_files()
        )
        lasting = not judgement.asked_time and not ending
        if plan.source is not None:
            folders = plan.source.list_folders()
            report.unread += _list_outdated_files(name, plan.source)
    return FileVerdict(
        is_template=False,
        loaded=tuple(noted.read.items()),
        judged=JudgedTemplate.of(report),
        rules=tuple(select_named_rules({NOT_MAPPED.id: NOT_MAPPED, **assess.rules}, report.findings)),
        lasting=lasting,
        configured=tuple(sorted(folders)),
    )


def _list_sources(files: RepositoryFiles, names: Iterable[str]) -> Iterator[SourceText]:
    """Give the texts of the configuration that a plan was read with."""
    for name in names:
        if name.lower().endswith(TERRAFORM):
            yield SourceText(name, (files.repository.load(name) or b"").decode("utf-8", "replace"))


def _list_outdated_files(name: str, source: SourceOfPlan) -> Iterator[UnreadFile]:
    """Give the first place of each file that says otherwise than the plan: the plan is older, or of other files."""
    seen: set[str] = set()
    for part, said in source.differences():
        document = part.document
        if document.file not in seen:
            seen.add(document.file)
            region = Region(document.file, *document.find_position(part.mark.start))
            reason = (
                f"{name} was made from another state of this file ({said}): make the plan again: {_MAKE_PLAN}"
            )
            yield UnreadFile(region, reason, UnreadKind.WITHOUT_PLAN)


def list_without_plan(
    repository: Repository, names: Iterable[str], planned: Container[str]
) -> Iterator[UnreadFile]:
    """Give the first file of each folder with a configuration for Azure, but for the folders `planned`, that plans were made from."""
    seen: set[str] = set()
    for name in sorted(names):
        folder = name.rpartition("/")[0]
        if name.lower().endswith(".tf") and folder not in planned and folder not in seen:
            block = _BLOCK.search((repository.load(name) or b"").decode("utf-8", "replace"))
            if block is not None:
                seen.add(folder)
                how = f"run in {folder or '.'}: {_MAKE_PLAN}, and scan plan.json as well"
                line = SourceText(name, block.string).find_position(block.start(1))[0]
                reason = f"Terraform is judged by its plan: {how}"
                yield UnreadFile(Region(name, line), reason, UnreadKind.WITHOUT_PLAN)


def find_failures_before_apply(
    repository: Repository, names: Iterable[str], assess: TemplateEvaluator, scope: DeploymentScope
) -> list[CodeFinding]:
    """Return what fails in Azure before the plans among files are applied, as the plans themselves say: at the places of now."""
    listed, found = [*names], []
    for name in list_plan_names(repository, listed):
        try:
            plan = read_plan(repository, name, listed, _get_subscription_name(scope), before=True)
        except UnreadableFileError:
            continue  # the scan says it
        found += assess.assess(plan.resources).findings
    return [one for one in found if one.state is FindingState.FAILED]


def _get_subscription_name(scope: DeploymentScope) -> str:
    return "" if scope.subscription_id == ASSUMED_SUBSCRIPTION else scope.subscription_id


def _report_unmapped_resource(plan: TerraformPlan, unmapped: Unmapped) -> CodeFinding:
    trail = plan.source.find_trail(unmapped.path) if plan.source is not None else ()
    place = trail[0].place if trail else plan.document.find_place(unmapped.path)
    message = f"{unmapped.address}: {unmapped.reason}"
    return CodeFinding(
        rule=NOT_MAPPED.id,
        region=to_region(place),
        message=message,
        severity=NOT_MAPPED.severity,
        state=FindingState.UNKNOWN,
        subject=unmapped.address,
        reason=message,
        remediation=NOT_MAPPED.steps,
    )
