"""System updates should be installed on virtual and connected machines.

Reads what Update Manager's assessment found: the machine's patchAssessmentResults (Resource Graph's patchassessmentresources),
else instanceView.patchStatus.availablePatchSummary. Of several, such as that of a scanner of one's own, the one counts that knows of
most; that none is pending holds as long as its advisories do (`assessedUntil`). A pending update of the classes Critical or Security
is unhealthy. A machine without an assessment is Unknown, one whose assessment is too old is Unknown(stale).
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from nephoscope.analyze.assessment_key import Key, index_keys
from nephoscope.analyze.verdict import assess_all, report_healthy, report_unhealthy
from nephoscope.analyze.virtual_machines import CLASSIC, HYBRID, MACHINE, assess_machines
from nephoscope.estate.data_gap import DataNotCollectedError
from nephoscope.estate.resource_lookup import get_properties
from nephoscope.files.json_tree import get_tree
from nephoscope_policy.data_gap import STALE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nephoscope.estate.estate_view import EstateView
    from nephoscope_policy.model.assessment import Assessment
    from nephoscope_policy.model.resource import Resource

INSTALLED = Key(
    "e1145ab1-eb4f-43d8-911b-36ddf771d13f",
    "Critical and security updates should be installed on the machine",
    (MACHINE, HYBRID),
    ("f85bf3e0-d513-442e-89c3-1784ad63382b",),
)
INSTALLED_ONCE = Key(
    "4ab6e3c5-74dd-8b35-9ab9-f61b30875b27",
    "Critical and security updates should be installed on the machine (retired agent)",
    (MACHINE, CLASSIC),
    retired=("86b3d65f-7626-441e-b690-81a8b71cff60",),
)
KEYS = index_keys(INSTALLED, INSTALLED_ONCE)
RESULTS = (f"{MACHINE}/patchassessmentresults", f"{HYBRID}/patchassessmentresults")
TYPES = (MACHINE, HYBRID, CLASSIC, *RESULTS)


def analyze(view: EstateView) -> Iterable[Assessment]:
    """Judge every virtual machine and every connected machine."""

    def assess(machine: Resource, key: Key) -> Assessment:
        id_ = str(machine.body["id"])
        pending = _count_pending_updates(view, machine)
        if pending is None:
            raise DataNotCollectedError(f"{machine.type}/patchassessmentresults of {machine.key}")
        if pending:
            return report_unhealthy(id_, key, f"{pending} critical or security updates are missing")
        return report_healthy(id_, key, "no critical or security update is missing")

    yield from assess_machines(view, INSTALLED, assess)
    yield from assess_all(view.list_resources(HYBRID), INSTALLED, assess)
    yield from assess_machines(view, INSTALLED_ONCE, assess)


def _count_pending_updates(view: EstateView, machine: Resource) -> int | None:
    """Count how many critical and security updates wait, by the assessment that knows of most; None where no assessment succeeded."""
    counted: list[int] = []
    stale = ""
    for result in view.list_children(f"{machine.type}/patchassessmentresults", machine.key):
        body = view.get_report(result)
        counts = body.get("availablePatchCountByClassification")
        if str(body.get("status", "")).lower() in ("succeeded", "completedwithwarnings") and isinstance(
            counts, dict
        ):
            pending = int(counts.get("security") or 0) + int(counts.get("critical") or 0)
            until = str(body.get("assessedUntil") or "")
            if not pending and until and view.clock.has_passed(datetime.fromisoformat(until)):
                stale = f"the advisories that {result.key} was matched with were good until {until}"
            else:
                counted.append(pending)
    if counted:
        return max(counted)
    if stale:
        raise DataNotCollectedError(stale, STALE)
    summary = get_tree(get_properties(machine), "instanceView", "patchStatus", "availablePatchSummary")
    count = summary.get("criticalAndSecurityPatchCount")
    if str(summary.get("status", "")).lower() == "succeeded" and isinstance(count, int):
        view.get_report(machine)
        return count
    return None
