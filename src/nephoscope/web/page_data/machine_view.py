"""Machine view: what one machine reports, its alerts with process trees, file changes, applications, access and orders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from nephoscope.alerts.investigation.process_timeline import read_process_trees
from nephoscope.alerts.rules.query_result import RuleResultRow, iterate_findings
from nephoscope.lake.errors import LakeError
from nephoscope.protect.applications.group_document import GroupProperties
from nephoscope.protect.applications.learned_group import LearnedGroup
from nephoscope.protect.hosts.agent_status import assess_agent_status
from nephoscope.protect.jit.machine_access import MachineAccess
from nephoscope.service.access_requests import find_machine_access, list_access_requests
from nephoscope.service.agents import READ as READ_AGENTS
from nephoscope.service.application_control import find_accepted_policy, list_groups
from nephoscope.service.response_orders import list_orders
from nephoscope.service.scheduled_malware_scans import find_last_scan
from nephoscope.state import NotFoundError
from nephoscope.state.incidents.alert_filter import AlertFilter
from nephoscope.web.page_data.machine_alerts import MachineNames
from nephoscope.web.page_data.machine_facts import MACHINES
from nephoscope.web.page_data.machine_fleet import (
    NOT_ENROLLED,
    READ,
    FleetMachine,
    MachineReports,
    read_reports,
)
from nephoscope.web.page_data.visible_alerts import MOST_SOUGHT, list_visible_alerts_everywhere
from nephoscope.web.visits.request_context import LOGS
from nephoscope_kql.errors import KqlError
from nephoscope_policy.model.resource_id import ResourceId

if TYPE_CHECKING:
    from nephoscope.alerts.investigation.process_tree import ProcessTree
    from nephoscope.state.hosts.access_requests import AccessRequest
    from nephoscope.state.hosts.response_orders import ResponseOrder
    from nephoscope.state.incidents.alerts import StoredAlert
    from nephoscope.web.visits.request_context import Visit

#: Alerts that are listed, those of them with a process tree, and file changes.
MOST_ALERTS, MOST_TREES, MOST_CHANGES = 20, 3, 20
_CHANGES = (
    "MDCFileIntegrityMonitoringEvents | where _ResourceId =~ {id} or (isempty(_ResourceId) and Computer =~ {name})"
    " | top {most} by TimeGenerated"
    " | project TimeGenerated, ChangeType, FilePath, InitiatingProcessImageFilePath, InitiatingProcessAccountName"
)


@dataclass(frozen=True, slots=True)
class ReportedFileChange:
    """A change of a monitored file, and its actor where the agent saw one."""

    at: datetime
    change: str
    path: str
    program: str
    user: str


@dataclass(frozen=True, slots=True)
class MachineFiles:
    """The newest changes of files; `error` says why they are Unknown."""

    changes: Sequence[ReportedFileChange] = ()
    error: str = ""


@dataclass(frozen=True, slots=True)
class MachineApplications:
    """The group of a machine, what is accepted for it, and the executions that no accepted rule allows."""

    group: LearnedGroup
    accepted: GroupProperties | None
    violations: int


@dataclass(frozen=True, slots=True)
class MachineAlerts:
    """The newest alerts of a machine with the process trees of the first; `may_read` the logs that trees are made of."""

    alerts: Sequence[StoredAlert]
    trees: Mapping[str, ProcessTree]
    may_read: bool
    total: int


def find_machine(visit: Visit, key: str) -> FleetMachine:
    """Return a machine by its lower-cased id. Raises NotFoundError where there is none that the visitor may read."""
    snapshot, now = visit.snapshot, visit.instance.now
    readable = visit.caller.is_permitted(READ, key)
    agent = (
        visit.instance.state.agents.find(key)
        if readable and visit.caller.is_permitted(READ_AGENTS, key)
        else None
    )
    reach = visit.caller.find_reach(READ)
    body = snapshot.listing.get(key, reach) if snapshot is not None and readable else None
    if (agent is None and body is None) or (resource := ResourceId.parse(key)).type not in MACHINES:
        raise NotFoundError(f"machine {key[:500]!r} not found, or you cannot access it")
    reports = (
        read_reports(snapshot, reach, visit.instance) if snapshot is not None else MachineReports({}, {})
    )
    id_, name = (agent.id, agent.computer) if agent is not None else (str((body or {})["id"]), resource.name)
    return FleetMachine(
        id_, name, resource.type, resource.subscription, assess_agent_status(agent, now).value if agent else NOT_ENROLLED, agent,
        reports.baselines.get(key, ""), reports.updates.get(key), None,
    )  # fmt: skip


def find_alerts(visit: Visit, machine: FleetMachine) -> MachineAlerts:
    """Return the newest alerts that name a machine, with trees where the visitor may read all rows of the workspace."""
    names = MachineNames({machine.key: machine.name}, {machine.key: machine.agent} if machine.agent else {})
    found = sorted(
        (
            alert
            for visible_alerts in list_visible_alerts_everywhere(visit.drop_parameter("scope"))
            for alert in visible_alerts.list_newest(
                AlertFilter(text=machine.name.partition(".")[0]), MOST_SOUGHT
            )
            if machine.key in names.find_machines(alert)
        ),
        key=lambda one: one.ended,
        reverse=True,
    )
    readable = [one for one in found if visit.caller.is_permitted(LOGS, f"/workspaces/{one.workspace}")]
    trees = read_process_trees(visit.instance.lake, readable[:MOST_TREES], visit.instance.now)
    return MachineAlerts(found[:MOST_ALERTS], trees, bool(readable) or not found, len(found))


def find_file_changes(visit: Visit, machine: FleetMachine) -> MachineFiles:
    """Return the newest changes of monitored files on a machine."""
    workspace = machine.agent.workspace if machine.agent else visit.home(LOGS)
    if not workspace or not visit.caller.is_permitted(LOGS, f"/workspaces/{workspace}"):
        return MachineFiles(error="your roles do not include the logs of its workspace")
    query = _CHANGES.format(id=_quote_text(machine.key), name=_quote_text(machine.name), most=MOST_CHANGES)
    try:
        rows = iterate_findings(visit.instance.lake.rows(query, workspace=workspace, now=visit.instance.now))
        return MachineFiles([_read_change(one) for one in rows])
    except (KqlError, LakeError) as error:
        return MachineFiles(error=str(error))


def _read_change(row: RuleResultRow) -> ReportedFileChange:
    path = row.get_text("FilePath")
    program, user = (
        row.get_text("InitiatingProcessImageFilePath"),
        row.get_text("InitiatingProcessAccountName"),
    )
    return ReportedFileChange(row.list_times()[0], row.get_text("ChangeType"), path, program, user)


def find_applications(visit: Visit, machine: FleetMachine) -> MachineApplications | None:
    """Return the group of similar machines that a machine is in, None where it is in none that may be read."""
    for group in list_groups(visit.service):
        if machine.key in {one.lower() for one in group.machines}:
            accepted = find_accepted_policy(visit.service, group.id)
            return MachineApplications(group, accepted, group.violations.get(machine.key, 0))
    return None


def find_access(visit: Visit, machine: FleetMachine) -> tuple[MachineAccess, Sequence[AccessRequest]]:
    """Return the guarded ports and open grants of a machine, and the requests for it, newest first."""
    requests = [
        one
        for one in list_access_requests(visit.service)
        if any(port.machine == machine.key for port in one.ports)
    ]
    return find_machine_access(visit.service, machine.key), requests


def find_orders(visit: Visit, machine: FleetMachine) -> Sequence[ResponseOrder]:
    """Return the newest orders for a machine."""
    return list_orders(visit.service, machine.key, most=100) if machine.agent is not None else ()


def find_malware_scan(visit: Visit, machine: FleetMachine) -> ResponseOrder | None:
    """Return the newest malware scan of a machine that ended well, None where it was never scanned."""
    return find_last_scan(visit.service, machine.key) if machine.agent is not None else None


def _quote_text(text: str) -> str:
    return msgspec.json.encode(text).decode()
