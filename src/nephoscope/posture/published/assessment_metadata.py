"""Assessment metadata of a recommendation, in the shape of Microsoft.Security/assessmentMetadata."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope.analyze.discovery import list_assessment_keys
from nephoscope.posture.published.document import drop_empty
from nephoscope_policy.catalog import NotHeldError

if TYPE_CHECKING:
    from nephoscope.posture.reports.report import Report
    from nephoscope_policy.catalog_entry import Kind

#: Of what was found while no recommendation is judged by it.
UNJUDGED = "No assigned policy is judged by what was found here: it counts in no score and no list of recommendations."
#: Azure's categories, by the first word of a policy's category; what is of none of them is told without one.
_CATEGORIES = {
    "Networking": "network cdn",
    "Data": "storage sql cosmos cache data databricks search event service key backup postgresql mysql mariadb synapse lake",
    "IdentityAndAccess": "security identity active managed",
    "IoT": "internet device",
    "Compute": "compute guest batch virtual change site vm automanage automation desktop",
    "Container": "kubernetes container",
    "AppServices": "app api function logic web signalr",
}
_BY_WORD = {word: category for category, words in _CATEGORIES.items() for word in words.split()}


def build_metadata(report: Report, key: str) -> dict[str, object]:
    """The properties of the metadata of a recommendation."""
    known = report.metadata(key)
    category = _BY_WORD.get(known.category.split(" ")[0].casefold(), "")
    said = {
        "categories": [category] if category else [],
        "policyDefinitionId": find_policy_definition_id(report, key),
        "description": known.description,
        "remediationDescription": "\n".join(known.remediation.steps),
        "tactics": [_space_words(one) for one in known.tactics],
        "techniques": list(known.techniques),
        "preview": known.preview,
    }
    return {
        "displayName": known.name,
        "severity": known.severity.value,
        "assessmentType": "CustomPolicy" if is_custom(report, key) else "BuiltIn",
        **dict(drop_empty(said.items())),
    }


def is_custom(report: Report, key: str) -> bool:
    """Return whether the definition of a recommendation is one that the estate itself holds."""
    return find_policy_definition_id(report, key).lower() in report.run.estate.resources


def make_unjudged_metadata(report: Report, key: str) -> dict[str, object]:
    """The properties of the metadata of an analyzer's key by which no recommendation is judged."""
    return {
        **build_metadata(report, key),
        "displayName": list_assessment_keys()[key].title,
        "description": UNJUDGED,
    }


def find_policy_definition_id(report: Report, key: str, kind: Kind = "definition") -> str:
    """The id of the policy definition (or initiative) of a name, as a recommendation has it; '' where no content has it."""
    try:
        return str(report.run.catalog.find(kind, key).document()["id"])
    except NotHeldError:
        return ""


def _space_words(tactic: str) -> str:
    """A tactic in the words of the metadata: `CredentialAccess` is `Credential Access` there."""
    return "".join(f" {one}" if one.isupper() and at else one for at, one in enumerate(tactic))
