"""Workflow automations: keep, try and remove them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nephoscope.access.authenticator import Caller
from nephoscope.automation.automation_readiness import Readiness
from nephoscope.automation.engine import AutomationEngine
from nephoscope.automation.event_kinds import RISKS
from nephoscope.automation.operator_policy import load_operator_policy
from nephoscope.automation.rule import AutomationError
from nephoscope.automation.rule_catalog import load_automations, load_rules
from nephoscope.automation.rule_formats.author_permissions import READS, RISK_READS, WORKSPACE_WRITE
from nephoscope.automation.rule_formats.security_actions import (
    HIDDEN,
    build_credential_name,
    list_secret_names,
    list_secrets,
    map_secret_names,
)
from nephoscope.automation.rule_formats.security_automations import TYPE, read_automation
from nephoscope.automation.rule_trial import try_with_documents
from nephoscope.files.json_tree import get_tree, list_trees
from nephoscope.posture.published.snapshot_cache import PublishedSnapshotCache
from nephoscope.service.action_egress import check_hub, check_url
from nephoscope.service.actors import ROOT_SCOPE
from nephoscope.service.arm_documents import put_document
from nephoscope.state import NotFoundError, StateError
from nephoscope.state.workspaces.workspace import DEFAULT
from nephoscope_policy.model.resource_id import ResourceId

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from nephoscope.automation.rule import AutomationRule
    from nephoscope.automation.rule_formats.security_actions import ActionSecret
    from nephoscope.lake.lake import Lake
    from nephoscope.service.service_context import ServiceContext
    from nephoscope.state.automation.automation_runs import AutomationRun

READ, WRITE, DELETE = (f"Microsoft.Security/automations/{one}" for one in ("read", "write", "delete"))
TEST = "Microsoft.Security/automations/test/action"
#: Kind of action -> the field that names what it is done by, and the secret without which nothing can be sent there.
NAMED = {
    "LogicApp": ("logicAppResourceId", "uri"),
    "EventHub": ("eventHubResourceId", "connectionString"),
    "Workspace": ("workspaceResourceId", ""),
}


def prepare_automation(
    context: ServiceContext,
    body: Mapping[str, Any],
    secrets: Sequence[ActionSecret],
    before: Mapping[str, object] | None = None,
) -> dict[str, Any]:
    """Return the document of an automation as it is kept: within what the actor may read, and without its secrets.

    `before` is the one that was kept under its id. Raises DeniedError for a scope that the actor may not read or a workspace that the
    actor may not change, AutomationError as `check_actions` does.
    """
    scopes = _limit_scopes(context, body)
    if any(one.get("eventSource") == RISKS for one in list_trees(body["properties"], "sources")):
        for read in RISK_READS:
            context.require(read, ROOT_SCOPE, why="risks of identities")
    for action in _list_actions(body):
        if action.get("actionType") == "Workspace":
            context.require(WORKSPACE_WRITE, f"/workspaces/{_read_workspace(action)}")
    check_actions(context, body, secrets, before)
    actions = [
        {name: value for name, value in one.items() if name not in HIDDEN} for one in _list_actions(body)
    ]
    return {**body, "properties": {**body["properties"], "actions": actions, **scopes}}


def check_actions(
    context: ServiceContext,
    body: Mapping[str, object],
    secrets: Sequence[ActionSecret],
    before: Mapping[str, object] | None = None,
) -> None:
    """Raise AddressError for an address that no run would send to, AutomationError for an action without one.

    An address that is not given is the one that was kept of the same action; a workspace must be there.
    """
    for one in secrets:
        path = f"properties.actions[{one.at}].{one.name}"
        if one.name == "uri":
            check_url(context, one.value, path)
        elif one.name == "connectionString":
            check_hub(context, one.value, path)
    given, old = {(one.at, one.name) for one in secrets}, _list_actions(before or {})
    for at, action in enumerate(_list_actions(body)):
        if action.get("url"):
            check_url(context, str(action["url"]), f"properties.actions[{at}].url")
        target, secret = NAMED.get(str(action.get("actionType")), ("", ""))
        same = at < len(old) and str(old[at].get(target)).lower() == str(action.get(target)).lower()
        if secret and (at, secret) not in given and not same:
            why = f"Property '{secret}' is required to send data to {action.get(target) or 'the target'}."
            raise AutomationError(f"properties.actions[{at}].{secret}", why)
        if (
            action.get("actionType") == "Workspace"
            and context.state.workspaces.find(_read_workspace(action)) is None
        ):
            why = f"Workspace '{_read_workspace(action)[:100]}' not found."
            raise AutomationError(f"properties.actions[{at}].{target}", why)


def load_readiness(context: ServiceContext, secrets: Collection[str] = ()) -> Readiness:
    """Return what automations may name; `secrets` are about to be kept. Raises ValueError for an invalid file of the operator."""
    names = {*context.state.credentials.names(), *secrets}
    snapshot = PublishedSnapshotCache(context.data).load_newest()
    return Readiness(context.data, context.state, load_operator_policy(context.data), names, snapshot)


def check_readiness(context: ServiceContext, body: Mapping[str, object]) -> None:
    """Raise ValueError for what an automation names and is not there, AutomationError for what is none."""
    rule = read_automation(body)
    if why := load_readiness(
        context, map_secret_names(rule.key, list_secrets(body))
    ).list_missing_requirements(rule):
        raise ValueError("; ".join(why))


def find_automation_key(context: ServiceContext, name: str) -> str:
    """Return the lower-cased ID of the one automation of an ID or name, whether or not it can be used; NotFoundError."""
    context.require(READ)
    wanted = name.casefold().rstrip("/")
    titles = {one.key: str(one.body.get("name") or "") for one in context.state.arm_documents.all([TYPE])}
    if (key := f"/{wanted.lstrip('/')}") in titles:
        return key
    found = [key for key, title in titles.items() if wanted in (title.casefold(), key.rpartition("/")[2])]
    if len(found) != 1:
        several = "several automations are" if found else "no automation is"
        raise NotFoundError(
            f"{several} named '{name[:200]}': see the IDs in `nephoscope automations list --output json`"
        )
    return found[0]


def find_automation(context: ServiceContext, name: str) -> AutomationRule:
    """Return the automation of an ID or name. Raises NotFoundError, StateError where it cannot be used."""
    key = find_automation_key(context, name)
    found, wrong = load_automations(context.state, PublishedSnapshotCache(context.data))
    if reason := next((one.reason for one in wrong if one.key == key), ""):
        raise StateError(reason)
    return next(one for one in found if one.key == key)


def put_automation(context: ServiceContext, body: Mapping[str, object]) -> bool:
    """Keep an automation with its secrets; whether it is new. Raises as `prepare_automation`, and AutomationError for what is none."""
    context.require(WRITE, ROOT_SCOPE)
    key, secrets = str(body["id"]).lower(), list_secrets(body)
    document = prepare_automation(context, body, secrets)
    before = context.state.arm_documents.get(key)
    if metadata := describe_author(context, before.body if before is not None else None):
        document = {**document, "properties": {**document["properties"], "metadata": metadata}}
    read_automation(document)
    return put_document(
        context,
        ROOT_SCOPE,
        document,
        "Microsoft.Security/automations",
        secrets=map_secret_names(key, secrets),
    )


def describe_author(context: ServiceContext, before: Mapping[str, object] | None = None) -> dict[str, str]:
    """Return who made an automation and who changed it, and when; nothing for the local user, who reads everything.

    `before` is the document that was kept. What a caller's automation is told of follows from the caller's roles later, too.
    """
    if not isinstance(context.actor, Caller):
        return {}
    now, who = context.now.isoformat(), context.actor.principal.id
    old = {name: str(value) for name, value in get_tree(before or {}, "properties", "metadata").items()}
    made = {"createdDateTimeUtc": now, "createdBy": who, **old}
    return made | {"lastUpdatedDateTimeUtc": now, "lastUpdatedBy": who}


def complete_actions(
    context: ServiceContext, body: Mapping[str, Any], given: Mapping[str, str], keep: Collection[str] = ()
) -> dict[str, Any]:
    """Return the document with the secrets of its actions, and without those whom Azure names in it.

    A secret is the one that is `given` for the type of the action, the stored one where the type is in `keep`, else its own.
    DeniedError as for a change; ValueError where none is stored.
    """
    key, properties = str(body["id"]).lower(), body.get("properties")
    if not isinstance(properties, dict) or not isinstance(properties.get("actions") or [], list):
        return dict(body)
    actions = []
    for one in _list_actions(body):
        kind = str(one.get("actionType"))
        if given.get(kind):
            actions.append({**one, NAMED[kind][1]: given[kind]})
        else:
            actions.append(_reveal_action(context, key, kind) if kind in keep else one)
    kept = {name: value for name, value in properties.items() if name != "metadata"}
    return {**body, "properties": {**kept, "actions": actions}}


def _reveal_action(context: ServiceContext, key: str, kind: str) -> dict[str, object]:
    """The kept action of a type with its secret."""
    context.require(WRITE, ROOT_SCOPE)
    document = context.state.arm_documents.get(key)
    for at, one in enumerate(_list_actions(document.body) if document is not None else ()):
        if one.get("actionType") == kind:
            secret = NAMED[kind][1]
            return {
                **one,
                secret: context.state.credentials.get(build_credential_name(key, at, secret)).reveal(),
            }
    raise ValueError(f"No {'event hub' if kind == 'EventHub' else 'Logic App'} is stored")


def remove_automation(context: ServiceContext, key: str) -> None:
    """Remove the automation of a lower-cased id, and its secrets; what it has begun goes on."""
    context.require(DELETE, ROOT_SCOPE)
    names = list_secret_names(key, context.state.credentials.names())
    with context.state.transaction() as session:
        context.state.arm_documents.remove(session, key)
        context.state.credentials.drop(session, names)
        context.enter(session, DELETE, key)


def try_automation(context: ServiceContext, lake: Lake, automation: AutomationRule) -> list[AutomationRun]:
    """Do every action of an automation with the first document that it asks for; the runs as they ended."""
    context.require(TEST, ROOT_SCOPE)
    rules = load_rules(context.data, context.state).rules
    engine = AutomationEngine(lake, context.state, DEFAULT, rules)
    with context.change(TEST, ROOT_SCOPE, automation.key):
        return try_with_documents(engine, automation, context.now, context.actor.name)


def _limit_scopes(context: ServiceContext, body: Mapping[str, Any]) -> dict[str, object]:
    """Return the scopes where they have to be cut; DeniedError for one that the actor may not read.

    An automation sends what it is told of: it may be told of what its author reads. Without a scope it holds for the subscription, and
    for the resource group that it lies in where its author reads no more.
    """
    lies = ResourceId.parse(str(body["id"]))
    subscription = f"/subscriptions/{lies.subscription}" if lies.subscription else ROOT_SCOPE
    named = [str(one.get("scopePath") or "") for one in body["properties"].get("scopes") or ()]
    for one in named:
        for read in READS:
            context.require(read, one.lower().rstrip("/") or subscription)
    if named or all(context.actor.is_permitted(read, subscription) for read in READS):
        return {}
    return {"scopes": [{"description": "", "scopePath": lies.resource_group_id}]}


def _list_actions(body: Mapping[str, Any]) -> list[dict[str, object]]:
    found: list[dict[str, Any]] = (body.get("properties") or {}).get("actions") or []
    return found


def _read_workspace(action: Mapping[str, object]) -> str:
    return str(action.get("workspaceResourceId") or "default").rstrip("/").rpartition("/")[2].lower()
