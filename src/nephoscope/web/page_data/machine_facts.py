"""Software of a machine for its page: packages with their vulnerabilities, and what is not assessed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nephoscope.service.exemption_lookup import find_exemptions
from nephoscope.service.inventories import READ, list_inventories, load_packages
from nephoscope.service.vulnerabilities import assess_coverage, list_distinct_findings, list_findings
from nephoscope.state.inventory.finding import FindingFilter
from nephoscope.state.inventory.subject import SubjectFilter, SubjectKind

if TYPE_CHECKING:
    from nephoscope.model.package import Package
    from nephoscope.service.exemption_lookup import VulnerabilityExemption
    from nephoscope.service.vulnerabilities import AssessmentCoverage
    from nephoscope.state.inventory.finding import SubjectFinding
    from nephoscope.state.inventory.subject import InventorySubject
    from nephoscope.web.visits.request_context import Visit

#: Types of resources that a scan of a machine can be of.
MACHINES = frozenset(
    (
        "microsoft.compute/virtualmachines",
        "microsoft.compute/virtualmachinescalesets/virtualmachines",
        "microsoft.hybridcompute/machines",
    )
)
MOST_FINDINGS = 10_000


@dataclass(frozen=True, slots=True)
class MachineSoftware:
    """The scan of a machine that is kept, with its packages, all scanners' findings in their order, and how far it is assessed.

    `exemptions` are those that hold now, by the keys of findings.
    """

    subject: InventorySubject
    packages: Sequence[Package]
    findings: Sequence[SubjectFinding]
    coverage: AssessmentCoverage
    exemptions: Mapping[tuple[int, int, str], VulnerabilityExemption]


def find_machine_software(visit: Visit, id_: str) -> MachineSoftware | None:
    """Return what is kept of a machine by its lower-cased id, None where it was never scanned or may not be read."""
    reach = visit.caller.find_reach(READ)
    wanted = SubjectFilter(reach, SubjectKind.MACHINE, resource=id_)
    subjects = [one for one in list_inventories(visit.service, wanted) if one.resource_id == id_]
    if not subjects:
        return None
    subject = min(subjects, key=lambda one: one.is_reported)
    only = SubjectFilter(reach, ids=frozenset(one.id for one in subjects))
    found = list_distinct_findings(list_findings(visit.service, FindingFilter(only, most=MOST_FINDINGS)))
    return MachineSoftware(
        subject,
        load_packages(visit.service, reach, subject.id)[1],
        found,
        assess_coverage(visit.service, [subject])[subject.id],
        find_exemptions(visit.service, found),
    )
