"""State policy: security-relevant settings of a state that is restored from elsewhere."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

import msgspec
from sqlalchemy import func, select

from nephoscope.alerts.suppression.condition import parse_conditions
from nephoscope.alerts.tuning.named_locations import EGRESS, NAMED
from nephoscope.automation.rule_formats.security_automations import TYPE as AUTOMATIONS
from nephoscope.automation.rule_formats.sentinel_rules import ACTIONS, RULES
from nephoscope.ingest.live.source_setup import OF_THE_HOST
from nephoscope.serve.restore_item import PolicyItem, RestoreEffect
from nephoscope.state import State
from nephoscope.state.access.principals import SecretKind
from nephoscope.state.automation.automation_runs import RunStatus
from nephoscope.state.rules.learned_entities import LearnedRow
from nephoscope.state.workspaces.workspace import RETENTION_DAYS

_SENDING = frozenset({"webhook", "mail", "event_hub"})
_OUTWARD = frozenset({AUTOMATIONS, RULES, ACTIONS})
_EXEMPTIONS = "microsoft.authorization/policyexemptions"
_MOST_SHOWN, _MOST_RUNS = 300, 1_000_000


def restore_effect(action: str) -> RestoreEffect:
    """Return what comes of an action of response."""
    if action == "command":
        return RestoreEffect.RUNS
    if action in _SENDING:
        return RestoreEffect.SENDS
    return RestoreEffect.REACHES if action == "files" else RestoreEffect.ACTS


def describe_settings(value: object) -> str:
    """Settings as JSON, the begin of them where they are long."""
    text = msgspec.json.encode(value, enc_hook=str).decode()
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}..."


def list_state_policy(state: State) -> Iterator[PolicyItem]:
    """Everything of a state that runs, sends, lets in, reaches out or leaves alone."""
    for part in (
        _list_documents,
        _list_runs,
        _list_people,
        _list_providers,
        _list_sources,
        _list_suppressions,
        _read_rules,
        _list_lists,
    ):
        yield from part(state)


def _list_documents(state: State) -> Iterator[PolicyItem]:
    """Automations and exemptions by name; of other kinds that people put how many there are."""
    others: Counter[str] = Counter()
    for one in state.arm_documents.all(None):
        if one.type in _OUTWARD:
            properties = one.body.get("properties")
            does = describe_settings(
                properties.get("actions", properties) if isinstance(properties, Mapping) else properties
            )
            yield PolicyItem(RestoreEffect.SENDS, f"automation {one.key}", f"does: {does}")
        elif one.type == _EXEMPTIONS:
            yield PolicyItem(
                RestoreEffect.LOWERS, f"exemption {one.key}", "excludes resources from assessments"
            )
        else:
            others[one.type] += 1
    for type_, count in sorted(others.items()):
        yield PolicyItem(
            RestoreEffect.LOWERS, type_, f"{count:,} documents that affect assessments or notifications"
        )


def _list_runs(state: State) -> Iterator[PolicyItem]:
    """Runs of actions that go on where the state is used: also those that were done and are undone when their time is over."""
    waiting = (RunStatus.PENDING, RunStatus.RUNNING, RunStatus.APPROVE)
    for workspace in state.workspaces.names():
        for one in state.automation_runs.list_newest(
            workspace, statuses=(*waiting, RunStatus.DONE), most=_MOST_RUNS
        ):
            if one.status in waiting or one.until is not None:
                description = (
                    f"continues ({one.status.value}, {one.step.value}): "
                    f"{describe_settings([one.settings, one.plan])}"
                )
                yield PolicyItem(restore_effect(one.action), f"run {one.id} of {one.rule}", description)


def _list_people(state: State) -> Iterator[PolicyItem]:
    for one in state.principals.all():
        if one.disabled:
            continue
        held = Counter(each.kind.value for each in state.principals.secrets(list(SecretKind), one.id))
        roles = [f"{role.role} at {role.scope}" for role in state.principals.roles(one.id)]
        opens = ", ".join(f"{count} {kind}" for kind, count in sorted(held.items())) or "no secret"
        description = f"is {', '.join(roles) or 'without a role'}, and signs in by {opens}"
        yield PolicyItem(RestoreEffect.LETS_IN, f"{one.kind.value} {one.name}", description)


def _list_providers(state: State) -> Iterator[PolicyItem]:
    for one in state.sign_in_providers.all():
        if one.enabled:
            rules = ", ".join(
                f"{rule.claim}={rule.value}" + (f" as {rule.role} at {rule.scope}" if rule.role else "")
                for rule in one.rules
            )
            description = f"grants access to users of {one.issuer} with {rules or 'no claims'}"
            yield PolicyItem(RestoreEffect.LETS_IN, f"sign-in provider {one.name}", description)


def _list_sources(state: State) -> Iterator[PolicyItem]:
    for one in state.sources.all():
        if one.enabled:
            does = (
                "uses files or addresses of this machine" if one.kind in OF_THE_HOST else "signs in and reads"
            )
            description = f"{does}: {describe_settings(dict(one.settings))}"
            yield PolicyItem(RestoreEffect.REACHES, f"source {one.name} ({one.kind})", description)
    for tenant in state.tenants.all():
        if tenant.enabled:
            asked = tenant.connection
            description = f"signs in to {asked.id} in the cloud {asked.cloud or 'public'} by {asked.sign_in}"
            yield PolicyItem(RestoreEffect.REACHES, f"tenant {tenant.name}", description)


def _list_suppressions(state: State) -> Iterator[PolicyItem]:
    for workspace in state.workspaces.names():
        for one in state.suppressions.all(workspace):
            if one.enabled:
                held = "; ".join(str(each) for each in parse_conditions(one.conditions)) or "everything"
                end = f"until {one.expires}" if one.expires else "without an end date"
                description = f"suppresses alerts of rule {one.rule}: {held}, {end}"
                yield PolicyItem(RestoreEffect.LOWERS, f"suppression {one.name}", description)


def _read_rules(state: State) -> Iterator[PolicyItem]:
    for workspace in state.workspaces.names():
        switched = state.rule_switches.load_switches(workspace)
        for kind, several in (("rule", switched.rules), ("pack", switched.packs)):
            for name, on in several.items():
                if not on:
                    yield PolicyItem(RestoreEffect.LOWERS, f"{kind} {name}", f"is disabled in {workspace}")
        for one in state.rule_settings.all(workspace):
            description = f"has {one.setting} = {describe_settings(one.value)} over its file in {workspace}"
            yield PolicyItem(RestoreEffect.LOWERS, f"rule {one.rule}", description)
    query = select(LearnedRow.workspace, LearnedRow.rule, func.count()).group_by(
        LearnedRow.workspace, LearnedRow.rule
    )
    with state.reading() as session:
        for workspace, rule, count in session.execute(query).all():
            yield PolicyItem(
                RestoreEffect.LOWERS, f"rule {rule}", f"ignores {count:,} learned values in {workspace}"
            )


def _list_lists(state: State) -> Iterator[PolicyItem]:
    for workspace_ in state.workspaces.all():
        short = {"all rows": workspace_.days, **workspace_.table_days}
        retentions = ", ".join(
            f"{name} {days}" for name, days in sorted(short.items()) if days < RETENTION_DAYS
        )
        if retentions:
            yield PolicyItem(
                RestoreEffect.LOWERS,
                f"workspace {workspace_.name}",
                f"has the retention, in days: {retentions}",
            )
    for workspace in state.workspaces.names():
        for head, count in state.watchlists.all(workspace):
            if head.alias in (EGRESS, NAMED) and count:
                retentions = f"marks {count:,} addresses as known or trusted in {workspace}"
                yield PolicyItem(RestoreEffect.LOWERS, f"watchlist {head.alias}", retentions)
