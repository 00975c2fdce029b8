"""Change comparison: only what a change brings fails, by the commit that it starts from; its files are searched for secrets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import msgspec

from nephoscope.collect.templates.arm.template_repository import (
    Repository,
    RepositoryError,
    make_absolute,
    open_repositories,
)
from nephoscope.collect.templates.arm.template_specs import SpecLookup
from nephoscope.collect.templates.bicep.bicep_repository import find_compiled_file
from nephoscope.collect.templates.terraform.plan_repository import TERRAFORM
from nephoscope.posture.code.baseline import map_previous_fingerprints, mark_known_failures
from nephoscope.posture.code.code_report import CodeReport
from nephoscope.posture.code.external_tool_results import ForeignChecks
from nephoscope.posture.code.finding import UnreadFile, UnreadKind
from nephoscope.posture.code.git_base import GitBase, GitFolder, list_changed_files, read_at_base, read_base
from nephoscope.posture.code.template.plan_scan import find_failures_before_apply
from nephoscope.posture.code.template.template_evaluation import TemplateEvaluator
from nephoscope.posture.code.template.template_scan import CODE_SUFFIXES, scan_files
from nephoscope.posture.code.template.verdict_cache import VerdictCache
from nephoscope.posture.code.template.what_if_scan import find_failures_before_deployment
from nephoscope_policy.arm.template import DeploymentScope


class ChangeComparison(msgspec.Struct):
    """Judges the state that a change starts from (`since` names it) as the change itself is judged.

    `earlier_judge` and `earlier_cache` judge that state by the openings that were allowed then.
    """

    since: str
    assess: TemplateEvaluator
    scope: DeploymentScope
    parameters: Sequence[Path] = ()
    foreign: ForeignChecks | None = None
    cache: VerdictCache | None = None
    specs: SpecLookup | None = None
    earlier_judge: TemplateEvaluator | None = None
    earlier_cache: VerdictCache | None = None

    def compare(self, report: CodeReport, targets: Sequence[Path]) -> CodeReport:
        """Return a report in which what failed before is known, with the secrets of the changed files; raises GitError."""
        before, opened, was_judged = frozenset[str](), [], 0
        for target, (repository, names) in zip(
            targets, open_repositories(targets, may_be_gone=True), strict=True
        ):
            base = read_base(_open_git_folder(repository), self.since, CODE_SUFFIXES)
            earlier = self._assess_base(target, repository, names, base)
            applied = find_failures_before_apply(repository, names, self.assess, self.scope)
            applied += find_failures_before_deployment(repository, names, self.assess)
            before |= map_previous_fingerprints(earlier.findings, base.renamed) | map_previous_fingerprints(
                applied, {}
            )
            was_judged += len(earlier.files)
            if not target.exists() and not earlier.files:
                raise RepositoryError(f"{target} does not exist, and held nothing to judge at {self.since}")
            opened.append((repository, names, base))
        report = mark_known_failures(report, before, self.since)
        for repository, names, base in opened:
            report = _drop_untouched_findings(report, repository, names, base)
        if not report.files:  # a change that removes every file is judged as well
            report = replace(report, assessed=report.assessed + was_judged)
        for repository, names, base in opened:
            report = _with_secrets(report, repository, names, base)
        return report

    def _assess_base(
        self, target: Path, repository: Repository, names: Sequence[str], base: GitBase
    ) -> CodeReport:
        """The report of a target at the base."""
        earlier = Repository(repository.root, base.files, on_disk=False)
        given = [self._find_earlier_parameters(earlier, path) for path in self.parameters]
        inside = _find_base_names(target, repository, names, base)
        assess, cache = self._choose_assessor()
        report = scan_files(
            [(earlier, inside)], self.since, assess, self.scope, given, cache=cache, specs=self.specs
        )
        return report if self.foreign is None else self.foreign.extend(report, [(earlier, inside)])

    def _choose_assessor(self) -> tuple[TemplateEvaluator, VerdictCache | None]:
        if self.earlier_judge is None:
            return self.assess, self.cache
        return self.earlier_judge, self.earlier_cache

    def _find_earlier_parameters(self, earlier: Repository, path: Path) -> str:
        """The name of a parameters file at the base; one that was not there is taken as it is now."""
        full = make_absolute(path)
        inside = full.is_relative_to(earlier.root)
        name = full.relative_to(earlier.root).as_posix() if inside else path.name
        if name not in earlier.overlay:
            earlier.overlay = {**earlier.overlay, name: path.read_bytes()}
        return name


def _open_git_folder(repository: Repository) -> GitFolder:
    return GitFolder.of(repository.root, repository.top)


def _find_base_names(target: Path, repository: Repository, names: Sequence[str], base: GitBase) -> list[str]:
    """The files of the base that a target holds, or that were moved into it since."""
    prefix = names[0].rpartition("/")[0] if names and target.is_file() else ""
    whole = target.is_dir() or not target.exists()
    around = make_absolute(target).relative_to(repository.root).as_posix() if whole else prefix

    def is_inside(name: str) -> bool:
        return around in ("", ".") or name == around or name.startswith(f"{around}/")

    return [name for name in base.files if is_inside(name) or is_inside(base.renamed.get(name, name))]


def _drop_untouched_findings(
    report: CodeReport, repository: Repository, names: Sequence[str], base: GitBase
) -> CodeReport:
    """Leave out what could not be verified and the change does not touch, and Bicep files whose outputs it touches as well."""
    changed, listed = list_changed_files(_open_git_folder(repository), base.commit), frozenset(names)

    def is_in_change(one: UnreadFile) -> bool:
        file = one.region.file
        if file not in listed:
            return True
        if one.kind is UnreadKind.UNVERIFIED:
            return file in changed and find_compiled_file(repository, file, listed) not in changed
        if one.kind is UnreadKind.UNUSED:
            return file in changed
        if one.kind is UnreadKind.WITHOUT_PLAN:
            folder = file.rpartition("/")[0]
            return any(
                name.lower().endswith(TERRAFORM) and name.rpartition("/")[0] == folder for name in changed
            )
        return True

    return replace(report, unread=[one for one in report.unread if is_in_change(one)])


def _with_secrets(
    report: CodeReport, repository: Repository, names: Sequence[str], base: GitBase
) -> CodeReport:
    changed = list_changed_files(_open_git_folder(repository), base.commit) & frozenset(names)
    if not changed:
        return report
    from nephoscope.posture.code.secret_scan import find_new_secrets, load_secret_code_rules

    found = find_new_secrets(
        repository, changed, read_at_base(_open_git_folder(repository), base, changed), report.now
    )
    findings = sorted([*report.findings, *found.findings], key=lambda one: one.order)
    rules = {**report.rules, **load_secret_code_rules()} if found.findings else report.rules
    looked_at = {*found.files} - {*report.files}
    unread = [*report.unread, *(one for one in found.unread if one not in report.unread)]
    return replace(
        report, findings=findings, rules=rules, unread=unread, assessed=report.assessed + len(looked_at)
    )
