"""Machine alerts: how many open alerts name each machine, by its resource ID or, without one, by its host name."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from nephoscope.alerts.investigation.incident_details import read_entities
from nephoscope.state.incidents.alert_filter import DONE, STATUSES, AlertFilter
from nephoscope.state.incidents.alert_scopes import resources
from nephoscope.state.incidents.alerts import StoredAlert
from nephoscope.web.page_data.machine_facts import MACHINES
from nephoscope.web.page_data.visible_alerts import MOST_SOUGHT, list_visible_alerts_everywhere
from nephoscope_policy.model.resource_id import ResourceId

if TYPE_CHECKING:
    from nephoscope.state.hosts.agents import EnrolledAgent
    from nephoscope.web.visits.request_context import Visit


class MachineNames:
    """Host names of machines, each with all machines that have it, as two tenants' machines may have one name."""

    def __init__(self, names: Mapping[str, str], agents: Mapping[str, EnrolledAgent]) -> None:
        """Take the names and the agents of machines, both by lower-cased id."""
        self._agents = agents
        self._machines: defaultdict[str, set[str]] = defaultdict(set)
        for key, name in names.items():
            self._machines[_extract_host_name(name)].add(key)
        for key, agent in agents.items():
            self._machines[_extract_host_name(agent.computer)].add(key)

    def find_machines(self, alert: StoredAlert) -> set[str]:
        """Return the machines that an alert names."""
        found = {machine for one in resources(alert.document) if (machine := _find_machine(one.key))}
        for name in _list_host_names(alert):
            several = self._machines.get(name, set())
            if not several & found:
                found = found | self._narrow_machines(several, alert.workspace)
        return found

    def _narrow_machines(self, several: set[str], workspace: str) -> set[str]:
        """Leave out machines whose agents report to another workspace than that of the alert, unless no other is left."""
        agents = self._agents
        return {one for one in several if one not in agents or agents[one].workspace == workspace} or several


def count_alerts(visit: Visit, names: MachineNames) -> Counter[str] | None:
    """Count open alerts by the lower-cased ids of machines that they name, whatever scope is chosen; None where none may be read.

    Many alerts name a host alone, and a scope holds none of those.
    """
    visible_lists = list_visible_alerts_everywhere(visit.drop_parameter("scope"))
    if not visible_lists:
        return None
    looked = AlertFilter(statuses=frozenset(STATUSES) - DONE)
    return Counter(
        one
        for each in visible_lists
        for alert in each.list_newest(looked, MOST_SOUGHT)
        for one in names.find_machines(alert)
    )


def _list_host_names(alert: StoredAlert) -> Iterable[str]:
    hosts = (one for one in read_entities(alert) if one.kind == "Host")
    return {
        _extract_host_name(name) for one in hosts if (name := one.get("HostName") or one.get("NetBiosName"))
    }


def _extract_host_name(computer: str) -> str:
    return computer.partition(".")[0].lower()


def _find_machine(key: str) -> str:
    """The machine that a resource is or belongs to, '' where it belongs to none."""
    while key:
        resource = ResourceId.parse(key)
        if resource.type in MACHINES:
            return resource.key
        key = resource.parent
    return ""
