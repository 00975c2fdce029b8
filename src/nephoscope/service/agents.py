"""Agents of hosts: enrolments, the machines that they let in, their reports, and their removal."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from nephoscope.access.roles import MACHINE_AGENT, MACHINE_ENROLMENT
from nephoscope.access.scopes import RoleScopeError, parse_scope
from nephoscope.automation.rule_formats.author_permissions import WORKSPACE_WRITE
from nephoscope.collect.facts.fact_report import FactReport, list_claims
from nephoscope.collect.facts.report_errors import FactError
from nephoscope.model.resource_binding import bind_resource
from nephoscope.protect.baseline.examined_system import ExaminedSystem
from nephoscope.protect.baseline.file_view import UnreadableRootFileError
from nephoscope.protect.baseline.machine_report import make_machine_report
from nephoscope.protect.baseline.reported_view import ReportedView
from nephoscope.protect.hosts.agent_package import AgentPackage, build_agent_package
from nephoscope.protect.hosts.machine_resource import HYBRID, MachineRefusedError, build_machine_resource_id
from nephoscope.service.actors import ROOT_SCOPE
from nephoscope.service.external_facts import put_facts
from nephoscope.service.machine_reports import keep_own_verdicts
from nephoscope.service.principals import ConflictError
from nephoscope.service.service_context import get_workspace_scope
from nephoscope.state import NotFoundError, StateError
from nephoscope.state.access.principals import PrincipalKind, SecretKind
from nephoscope.state.hosts.agents import AgentEnrolment, EnrolledAgent
from nephoscope_policy.model.resource_id import is_in_scope

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from nephoscope.access.authenticator import Guard
    from nephoscope.model.resource_binding import ResourceBinding
    from nephoscope.protect.baseline.reported_view import ReportedSystem
    from nephoscope.service.service_context import ServiceContext
    from nephoscope.state.access.principals import Principal
    from nephoscope.state.hosts.agents import AgentHealth

READ, WRITE, DELETE = (f"Nephoscope/agents/{one}" for one in ("read", "write", "delete"))
ENROL, REPORT = "Nephoscope/agents/enrol/action", "Nephoscope/agents/report/action"
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_GROUP_OR_SUBSCRIPTION = re.compile(r"/subscriptions/[^/]+(/resourcegroups/[^/]+)?")
#: That of systemd: no host is called so.
_MACHINE_ID = re.compile(r"[0-9a-f]{32}")
#: The tables of which an agent may send rows, all about its own machine.
TABLES = frozenset({
    "ConfigurationChange", "ConfigurationData", "ContainerInventory", "DeviceEvents", "DeviceFileCertificateInfo", "DeviceFileEvents",
    "DeviceImageLoadEvents", "DeviceInfo", "DeviceLogonEvents", "DeviceNetworkEvents", "DeviceNetworkInfo",
    "DeviceProcessEvents", "Heartbeat", "LinuxAuditLog", "MDCFileIntegrityMonitoringEvents", "ProtectionStatus",
    "SecurityBaseline", "SecurityBaselineSummary", "Syslog", "Update", "VMBoundPort", "VMComputer", "VMConnection", "VMProcess",
})  # fmt: skip
Rows = Mapping[str, Sequence[Mapping[str, object]]]
#: Stores rows of an agent once: the agent, the sequence, the rows, whose they are.
StoreRows = Callable[[EnrolledAgent, int, Rows, "ResourceBinding"], object]


class AgentRefusedError(StateError):
    """A request of an agent that cannot be meant."""


@dataclass(frozen=True, slots=True)
class MachineIdentity:
    """Names and versions that a machine states when it enrols."""

    computer: str
    fqdn: str
    machine_id: str
    azure_resource_id: str
    os_name: str
    os_version: str
    architecture: str
    version: str


@dataclass(frozen=True, slots=True)
class AgentFacts:
    """Documents about a machine by type, each with the `path` behind the id of the machine; of each type all are told."""

    read_at: datetime
    documents: Mapping[str, Sequence[Mapping[str, object]]]


def create_enrolment(
    context: ServiceContext,
    guard: Guard,
    name: str,
    scope: str,
    *,
    workspace: str = "default",
    location: str = "",
    most: int = 1,
    lasts: timedelta = timedelta(days=1),
) -> tuple[AgentEnrolment, str]:
    """Make a code by which machines become part of a resource group or subscription; it is shown this once.

    Raises DeniedError, also for a workspace that the caller may not write to; AgentRefusedError for a name, scope or count that cannot
    be; NotFoundError for a workspace that is missing.
    """
    wanted = _check_enrolment_scope(scope)
    context.require(WRITE, wanted)
    if not _NAME.fullmatch(name):
        raise AgentRefusedError(
            f"invalid enrolment name {name[:100]!r}: use lower-case letters, digits, '.', '-' and '_'"
        )
    if not 1 <= most <= 100_000:
        raise AgentRefusedError(f"an enrolment is for 1 to 100,000 machines (got {most})")
    state = context.state
    context.require(WORKSPACE_WRITE, get_workspace_scope(workspace.lower()))
    workspace = state.workspaces.get(workspace).name
    with context.transact(WRITE, wanted, name, group=scope, workspace=workspace, machines=most):
        if name in {one.name for one in state.agents.enrolments()}:
            raise ConflictError(f"the enrolment {name!r} already exists: remove it or use another name")
        with state.transaction() as session:
            principal = _enrol_program(context, session, f"enrolment {name}", MACHINE_ENROLMENT.name, wanted)
            made = AgentEnrolment(
                name, principal.id, scope.rstrip("/"), workspace, location or "global", most, 0, context.now + lasts,
                context.actor.name, context.now,
            )  # fmt: skip
            state.agents.put_enrolment(session, made)
        code = guard.make_secret(
            principal, SecretKind.TOKEN, context.actor.name, f"enrolment {name}", lasts, context.actor.address
        )
    return made, code


def remove_enrolment(context: ServiceContext, name: str) -> None:
    """End an enrolment: its code lets no machine in any more; machines that are enrolled stay. Raises DeniedError, NotFoundError."""
    found = next((one for one in context.state.agents.enrolments() if one.name == name), None)
    if found is None:
        context.require(DELETE)
        raise NotFoundError(f"enrolment {name!r} not found")
    enrolment = {
        "scope": found.scope,
        "workspace": found.workspace,
        "machines": found.most,
        "used": found.used,
    }
    with (
        context.transact(DELETE, found.scope.lower(), name, before=enrolment),
        context.state.transaction() as session,
    ):
        context.state.agents.remove_enrolment(session, name)
        context.state.principals.disable(session, found.principal)


def list_enrolments(context: ServiceContext) -> list[AgentEnrolment]:
    """Return the enrolments that the caller may read."""
    found = context.state.agents.enrolments()
    return [one for one in found if context.actor.is_permitted(READ, one.scope.lower())]


def list_agents(context: ServiceContext) -> list[EnrolledAgent]:
    """Return the agents of the machines that the caller may read."""
    return [one for one in context.state.agents.all() if context.actor.is_permitted(READ, one.resource)]


def find_agent(context: ServiceContext, name: str, operation: str = READ) -> EnrolledAgent:
    """Return an agent by the ID or the name of its machine. Raises DeniedError, NotFoundError."""
    try:
        found = context.state.agents.require(name)
    except NotFoundError:
        context.require(operation)
        raise
    context.require(operation, found.resource)
    return found


def enrol_machine(
    context: ServiceContext, guard: Guard, principal: str, machine: MachineIdentity
) -> tuple[EnrolledAgent, str]:
    """Let a machine in by the code that the caller shows, and return its key, which is shown this once.

    Raises DeniedError; AgentRefusedError for a code that is used up or a machine that it does not let in; ConflictError where the
    machine is enrolled already: only one that has not reported yet may enrol again, since its answer may have been lost.
    """
    state = context.state
    with state.database.nest_transactions(), state.transaction() as session:
        enrolment = state.agents.find_enrolment(session, principal)
        context.require(ENROL, "/" if enrolment is None else enrolment.scope.lower())
        if enrolment is None:
            raise AgentRefusedError(
                "the caller is not an enrolment: use the code that `nephoscope agent code` prints"
            )
        try:
            resource = build_machine_resource_id(enrolment.scope, machine.computer, machine.azure_resource_id)
            binding = _bind_machine(resource, machine)
        except (MachineRefusedError, ValueError) as error:
            raise AgentRefusedError(str(error)) from error
        before = state.agents.find(resource)
        if before is not None and (before.seen is not None or before.machine_id != machine.machine_id):
            raise ConflictError(
                f"{resource} is enrolled already: remove its agent first (nephoscope agent remove {before.computer})"
            )
        if before is None and enrolment.used >= enrolment.most:
            raise AgentRefusedError(
                f"the enrolment {enrolment.name!r} was used for all of its {enrolment.most} machines"
            )
        made = _enrol_program(
            context, session, f"agent {resource.lower()}", MACHINE_AGENT.name, resource.lower()
        )
        state.principals.bind(session, made.id, binding)
        agent = EnrolledAgent(
            resource, binding.computer, machine.machine_id, made.id, enrolment.name, enrolment.workspace, enrolment.location,
            machine.os_name, machine.architecture, machine.version, context.now,
        )  # fmt: skip
        state.agents.put(session, agent)
        if before is None:
            state.agents.put_enrolment(session, replace(enrolment, used=enrolment.used + 1))
        context.enter(session, ENROL, resource, enrolment=enrolment.name, machineId=machine.machine_id)
        key = guard.make_secret(
            made, SecretKind.TOKEN, context.actor.name, "agent", None, context.actor.address
        )
    return agent, key


def store_report(
    context: ServiceContext,
    principal: Principal,
    sequence: int,
    rows: Rows,
    health: AgentHealth | None,
    store: StoreRows,
) -> EnrolledAgent:
    """Store the rows of an agent, once for each sequence, and how it is (None: as before).

    Raises DeniedError; AgentRefusedError for a table that agents do not send.
    """
    agent = context.state.agents.find_by_principal(principal.id)
    context.require(REPORT, "/" if agent is None else agent.resource)
    if agent is None or principal.binding is None:
        raise AgentRefusedError("the caller is the agent of no machine: enrol the machine again")
    if unknown := sorted(rows.keys() - TABLES):
        raise AgentRefusedError(f"agents send no rows of {', '.join(unknown)[:200]}")
    if rows:
        store(agent, sequence, rows, principal.binding)
    context.state.agents.report(agent, health or agent.health, context.now)
    return agent


def store_facts(context: ServiceContext, agent: EnrolledAgent, facts: Sequence[AgentFacts]) -> list[str]:
    """Store external facts of a machine and return why some were refused. Raises DeniedError if a fact is about another resource."""
    refused = []
    for one in facts:
        report = _build_report(agent, one)
        if not report.documents and not report.scopes:
            continue
        for document in report.documents:
            if not is_in_scope(subject := str(document["id"]).lower(), agent.resource):
                context.require(REPORT, subject)
        try:
            put_facts(context, list_claims(report, context.now))
        except FactError as error:
            refused.append(str(error))
    return refused


def assess_system(
    context: ServiceContext, agent: EnrolledAgent, system: ReportedSystem, read_at: datetime
) -> str:
    """Judge what an agent reports of its machine, keep the verdicts as external facts, and return why they were refused, '' if not.

    Raises DeniedError.
    """
    context.require(REPORT, agent.resource)
    examined = ExaminedSystem(ReportedView(system.files), system.facts)
    try:
        keep_own_verdicts(context, make_machine_report(agent.id, examined, read_at))
    except (FactError, ValueError, UnreadableRootFileError) as error:
        return str(error)
    return ""


def remove_agent(context: ServiceContext, name: str) -> None:
    """Let the agent of a machine report no more; its key is void, what it reported stays. Raises DeniedError, NotFoundError."""
    agent = find_agent(context, name, DELETE)
    binding = {"resource": agent.resource, "workspace": agent.workspace}
    with (
        context.transact(DELETE, agent.resource, agent.id, before=binding),
        context.state.transaction() as session,
    ):
        context.state.agents.remove(session, agent.resource)
        context.state.principals.disable(session, agent.principal)


def read_program(context: ServiceContext, principal: str) -> AgentPackage:
    """Return the program that the machine of a principal is to run. Raises DeniedError."""
    agent = context.state.agents.find_by_principal(principal)
    context.require(REPORT, ROOT_SCOPE if agent is None else agent.resource)
    return build_agent_package()


def get_wanted_program() -> str:
    """Return the SHA-256 of the agent that machines are to run."""
    return build_agent_package().sha256


def _check_enrolment_scope(scope: str) -> str:
    try:
        found = parse_scope(scope)
    except RoleScopeError as error:
        raise AgentRefusedError(str(error)) from error
    if not _GROUP_OR_SUBSCRIPTION.fullmatch(found):
        raise AgentRefusedError(f"use the ID of a resource group or subscription (got {scope[:300]!r})")
    return found


def _enrol_program(context: ServiceContext, session: Session, name: str, role: str, scope: str) -> Principal:
    """Return the program of a name with one role: a new one, or the one of before without its secrets."""
    principals = context.state.principals
    known = principals.find_by_name(PrincipalKind.PROGRAM, name)
    if known is None:
        known = principals.add(session, PrincipalKind.PROGRAM, name)
    else:
        principals.disable(session, known.id)
        principals.disable(session, known.id, disabled=False)
    principals.grant(session, known.id, role, scope, context.actor.name)
    return replace(known, disabled=False)


def _bind_machine(resource: str, machine: MachineIdentity) -> ResourceBinding:
    """Bind a machine to the names that follow from its resource: what it says of itself must not be the name of another one."""
    name = resource.rpartition("/")[2]
    own = {one for one in (machine.computer, machine.fqdn) if one.partition(".")[0].lower() == name.lower()}
    computer = machine.computer if machine.computer in own else name
    if _MACHINE_ID.fullmatch(machine.machine_id):
        own.add(machine.machine_id)
    return bind_resource(resource, computer, also=tuple(sorted(own)))


def _build_report(agent: EnrolledAgent, facts: AgentFacts) -> FactReport:
    """What an agent tells of its machine as a report; of a virtual machine itself Azure tells."""
    own = f"{HYBRID.lower()}/"
    is_hybrid = f"/providers/{own}" in agent.resource
    documents, kinds = [], []
    for kind, several in facts.documents.items():
        is_machine = kind.lower() == HYBRID.lower()
        if is_machine and not is_hybrid:
            continue
        if not is_machine:
            kinds.append(kind)
        for one in several:
            body = {name: value for name, value in one.items() if name != "path"}
            place = {"location": agent.location} if is_machine else {}
            documents.append({**place, **body, "id": f"{agent.id}{one.get('path', '')}"})
    return FactReport(agent.id, facts.read_at, tuple(documents), {agent.id: tuple(kinds)} if kinds else {})
