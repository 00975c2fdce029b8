"""Rule catalog: the automation rules of a data folder, in every format."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nephoscope.access.scopes import Hierarchy
from nephoscope.automation.rule import AutomationError, AutomationRule, UnusableRule
from nephoscope.automation.rule_formats.author_permissions import limit_to_author
from nephoscope.automation.rule_formats.response_rules import load_response_rules
from nephoscope.automation.rule_formats.security_automations import TYPE, read_automation
from nephoscope.automation.rule_formats.sentinel_rules import load_sentinel_rules
from nephoscope.posture.published.snapshot_cache import PublishedSnapshotCache
from nephoscope.state.automation.automation_runs import RuleLanguage

if TYPE_CHECKING:
    from nephoscope.state import State


@dataclass(frozen=True, slots=True)
class LoadedRules:
    """The rules in the order in which they are asked, the files that are none, and the documents that are none."""

    rules: Sequence[AutomationRule]
    wrong_files: Sequence[str]
    unusable: Sequence[UnusableRule]

    @property
    def faults(self) -> list[str]:
        """A line for each that cannot be used, with its place."""
        return [*self.wrong_files, *map(str, self.unusable)]


def load_rules(data: Path, state: State, snapshots: PublishedSnapshotCache | None = None) -> LoadedRules:
    """Load the rules of response, the automations, and the automation rules of Sentinel, in this order."""
    files, wrong_files = load_response_rules(data)
    automations, wrong = load_automations(state, snapshots or PublishedSnapshotCache(data))
    sentinel, not_understood = load_sentinel_rules(state)
    return LoadedRules(
        [*files, *automations, *sentinel], [str(one) for one in wrong_files], [*wrong, *not_understood]
    )


def load_automations(
    state: State, snapshots: PublishedSnapshotCache
) -> tuple[list[AutomationRule], list[UnusableRule]]:
    """Load the automations by id within what their authors may do now, and those that cannot be used with the reason."""
    found: list[AutomationRule] = []
    wrong: list[UnusableRule] = []
    snapshot = snapshots.load_newest()
    made = snapshot.build_info if snapshot is not None else None
    hierarchy = (
        Hierarchy(made.ancestors, frozenset(made.subscriptions), made.tenants)
        if made is not None
        else Hierarchy({})
    )
    for one in state.arm_documents.all([TYPE]):
        try:
            found.append(limit_to_author(read_automation(one.body), one.body, state, hierarchy))
        except AutomationError as error:
            title = str(one.body.get("name") or one.key.rpartition("/")[2])
            wrong.append(UnusableRule(one.key, title, RuleLanguage.AUTOMATION, str(error)))
    return found, wrong
