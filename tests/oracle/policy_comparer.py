"""How an outcome is compared with an expectation of the policy suites; tested by mutations in tests/policy/test_comparer.py."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

WANTS = ("want_parse_error", "want_compile_error", "want_effect", "want_undefined")


@dataclass(frozen=True)
class Outcome:
    """What an engine made of a case.

    `stage` is 'parse' or 'compile' for a refusal (with its `path`), 'done' for an evaluation, 'parsed' where only parsing was asked,
    'error' for an evaluation that ended Error or Unknown. `effect` is None for no effect.
    """

    stage: str
    effect: str | None = None
    details: Any = None
    path: str = ""
    message: str = ""


def same(value: Any, wanted: Any) -> bool:
    """Strict JSON equality: types told apart, arrays ordered, object keys unordered and case-sensitive."""
    if type(value) is not type(wanted):
        return False
    if isinstance(value, list):
        return len(value) == len(wanted) and all(map(same, value, wanted))
    if isinstance(value, dict):
        return value.keys() == wanted.keys() and all(same(value[key], wanted[key]) for key in value)
    return bool(value == wanted)


def matches(case: Mapping[str, Any], outcome: Outcome) -> bool:
    """Whether an outcome is what the case wants; a case without an expectation wants to parse."""
    for stage in ("parse", "compile"):
        if case.get(f"want_{stage}_error"):
            return outcome.stage == stage and bool(outcome.path)
    wants = [key for key in WANTS if key in case]
    if not wants:
        return outcome.stage in ("parsed", "done")
    if outcome.stage != "done":
        return False
    if case.get("want_undefined") or case.get("want_effect", "") is None:
        return outcome.effect is None
    if outcome.effect != case.get("want_effect"):
        return False
    return "want_details" not in case or same(outcome.details, case["want_details"])
