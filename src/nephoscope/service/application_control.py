"""Adaptive application control: learn groups and rules, accept them, and find what accepted rules do not allow."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from nephoscope.lake.queries.principal_scope import EVERYTHING
from nephoscope.lake.watchlists.watchlist_service import WatchlistService
from nephoscope.protect.applications.application_rule import (
    ApplicationRule,
    ApplicationRuleKind,
    ProposedRule,
)
from nephoscope.protect.applications.group_document import GroupProperties, read_properties, render_group
from nephoscope.protect.applications.learned_group import TYPE, LearnedGroup, name_groups
from nephoscope.protect.applications.machine_groups import group_machines
from nephoscope.protect.applications.program_sighting import TooManyProgramsError, read_sightings
from nephoscope.service.actors import ROOT_SCOPE
from nephoscope.service.agent_signing_key import sign_content
from nephoscope.service.agents import REPORT, AgentRefusedError
from nephoscope.service.service_context import get_workspace_scope
from nephoscope.state import NotFoundError, StateError
from nephoscope.state.workspaces.workspace import DEFAULT

if TYPE_CHECKING:
    from nephoscope.lake.lake import Lake
    from nephoscope.service.service_context import ServiceContext

READ, WRITE = f"{TYPE}/read", f"{TYPE}/write"
LOGS = "Microsoft.OperationalInsights/workspaces/query/read"
#: Checkpoints: learned groups as JSON, by their lower-cased ID.
LEARNED = "application-groups"
ALIAS = "ApplicationControl"
#: Before the policy that is signed, so that no signature of something else is one of a policy.
SIGNED_PREFIX = b"nephoscope application policy\n"
_VIOLATIONS = """
_UnacceptedPrograms({days}d)
| project TimeGenerated, Group, Mode, Machine, Path, Hash, Publisher, Product, Package, Reason, Times, CommandLine, User
| order by TimeGenerated desc, Machine asc, Path asc
| take 10000
"""


class ApplicationControlError(StateError):
    """A policy that cannot be proposed or accepted, with the reason."""


class MachinePolicy(msgspec.Struct, frozen=True):
    """The rules of a machine, with their mode."""

    machine: str
    mode: str
    changed: datetime
    rules: tuple[ApplicationRule, ...]


class UnacceptedProgram(msgspec.Struct, frozen=True):
    """A program that a machine executed and no accepted rule of its group allows.

    `reason` tells what is not recorded of it that a rule by product compares, '' where nothing is missing.
    """

    time: datetime
    group: str
    mode: str
    machine: str
    path: str
    hash: str
    publisher: str
    product: str
    package: str
    reason: str
    times: int
    command_line: str
    user: str


def learn_groups(
    context: ServiceContext, lake: Lake, workspace: str = DEFAULT, days: int = 30
) -> list[LearnedGroup]:
    """Group the machines of a workspace by what they executed in some days, and keep the groups with their proposed rules.

    Raises DeniedError; ApplicationControlError where there is more than can be compared.
    """
    context.require(WRITE, ROOT_SCOPE)
    context.require(LOGS, get_workspace_scope(workspace))
    now = context.now
    try:
        found = read_sightings(lake, workspace, now - timedelta(days=days), now, EVERYTHING)
    except TooManyProgramsError as error:
        raise ApplicationControlError(str(error)) from error
    before = [one for one in _load_groups(context).values() if one.workspace == workspace]
    groups = name_groups(group_machines(found), before, workspace, now)
    with (
        context.transact(
            WRITE, ROOT_SCOPE, f"workspace {workspace}", act="learn", groups=len(groups), days=days
        ),
        context.state.database.write() as session,
    ):
        for one in before:
            context.state.checkpoints.drop(session, LEARNED, one.id.lower())
        context.state.checkpoints.keep(
            session, LEARNED, {one.id.lower(): _encode_group(one) for one in groups}
        )
    return groups


def list_groups(context: ServiceContext) -> list[LearnedGroup]:
    """Return the learned groups that the caller may read, by ID."""
    found = _load_groups(context)
    return [found[key] for key in sorted(found) if context.actor.is_permitted(READ, _build_scope(key))]


def find_group(context: ServiceContext, name: str, operation: str = READ) -> LearnedGroup:
    """Return a learned group by its ID, or by its name where one has it. Raises DeniedError, NotFoundError."""
    wanted = name.lower().rstrip("/")
    if wanted.startswith("/"):
        context.require(operation, _build_scope(wanted))
    found = [one for one in _load_groups(context).values() if wanted in (one.id.lower(), one.name.lower())]
    if len(found) != 1:
        context.require(operation, ROOT_SCOPE)
        raise NotFoundError(
            f"{len(found)} groups are called {name[:300]!r}: use the ID"
            if found
            else f"group {name[:300]!r} not found: run `nephoscope protect applications propose`"
        )
    context.require(operation, _build_scope(found[0].id))
    return found[0]


def find_accepted_policy(context: ServiceContext, id_: str) -> GroupProperties | None:
    """Return what is accepted for a group, None where nothing is."""
    kept = context.state.arm_documents.get(id_.lower())
    return read_properties(kept.body) if kept is not None else None


def accept_group(
    context: ServiceContext, lake: Lake, name: str, mode: str = "Audit", *, allow: Sequence[str] = (), refuse: Sequence[str] = ()
) -> LearnedGroup:  # fmt: skip
    """Accept the recommended rules of a group; `allow` adds rules that are not recommended and `refuse` leaves some out, by path.

    Raises DeniedError, NotFoundError; ApplicationControlError for a path that the group does not have.
    """
    group = find_group(context, name, WRITE)
    rules = _choose_rules(group, allow, refuse)
    if not rules:
        raise ApplicationControlError(f"no rule of {group.name} is recommended: choose paths with --allow")
    with (
        context.transact(WRITE, _build_scope(group.id), group.id, act="accept", mode=mode, rules=len(rules),
            machines=len(group.machines), allowed=list(allow), refused=list(refuse)),
        context.state.database.write() as session,
    ):  # fmt: skip
        context.state.arm_documents.put(
            session, group.id.lower(), TYPE.lower(), render_group(group, mode, rules), context.author
        )
    publish_policies(context, lake)
    return group


def _choose_rules(group: LearnedGroup, allow: Sequence[str], refuse: Sequence[str]) -> list[ProposedRule]:
    known = {one.rule.path or one.rule.value for one in group.rules}
    if unknown := sorted({*allow, *refuse} - known):
        raise ApplicationControlError(f"{group.name} has no rule for {unknown[0]}")
    chosen = [one for one in group.rules if one.is_recommended or (one.rule.path or one.rule.value) in allow]
    return [one for one in chosen if (one.rule.path or one.rule.value) not in refuse]


def publish_policies(context: ServiceContext, lake: Lake) -> None:
    """Make the watchlists that detections compare executions with: what is accepted, in the workspace of each group.

    They follow from the documents, so that a process that dies before this leaves nothing that the next one does not mend.
    """
    learned = _load_groups(context)
    items: dict[str, list[dict[str, object]]] = {}
    for document in context.state.arm_documents.all([TYPE.lower()]):
        properties = read_properties(document.body)
        if properties.enforcement_mode == "None":
            continue
        workspace = learned[document.key].workspace if document.key in learned else DEFAULT
        items.setdefault(workspace, []).extend(_list_items(document.key, properties))
    with context.state.as_product("publication of application controls"):
        for workspace in [one.name for one in context.state.workspaces.all()]:
            known = {head.alias for head, _ in context.state.watchlists.all(workspace)}
            if workspace in items or ALIAS in known:
                keeper = WatchlistService(context.state, lake, workspace, "nephoscope")
                keeper.start(ALIAS, context.now)
                keeper.hold(ALIAS, "Rule", items.get(workspace, []), context.now)


def _list_items(key: str, properties: GroupProperties) -> list[dict[str, object]]:
    mode = properties.enforcement_mode
    pairs = [("Machine", one) for one in properties.machines]
    pairs += sorted({(one.kind.value, _to_comparable(one)) for one in properties.rules})
    return [
        {"Rule": f"{mode}|{kind}|{key}|{value}", "Group": key, "Mode": mode, "Kind": kind, "Value": value}
        for kind, value in pairs
    ]


def _to_comparable(rule: ApplicationRule) -> str:
    """The value as executions have it: paths of Windows in lower case, a product behind its publisher."""
    if rule.kind is ApplicationRuleKind.PRODUCT:
        return f"{rule.value}|{rule.product}"
    is_windows = rule.kind is ApplicationRuleKind.PATH and not rule.value.startswith("/")
    return rule.value.lower() if is_windows else rule.value


def find_violations(
    context: ServiceContext, lake: Lake, workspace: str = DEFAULT, days: int = 1
) -> list[UnacceptedProgram]:
    """Return what machines executed in some days and no accepted rule allows, newest first, and keep the machines as issues.

    Raises DeniedError.
    """
    context.require(READ, ROOT_SCOPE)
    context.require(LOGS, get_workspace_scope(workspace))
    publish_policies(context, lake)
    now = context.now
    rows = lake.rows(_VIOLATIONS.format(days=days), workspace=workspace, now=now).to_pylist()
    found = [UnacceptedProgram(*row.values()) for row in rows]
    machines: dict[str, dict[str, int]] = {}
    for one in found:
        counts = machines.setdefault(one.group, {})
        counts[one.machine] = counts.get(one.machine, 0) + one.times
    with context.state.transaction(product="application control") as session:
        for key, group in _load_groups(context).items():
            if group.workspace == workspace:
                updated = msgspec.structs.replace(group, violations=machines.get(key, {}))
                context.state.checkpoints.keep(session, LEARNED, {key: _encode_group(updated)})
    return found


def sign_machine_policy(context: ServiceContext, principal: str) -> tuple[str, str]:
    """Return what may be executed on the machine of an agent as JSON, and its signature in hexadecimal.

    The mode is None where no policy names the machine. Raises DeniedError; AgentRefusedError where the caller is no agent.
    """
    agent = context.state.agents.find_by_principal(principal)
    context.require(REPORT, "/" if agent is None else agent.resource)
    if agent is None:
        raise AgentRefusedError("the caller is the agent of no machine: enrol the machine again")
    content = msgspec.json.encode(_build_machine_policy(context, agent.id), order="sorted").decode()
    return content, sign_content(context, SIGNED_PREFIX + content.encode())


def _build_machine_policy(context: ServiceContext, machine: str) -> MachinePolicy:
    subscription = _build_scope(machine)
    for document in context.state.arm_documents.all([TYPE.lower()], subscription):
        properties = read_properties(document.body)
        if machine.lower() in properties.machines:
            return MachinePolicy(
                machine, properties.enforcement_mode, document.changed, tuple(properties.rules)
            )
    return MachinePolicy(machine, "None", context.now, ())


def _load_groups(context: ServiceContext) -> dict[str, LearnedGroup]:
    """Learned groups by lower-cased ID."""
    kept = context.state.checkpoints.all(LEARNED)
    return {key: msgspec.json.decode(text, type=LearnedGroup) for key, text in kept.items()}


def _encode_group(group: LearnedGroup) -> str:
    return msgspec.json.encode(group).decode()


def _build_scope(id_: str) -> str:
    """The subscription of a group."""
    return "/".join(id_.lower().split("/")[:3])
