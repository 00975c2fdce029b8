"""Dynamic properties: alert fields that a rule's alertDynamicProperties override.

Source: https://learn.microsoft.com/azure/sentinel/customize-alert-details and https://learn.microsoft.com/azure/sentinel/security-alert-schema
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

_TECHNIQUE = re.compile(r"T\d{4}(?:\.\d{3})?")
ATTACK = ("Techniques", "SubTechniques")


def apply_overrides(properties: Mapping[str, str]) -> dict[str, object]:
    """Columns with what the row says of them, those of ATT&CK left out; a row that says nothing usable changes nothing."""
    found: dict[str, object] = {
        name: text for name, text in properties.items() if text and name not in (*ATTACK, "ConfidenceScore")
    }
    score = _parse_number(properties.get("ConfidenceScore", ""))
    return found if score is None else {**found, "ConfidenceScore": score}


def build_attack_columns(rule: Sequence[str], properties: Mapping[str, str]) -> dict[str, str]:
    """Techniques and, apart from them, sub-techniques: those of the row where it says some, else the rule's."""
    techniques, told_subs = (_TECHNIQUE.findall(properties.get(name, "")) for name in ATTACK)
    names = techniques or list(rule)
    subs = told_subs or [one for one in names if "." in one]
    whole = dict.fromkeys(one.partition(".")[0] for one in (*names, *subs))
    return {
        "Techniques": json.dumps(list(whole)),
        "SubTechniques": json.dumps(list(dict.fromkeys(subs))) if subs else "",
    }


def list_techniques(row: Mapping[str, Any]) -> list[str]:
    """The techniques of an alert's row, one of whose sub-techniques is told by that."""
    subs = json.loads(row.get("SubTechniques") or "[]")
    covered = {one.partition(".")[0] for one in subs}
    whole = json.loads(row.get("Techniques") or "[]")
    return [*(one for one in whole if one not in covered), *(one for one in subs if one not in whole)]


def list_remediation_steps(row: Mapping[str, Any]) -> list[str]:
    """Return what an alert's row says to do, step by step: a list in JSON, or one text."""
    text = row.get("RemediationSteps") or ""
    found = json.loads(text) if text.startswith("[") else [text]
    return [str(one) for one in found if one]


def _parse_number(text: str) -> float | None:
    try:
        found = float(text)
    except ValueError:
        return None
    return found if math.isfinite(found) else None
