"""Judges a system by every rule of the baseline."""

from __future__ import annotations

import msgspec

from nephoscope.protect.baseline.baseline_rule import BaselineRule
from nephoscope.protect.baseline.baseline_verdict import BaselineState, BaselineVerdict, report_unknown
from nephoscope.protect.baseline.examined_system import ExaminedSystem
from nephoscope.protect.baseline.file_view import UnreadableRootFileError
from nephoscope.protect.baseline.rule_discovery import load_baseline_rules


class BaselineResult(msgspec.Struct, frozen=True):
    """A rule with its verdict on a system."""

    rule: BaselineRule
    verdict: BaselineVerdict

    @property
    def state(self) -> BaselineState:
        """The outcome."""
        return self.verdict.state


def assess_rule(rule: BaselineRule, system: ExaminedSystem) -> BaselineVerdict:
    """Return the verdict of one rule; what cannot be read, or holds a number beyond all bounds, makes it Unknown."""
    try:
        return rule.check(system)
    except UnreadableRootFileError as error:
        return report_unknown(str(error))
    except (
        ValueError,
        IndexError,
    ) as error:  # files of a root may hold anything, and one must not hide all other rules
        return report_unknown(f"a file holds what cannot be read: {error}")


def assess_baseline(system: ExaminedSystem) -> tuple[BaselineResult, ...]:
    """Return the verdicts of all rules, in the order of their names."""
    return tuple(BaselineResult(rule, assess_rule(rule, system)) for rule in load_baseline_rules().values())
