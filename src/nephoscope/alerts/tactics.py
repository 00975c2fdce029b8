"""The tactics of MITRE ATT&CK as Sentinel spells them."""

from __future__ import annotations

import re
from collections.abc import Iterable

#: By their lower-cased letters.
TACTICS = {
    one.lower(): one
    for one in (
        "Reconnaissance", "ResourceDevelopment", "InitialAccess", "Execution", "Persistence", "PrivilegeEscalation", "DefenseEvasion",
        "CredentialAccess", "Discovery", "LateralMovement", "Collection", "Exfiltration", "CommandAndControl", "Impact", "PreAttack",
        "ImpairProcessControl", "InhibitResponseFunction",
    )
}  # fmt: skip
_NO_LETTER = re.compile(r"[^a-z]")


def spelled(names: Iterable[str]) -> tuple[str, ...]:
    """Tactics in Sentinel's spelling, each once: `Privilege escalation` is PrivilegeEscalation; what is none stays as it is."""
    return tuple(dict.fromkeys(TACTICS.get(_NO_LETTER.sub("", one.lower()), one) for one in names))
