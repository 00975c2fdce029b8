"""Rule selection: the rules of a workspace, or of folders, and the one of an id or name."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from nephoscope.alerts.library.active_rules import load_active_rules
from nephoscope.alerts.rules.renamed_rules import choose_rules
from nephoscope.alerts.rules.rule_files import RuleFolder, find_rules, load_shipped_rules
from nephoscope.state import NotFoundError, StateError

if TYPE_CHECKING:
    from nephoscope.alerts.rules.rule import AnalyticRule
    from nephoscope.state import State


def load_rules(data: Path, state: State, workspace: str, folders: Sequence[Path] = ()) -> RuleFolder:
    """Return every rule of the folders once, else the shipped and the imported ones of a workspace. Raises PackError."""
    several = [find_rules(folder) for folder in folders] or [
        load_active_rules(data, load_shipped_rules(), state.rule_switches.load_switches(workspace))
    ]
    rules = {rule.id: rule for each in several for rule in each.rules}
    return RuleFolder(tuple(rules.values()), tuple(one for each in several for one in each.refused))


def find_rule(rules: Sequence[AnalyticRule], wanted: str) -> AnalyticRule:
    """Return the rule of an id or a name, also one that it had before; NotFoundError where there is none, StateError for several."""
    found = choose_rules(rules, wanted)
    if not found:
        raise NotFoundError(f"rule {wanted!r} not found; name the folder of your own rules with --rules DIR")
    if len(found) > 1:
        raise StateError(f"{len(found)} rules are named {wanted!r}: use the ID")
    return found[0]
