"""Machine fleet: the machines of the estate and those with an agent, with what each reports and what is not known of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from nephoscope.estate.tenant_stores import open_tenant_stores
from nephoscope.posture.published.inventory import InventoryQuery
from nephoscope.protect.hosts.agent_status import AgentStatus, assess_agent_status, list_blind_spots
from nephoscope.service.agents import list_agents
from nephoscope.web.page_data.machine_alerts import MachineNames, count_alerts
from nephoscope.web.page_data.machine_facts import MACHINES
from nephoscope_policy.model.coverage import Coverage
from nephoscope_policy.model.resource import Resource
from nephoscope_policy.model.resource_id import ResourceId
from nephoscope_policy.report_age import explain_report_expiry

if TYPE_CHECKING:
    from pathlib import Path

    from nephoscope.instance import Instance
    from nephoscope.model.read_scope import Reach
    from nephoscope.posture.published.published_snapshot import PublishedSnapshot
    from nephoscope.state.hosts.agents import EnrolledAgent
    from nephoscope.web.visits.request_context import Visit

READ = "Microsoft.Resources/subscriptions/resources/read"
NOT_ENROLLED = "Not enrolled"
STATUSES_OF_AGENTS = (
    AgentStatus.DEGRADED.value, AgentStatus.DISCONNECTED.value, AgentStatus.NEVER.value, AgentStatus.CONNECTED.value, NOT_ENROLLED,
)  # fmt: skip
#: Machines that are listed, and reports that are read for them.
MOST = 100_000
_PATCHES = (
    "microsoft.hybridcompute/machines/patchassessmentresults",
    "microsoft.compute/virtualmachines/patchassessmentresults",
)
_ASSIGNMENTS = "microsoft.guestconfiguration/guestconfigurationassignments"
_BASELINES = frozenset({"azurelinuxbaseline", "azurewindowsbaseline"})


@dataclass(frozen=True, slots=True)
class MachineReports:
    """Reports about machines that are not too old, by lower-cased ids: the state of the security baseline, and the number of pending
    updates."""

    baselines: Mapping[str, str]
    updates: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class FleetMachine:
    """A machine; `agent` is None without one, `baseline` '' and `updates` None where no report says.

    `alerts` is None where the visitor reads none.
    """

    id: str
    name: str
    type: str
    subscription: str
    status: str
    agent: EnrolledAgent | None = None
    baseline: str = ""
    updates: int | None = None
    alerts: int | None = None

    @property
    def key(self) -> str:
        """The lower-cased id."""
        return self.id.lower()

    @property
    def last_seen_at(self) -> datetime | None:
        """Return when its agent reported last."""
        return self.agent.seen if self.agent else None

    @property
    def blind_spots(self) -> tuple[str, ...]:
        """Return what is not seen of it, a sentence each."""
        if self.agent is None:
            return ("No agent: processes, logins, file changes and packages are Unknown.",)
        if self.status == AgentStatus.NEVER:
            return ("The agent has not reported yet: nothing of this machine is known.",)
        if self.status == AgentStatus.DISCONNECTED:
            silent = "The agent does not report: what happened since its last heartbeat is unknown."
            return (silent, *list_blind_spots(self.agent.health))
        return list_blind_spots(self.agent.health)


class _PatchProperties(msgspec.Struct):
    available_patch_count_by_classification: dict[str, int] = msgspec.field(
        name="availablePatchCountByClassification", default_factory=dict
    )
    status: str = ""


class _PatchReport(msgspec.Struct):
    id: str
    properties: _PatchProperties = msgspec.field(default_factory=_PatchProperties)


class _AssignmentProperties(msgspec.Struct):
    compliance_status: str = msgspec.field(name="complianceStatus", default="")


class _Assignment(msgspec.Struct):
    id: str
    properties: _AssignmentProperties = msgspec.field(default_factory=_AssignmentProperties)


def list_machines(visit: Visit) -> list[FleetMachine]:
    """List the machines of the chosen scope by name; those without an agent are Unknown."""
    reach, snapshot, now = visit.reach(READ), visit.snapshot, visit.instance.now
    agents = {one.resource: one for one in list_agents(visit.service)}
    readable = _map_readable_agents(visit, agents.values())
    reports = (
        read_reports(snapshot, reach, visit.instance) if snapshot is not None else MachineReports({}, {})
    )
    names = MachineNames({key: name for key, (_, name) in readable.items()}, agents)
    alerts = count_alerts(visit, names)
    found = []
    for key, (id_, name) in readable.items():
        if not _is_within(reach, key):
            continue
        agent, resource = agents.get(key), ResourceId.parse(key)
        status = assess_agent_status(agent, now).value if agent else NOT_ENROLLED
        found.append(
            FleetMachine(
                id_, name, resource.type, resource.subscription, status, agent, reports.baselines.get(key, ""),
                reports.updates.get(key), None if alerts is None else alerts[key],
            )
        )  # fmt: skip
    return sorted(found, key=lambda one: (one.name.lower(), one.key))


def _map_readable_agents(visit: Visit, agents: Iterable[EnrolledAgent]) -> dict[str, tuple[str, str]]:
    """The id and name, by lower-cased id, of each machine that the visitor may read, whatever scope is chosen."""
    found: dict[str, tuple[str, str]] = {}
    if visit.snapshot is not None:
        query, reach = InventoryQuery("", {"type": MACHINES}, "name"), visit.caller.find_reach(READ)
        page = visit.snapshot.inventory.page(reach, query, most=MOST)
        found = {one.id.lower(): (one.id, one.name) for one in page}
    for one in agents:
        found.setdefault(one.resource, (one.id, one.computer))
    return found


def read_reports(snapshot: PublishedSnapshot, reach: Reach, instance: Instance) -> MachineReports:
    """Read what agents and Azure report of machines that may be read; what is too old now, or of unknown age, is left out."""
    now = instance.now
    key = ("machine reports", reach, now.date())  # bounds of age are days
    return snapshot.get_or_compute(
        key, lambda: _read_reports(snapshot, reach, ReportAges(instance.data, snapshot, now))
    )


class ReportAges:
    """The age of reports in the estate, by what each tenant's manifest says of its reading."""

    def __init__(self, data: Path, snapshot: PublishedSnapshot, now: datetime) -> None:
        kept = ((store.tenant, store.list_snapshots()[-1:]) for store in open_tenant_stores(data))
        self._coverages = {tenant: newest[0].coverage for tenant, newest in kept if newest}
        self._tenants, self._now = snapshot.build_info.tenants, now

    def is_current(self, body: dict[str, Any]) -> bool:
        """Return whether a report still says how its machine is."""
        report = Resource.of(body)
        coverage = self._coverages.get(self._tenants.get(report.id.subscription, ""), Coverage({}))
        return not explain_report_expiry(report, self._now, coverage)


def _read_reports(snapshot: PublishedSnapshot, reach: Reach, ages: ReportAges) -> MachineReports:
    baselines, updates = {}, {}
    for body in snapshot.listing.page((_ASSIGNMENTS,), reach, most=MOST, collected=True).bodies:
        assignment = msgspec.convert(body, _Assignment)
        machine, _, name = assignment.id.lower().rpartition(f"/providers/{_ASSIGNMENTS}/")
        if name in _BASELINES and ages.is_current(body):
            baselines[machine] = assignment.properties.compliance_status
    for body in snapshot.listing.page(_PATCHES, reach, most=MOST, collected=True).bodies:
        patches = msgspec.convert(body, _PatchReport)
        if patches.properties.status in ("Succeeded", "CompletedWithWarnings") and ages.is_current(body):
            counts = patches.properties.available_patch_count_by_classification
            updates[patches.id.lower().rpartition("/patchassessmentresults/")[0]] = sum(counts.values())
    return MachineReports(baselines, updates)


def _is_within(reach: Reach, key: str) -> bool:
    resource = ResourceId.parse(key)
    return reach.can_read(resource.subscription, resource.resource_group_id)


def count_machines(machines: Sequence[FleetMachine]) -> Counter[str]:
    """Count machines by the status of their agents."""
    return Counter(one.status for one in machines)
