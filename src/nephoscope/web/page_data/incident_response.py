"""Incident response: the machines of an incident that have an agent, and the orders of live response for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nephoscope.automation.azure_machine_captures import list_azure_captures
from nephoscope.service.agents import list_agents
from nephoscope.service.azure_captures import READ as READ_CAPTURES
from nephoscope.service.response_orders import APPROVE, READ_CONTENT, RESPOND, list_orders
from nephoscope.state.automation.automation_runs import RunStatus
from nephoscope.state.hosts.response_orders import ResponseKind
from nephoscope.web.page_data.machine_alerts import MachineNames

if TYPE_CHECKING:
    from nephoscope.alerts.investigation.incident_details import CaseFile
    from nephoscope.state.automation.run_status import RunLine
    from nephoscope.state.hosts.agents import EnrolledAgent
    from nephoscope.state.hosts.response_orders import ResponseOrder
    from nephoscope.web.visits.request_context import Visit

_BEGUN = (RunStatus.DONE, RunStatus.UNDONE)


@dataclass(frozen=True, slots=True)
class IncidentMachine:
    """A machine that alerts of the incident name, and what the visitor may do there."""

    agent: EnrolledAgent
    may_order: bool

    @property
    def orders(self) -> tuple[str, ...]:
        """Return the orders that the agent allows, those that contain first."""
        allowed = self.agent.health.responses
        return tuple(
            one for one in ("isolate", "kill", "block", "collect", "scan", "script") if one in allowed
        )


@dataclass(frozen=True, slots=True)
class IncidentOrder:
    """An order for the incident, and what the visitor may do with it."""

    order: ResponseOrder
    may_approve: bool
    may_order: bool
    may_download: bool


@dataclass(frozen=True, slots=True)
class IncidentResponse:
    """Machines by name, and orders, newest first."""

    machines: Sequence[IncidentMachine] = ()
    orders: Sequence[IncidentOrder] = ()


def find_incident_response(visit: Visit, file: CaseFile) -> IncidentResponse:
    """Return the machines of an incident and its orders, as far as the visitor may read them."""
    agents = {one.resource: one for one in list_agents(visit.service)}
    if not agents:
        return IncidentResponse()
    names = MachineNames({}, agents)
    found = {key for alert in file.alerts for key in names.find_machines(alert)} & agents.keys()
    may = visit.caller.is_permitted
    machines = [IncidentMachine(agents[key], may(RESPOND, key)) for key in found]
    orders = [
        _show_order(visit, one) for one in list_orders(visit.service) if one.incident == file.incident.number
    ]
    return IncidentResponse(sorted(machines, key=lambda one: one.agent.computer), orders)


def find_captures_of_runs(visit: Visit, runs: Sequence[str]) -> list[IncidentOrder]:
    """Return the captures that runs ordered, newest first, as far as the visitor may read them."""
    if not runs:
        return []
    orders = (one for one in list_orders(visit.service) if one.kind is ResponseKind.CAPTURE)
    return [_show_order(visit, one) for one in orders if one.arguments["name"] in runs]


@dataclass(frozen=True, slots=True)
class RunCapture:
    """A capture that Network Watcher made for a run: the name of its machine and its resource ID."""

    name: str
    id: str


def find_azure_captures_of_runs(visit: Visit, runs: Sequence[RunLine]) -> dict[str, list[RunCapture]]:
    """Return the captures that runs planned with Network Watcher and began, by run, as far as the visitor may read them."""
    begun = [one.id for one in runs if one.action == "capture" and one.status in _BEGUN]
    plans = visit.instance.state.automation_runs.list_plans(begun) if begun else {}
    may = visit.caller.is_permitted
    return {
        run: [
            RunCapture(one.name, one.id)
            for one in list_azure_captures(plan)
            if may(READ_CAPTURES, one.machine)
        ]
        for run, plan in plans.items()
    }


def _show_order(visit: Visit, order: ResponseOrder) -> IncidentOrder:
    may, machine = visit.caller.is_permitted, order.machine
    return IncidentOrder(order, may(APPROVE, machine), may(RESPOND, machine), may(READ_CONTENT, machine))
