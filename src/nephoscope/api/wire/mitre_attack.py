"""Tactics and techniques of MITRE ATT&CK as clients name them.

Source: https://learn.microsoft.com/rest/api/securityinsights/alert-rules/create-or-update (AttackTactic, techniques)
"""

from __future__ import annotations

import re

from nephoscope.alerts.library.attack_coverage import load_techniques
from nephoscope.alerts.rules.tactics import TACTICS
from nephoscope.api.wire.azure_error import make_bad_request_error
from nephoscope.api.wire.body_schema import declare_array, declare_enumeration

_FORM = re.compile(r"(T\d{4})(?:\.\d{3})?", re.ASCII)
#: Techniques of industrial control systems, which are numbered apart.
_INDUSTRIAL = "T0"


def _check_technique(value: object, path: str) -> str:
    found = _FORM.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise make_bad_request_error(f"{value!r:.60} is not a technique ID such as T1078 or T1078.004.", path)
    if not found[1].startswith(_INDUSTRIAL) and found[1] not in load_techniques():
        raise make_bad_request_error(f"ATT&CK has no technique {found[1]}.", path)
    return found[0]


TACTIC = declare_enumeration(*TACTICS.values())
TACTICS_OF, TECHNIQUES_OF = declare_array(TACTIC), declare_array(_check_technique)
