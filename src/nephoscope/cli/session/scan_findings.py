"""Scan findings as findings in files, for SARIF."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from nephoscope.collect.scanning.examination import Examination
from nephoscope.collect.scanning.image_rules.discovery import load_image_checks
from nephoscope.posture.code.code_report import CodeReport
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.finding import CodeFinding, FindingState, Region, UnreadFile
from nephoscope.vulnerability.matching.findings import PackageFinding
from nephoscope_policy.model.state import Severity

_REPLACE = (
    "Remove the secret from the file, and rebuild the image without it.",
    "Rotate the secret: anyone who has the image can read it.",
)
_REMOVE = (
    "Investigate how the file got there.",
    "Rebuild the image from trusted sources and replace its running containers.",
)
_LICENSE = ("Replace the package, or allow its license in the policy.",)
Found = tuple[CodeRule, CodeFinding]


def build_contents_report(
    name: str, examination: Examination, vulnerabilities: Sequence[PackageFinding], now: datetime
) -> CodeReport:
    """Return what was found as a report over the files of `name`; what stands in no file stands in `name`."""
    found = [
        *_list_vulnerabilities(vulnerabilities, name),
        *_list_configuration_findings(examination, name),
        *_list_secrets(examination),
        *_list_malware(examination),
        *_list_licenses(examination, name),
    ]
    unread = [
        UnreadFile(Region(one.path or name, 1), f"not checked for {one.part}: {one.reason}")
        for one in examination.unassessed
    ]
    return CodeReport(
        name, now, {rule.id: rule for rule, _ in found}, [one for _, one in found], unread=unread
    )


def _list_vulnerabilities(several: Sequence[PackageFinding], name: str) -> Iterator[Found]:
    for one in several:
        severity = _parse_severity(one.severity)
        package = one.package
        title = f"{package.name} {package.version} has {one.id}"
        steps = (f"Update {package.name} to {one.fixed_version}.",) if one.fixed_version else ()
        rule = CodeRule(
            id=one.id, title=one.id, severity=severity, description=f"{one.id} is known.", steps=steps
        )
        yield (
            rule,
            _make_finding(
                rule, Region(package.path or name, package.line or 1), title, f"{package.type}:{package.name}"
            ),
        )


def _list_configuration_findings(examination: Examination, name: str) -> Iterator[Found]:
    for one in examination.configuration:
        image_rule = load_image_checks()[one.rule].rule
        rule = CodeRule(
            id=image_rule.id,
            title=image_rule.title,
            severity=image_rule.severity,
            description=image_rule.description,
            steps=image_rule.steps,
        )
        finding = _make_finding(rule, Region(one.path or name, 1), one.message, one.message)
        is_unknown = one.status == "Unknown"
        yield rule, _set_finding_state(finding, FindingState.UNKNOWN, one.message) if is_unknown else finding


def _list_secrets(examination: Examination) -> Iterator[Found]:
    for one in examination.secrets:
        rule = CodeRule(
            id=f"secret/{one.rule}",
            title=f"{one.title} found",
            severity=one.severity,
            description="A secret in an image is read by everybody who can pull it, from each of its layers.",
            steps=_REPLACE,
        )
        removed = ", in a layer below the one that removes it" if one.removed_by else ""
        region = Region(one.path, one.first_line, end_line=one.last_line)
        yield rule, _make_finding(rule, region, f"{one.title}{removed}", one.fingerprint or one.layer)


def _list_malware(examination: Examination) -> Iterator[Found]:
    for one in examination.malware:
        rule = CodeRule(
            id=f"malware/{one.rule}",
            title=one.title,
            severity=one.severity,
            description=f"{one.title}.",
            steps=_REMOVE,
        )
        within = f" (in its member {one.member})" if one.member else ""
        yield rule, _make_finding(rule, Region(one.path, 1), f"{one.title}{within}", one.sha256 or one.member)


def _list_licenses(examination: Examination, name: str) -> Iterator[Found]:
    for one in examination.licenses:
        rule = CodeRule(
            id=f"license/{one.status}",
            title="Package licenses should be allowed",
            severity=one.severity,
            description="The license policy does not allow the license of this package.",
            steps=_LICENSE,
        )
        said = ", ".join(one.licenses) or "no license"
        finding = _make_finding(
            rule, Region(one.path or name, 1), f"{one.name} {one.version}: {said}", one.name
        )
        is_unknown = one.status == "Unknown"
        yield (
            rule,
            _set_finding_state(finding, FindingState.UNKNOWN, "unknown license") if is_unknown else finding,
        )


def _make_finding(rule: CodeRule, region: Region, message: str, evidence: str) -> CodeFinding:
    return CodeFinding(
        rule=rule.id,
        region=region,
        message=message,
        severity=rule.severity,
        evidence=evidence,
        remediation=rule.steps,
    )


def _set_finding_state(finding: CodeFinding, state: FindingState, reason: str) -> CodeFinding:
    import msgspec

    return msgspec.structs.replace(finding, state=state, reason=reason)


def _parse_severity(word: str) -> Severity:
    """Return the severity of a vulnerability: one that is not rated counts as Medium, one that hardly counts as Informational."""
    if word in set(Severity):
        return Severity(word)
    return Severity.INFORMATIONAL if word == "Negligible" else Severity.MEDIUM
