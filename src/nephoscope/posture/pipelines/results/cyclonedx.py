"""CycloneDX JSON with vulnerabilities (a VEX or a scanner's report): https://cyclonedx.org/docs/1.6/json/."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from nephoscope.posture.code.finding import CodeFinding, FindingState
from nephoscope.posture.pipelines.results.tool_results import (
    MOST_COMPONENTS,
    BillComponent,
    ResultsError,
    ToolResults,
    check_size,
    list_of,
    make_finding,
    mapping_of,
    severity_of_score,
    text_of,
    with_fingerprints,
)
from nephoscope_policy.model.state import Severity

_SEVERITIES = {
    "critical": Severity.CRITICAL, "high": Severity.HIGH, "medium": Severity.MEDIUM, "low": Severity.LOW,
    "info": Severity.INFORMATIONAL, "none": Severity.INFORMATIONAL,
}  # fmt: skip
#: States of an analysis that say that the vulnerability does not count.
_ACCEPTED = frozenset({"resolved", "resolved_with_pedigree", "false_positive", "not_affected"})


def claims(document: Any) -> bool:
    """Tell whether a document is CycloneDX."""
    return isinstance(document, dict) and document.get("bomFormat") == "CycloneDX"


def read(document: Any) -> ToolResults:
    """Read the vulnerabilities, one for each component that it affects, and the components that a package URL names."""
    components = dict(_components(document))
    found = [
        one
        for at, each in enumerate(list_of(document.get("vulnerabilities"), "vulnerabilities"))
        for one in _findings(mapping_of(each), components, f"vulnerabilities[{at}]")
    ]
    check_size(found, "vulnerabilities")
    tool, version = _tool(mapping_of(document.get("metadata")).get("tools"))
    return ToolResults(
        tool=tool,
        tool_version=version,
        findings=with_fingerprints(found, [one.rule for one in found]),
        components=_bill(components),
    )


def _bill(components: Mapping[str, Mapping[str, Any]]) -> tuple[BillComponent, ...]:
    """Return the components that have a package URL, sorted."""
    found = {
        BillComponent(purl=purl, file=_file(one))
        for one in components.values()
        if (purl := text_of(one.get("purl"), 1_000))
    }
    if len(found) > MOST_COMPONENTS:
        raise ResultsError(
            f"has {len(found):,} components, at most {MOST_COMPONENTS:,} are taken", "components"
        )
    return tuple(sorted(found, key=lambda one: (one.purl, one.file)))


def _components(document: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    waiting = [mapping_of(mapping_of(document.get("metadata")).get("component")), *_below(document)]
    while waiting:
        one = waiting.pop()
        waiting += _below(one)
        yield text_of(one.get("bom-ref"), 1_000) or text_of(one.get("purl"), 1_000), one


def _below(one: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [mapping_of(each) for each in list_of(one.get("components"), "components")]


def _findings(
    one: Mapping[str, Any], components: Mapping[str, Mapping[str, Any]], place: str
) -> Iterator[CodeFinding]:
    id_ = text_of(one.get("id"), 300)
    analysis = mapping_of(one.get("analysis"))
    accepted = analysis.get("state") in _ACCEPTED
    for affected in list_of(one.get("affects"), f"{place}.affects") or [{}]:
        ref = text_of(mapping_of(affected).get("ref"), 1_000)
        component = components.get(ref, {})
        name = " ".join(text_of(component.get(key), 300) for key in ("name", "version")).strip() or ref
        yield make_finding(
            id_,
            _file(component) or name,
            f"{name} has {id_}: {text_of(one.get('description')) or 'no description'}",
            _severity(one),
            state=FindingState.SUPPRESSED if accepted else FindingState.FAILED,
            subject=text_of(component.get("purl"), 1_000) or ref,
            # descriptions are rewritten: the component and the id are what it is known by
            evidence=name,
            reason=(text_of(analysis.get("detail"), 500) or text_of(analysis["state"])) if accepted else "",
            steps=[text_of(one.get("recommendation"))],
        )


def _file(component: Mapping[str, Any]) -> str:
    """Return where a component was found, '' where it is not said."""
    evidence = mapping_of(component.get("evidence"))
    first = mapping_of(next(iter(list_of(evidence.get("occurrences"), "evidence.occurrences")), None))
    return text_of(first.get("location"), 1_000)


def _severity(one: Mapping[str, Any]) -> Severity:
    """Return the highest severity of the ratings; Medium where none is rated."""
    told = [mapping_of(each) for each in list_of(one.get("ratings"), "ratings")]
    found = [_SEVERITIES[each["severity"]] for each in told if each.get("severity") in _SEVERITIES]
    if not found:
        scores = [each["score"] for each in told if isinstance(each.get("score"), int | float)]
        found = [severity_of_score(float(score)) for score in scores]
    return max(found, key=lambda severity: severity.rank, default=Severity.MEDIUM)


def _tool(tools: Any) -> tuple[str, str]:
    """Return the name and version of the first tool: a list up to version 1.4, an object with components since."""
    several = tools if isinstance(tools, list) else mapping_of(tools).get("components")
    first = mapping_of(several[0]) if isinstance(several, list) and several else {}
    return text_of(first.get("name"), 100) or "CycloneDX", text_of(first.get("version"), 100)
