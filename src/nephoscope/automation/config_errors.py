"""Configuration errors in operator and rule files."""

from __future__ import annotations

from pathlib import Path

from nephoscope.automation.operator_policy import load_operator_policy
from nephoscope.automation.rule_formats.response_rules import load_response_rules


def list_file_faults(data: Path) -> list[str]:
    """Return a line a fault, with the file and the place in it; the operator's file comes first, as without it no action is done."""
    found = []
    try:
        load_operator_policy(data)
    except ValueError as error:
        found.append(str(error))
    return found + [str(one) for one in load_response_rules(data)[1]]
