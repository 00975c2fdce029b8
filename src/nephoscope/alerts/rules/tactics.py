"""The tactics of MITRE ATT&CK as Sentinel spells them, in the order of the kill chain."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

#: Source: https://attack.mitre.org/tactics/enterprise/ (the order of the matrix), spelled as Sentinel does.
KILL_CHAIN = (
    "PreAttack", "Reconnaissance", "ResourceDevelopment", "InitialAccess", "Execution", "Persistence", "PrivilegeEscalation",
    "DefenseEvasion", "CredentialAccess", "Discovery", "LateralMovement", "Collection", "CommandAndControl", "Exfiltration",
    "InhibitResponseFunction", "ImpairProcessControl", "Impact",
)  # fmt: skip
#: By their lower-cased letters.
TACTICS = {one.lower(): one for one in KILL_CHAIN}
_NO_LETTER = re.compile(r"[^a-z]")


def normalize_tactics(names: Iterable[str]) -> tuple[str, ...]:
    """Tactics in Sentinel's spelling, each once: `Privilege escalation` is PrivilegeEscalation; what is none stays as it is."""
    return tuple(dict.fromkeys(TACTICS.get(_NO_LETTER.sub("", one.lower()), one) for one in names))


def order_tactics(tactics: Sequence[str]) -> list[str]:
    """Tactics in the order of the kill chain, each once."""
    return sorted(
        dict.fromkeys(tactics),
        key=lambda one: KILL_CHAIN.index(one) if one in KILL_CHAIN else len(KILL_CHAIN),
    )
