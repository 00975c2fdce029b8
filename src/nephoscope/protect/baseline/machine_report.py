"""Report of a machine as external facts: configurations, updates, antimalware, under the names that Azure's built-in policies read.

What is unknown makes no document: a policy then ends Unknown and not healthy. Its earlier document is taken back.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from uuid import UUID, uuid5

import msgspec

from nephoscope.analyze.scanner_findings import BASELINE, PROTECTION, PROTECTION_HEALTH
from nephoscope.collect.facts.fact_report import FactReport
from nephoscope.protect.baseline.baseline_rule import BaselineRule
from nephoscope.protect.baseline.baseline_verdict import BaselineState, BaselineVerdict
from nephoscope.protect.baseline.examined_system import ExaminedSystem
from nephoscope.protect.baseline.host_facts import AntimalwareState, HostFacts
from nephoscope.protect.baseline.machine_configurations import ConfigurationResult, assess_configurations
from nephoscope_policy.model.resource_id import ResourceId

_GUEST = "Microsoft.GuestConfiguration/guestConfigurationAssignments"
_FINDINGS = "Microsoft.Security/assessments/subAssessments"
_NAMES = UUID("0d6a3c1e-5a0b-5d55-9a77-7c6b2f0f4a11")
#: Signatures older than this protect against nothing new.
MAX_SIGNATURE_AGE = 7
_MAX_EVIDENCE = 5
_SYSTEM = ("etc/passwd", "etc/os-release", "usr/lib/os-release")
_STATUS = {
    BaselineState.PASS: "Compliant",
    BaselineState.NOT_APPLICABLE: "Compliant",
    BaselineState.FAIL: "NonCompliant",
    BaselineState.UNKNOWN: "Pending",
}
_UNCOUNTED = ("definition", "featurePack", "servicePack", "tools", "updateRollup", "updates")


class MachineReport(msgspec.Struct, frozen=True):
    """Facts of a machine to store, and the ids of documents that say nothing any more."""

    report: FactReport
    withdrawn: tuple[str, ...]


def make_machine_report(
    resource: str, system: ExaminedSystem, read_at: datetime, tenant: str = ""
) -> MachineReport:
    """Judge a machine and return its report under a resource id.

    Raises ValueError for a text that is no resource id, and for a root that holds no system.
    """
    ResourceId.parse(resource)
    if not any(system.view.exists(path) for path in _SYSTEM):
        raise ValueError("the root holds no Linux system: it has neither /etc/passwd nor os-release")
    documents: list[dict[str, object]] = []
    scopes: dict[str, tuple[str, ...]] = {}
    withdrawn = []
    results = assess_configurations(system)
    for one in results:
        id_ = f"{resource}/providers/{_GUEST}/{one.configuration.name}"
        if one.state is BaselineState.UNKNOWN:
            withdrawn.append(id_)
        else:
            documents.append({"id": id_, "properties": _build_assignment(one, resource, read_at)})
    if system.facts is not None and system.facts.pending_updates is not None:
        documents.append(_build_update_finding(resource, system.facts, read_at))
    found_by_key = dict(_list_findings(system.facts, results[0]))
    withdrawn += [
        _format_assessment(resource, key)
        for key in _list_replaced_facts(system.facts)
        if key not in found_by_key
    ]
    for key, found in found_by_key.items():
        place = _format_assessment(resource, key)
        scopes[place] = (_FINDINGS,)
        documents += [_build_finding(place, name, text) for name, text in found]
    return MachineReport(FactReport(resource, read_at, tuple(documents), scopes, tenant), tuple(withdrawn))


def _format_assessment(resource: str, key: str) -> str:
    return f"{resource}/providers/Microsoft.Security/assessments/{key}"


def _list_replaced_facts(facts: HostFacts | None) -> tuple[str, ...]:
    """Return the assessments that a report replaces even where it cannot answer them."""
    has_antimalware = facts is not None and facts.antimalware is not None
    return (BASELINE.id, PROTECTION_HEALTH.id) if has_antimalware else (BASELINE.id,)


def _build_assignment(one: ConfigurationResult, resource: str, read_at: datetime) -> dict[str, object]:
    configuration = one.configuration
    time, status = _format_time(read_at), _STATUS[one.state]
    report_id = str(uuid5(_NAMES, f"{resource} {configuration.name} {time}"))
    reports = [_report_resource(rule, verdict) for rule, verdict in one.verdicts]
    return {
        "complianceStatus": status, "parameterHash": configuration.parameter_hash, "lastComplianceStatusChecked": time,
        "targetResourceId": resource, "latestReportId": report_id,
        "guestConfiguration": {"name": configuration.name, "kind": "DSC", "version": "1.*", "assignmentType": "Audit"},
        "latestAssignmentReport": {
            "reportId": report_id, "complianceStatus": status, "startTime": time, "endTime": time, "operationType": "Consistency",
            "assignment": {"name": configuration.name, "configuration": {"name": configuration.name, "version": "1.*"}},
            "vm": {"id": resource, "uuid": ""},
            "resources": reports,
        },
    }  # fmt: skip


def _report_resource(rule: BaselineRule, verdict: BaselineVerdict) -> dict[str, object]:
    evidence = "; ".join(f"{one.place} {one.value}".rstrip() for one in verdict.evidence[:_MAX_EVIDENCE])
    phrase = f"{verdict.reason}: {evidence}" if evidence else verdict.reason
    return {
        "resourceId": f"[{rule.name}]{rule.title}",
        "complianceStatus": _STATUS[verdict.state],
        "reasons": [{"code": verdict.state.value, "phrase": phrase[:1_000]}],
        "properties": {"ruleId": rule.id, "severity": rule.severity.value},
    }


def _build_update_finding(resource: str, facts: HostFacts, read_at: datetime) -> dict[str, object]:
    pending = Counter(one.classification.lower() for one in facts.pending_updates or ())
    time = _format_time(read_at)
    id_ = f"{resource}/patchAssessmentResults/latest"
    counts = {name: pending[name] for name in ("critical", "security", "other")} | dict.fromkeys(
        _UNCOUNTED, 0
    )
    return {"id": id_, "properties": {
        "status": "Succeeded", "assessmentActivityId": str(uuid5(_NAMES, f"{id_} {time}")), "osType": "Linux",
        "rebootPending": facts.is_reboot_pending, "startDateTime": time, "lastModifiedDateTime": time, "startedBy": "User",
        "patchServiceUsed": "Unknown", "availablePatchCountByClassification": counts,
    }}  # fmt: skip


def _list_findings(
    facts: HostFacts | None, baseline: ConfigurationResult
) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Yield the keys that were answered, with the name and text of each finding."""
    if baseline.state is not BaselineState.UNKNOWN:
        failing = [
            (rule.id, rule.title) for rule, one in baseline.verdicts if one.state is BaselineState.FAIL
        ]
        yield BASELINE.id, failing
    if facts is not None and facts.antimalware is not None:
        absent = [] if facts.antimalware else [("missing", "No endpoint protection is installed")]
        yield PROTECTION.id, absent
        states = [(is_healthy(one), one) for one in facts.antimalware]
        unhealthy = [*absent, *(_describe_antimalware(one) for healthy, one in states if healthy is False)]
        if unhealthy or all(healthy for healthy, _ in states):
            yield PROTECTION_HEALTH.id, unhealthy


def is_healthy(one: AntimalwareState) -> bool | None:
    """Return whether a product protects in real time with signatures that are not old; None where their age was not reported."""
    if not one.is_protecting:
        return False
    return None if one.signature_age_days is None else one.signature_age_days <= MAX_SIGNATURE_AGE


def _describe_antimalware(one: AntimalwareState) -> tuple[str, str]:
    if not one.is_protecting:
        return f"{one.product} off", f"Real-time protection of {one.product} is off"
    return f"{one.product} signatures", f"Signatures of {one.product} are {one.signature_age_days} days old"


def _build_finding(place: str, name: str, text: str) -> dict[str, object]:
    id_ = uuid5(_NAMES, f"{place} {name}")
    properties = {"displayName": text, "status": {"code": "Unhealthy", "severity": "Medium"}}
    return {"id": f"{place}/subAssessments/{id_}", "properties": properties}


def _format_time(time: datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")
