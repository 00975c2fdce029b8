"""Orders of runs for agents of machines: which agents there are, which captures are under way, and orders that are given once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from nephoscope.state.hosts.response_orders import OrderStatus, ResponseKind

if TYPE_CHECKING:
    from nephoscope.state import State
    from nephoscope.state.automation.automation_runs import AutomationRun
    from nephoscope.state.hosts.agents import EnrolledAgent
    from nephoscope.state.hosts.response_orders import ResponseOrder

RESPOND = "Nephoscope/agents/respond/action"


@dataclass(frozen=True, slots=True)
class MachineOrders:
    """Agents of machines and their orders, for actions."""

    state: State

    def list_agents(self) -> list[EnrolledAgent]:
        """Return the agents that are enrolled."""
        return self.state.agents.all()

    def is_capturing(self, machine: str, now: datetime, own: str = "") -> bool:
        """Return whether a capture on a machine, other than one's own, has no answer yet."""
        return any(
            one.kind is ResponseKind.CAPTURE and one.id != own
            for one in self.state.response_orders.list_approved_orders(machine, now)
        )

    def list_given_orders(self, ids: Sequence[str]) -> list[ResponseOrder]:
        """Return the orders of some ids that were given."""
        with self.state.reading() as session:
            found = [self.state.response_orders.find(session, one) for one in ids]
        return [one for one in found if one is not None]

    def find_incident(self, run: AutomationRun) -> int | None:
        """Return the number of the incident that a run is about, or that its alert belongs to; None where there is none."""
        if run.kind.startswith("incident."):
            return int(run.subject)
        with self.state.reading() as session:
            alert = self.state.alerts.find_alert(session, run.subject)
        return None if alert is None else alert.incident

    def give(self, run: AutomationRun, orders: Sequence[ResponseOrder]) -> None:
        """Give orders in the name of a run, each with its audit entry; one whose id was given before stays as it is."""
        with self.state.transaction() as session:
            for one in orders:
                if self.state.response_orders.find(session, one.id) is not None:
                    continue
                detail = {
                    "order": one.id, "kind": one.kind.value, "arguments": one.arguments, "justification": one.justification,
                    "incident": one.incident, "status": OrderStatus.APPROVED.value, "run": run.id, "approvedBy": one.decided_by,
                }  # fmt: skip
                self.state.audit.add(session, one.requester, RESPOND, one.machine, detail=detail)
                self.state.response_orders.put(session, one)
