"""The parts of the security graph: entities, what is known of them, and how an attacker gets from one to the next.

Names follow Microsoft.Security/attackPaths in Azure Resource Graph.
Source: https://learn.microsoft.com/azure/defender-for-cloud/attack-path-api
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from nephoscope.posture.attack_paths.open_findings import OpenFinding


class ConnectionKind(StrEnum):
    """Kind of connection by which an attacker gets from one entity to the next."""

    EXPOSES = "exposes"
    REACHES = "reaches"
    AUTHENTICATES_AS = "authenticatesAs"
    MEMBER_OF = "memberOf"
    OWNS = "owns"
    CHANGES = "changes"
    READS_DATA = "readsData"
    READS_SECRETS = "readsSecrets"


class InsightKind(StrEnum):
    """Kind of insight about an entity that matters on a path."""

    WEAKNESS = "weakness"
    SENSITIVE_DATA = "sensitiveData"
    ANONYMOUS_ACCESS = "anonymousAccess"
    PASSWORD_ACCESS = "passwordAccess"  # noqa: S105 - a word, no password
    GUEST = "guest"
    NO_SECOND_FACTOR = "noSecondFactor"
    STALE = "stale"


#: What Defender for Cloud writes beside an arrow.
TITLES = {
    ConnectionKind.EXPOSES: "Is exposed to",
    ConnectionKind.REACHES: "Routes traffic to",
    ConnectionKind.AUTHENTICATES_AS: "Can authenticate as",
    ConnectionKind.MEMBER_OF: "Member of",
    ConnectionKind.OWNS: "Has owner permission to",
    ConnectionKind.CHANGES: "Has write permission to",
    ConnectionKind.READS_DATA: "Has permission to read data of",
    ConnectionKind.READS_SECRETS: "Has permission to read secrets of",
}

INTERNET_TYPE, IDENTITY_TYPE, USER_TYPE, GROUP_TYPE = "internet", "managedidentity", "user", "group"
SUBSCRIPTION, GROUP_OF_RESOURCES, MANAGEMENT_GROUP, TENANT = (
    "microsoft.resources/subscriptions",
    "microsoft.resources/subscriptions/resourcegroups",
    "microsoft.management/managementgroups",
    "tenant",
)


class GraphEntity(msgspec.Struct, frozen=True):
    """Entity on an attack path. `id` is the lower-cased ARM id, a lower-cased Entra object id, or a word (internet, tenant).

    `type` is the lower-cased ARM type or one of the words above; `resource` the ARM id as it was read ('' = none).
    """

    id: str
    type: str
    name: str
    resource: str = ""

    @property
    def subscription(self) -> str:
        """The lower-cased GUID of its subscription, '' where it stands above subscriptions."""
        parts = self.id.split("/")
        return parts[2] if self.id.startswith("/subscriptions/") else ""


INTERNET = GraphEntity("internet", INTERNET_TYPE, "Internet")


class Insight(msgspec.Struct, frozen=True):
    """A fact about an entity, as a sentence; `findings` are the failing recommendations that say so."""

    kind: InsightKind
    text: str
    findings: tuple[OpenFinding, ...] = ()


class Connection(msgspec.Struct, frozen=True):
    """A step from one entity (its id) to the next: `why` it can be taken, `remedy` what closes it, `findings` what to fix for that."""

    source: str
    target: str
    kind: ConnectionKind
    why: str
    remedy: str = ""
    findings: tuple[OpenFinding, ...] = ()
