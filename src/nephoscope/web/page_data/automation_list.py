"""Automation list: automations, response rules and automation rules as one table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from nephoscope.automation.rule_catalog import load_rules
from nephoscope.automation.rule_formats.security_automations import TENANT
from nephoscope.state.automation.automation_runs import RuleLanguage
from nephoscope.state.automation.run_status import RunTally

if TYPE_CHECKING:
    from datetime import datetime

    from nephoscope.access.authenticator import Caller
    from nephoscope.automation.rule import AutomationRule
    from nephoscope.instance import Instance

READ, READ_RULES = "Microsoft.Security/automations/read", "Microsoft.SecurityInsights/automationRules/read"
KINDS = {
    RuleLanguage.AUTOMATION: "automation",
    RuleLanguage.RESPONSE: "response rule",
    RuleLanguage.SENTINEL: "automation rule",
}


@dataclass(frozen=True, slots=True)
class AutomationListing:
    """A rule with its runs: `key` is what they are kept under, `wrong` why it cannot be used, `where` the scopes it is bound to.

    `status` is on, off, over, refused (it cannot be used) or removed (only its runs are left).
    """

    key: str
    name: str
    kind: str
    triggers: tuple[str, ...]
    does: tuple[str, ...]
    where: tuple[str, ...]
    status: str
    wrong: str
    runs: RunTally

    @property
    def reason(self) -> str:
        """Explain why it cannot be used, or else why its newest dead run was given up."""
        return self.wrong or self.runs.reason


def list_all_automations(instance: Instance) -> list[AutomationListing]:
    """Every rule and automation of an instance, those with dead runs first, then by name."""
    tallies = instance.state.run_standings.tally_by_rule()
    found = list(_list_kept_automations(instance, tallies))
    known = {one.key for one in found}
    found += [_make_removed_automation(key, tally) for key, tally in tallies.items() if key not in known]
    return sorted(found, key=lambda one: (not one.runs.dead, not one.wrong, one.name.casefold(), one.key))


def select_readable_automations(
    rules: Iterable[AutomationListing], caller: Caller
) -> tuple[list[AutomationListing], list[str] | None]:
    """Return the rules that a caller may read, and the keys of those whose runs it may read (None = all).

    Who reads a part of the estate sees the automations that lie there, as by the API, and the automation rules of a workspace that
    it reads. Their runs tell of what they are bound to: those of a rule are for who may read all of that.
    """
    if caller.is_permitted(READ):
        return list(rules), None
    seen = [one for one in rules if _is_automation_readable(one, caller)]
    within = [
        one.key for one in seen if one.where and all(_is_in_reach(scope, caller) for scope in one.where)
    ]
    return [one if one.key in within else replace(one, runs=RunTally()) for one in seen], within


def _is_automation_readable(one: AutomationListing, caller: Caller) -> bool:
    if one.kind == KINDS[RuleLanguage.AUTOMATION]:
        return caller.is_permitted(READ, one.key)
    return one.kind == KINDS[RuleLanguage.SENTINEL] and caller.is_permitted(
        READ_RULES, "/".join(one.key.split("/")[:3])
    )


def _is_in_reach(scope: str, caller: Caller) -> bool:
    """Return whether a scope of the estate, or a workspace by its name, may be read."""
    return (
        caller.is_permitted(READ, scope)
        if scope.startswith("/")
        else caller.is_permitted(READ_RULES, f"/workspaces/{scope}")
    )


def _list_kept_automations(instance: Instance, tallies: dict[str, RunTally]) -> Iterator[AutomationListing]:
    loaded = load_rules(instance.data, instance.state, instance.snapshots)
    for rule in loaded.rules:
        yield _build_row(rule, instance.now, tallies.get(rule.key, RunTally()))
    for wrong in loaded.unusable:
        runs, kind = tallies.get(wrong.key, RunTally()), KINDS[wrong.language]
        yield AutomationListing(wrong.key, wrong.title, kind, (), (), (), "refused", wrong.reason, runs)


def _build_row(one: AutomationRule, now: datetime, runs: RunTally) -> AutomationListing:
    is_automation = one.language is RuleLanguage.AUTOMATION
    triggers = one.sources if is_automation else tuple(kind.name for kind in one.kinds)
    return AutomationListing(
        one.key,
        one.title,
        KINDS[one.language],
        triggers,
        tuple(dict.fromkeys(str(each["action"]) for each in one.actions)),
        _list_places(one) if is_automation else one.workspaces,
        "off" if not one.enabled else "expired" if one.is_expired(now) else "on",
        "",
        runs,
    )


def _list_places(one: AutomationRule) -> tuple[str, ...]:
    """The scopes that it names, or else the subscription that it lies in."""
    if one.scope.scopes or one.key.startswith(TENANT.lower()):
        return one.scope.scopes
    return ("/".join(one.key.split("/")[:3]),)


def _make_removed_automation(key: str, tally: RunTally) -> AutomationListing:
    kind = KINDS[RuleLanguage(tally.language)]
    return AutomationListing(key, _extract_last_segment(key), kind, (), (), (), "removed", "", tally)


def _extract_last_segment(key: str) -> str:
    return key.rpartition("/")[2]
