"""Active rules: shipped rules and the imported ones that users enable."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from nephoscope.alerts.library.content_item import ContentKind
from nephoscope.alerts.library.content_packs import RulePack, RulePacks
from nephoscope.alerts.rules.rule import AnalyticRule, AnalyticRuleError
from nephoscope.alerts.rules.rule_files import RefusedRule, RuleFolder
from nephoscope.state.rules.rule_switches import SwitchState
from nephoscope_policy.model.source_location import Place


def apply_switches(shipped: RuleFolder, packs: Iterable[RulePack], switched: SwitchState) -> RuleFolder:
    """The shipped rules and those of packs, each switched as people said: the shipped are on by default, imported ones are off.

    A rule that is off is among them, not enabled; one of a pack only where people switched the rule itself. Of two with one id the
    first counts.
    """
    rules = {
        one.id: _switch_rule(one, switched.is_rule_enabled(one.id, default=one.enabled))
        for one in shipped.rules
    }
    refused = list(shipped.refused)
    for pack in packs:
        for stored in pack.list_pieces(ContentKind.RULE):
            if stored.id not in switched.rules and not switched.is_rule_enabled(
                stored.id, pack.name, default=False
            ):
                continue
            place = Place(f"{pack.name}:{stored.source}", path=stored.path)
            try:
                rule = AnalyticRule.parse(stored.document, place)
            except AnalyticRuleError as error:
                refused.append(RefusedRule(place, error.reasons))
                continue
            rules.setdefault(
                rule.id, _switch_rule(rule, switched.is_rule_enabled(rule.id, default=rule.enabled))
            )
    return RuleFolder(tuple(rules.values()), tuple(refused))


def _switch_rule(rule: AnalyticRule, on: bool) -> AnalyticRule:
    return rule if rule.enabled == on else replace(rule, enabled=on)


def load_active_rules(data: Path, shipped: RuleFolder, switched: SwitchState) -> RuleFolder:
    """`apply_switches` with the packs of a data folder."""
    return apply_switches(shipped, RulePacks(data).all(), switched)
