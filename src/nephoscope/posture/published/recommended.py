"""What a recommendation says of itself, in the shape of Microsoft.Security/assessmentMetadata."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nephoscope.policy.catalogue import NotHeldError
from nephoscope.posture.published.document import without_nothing

if TYPE_CHECKING:
    from nephoscope.posture.report import Report

#: Azure's categories, by the first word of ours that means the same.
_CATEGORIES = {
    "network": "Networking", "storage": "Data", "sql": "Data", "cosmos": "Data", "security": "IdentityAndAccess",
    "identity": "IdentityAndAccess", "internet": "IoT",
}  # fmt: skip


def metadata(report: Report, key: str) -> dict[str, Any]:
    """The properties of the metadata of a recommendation."""
    known = report.metadata(key)
    said = {
        "policyDefinitionId": definition_id(report, key),
        "description": known.description,
        "remediationDescription": "\n".join(known.remediation.steps),
        "tactics": [_spaced(one) for one in known.tactics],
        "techniques": list(known.techniques),
        "preview": known.preview,
    }
    return {
        "displayName": known.name,
        "severity": known.severity.value,
        "assessmentType": "BuiltIn",
        "categories": [_CATEGORIES.get(known.category.split(" ")[0].casefold(), "Compute")],
        **dict(without_nothing(said.items())),
    }


def definition_id(report: Report, key: str) -> str:
    """The id of the policy definition that a recommendation is named by, '' where no content has it."""
    try:
        return str(report.run.catalogue.find("definition", key).document()["id"])
    except NotHeldError:
        return ""


def _spaced(tactic: str) -> str:
    """A tactic in the words of the metadata: `CredentialAccess` is `Credential Access` there."""
    return "".join(f" {one}" if one.isupper() and at else one for at, one in enumerate(tactic))
