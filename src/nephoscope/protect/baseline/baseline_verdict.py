"""Verdict of a baseline rule with its evidence."""

from __future__ import annotations

from enum import Enum

import msgspec


class BaselineState(Enum):
    """The outcome of a rule on a system."""

    PASS = "Pass"  # noqa: S105 - a verdict, no password
    FAIL = "Fail"
    NOT_APPLICABLE = "NotApplicable"
    UNKNOWN = "Unknown"


class BaselineEvidence(msgspec.Struct, frozen=True, omit_defaults=True):
    """A value that decided: its path below the root, `live:` with a fact or `default:` with a program, its 1-based line (0: none)."""

    path: str
    line: int = 0
    value: str = ""

    @property
    def is_file(self) -> bool:
        """Return whether the path is one below the root."""
        return not self.path.startswith(("live:", "default:"))

    @property
    def place(self) -> str:
        """Return where the value stands, for people."""
        where = f"/{self.path}" if self.is_file else self.path
        return f"{where}:{self.line}" if self.line else where


class BaselineVerdict(msgspec.Struct, frozen=True):
    """The outcome of a rule, the reason in words, and the evidence."""

    state: BaselineState
    reason: str
    evidence: tuple[BaselineEvidence, ...] = ()


def report_pass(reason: str, *evidence: BaselineEvidence) -> BaselineVerdict:
    """Return the verdict that a rule holds."""
    return BaselineVerdict(BaselineState.PASS, reason, evidence)


def report_failure(reason: str, *evidence: BaselineEvidence) -> BaselineVerdict:
    """Return the verdict that a rule does not hold."""
    return BaselineVerdict(BaselineState.FAIL, reason, evidence)


def report_not_applicable(reason: str) -> BaselineVerdict:
    """Return the verdict that a system has nothing that the rule is about."""
    return BaselineVerdict(BaselineState.NOT_APPLICABLE, reason)


def report_unknown(reason: str) -> BaselineVerdict:
    """Return the verdict that nothing tells whether a rule holds."""
    return BaselineVerdict(BaselineState.UNKNOWN, reason)


def assess_violations(found: list[BaselineEvidence], wrong: str, right: str) -> BaselineVerdict:
    """Return Fail with the violations as evidence, or Pass where there are none."""
    return report_failure(wrong, *found) if found else report_pass(right)
