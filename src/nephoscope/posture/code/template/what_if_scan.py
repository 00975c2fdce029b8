"""Scan what-if results: each is judged as what Azure says that a deployment makes, and what it leaves open is listed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from nephoscope.collect.templates.arm.what_if import is_what_if, parse_what_if
from nephoscope.collect.templates.discovery import UnreadableFileError
from nephoscope.posture.code.finding import CodeFinding, FindingState, Region, UnreadFile, to_region

if TYPE_CHECKING:
    from nephoscope.collect.templates.arm.template_repository import Repository
    from nephoscope.posture.code.template.template_evaluation import TemplateEvaluator
    from nephoscope.posture.code.template.template_report import TemplateReport


def assess_what_ifs(
    repository: Repository, names: Iterable[str], assess: TemplateEvaluator, report: TemplateReport
) -> list[str]:
    """Judge the what-if results among files and add what comes of them to a report; returns their names."""
    judged = []
    for name, data in _list_results(repository, names):
        judged.append(name)
        if data is None:
            continue  # the scan says why
        report.files.append(name)
        try:
            result = parse_what_if(data, name)
        except UnreadableFileError as error:
            report.unread.append(UnreadFile(Region(name, error.line, error.column), str(error)))
            continue
        report.unread += (UnreadFile(to_region(one.place), one.message) for one in result.problems)
        if result.resources:
            report.add_plan_result(assess.assess(result.resources))
        elif not result.problems:
            report.unchanged += 1
    return judged


def find_failures_before_deployment(
    repository: Repository, names: Iterable[str], assess: TemplateEvaluator
) -> list[CodeFinding]:
    """Return what fails in Azure before the deployments of the what-if results among files, as they themselves say."""
    found: list[CodeFinding] = []
    for name, data in _list_results(repository, names):
        try:
            found += assess.assess(parse_what_if(data or b"", name, before=True).resources).findings
        except UnreadableFileError:
            continue  # the scan says it
    return [one for one in found if one.state is FindingState.FAILED]


def _list_results(repository: Repository, names: Iterable[str]) -> Iterator[tuple[str, bytes | None]]:
    for name in sorted(names):
        head = repository.read_head(name) if name.lower().endswith(".json") else b""
        if is_what_if(name, head.decode("utf-8", "replace")):
            yield name, repository.load(name)
