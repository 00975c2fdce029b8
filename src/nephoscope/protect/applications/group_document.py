"""Group documents: a group of machines with its rules in Azure's shape, and the rules that a document accepts.

Source: https://learn.microsoft.com/rest/api/defenderforcloud/adaptive-application-controls (2020-01-01)
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

import msgspec

from nephoscope.protect.applications.application_rule import (
    ApplicationRule,
    ApplicationRuleKind,
    ProposedRule,
)
from nephoscope.protect.applications.learned_group import TYPE, LearnedGroup

MODES = ("Audit", "Enforce", "None")
#: The well-known security identifier of everybody.
EVERYONE = "S-1-1-0"
_ANY = "*"
FILE_TYPES = {
    "exe": "Exe", "dll": "Dll", "msi": "Msi", "ps1": "Script", "bat": "Script", "cmd": "Script", "vbs": "Script", "js": "Script",
}  # fmt: skip


_SIGNED_KINDS = (ApplicationRuleKind.PUBLISHER, ApplicationRuleKind.PRODUCT)


class PublisherInfo(msgspec.Struct, frozen=True, rename="camel"):
    """The signer of a program and its product: `*` is any."""

    publisher_name: str = ""
    product_name: str = ""

    def to_rule(self, kind: ApplicationRuleKind, path: str) -> ApplicationRule | None:
        """Return the rule by publisher or by one of its products, None without a publisher or product to compare with."""
        publisher, product = self.publisher_name.strip(), self.product_name.strip()
        if publisher in ("", _ANY):
            return None
        if kind is ApplicationRuleKind.PUBLISHER or product == _ANY:
            return ApplicationRule(ApplicationRuleKind.PUBLISHER, publisher, path)
        # a watchlist holds both in one value, which is divided at the first bar
        return ApplicationRule(kind, publisher, path, product) if product and "|" not in publisher else None


class PathRecommendation(msgspec.Struct, frozen=True, rename="camel"):
    """The members of a path recommendation that decide; `sha256` is this product's own."""

    path: str = ""
    action: str = "Recommended"
    type: str = "File"
    publisher_info: PublisherInfo | None = None
    sha256: str = ""

    def to_rule(self) -> ApplicationRule | None:
        """Return the rule, None where the recommendation names nothing that executions can be compared with."""
        if self.type in _SIGNED_KINDS:
            return (self.publisher_info or PublisherInfo()).to_rule(ApplicationRuleKind(self.type), self.path)
        value = {"File": self.path, "FileHash": self.sha256.lower()}.get(self.type, "")
        return ApplicationRule(ApplicationRuleKind(self.type), value, self.path) if value else None


class VmRecommendation(msgspec.Struct, frozen=True, rename="camel"):
    """A machine of a group."""

    resource_id: str = ""
    recommendation_action: str = "Recommended"


class GroupProperties(msgspec.Struct, frozen=True, rename="camel"):
    """The members of a group document that decide what is alerted on and enforced."""

    enforcement_mode: str = "Audit"
    vm_recommendations: tuple[VmRecommendation, ...] = ()
    path_recommendations: tuple[PathRecommendation, ...] = ()

    @property
    def machines(self) -> list[str]:
        """The lower-cased IDs of the machines."""
        chosen = (one for one in self.vm_recommendations if one.recommendation_action != "Remove")
        return sorted({one.resource_id.lower().rstrip("/") for one in chosen if one.resource_id})

    @property
    def rules(self) -> list[ApplicationRule]:
        """Return the rules that allow something."""
        kept = (one for one in self.path_recommendations if one.action != "Remove")
        return [rule for one in kept if (rule := one.to_rule()) is not None]


def read_properties(document: Mapping[str, object]) -> GroupProperties:
    """Return what a group document accepts; raises msgspec.ValidationError."""
    return msgspec.convert(document["properties"], GroupProperties, strict=False)


def has_comparable_rule(recommendation: Mapping[str, object]) -> bool:
    """Return whether executions can be compared with a path recommendation; raises msgspec.ValidationError."""
    return msgspec.convert(recommendation, PathRecommendation, strict=False).to_rule() is not None


def render_group(group: LearnedGroup, mode: str, rules: Iterable[ProposedRule]) -> dict[str, object]:
    """Return the document of a learned group with rules: a proposal, or what is accepted."""
    protection = ("exe", "msi", "script") if group.system == "Windows" else ("executable",)
    return {
        "id": group.id, "name": group.name, "type": TYPE, "location": group.id.split("/")[6],
        "properties": {
            "enforcementMode": mode, "protectionMode": dict.fromkeys(protection, mode), **describe_group_state(group, mode),
            "vmRecommendations": [_build_vm_recommendation(one, group.system, mode) for one in group.machines],
            "pathRecommendations": [render_rule(one) for one in rules],
        },
    }  # fmt: skip


def describe_group_state(group: LearnedGroup, mode: str) -> dict[str, object]:
    """Return the members that say how far the data and the enforcement are."""
    counts = Counter(
        one.startswith("/subscriptions/") and "/microsoft.compute/" in one for one in group.machines
    )
    place = "Azure" if counts[True] >= counts[False] else "NonAzure"
    issue = "ViolationsBlocked" if mode == "Enforce" else "ViolationsAudited"
    return {
        "configurationStatus": "NoStatus" if mode == "None" else "Configured",
        "recommendationStatus": "Recommended" if group.is_ready else "NotAvailable",
        "sourceSystem": f"{place}_{'AppLocker' if group.system == 'Windows' else 'AuditD'}",
        "issues": [{"issue": issue, "numberOfVms": len(group.violations)}] if group.violations else [],
    }  # fmt: skip


def _build_vm_recommendation(machine: str, system: str, mode: str) -> dict[str, object]:
    return {
        "resourceId": machine, "recommendationAction": "Recommended",
        "configurationStatus": "NoStatus" if mode == "None" else "Configured",
        "enforcementSupport": "NotSupported" if system == "Windows" else "Supported",
    }  # fmt: skip


def render_rule(one: ProposedRule) -> dict[str, object]:
    """Return a rule as a path recommendation."""
    signed = one.rule.kind is ApplicationRuleKind.PUBLISHER
    names: dict[str, object] = {
        "publisherName": one.rule.value,
        "productName": "*",
        "binaryName": "*",
        "version": "0.0.0.0",  # noqa: S104 - any version, and no address
    }
    return complete_path({
        "path": one.rule.path, "type": one.rule.kind.value, "common": one.is_common, "action": "Recommended",
        **({"publisherInfo": names} if signed else {}),
        **({"sha256": one.rule.value} if one.rule.kind is ApplicationRuleKind.HASH else {}),
        "configurationStatus": "Configured",
    })  # fmt: skip


def complete_path(one: Mapping[str, object]) -> dict[str, object]:
    """Return a path recommendation with what it does not say: it is for everyone, and for the kind of file that its name ends with."""
    ending = str(one.get("path") or "").rpartition(".")[2].lower()
    return {
        "usernames": [{"username": "Everyone", "recommendationAction": "Recommended"}], "userSids": [EVERYONE],
        "fileType": FILE_TYPES.get(ending, "Executable" if str(one.get("path")).startswith("/") else "Unknown"),
        "configurationStatus": "NotConfigured", **one,
    }  # fmt: skip
