"""The rules of folders, or the shipped ones, for a command."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from nephoscope.cli.terminal.messages import print_message, usage_error

if TYPE_CHECKING:
    from nephoscope.alerts.rules.rule import AnalyticRule
    from nephoscope.state import State


def load_rules(data: Path, state: State, workspace: str, folders: Sequence[Path]) -> list[AnalyticRule]:
    """Every rule of the folders once, else the shipped and the imported ones; files that could not be used are told."""
    from nephoscope.alerts.library.active_rules import active_rules
    from nephoscope.alerts.library.content_packs import PackError
    from nephoscope.alerts.rules.rule_files import find_rules, load_shipped

    try:
        several = [find_rules(folder) for folder in folders] or [
            active_rules(data, load_shipped(), state.rule_switches.load_switches(workspace))
        ]
    except PackError as error:
        usage_error(str(error))
    for one in (refused for each in several for refused in each.refused):
        print_message(f"{one.place}: {'; '.join(one.reasons)}")
    return list({rule.id: rule for each in several for rule in each.rules}.values())


def find_rule(rules: Sequence[AnalyticRule], wanted: str) -> AnalyticRule:
    """Return the rule of an id or a name, also one that it had before; the command ends where there is none, or several."""
    from nephoscope.alerts.rules.former_names import choose_rules

    found = choose_rules(rules, wanted)
    if len(found) != 1:
        usage_error(
            f"{len(found)} rules are named {wanted!r}: use the ID"
            if found
            else f"rule {wanted!r} not found; name the folder of your own rules with --rules DIR"
        )
    return found[0]
