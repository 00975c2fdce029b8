"""Response rules: written into files of the data folder, changed and removed, by who may read what their actions send on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from nephoscope.automation.operator_policy import FILE as OPERATOR_POLICY
from nephoscope.automation.past_matches import RISK_MATCHES, PastMatch, list_past_matches
from nephoscope.automation.rule_formats.author_permissions import READS, RISK_READS, WORKSPACE_WRITE
from nephoscope.automation.rule_formats.response_rule_files import (
    find_rule_file,
    list_rule_files,
    write_rule_file,
)
from nephoscope.automation.rule_formats.response_rules import parse_response_rule
from nephoscope.identity.risk_events import KINDS
from nephoscope.service.action_egress import check_url
from nephoscope.service.actors import ROOT_SCOPE
from nephoscope.service.audited_values import describe_difference
from nephoscope.service.automations import DELETE, WRITE
from nephoscope.service.service_context import get_workspace_scope
from nephoscope.state import NotFoundError, StateError
from nephoscope.state.automation.automation_runs import RuleLanguage, RunStep
from nephoscope_policy.model.source_location import Place

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from pathlib import Path

    from nephoscope.automation.rule import AutomationRule
    from nephoscope.automation.rule_formats.response_rules import ResponseRuleFile
    from nephoscope.service.service_context import ServiceContext


INCIDENTS = "Microsoft.SecurityInsights/incidents/read"
RISK_EVENTS = frozenset(KINDS)
#: Runs of a rule among which an approved plan is looked for, the newest first.
MOST_RUNS = 1_000


class RuleMatches(msgspec.Struct, frozen=True):
    """Past matches of a rule; `without_risks`: those of risks are left out, which the actor may not read everywhere."""

    found: list[PastMatch]
    without_risks: bool


def list_rule_matches(context: ServiceContext, rule: AutomationRule, since: datetime) -> RuleMatches:
    """Return what a rule would have acted on since a time; risks only where the actor may read them and their logs."""
    context.require(INCIDENTS, ROOT_SCOPE)
    names = context.state.workspaces.names()
    risks, logs = RISK_READS
    readable = {
        one
        for one in names
        if context.actor.is_permitted(risks, ROOT_SCOPE)
        and context.actor.is_permitted(logs, get_workspace_scope(one))
    }
    found = [
        one
        for one in list_past_matches(context.state, rule, names, since, context.now)
        if one.kind not in RISK_MATCHES or one.workspace in readable
    ]
    asked = not RISK_EVENTS.isdisjoint(one.name for one in rule.kinds)
    return RuleMatches(found, asked and not readable.issuperset(rule.workspaces or names))


def put_response_rule(context: ServiceContext, document: Mapping[str, object], before: str = "") -> None:
    """Keep a rule, in the place of the one that is called `before`.

    Raises ResponseRuleError for what is no rule, AddressError for an address that no run would send to, StateError for a name that
    another rule has, DeniedError where the actor may not write automations or not read what its actions are told of.
    """
    context.require(WRITE, ROOT_SCOPE)
    file = parse_response_rule(document, Place("rule"))
    _check_author(context, file)
    found = find_rule_file(context.data, before) if before else None
    authors = dict.fromkeys([*(_list_authors(context, *found) if found else ()), context.actor.name])
    file = msgspec.structs.replace(file, authors=list(authors))
    if before and found is None:
        raise NotFoundError(f"response rule {before!r} not found")
    if file.name != before and any(one.name == file.name for _, one in list_rule_files(context.data)):
        raise StateError(f"name is already used by another response rule: {file.name}")
    difference = describe_difference(_to_document(found[1]) if found else None, _to_document(file))
    renamed = before if before != file.name else ""
    with context.change_files(
        WRITE, ROOT_SCOPE, f"response rule {file.name}", renamed=renamed or None, **difference
    ):
        write_rule_file(context.data, file, found[0] if found else None)


def enable_response_rule(context: ServiceContext, name: str, *, enabled: bool) -> None:
    """Enable or disable a rule. Raises as `put_response_rule`."""
    found = find_rule_file(context.data, name)
    if found is None:
        raise NotFoundError(f"response rule {name!r} not found")
    put_response_rule(context, {**_to_document(found[1]), "enabled": enabled}, name)


def remove_response_rule(context: ServiceContext, name: str) -> None:
    """Remove a rule with its file; runs that it has begun go on. Raises NotFoundError where there is none."""
    context.require(DELETE, ROOT_SCOPE)
    found = find_rule_file(context.data, name)
    if found is None:
        raise NotFoundError(f"response rule {name!r} not found")
    difference = describe_difference(_to_document(found[1]), None)
    with context.change_files(DELETE, ROOT_SCOPE, f"response rule {name}", **difference):
        found[0].unlink(missing_ok=True)


def _check_author(context: ServiceContext, file: ResponseRuleFile) -> None:
    """Check that the author may read all that the actions are told of, and write where they write."""
    for one in READS:
        context.require(one, ROOT_SCOPE)
    if not RISK_EVENTS.isdisjoint(file.when):
        for one in RISK_READS:
            context.require(one, ROOT_SCOPE, why="risks of identities")
    for at, action in enumerate(file.actions):
        if action.get("url"):
            check_url(context, str(action["url"]), f"actions[{at}].url")
        for name in ("secret", "address", "connection"):
            if str(action.get(name) or "").startswith("automation-"):
                raise StateError(f"actions[{at}].{name} must name a secret of response")
        if action.get("action") == "table":
            context.require(WORKSPACE_WRITE, f"/workspaces/{str(action.get('workspace', '')).lower()}")


def _list_authors(context: ServiceContext, path: Path, file: ResponseRuleFile) -> list[str]:
    """Return who wrote a rule as it stands: all who changed it, only its creator where a plan of its present text was approved.

    Such a plan was made after the text was written and names all of its authors, since an engine may have read the text before; and
    another person decided on it, not the policy of the operator.
    """
    written, nobody = path.stat().st_mtime, {"", OPERATOR_POLICY.name, *file.authors}
    runs = context.state.automation_runs.list_runs_in_language(RuleLanguage.RESPONSE, file.name, MOST_RUNS)
    approved = any(
        one.step is not RunStep.DO
        and one.by not in nobody
        and one.created.timestamp() > written
        and set(file.authors).issubset(one.requesters)
        for one in runs
    )
    return file.authors[:1] if approved else file.authors


def _to_document(file: ResponseRuleFile) -> dict[str, object]:
    found: dict[str, object] = msgspec.to_builtins(file, str_keys=True)
    return found
