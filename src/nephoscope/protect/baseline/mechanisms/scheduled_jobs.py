"""Users that may schedule jobs by cron and at.

Source: crontab(1), at(1).
"""

from __future__ import annotations

from nephoscope.protect.baseline.baseline_verdict import (
    BaselineEvidence,
    BaselineVerdict,
    assess_violations,
    report_not_applicable,
)
from nephoscope.protect.baseline.examined_system import ExaminedSystem
from nephoscope.protect.baseline.mechanisms.file_permissions import describe, explain_excess_permissions

_PROGRAMS = {
    "cron": ("usr/bin/crontab", "usr/sbin/cron", "usr/sbin/crond"),
    "at": ("usr/bin/at", "usr/sbin/atd"),
}


def assess_allowed_users(system: ExaminedSystem, most: int) -> BaselineVerdict:
    """Judge that cron.allow and at.allow list who may use them, that only root changes them, and that no deny list is left."""
    used = [name for name, paths in _PROGRAMS.items() if any(system.view.exists(path) for path in paths)]
    if not used:
        return report_not_applicable("neither cron nor at is installed")
    found = []
    for name in used:
        status = system.view.status(f"etc/{name}.allow")
        if status is None:
            found.append(BaselineEvidence(f"etc/{name}.allow", 0, "does not exist"))
        elif explain_excess_permissions(system, status, most, ("root", "crontab", "daemon")):
            found.append(describe(f"etc/{name}.allow", status))
        if system.view.exists(f"etc/{name}.deny"):
            found.append(BaselineEvidence(f"etc/{name}.deny", 0, "exists"))
    return assess_violations(
        found,
        f"{' and '.join(used)} must be restricted by an allow list",
        "allow lists restrict who schedules jobs",
    )
