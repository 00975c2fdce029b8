"""Statements of VEX out of the analyses of CycloneDX: its words for states and reasons, and ours."""

from __future__ import annotations

from nephoscope.collect.sbom.bill_of_materials import Vulnerability
from nephoscope.model.vex import VexJustification, VexStatement, VexStatus

#: What each state of an analysis says.
STATUSES: dict[str, VexStatus] = {
    "resolved": "fixed",
    "resolved_with_pedigree": "fixed",
    "exploitable": "affected",
    "in_triage": "under_investigation",
    "false_positive": "not_affected",
    "not_affected": "not_affected",
}

#: What each justification says: what a configuration, a dependency or a surrounding has to be is not there to be used.
JUSTIFICATIONS: dict[str, VexJustification] = {
    "code_not_present": "vulnerable_code_not_present",
    "code_not_reachable": "vulnerable_code_not_in_execute_path",
    "requires_configuration": "vulnerable_code_cannot_be_controlled_by_adversary",
    "requires_dependency": "component_not_present",
    "requires_environment": "vulnerable_code_cannot_be_controlled_by_adversary",
    "protected_by_compiler": "inline_mitigations_already_exist",
    "protected_at_runtime": "inline_mitigations_already_exist",
    "protected_at_perimeter": "inline_mitigations_already_exist",
    "protected_by_mitigating_control": "inline_mitigations_already_exist",
}

#: How a status and a justification are written.
STATES: dict[VexStatus, str] = {
    "fixed": "resolved",
    "affected": "exploitable",
    "under_investigation": "in_triage",
    "not_affected": "not_affected",
}
WRITTEN_JUSTIFICATIONS: dict[VexJustification, str] = {
    "component_not_present": "requires_dependency",
    "vulnerable_code_not_present": "code_not_present",
    "vulnerable_code_not_in_execute_path": "code_not_reachable",
    "vulnerable_code_cannot_be_controlled_by_adversary": "requires_environment",
    "inline_mitigations_already_exist": "protected_by_mitigating_control",
}


def list_statements(
    vulnerabilities: tuple[Vulnerability, ...], products: dict[str, str], author: str, time: str
) -> tuple[VexStatement, ...]:
    """Return one statement for each target of each vulnerability that has an analysis; a target of another bill keeps its link."""
    return tuple(
        VexStatement(
            vulnerability=one.id,
            product=products.get(reference, reference),
            status=STATUSES[one.state],
            aliases=one.aliases,
            version_range=one.ranges.get(reference, ""),
            justification=JUSTIFICATIONS.get(one.justification, "")
            if STATUSES[one.state] == "not_affected"
            else "",
            author=author,
            time=one.updated or one.published or time,
            impact=one.detail if STATUSES[one.state] == "not_affected" else "",
            action=_choose_action(one),
        )
        for one in vulnerabilities
        if one.state in STATUSES
        for reference in one.affects
    )


def _choose_action(one: Vulnerability) -> str:
    """Return what to do about a vulnerability of an affected product."""
    if STATUSES[one.state] != "affected":
        return ""
    return one.recommendation or one.detail or ", ".join(one.responses).replace("_", " ")
