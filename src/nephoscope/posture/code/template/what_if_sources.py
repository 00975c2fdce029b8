"""Templates of what-if results: a finding in a result gets the place and the fix in the template that was scanned with it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable, Mapping, Sequence

from msgspec.structs import replace

from nephoscope.posture.code.finding import CodeFinding, FindingState, Region
from nephoscope.posture.code.planned_resources import PlannedPlace

#: The step of a finding whose template was not scanned: a what-if result is written by Azure, so that nothing in it can be changed.
NO_SOURCE = (
    "Scan the template in the same run to get its line and the fix: no scanned template deploys this resource, "
    "and a what-if result has no source to change."
)


def link_to_templates(
    findings: Sequence[CodeFinding], resources: Iterable[PlannedPlace], results: Container[str]
) -> list[CodeFinding]:
    """Return findings, where those in `results` (names of what-if files) point to the templates among the resources."""
    places, fixes = _group_declarations(resources, results), _group_failures(findings, results)
    return [
        _link_resource(one, places, fixes)
        if one.region.file in results and one.state is FindingState.FAILED
        else one
        for one in findings
    ]


def _link_resource(
    finding: CodeFinding,
    places: Mapping[str, Sequence[Region]],
    failures: Mapping[tuple[str, str], Sequence[CodeFinding]],
) -> CodeFinding:
    key = _extract_path_in_scope(finding.subject)
    same = failures.get((finding.rule, key), ())
    declared = [one.region for one in same] or places.get(key, ())
    if not declared:
        return replace(finding, remediation=(*finding.remediation, NO_SOURCE))
    related = tuple(dict.fromkeys((*declared, *finding.related)))
    # of two templates that deploy it only a person knows which one this was
    fix = same[0].fix if len({one.fix for one in same}) == 1 else ()
    return replace(finding, related=related, fix=fix)


def _group_declarations(
    resources: Iterable[PlannedPlace], results: Container[str]
) -> Mapping[str, Sequence[Region]]:
    """Return where templates declare resources, by the ids of these within their scope."""
    found: defaultdict[str, list[Region]] = defaultdict(list)
    for one in resources:
        if one.region.file not in results and (key := _extract_path_in_scope(one.id)):
            found[key].append(one.region)
    return found


def _group_failures(
    findings: Iterable[CodeFinding], results: Container[str]
) -> Mapping[tuple[str, str], Sequence[CodeFinding]]:
    """Return the findings in templates by rule and resource."""
    found: defaultdict[tuple[str, str], list[CodeFinding]] = defaultdict(list)
    for one in findings:
        key = _extract_path_in_scope(one.subject)
        if key and one.state is FindingState.FAILED and one.region.file not in results:
            found[one.rule, key].append(one)
    return found


def _extract_path_in_scope(id_: str) -> str:
    """Return the part of a resource id that a template decides: its scope is chosen when it is deployed."""
    return id_.lower().partition("/providers/")[2]
