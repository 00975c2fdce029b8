"""Capture the packets of the machines of an event: planned, approved where operator.yaml asks for it, stopped by limits or by undo.

On machines with an agent the captures are orders of live response, signed and fetched by the agents, and belong to the incident of
the event. On virtual machines of Azure without one Network Watcher captures, with the sign-in of operator.yaml.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated
from uuid import NAMESPACE_URL, uuid5

import msgspec
from msgspec import Meta

from nephoscope.automation.action import ActionContext, ActionError, ActionKind, ActionOutcome
from nephoscope.automation.azure_machine_captures import (
    AzureMachineCaptures,
    PlannedAzureCapture,
    is_named,
)
from nephoscope.automation.event_machines import EventMachines, find_event_machines
from nephoscope.automation.machine_orders import MachineOrders
from nephoscope.automation.operator_policy import FILE, CapturePolicy
from nephoscope.automation.planned_settings import ApprovalHours
from nephoscope.protect.capture.capture_request import (
    LEARN_SECONDS,
    MOST_BYTES,
    MOST_LEARN_SECONDS,
    MOST_SECONDS,
    CaptureRequest,
    Protocol,
)
from nephoscope.state.automation.automation_runs import AutomationRun
from nephoscope.state.hosts.agents import EnrolledAgent
from nephoscope.state.hosts.response_orders import (
    LASTS,
    OrderStatus,
    ResponseKind,
    ResponseOrder,
    ResponseOrderError,
)

_ALLOWED = ResponseKind.CAPTURE.value


class CaptureActionSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of the capture action: the packet filter on the machines of an event, and the limits of each capture."""

    protocol: Annotated[Protocol, Meta(description="any, tcp, udp, icmp or icmpv6.")] = "any"
    address: Annotated[str, Meta(description="IP address at either end.", max_length=45)] = "any"
    port: Annotated[int, Meta(description="Port at either end (0: any).", ge=0, le=65535)] = 0
    interface: Annotated[str, Meta(description="Network interface.", max_length=15)] = "any"
    seconds: Annotated[int, Meta(description="Stop after so many seconds.", ge=1, le=MOST_SECONDS)] = 60
    packets: Annotated[int, Meta(description="Stop after so many packets (agents).", ge=1, le=1_000_000)] = (
        100_000
    )
    bytes: Annotated[int, Meta(description="Stop at this file size.", ge=1024, le=MOST_BYTES)] = MOST_BYTES
    ring: Annotated[bool, Meta(description="Keep the newest packets within the limits.")] = False
    above: Annotated[
        float, Meta(description="Start above so many TCP segments a second (0: at once).", ge=0, le=1e9)
    ] = 0.0
    times: Annotated[
        float,
        Meta(
            description="Start above so many times the usual TCP segments a second (0: off).", ge=0, le=1000
        ),
    ] = 0.0
    learn: Annotated[
        int,
        Meta(description="Seconds of usual traffic that the machine must know.", ge=1, le=MOST_LEARN_SECONDS),
    ] = LEARN_SECONDS
    wait: ApprovalHours = 1.0

    def __post_init__(self) -> None:
        """Refuse an address that is none when the rule is read, not when it is needed."""
        try:
            self.to_request("-").arguments()
        except ResponseOrderError as error:
            raise ValueError(str(error)) from error

    def to_request(self, name: str) -> CaptureRequest:
        """Return the request of a capture with a name."""
        return CaptureRequest(
            name=name, interface=self.interface, protocol=self.protocol, address=self.address, port=self.port,
            seconds=self.seconds, packets=self.packets, bytes=self.bytes, ring=self.ring, above=self.above,
            times=self.times, learn=self.learn,
        )  # fmt: skip


class PlannedCapture(msgspec.Struct, frozen=True):
    """A capture of a plan: the lower-cased id of its machine, the host name, and the id of its order."""

    machine: str
    computer: str
    order: str


class CapturePlan(msgspec.Struct, frozen=True):
    """A plan: the captures of agents with their limits, those of Network Watcher, and the machines that are spared with the reason."""

    captures: tuple[PlannedCapture, ...]
    arguments: dict[str, str]
    spared: tuple[tuple[str, str], ...]
    azure: tuple[PlannedAzureCapture, ...] = ()

    @property
    def names(self) -> list[str]:
        """Return the names of all machines."""
        return [*(one.computer for one in self.captures), *(one.name for one in self.azure)]


def plan(settings: CaptureActionSettings, run: AutomationRun, around: ActionContext) -> ActionOutcome:
    """Return the captures that would start; approved by operator.yaml itself where it asks for no approval."""
    allowed, machines = _require_policy(around), _require_machines(around)
    found = find_event_machines(run.document, machines.list_agents(), run.workspace)
    spared = [*found.spared]
    chosen = _choose_agents(found, around, spared)
    azure = AzureMachineCaptures(allowed, around.data, machines.state)
    watched = azure.plan(found.virtual_machines, settings.to_request(run.id), run, spared, len(chosen))
    made = CapturePlan(
        tuple(
            PlannedCapture(one.resource, one.computer, _build_order_id(run, one.resource)) for one in chosen
        ),
        settings.to_request(run.id).arguments(),
        tuple(spared),
        watched,
    )
    if not made.names:
        reasons = "; ".join(f"{name}: {why}" for name, why in spared) or "the event has no machine"
        return ActionOutcome(f"no machine to capture on: {reasons}")
    return ActionOutcome(
        f"would capture packets on {', '.join(made.names)}",
        msgspec.to_builtins(made),
        around.now + timedelta(hours=settings.wait),
        approved_by="" if allowed.approval else FILE.name,
    )


def _choose_agents(
    found: EventMachines, around: ActionContext, spared: list[tuple[str, str]]
) -> list[EnrolledAgent]:
    """Return the agents that may capture now, up to the limit; the others are added to `spared` with the reason."""
    allowed, machines = _require_policy(around), _require_machines(around)
    chosen: list[EnrolledAgent] = []
    for one in found.agents:
        why = _explain_refused_capture(one, allowed)
        if not why and machines.is_capturing(one.resource, around.now):
            why = "a capture is under way"
        if not why and len(chosen) >= allowed.most:
            why = f"over {allowed.most} machines at once"
        if why:
            spared.append((one.computer, why))
        else:
            chosen.append(one)
    return chosen


def approve(_: CaptureActionSettings, run: AutomationRun, around: ActionContext) -> ActionOutcome:
    """Check once more what is excluded and allowed; then start captures where none is under way, once however often this is tried."""
    made, allowed, machines = _read_plan(run), _require_policy(around), _require_machines(around)
    agents = {one.resource: one for one in machines.list_agents()}
    azure = AzureMachineCaptures(allowed, around.data, machines.state)
    for one in made.captures:
        agent = agents.get(one.machine)
        why = _explain_refused_capture(agent, allowed) if agent else "it has no agent"
        if why:
            raise ActionError(f"{one.computer} cannot be captured on any more: {why}", again=False)
    azure.check(made.azure)
    incident = machines.find_incident(run)
    free = [one for one in made.captures if not machines.is_capturing(one.machine, around.now, one.order)]
    orders = [
        _build_order(run, around, one.order, one.machine, ResponseKind.CAPTURE, made.arguments, incident)
        for one in free
    ]
    machines.give(run, orders)
    steps = [f"ordered captures on {_format_names(free)}"] if free else []
    busy = [one.computer for one in made.captures if one not in free]
    if made.azure:
        begun, occupied = azure.start(made.azure, run)
        steps += [f"Network Watcher captures on {', '.join(begun)}"] if begun else []
        busy += occupied
    if busy:
        steps.append(f"a capture is under way on {', '.join(busy)}")
    return ActionOutcome(f"approved by {run.by}; {'; '.join(steps)}")


def undo(_: CaptureActionSettings, run: AutomationRun, around: ActionContext) -> ActionOutcome:
    """Stop the captures that have not ended; their packets until then are kept."""
    made, machines = _read_plan(run), _require_machines(around)
    given = machines.list_given_orders([one.order for one in made.captures])
    running = [one for one in given if one.status is OrderStatus.APPROVED and one.expires > around.now]
    stops = [
        _build_order(
            run, around, _build_order_id(run, one.machine, "stop"), one.machine, ResponseKind.STOP_CAPTURE,
            {"order": one.id}, one.incident,
        )
        for one in running
    ]  # fmt: skip
    machines.give(run, stops)
    machines_stopped = {one.machine for one in running}
    stopped = [one.computer for one in made.captures if one.machine in machines_stopped]
    if made.azure:
        azure = AzureMachineCaptures(_require_policy(around), around.data, machines.state)
        stopped += azure.stop(made.azure, run)
    if not stopped:
        return ActionOutcome("nothing to stop: the captures have ended")
    return ActionOutcome(f"stopped on {', '.join(stopped)}")


def _require_policy(around: ActionContext) -> CapturePolicy:
    if around.operator.captures is None:
        raise ActionError("operator.yaml must allow captures (captures)", again=False)
    return around.operator.captures


def _require_machines(around: ActionContext) -> MachineOrders:
    if around.machines is None:
        raise ActionError("captures need the agents of a server", again=False)
    return around.machines


def _explain_refused_capture(agent: EnrolledAgent, allowed: CapturePolicy) -> str:
    """Return why nothing is captured on a machine, '' where it may be."""
    if is_named(allowed.never, agent.resource, agent.computer):
        return "operator.yaml excludes it"
    return "" if _ALLOWED in agent.health.responses else "its agent does not allow captures"


def _build_order(
    run: AutomationRun,
    around: ActionContext,
    id_: str,
    machine: str,
    kind: ResponseKind,
    arguments: dict[str, str],
    incident: int | None,
) -> ResponseOrder:
    return ResponseOrder(
        id=id_, machine=machine, kind=kind, arguments=arguments, justification=f"{run.kind} {run.subject}",
        requester=f"response rule {run.rule}", created=around.now, expires=around.now + LASTS, status=OrderStatus.APPROVED,
        incident=incident, decided=around.now, decided_by=run.by,
    )  # fmt: skip


def _build_order_id(run: AutomationRun, machine: str, what: str = "capture") -> str:
    """Return the id of a run's order, the same at every try."""
    return str(uuid5(NAMESPACE_URL, f"{run.id}/{what}{machine}"))


def _read_plan(run: AutomationRun) -> CapturePlan:
    return msgspec.convert(run.plan, CapturePlan)


def _format_names(captures: Sequence[PlannedCapture]) -> str:
    return ", ".join(one.computer for one in captures)


KIND = ActionKind(
    "capture",
    "Capture packets on the machines of the event",
    CaptureActionSettings,
    plan=plan,
    approve=approve,
    undo=undo,
)
