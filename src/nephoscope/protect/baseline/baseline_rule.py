"""Rule of the baseline: Azure's identity of it, its words, and its check."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import msgspec

from nephoscope.protect.baseline.baseline_verdict import BaselineVerdict
from nephoscope.protect.baseline.examined_system import ExaminedSystem
from nephoscope_policy.model.state import Severity

Check: TypeAlias = Callable[[ExaminedSystem], BaselineVerdict]


class BaselineRule(msgspec.Struct, frozen=True, kw_only=True):
    """A rule: Azure's rule id and name, what should be, and how to correct it.

    `cis` is the number in the CIS benchmark that Azure names, '' where it names none. `expected` is Azure's default value.
    """

    id: str
    name: str
    title: str
    fix: str
    check: Check
    severity: Severity = Severity.MEDIUM
    cis: str = ""
    expected: str = ""
