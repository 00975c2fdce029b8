"""Write messages about published documents: one document in full, several as a table with their count.

A run that tells of several has `records` (the first of them, the gravest first), `count`, `findings` and `before`: how each stood, by
its lower-cased id; one that was not there before is missing in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import msgspec

from nephoscope.automation.run_records import RECORDS
from nephoscope.posture.recommendations.finding_text import describe_failure
from nephoscope.state.automation.automation_runs import AutomationRun
from nephoscope_policy.model.resource_id import ResourceId, with_tenant
from nephoscope_policy.model.state import Severity

MOST_ROWS = 50
"""Maximum number of documents in a message."""
FINDING = "Unhealthy"
_STATES = {
    "NonCompliant": FINDING, "Compliant": "Healthy", "NotApplicable": "Not applicable", "Exempt": "Exempt", "Unknown": "Not assessed",
    "Error": "Not assessed",
}  # fmt: skip
_ASSESSMENT = "microsoft.security/assessments"
_SUB = f"{_ASSESSMENT}/subassessments"
_SCORE = "microsoft.security/securescores"
_PATH = "microsoft.security/attackpaths"
_RANKS = {one.value: rank for rank, one in enumerate(Severity)}


@dataclass(frozen=True, slots=True)
class DocumentStatus:
    """Status of a document, and the severity of one that is a finding."""

    state: str
    severity: str = ""

    def __str__(self) -> str:
        """Both."""
        return _flatten_line(f"{self.state}, {self.severity}" if self.severity else self.state)


def find_document_status(body: Mapping[str, Any]) -> DocumentStatus:
    """Return how a published document stands."""
    properties, type_ = body.get("properties") or {}, _read_type(body)
    if type_ == _ASSESSMENT:
        state = (properties.get("additionalData") or {}).get("state") or properties["status"]["code"]
        return _make_document_status(
            _STATES.get(state, state), (properties.get("metadata") or {}).get("severity")
        )
    if type_ == _SUB:
        return _make_document_status(properties["status"]["code"], properties["status"].get("severity"))
    if type_.startswith(_SCORE):
        return DocumentStatus(_format_points(properties["score"]))
    return DocumentStatus(str(properties.get("riskLevel" if type_ == _PATH else "state") or ""))


def parse_document_status(type_: str, text: str) -> DocumentStatus:
    """Return how a document stood, from the text that was kept of it."""
    if type_ == _ASSESSMENT:
        state, severity, *_ = [*text.split("|"), "", ""]
        return _make_document_status(_STATES.get(state, state), severity)
    try:
        kept = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return DocumentStatus(text)
    if not isinstance(kept, dict):
        return DocumentStatus(str(kept))
    return (
        _make_document_status(kept["code"], kept.get("severity"))
        if "code" in kept
        else DocumentStatus(_format_points(kept))
    )


def make_severity_key(body: Mapping[str, object]) -> tuple[int, str]:
    """Sorts documents: findings by their severity, then the others."""
    how = find_document_status(body)
    return -_RANKS.get(how.severity, -1) if how.state == FINDING else 1, str(body["id"]).lower()


def write_mail(run: AutomationRun, pages: str) -> tuple[str, str] | None:
    """The subject and the text about what was published, None where a run is about something else; `pages` is the server's URL."""
    document = run.document
    if RECORDS not in document:
        known = "properties" in document and "type" in document
        return _format_single(document, None, pages) if known else None
    records, before = document[RECORDS], document.get("before")
    if document.get("count", len(records)) == 1 and records:
        return _format_single(records[0], before, pages)
    return _format_several_records(run, records, before, pages)


def _format_single(body: Mapping[str, Any], before: Mapping[str, str] | None, pages: str) -> tuple[str, str]:
    how, properties = find_document_status(body), body["properties"]
    grave = f"[{how.severity}] " if how.severity else ""
    status, about = properties.get("status") or {}, properties.get("metadata") or {}
    resource = _read_resource(body)
    lines = [
        _choose_title(body), "", f"State: {_describe_change(body, before)}", f"Resource: {_extract_name(resource)}", f"  {resource}",
        *([f"  tenant {body['tenantId']}"] if body.get("tenantId") else []),
        *_format_paragraph("Why", status.get("description") or status.get("cause")),
        *_format_paragraph("About", about.get("description") or properties.get("impact")),
        *_format_paragraph("Remediation", about.get("remediationDescription") or properties.get("remediation")),
        *_format_paragraph("Page", _format_page_link(body, resource, pages)),
    ]  # fmt: skip
    state = "" if _is_failure(body) else f"{how.state}: "
    return f"{grave}{state}{_choose_title(body)} ({_get_subject_name(body)})", "\n".join(lines) + "\n"


def _format_several_records(
    run: AutomationRun, records: list[dict[str, object]], before: Mapping[str, str] | None, pages: str
) -> tuple[str, str]:
    count, findings = run.document.get("count", len(records)), run.document.get("findings", 0)
    what = "documents" if run.kind.endswith(".snapshot") else "changes"
    worst = find_document_status(records[0]).severity
    grave = f"[{worst}] " if findings and worst else ""
    name = run.rule.rpartition("/")[2]
    many = (
        f"{findings:,} of {count:,} {what} are findings"
        if findings
        else f"{count:,} {what}, none is a finding"
    )
    rows = [
        (_describe_change(one, before), f"{_choose_title(one)} ({_get_subject_name(one)})") for one in records
    ]
    width = max(len(moved) for moved, _ in rows)
    lines = [
        f"{many}." + (f" The first {len(records)}:" if count > len(records) else ""), "",
        *(f"{moved:<{width}}  {title}" for moved, title in rows),
        *_format_paragraph("Details and other findings", f"{pages}/recommendations" if pages else ""),
    ]  # fmt: skip
    return f"{grave}{many}: {name}", "\n".join(lines) + "\n"


def _describe_change(body: Mapping[str, object], before: Mapping[str, str] | None) -> str:
    """Return how it stands, and how it stood; nothing of that where no change is told."""
    now = find_document_status(body)
    if before is None:
        return str(now)
    kept = before.get(with_tenant(str(body["id"]).lower(), str(body.get("tenantId") or "")))
    if kept is None:
        return f"{now} (new)"
    return f"{now} (was {parse_document_status(_read_type(body), kept)})"


def _read_type(body: Mapping[str, object]) -> str:
    return str(body.get("type") or "").lower()


def _make_document_status(state: str, severity: str | None) -> DocumentStatus:
    return DocumentStatus(state, severity or "") if state == FINDING else DocumentStatus(state)


def _format_points(score: Mapping[str, object]) -> str:
    return f"{score['current']:.1f} of {score['max']:g} points"


def _choose_title(body: Mapping[str, Any]) -> str:
    properties = body["properties"]
    name = _flatten_line(
        str(properties.get("displayName") or properties.get("description") or body.get("name") or body["id"])
    )
    return describe_failure(name) if _is_failure(body) else name


def _is_failure(body: Mapping[str, object]) -> bool:
    """Return whether it is a resource that fails a recommendation: a finding inside one has a name of its own."""
    return _read_type(body) == _ASSESSMENT and find_document_status(body).state == FINDING


def _read_resource(body: Mapping[str, Any]) -> str:
    """Return what it is about: the resource, or the scope that a score or a standard is of."""
    found = (body["properties"].get("resourceDetails") or {}).get("id")
    return _flatten_line(str(found or str(body["id"]).split("/providers/Microsoft.Security/", 1)[0] or "/"))


def _get_subject_name(body: Mapping[str, Any]) -> str:
    """Return the name of what it is about; outside subscriptions with the tenant, since several may have the same."""
    tenant = body.get("tenantId")
    return _extract_name(_read_resource(body)) + (f", tenant {tenant}" if tenant else "")


def _extract_name(resource: str) -> str:
    try:
        return ResourceId.parse(resource).name or resource
    except ValueError:
        return resource.rpartition("/")[2] or resource


def _format_page_link(body: Mapping[str, object], resource: str, pages: str) -> str:
    if not pages:
        return ""
    type_ = _read_type(body)
    if type_ == _PATH:
        return f"{pages}/attack-paths/{quote(str(body['name']), safe='')}"
    if type_ in (_ASSESSMENT, _SUB):
        return f"{pages}/resource{quote(resource)}"
    return f"{pages}/compliance" if "regulatorycompliance" in type_ else f"{pages}/"


def _format_paragraph(name: str, text: object) -> list[str]:
    """A paragraph; its further lines are set in, so that none looks like one that begins with a name."""
    return ["", f"{name}: " + "\n  ".join(str(text).splitlines())] if text else []


def _flatten_line(text: str) -> str:
    """A text in which no line ends: names are other people's words."""
    return " ".join(text.split())
