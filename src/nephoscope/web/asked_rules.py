"""What is told when something changes, as the page of automations lists it: automations, rules of response, automation rules."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from nephoscope.alerts.response.responder import rules_folder
from nephoscope.alerts.response.rule import ResponseRule, rules
from nephoscope.automation.automation import TENANT, TYPE, Automation
from nephoscope.automation.incident_automation import ACTIONS, RULES, IncidentAutomation, incident_automations
from nephoscope.automation.watch import automations
from nephoscope.state.responses import AUTOMATIONS
from nephoscope.state.run_standings import RunTally

if TYPE_CHECKING:
    from nephoscope.access.guard import Caller
    from nephoscope.instance import Instance

READ, READ_RULES = "Microsoft.Security/automations/read", "Microsoft.SecurityInsights/automationRules/read"
KINDS = {Automation: "automation", ResponseRule: "rule of response", IncidentAutomation: "automation rule"}


@dataclass(frozen=True, slots=True)
class AskedRule:
    """A rule with its runs: `key` is what they are kept under, `wrong` why it cannot be used, `where` the scopes it is bound to.

    `status` is on, off, over, refused (it cannot be used) or removed (only its runs are left).
    """

    key: str
    name: str
    kind: str
    told: tuple[str, ...]
    does: tuple[str, ...]
    where: tuple[str, ...]
    status: str
    wrong: str
    runs: RunTally

    @property
    def reason(self) -> str:
        """Why it cannot be used, or else why its newest dead run was given up."""
        return self.wrong or self.runs.reason


def asked_rules(instance: Instance) -> list[AskedRule]:
    """Every rule and automation of an instance, those with dead runs first, then by name."""
    tallies = instance.state.run_standings.by_rule()
    found = list(_kept(instance, tallies))
    known = {one.key for one in found}
    found += [_removed(key, tally) for key, tally in tallies.items() if key not in known]
    return sorted(found, key=lambda one: (not one.runs.dead, not one.wrong, one.name.casefold(), one.key))


def seen_rules(rules: Iterable[AskedRule], caller: Caller) -> tuple[list[AskedRule], list[str] | None]:
    """Of rules those that a caller may read, and the keys of those whose runs it may (None = all of them).

    Who reads a part of the estate sees the automations that lie there, as by the API, and the automation rules of a workspace that
    it reads. Their runs tell of what they are bound to: those of a rule are for who may read all of that.
    """
    if caller.may(READ):
        return list(rules), None
    seen = [one for one in rules if _readable(one, caller)]
    within = [one.key for one in seen if one.where and all(_reached(scope, caller) for scope in one.where)]
    return [one if one.key in within else replace(one, runs=RunTally()) for one in seen], within


def _readable(one: AskedRule, caller: Caller) -> bool:
    if one.kind == KINDS[Automation]:
        return caller.may(READ, one.key)
    return one.kind == KINDS[IncidentAutomation] and caller.may(READ_RULES, "/".join(one.key.split("/")[:3]))


def _reached(scope: str, caller: Caller) -> bool:
    """Whether a scope of the estate, or a workspace by its name, may be read."""
    return (
        caller.may(READ, scope) if scope.startswith("/") else caller.may(READ_RULES, f"/workspaces/{scope}")
    )


def _kept(instance: Instance, tallies: dict[str, RunTally]) -> Iterator[AskedRule]:
    now = instance.now
    several, refused = automations(instance.state, instance.shelf)
    of_incidents, not_understood = incident_automations(instance.state)
    names = {
        one.key: str(one.body["properties"].get("displayName") or one.body.get("name") or "")
        for one in instance.state.arm_documents.all([TYPE, RULES, ACTIONS])
    }
    for rule in rules(rules_folder(instance.data))[0]:
        on = any(rule.asked(kind, one, now) for kind in rule.when for one in rule.workspaces or [""])
        status = "off" if not rule.enabled else "on" if on else "over"
        yield _row(rule, rule.name, rule.when, rule.workspaces, status, tallies)
    for one in several:
        told = [source.event for source in one.sources]
        yield _row(one, one.title, told, _places(one), "on" if one.enabled else "off", tallies)
    for each in of_incidents:
        status = (
            "off" if not each.enabled else "on" if each.asked(each.event, each.workspace, now) else "over"
        )
        yield _row(
            each, names.get(each.key) or _last(each.key), [each.event], [each.workspace], status, tallies
        )
    for key, why in [*refused, *not_understood]:
        kind = KINDS[Automation if AUTOMATIONS in key else IncidentAutomation]
        yield AskedRule(
            key, names.get(key) or _last(key), kind, (), (), (), "refused", why, tallies.get(key, RunTally())
        )


def _row(
    one: Automation | ResponseRule | IncidentAutomation,
    name: str,
    told: Iterable[str],
    where: Iterable[str],
    status: str,
    tallies: dict[str, RunTally],
) -> AskedRule:
    runs = tallies.get(one.name, RunTally())
    return AskedRule(
        one.name,
        name,
        KINDS[type(one)],
        tuple(told),
        tuple(_actions(one.actions)),
        tuple(where),
        status,
        "",
        runs,
    )


def _actions(actions: Sequence[dict[str, Any]]) -> Iterator[str]:
    yield from dict.fromkeys(str(one["action"]) for one in actions)


def _places(one: Automation) -> Sequence[str]:
    """The scopes that it names, or else the subscription that it lies in."""
    if one.scopes or one.key.startswith(TENANT.lower()):
        return one.scopes
    return ("/".join(one.key.split("/")[:3]),)


def _removed(key: str, tally: RunTally) -> AskedRule:
    kind = KINDS[Automation if AUTOMATIONS in key else IncidentAutomation if "/" in key else ResponseRule]
    return AskedRule(key, _last(key), kind, (), (), (), "removed", "", tally)


def _last(key: str) -> str:
    return key.rpartition("/")[2]
