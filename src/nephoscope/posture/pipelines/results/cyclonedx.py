"""CycloneDX JSON with vulnerabilities (a VEX or a scanner's report), as bills of materials are read, taken as results."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from nephoscope.collect.sbom.bill_of_materials import Bill, ListedComponent, Vulnerability
from nephoscope.collect.sbom.cyclonedx.document import parse_bill
from nephoscope.collect.sbom.sbom_file import MAX_DEPTH
from nephoscope.model.nesting_limit import is_nested_deeper
from nephoscope.posture.code.finding import CodeFinding, FindingState
from nephoscope.posture.pipelines.results.tool_results import (
    MOST_COMPONENTS,
    BillComponent,
    ResultsError,
    ToolResults,
    check_size,
    clean_text,
    find_severity_of_score,
    make_finding,
    require_list,
    with_fingerprints,
)
from nephoscope_policy.model.state import Severity

_SEVERITIES = {
    "critical": Severity.CRITICAL, "high": Severity.HIGH, "medium": Severity.MEDIUM, "low": Severity.LOW,
    "info": Severity.INFORMATIONAL, "none": Severity.INFORMATIONAL,
}  # fmt: skip
#: States of an analysis that say that the vulnerability does not count.
_ACCEPTED = frozenset({"resolved", "resolved_with_pedigree", "false_positive", "not_affected"})
#: What must be an array where it is there: to read nothing of it would be to find nothing.
_ARRAYS = ("components", "vulnerabilities")


def recognizes(document: object) -> bool:
    """Tell whether a document is CycloneDX."""
    return isinstance(document, dict) and document.get("bomFormat") == "CycloneDX"


def read(document: Any) -> ToolResults:
    """Read the vulnerabilities, one for each component that it affects, and the components that a package URL names."""
    _check_shape(document)
    bill = parse_bill(document, "json", ())
    components = _index_components(bill)
    found = [one for each in bill.vulnerabilities for one in _list_findings(each, components)]
    check_size(found, "vulnerabilities")
    return ToolResults(
        tool=clean_text(bill.tool, 100) or "CycloneDX",
        tool_version=clean_text(bill.tool_version, 100),
        findings=with_fingerprints(found, [one.rule for one in found]),
        components=_read_components(components),
    )


def _check_shape(document: Mapping[str, object]) -> None:
    """Raise ResultsError where what holds components or vulnerabilities is no array of objects, or nests too deep."""
    if is_nested_deeper(document, MAX_DEPTH):
        raise ResultsError(f"nests deeper than {MAX_DEPTH}")
    for name in _ARRAYS:
        for at, one in enumerate(require_list(document.get(name), name)):
            if not isinstance(one, dict):
                raise ResultsError("must be an object", f"{name}[{at}]")
            for inner in ("affects", "ratings", "components"):
                require_list(one.get(inner), f"{name}[{at}].{inner}")


def _index_components(bill: Bill) -> dict[str, ListedComponent]:
    """Return the components by their references, that of the bill's subject with them; those without one by their package URL."""
    every = [*bill.components, *([bill.subject] if bill.subject else [])]
    return {clean_text(one.reference, 1_000) or clean_text(one.purl, 1_000): one for one in every}


def _read_components(components: Mapping[str, ListedComponent]) -> tuple[BillComponent, ...]:
    """Return the components that have a package URL, sorted."""
    found = {
        BillComponent(purl=purl, file=clean_text(one.found.path, 1_000))
        for one in components.values()
        if (purl := clean_text(one.purl, 1_000))
    }
    if len(found) > MOST_COMPONENTS:
        raise ResultsError(
            f"has {len(found):,} components, at most {MOST_COMPONENTS:,} are accepted", "components"
        )
    return tuple(sorted(found, key=lambda one: (one.purl, one.file)))


def _list_findings(one: Vulnerability, components: Mapping[str, ListedComponent]) -> Iterator[CodeFinding]:
    id_ = clean_text(one.id, 300)
    accepted = one.state in _ACCEPTED
    for affected in one.affects or ("",):
        ref = clean_text(affected, 1_000)
        component = components.get(ref) or ListedComponent(name="")
        name = " ".join((clean_text(component.name, 300), clean_text(component.version, 300))).strip() or ref
        yield make_finding(
            id_,
            clean_text(component.found.path, 1_000) or name,
            f"{name} has {id_}: {clean_text(one.description) or 'no description'}",
            _choose_severity(one),
            state=FindingState.SUPPRESSED if accepted else FindingState.FAILED,
            subject=clean_text(component.purl, 1_000) or ref,
            # descriptions are rewritten: the component and the id are what it is known by
            evidence=name,
            reason=(clean_text(one.detail, 500) or clean_text(one.state)) if accepted else "",
            steps=[clean_text(one.recommendation)],
        )


def _choose_severity(one: Vulnerability) -> Severity:
    """Return the highest severity of the ratings, else that of the highest score; Medium where none is rated."""
    found = [_SEVERITIES[each.severity] for each in one.ratings if each.severity in _SEVERITIES]
    if not found:
        found = [find_severity_of_score(each.score) for each in one.ratings if each.score is not None]
    return max(found, key=lambda severity: severity.rank, default=Severity.MEDIUM)
