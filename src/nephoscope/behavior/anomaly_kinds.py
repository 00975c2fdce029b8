"""The kinds of anomalies, by what was done; named as Sentinel names its anomalies of users.

Source: https://learn.microsoft.com/azure/sentinel/anomalies-reference (names, tactics, techniques)
"""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass

_SPACE = uuid.UUID("6d7c1c1e-6f2c-5b0e-9a35-0a6a1d0f5a11")


@dataclass(frozen=True, slots=True)
class AnomalyKind:
    """A kind: its name, tactic and technique."""

    name: str
    tactic: str
    technique: str

    @property
    def id(self) -> str:
        """A GUID that the name gives."""
        return str(uuid.uuid5(_SPACE, self.name))


#: What guards an estate, as ids of operations and their words name it.
_GUARDS = "|".join(
    (r"(policy ?assignments?", r"\blocks?", "diagnostic ?settings?", "polic(?:y|ies)", "contacts", "firewalls?", "security ?groups?",
     "pricings", "alert ?rules?)")
)  # fmt: skip
_BY_ACTION = tuple(
    (re.compile(pattern, re.IGNORECASE), AnomalyKind(*kind))
    for pattern, kind in (
        (r"role ?assignments?/delete|^(delete|remove) .*(role ?assignment|\bfrom role)",
         ("Anomalous Account Access Removal", "Impact", "T1531")),
        (r"role ?assignment|add (eligible )?member to role|elevateaccess", ("Anomalous Privilege Granted", "Persistence", "T1098")),
        (r"reset (user )?password|change (user )?password|vmaccess", ("Anomalous Password Reset", "Impact", "T1531")),
        (r"^(add|create|invite)\b.*\busers?\b(?!.?assigned)", ("Anomalous Account Creation", "Persistence", "T1136")),
        (r"^(delete|hard delete|remove)\b.*\busers?\b(?!.?assigned)", ("Anomalous Account Deletion", "Impact", "T1531")),
        (r"^disable account|revoke", ("Anomalous Account Access Removal", "Impact", "T1531")),
        (r"run ?command|extensions?/write|automationaccounts/jobs", ("Anomalous Code Execution", "Execution", "T1059")),
        (rf"{_GUARDS}[/ ].*delete|^(delete|remove|disable)\b.*{_GUARDS}",
         ("Anomalous Defensive Mechanism Modification", "DefenseEvasion", "T1562")),
        (r"delete", ("Anomalous Data Destruction", "Impact", "T1485")),
        (r"update user\b(?!.?assigned)|update application|add service principal|certificates and secrets|owner to",
         ("Anomalous Account Manipulation", "Persistence", "T1098")),
    )
)  # fmt: skip
_BY_ACTIVITY = {
    "LogOn": AnomalyKind("Anomalous Sign-in", "Persistence", "T1078"),
    "FailedLogOn": AnomalyKind("Anomalous Failed Sign-in", "CredentialAccess", "T1110"),
    "ResourceAccess": AnomalyKind("Anomalous Resource Access", "Collection", "T1530"),
    "Administrative": AnomalyKind("Anomalous Administrative Operation", "PrivilegeEscalation", "T1078"),
}


def find_anomaly_kind(activity: str, action: str) -> AnomalyKind:
    """The kind of an anomaly: by the action where it is one that has a name, else by the type of the activity."""
    if activity == "Administrative":
        found = next((kind for pattern, kind in _BY_ACTION if pattern.search(action)), None)
        if found is not None:
            return found
    return _BY_ACTIVITY.get(activity, _BY_ACTIVITY["Administrative"])
