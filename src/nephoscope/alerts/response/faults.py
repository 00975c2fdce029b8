"""What is wrong with the files of response: the operator's, and those of rules."""

from __future__ import annotations

from pathlib import Path

from nephoscope.alerts.response.operator import operator
from nephoscope.alerts.response.rule import FOLDER, rules


def faults(data: Path) -> list[str]:
    """A line a fault, with the file and the place in it; the operator's file comes first, as without it no action is done."""
    found = []
    try:
        operator(data)
    except ValueError as error:
        found.append(str(error))
    return found + [str(one) for one in rules(data / FOLDER)[1]]
