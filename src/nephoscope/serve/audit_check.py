"""Audit check of the doctor: whether the chain of audit entries is complete."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from nephoscope.lake.backup.restored_audit import OPERATION as RESTORED
from nephoscope.serve.doctor_check import CheckContext, CheckVerdict, DoctorFinding
from nephoscope.state import StateError

if TYPE_CHECKING:
    from nephoscope.state import State


def check_audit(patient: CheckContext) -> Iterator[DoctorFinding]:
    """Return whether the audit is whole."""
    try:
        broken = patient.state.audit.find_broken_entry()
    except StateError as error:
        problem, _, remedy = str(error).partition("; ")
        yield DoctorFinding("audit", CheckVerdict.WRONG, problem, remedy or "investigate who changed it")
        return
    if broken is not None:
        yield DoctorFinding(
            "audit",
            CheckVerdict.WRONG,
            f"entry {broken} is missing, or does not match the entry before it",
            "investigate who changed it",
        )
    elif not patient.state.audit.is_anchored():
        text = "the audit has no anchor: entries deleted from its end cannot be detected"
        yield DoctorFinding("audit", CheckVerdict.WARNING, text, "investigate who deleted keys/audit.anchor")
    else:
        yield DoctorFinding(
            "audit", CheckVerdict.OK, f"the audit chain is complete{_describe_restore(patient.state)}"
        )


def _describe_restore(state: State) -> str:
    """Of which backup the entries are: those that came after it are not here, which is nobody's doing."""
    found = state.audit.find_newest(RESTORED)
    return f"; restored from the backup of {found.detail['made']}" if found is not None else ""
