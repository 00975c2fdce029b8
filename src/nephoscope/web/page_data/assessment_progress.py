"""Assessment progress: running or about to start."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from nephoscope.instance import ASSESS_SOON, FAILED, PROGRESS
from nephoscope.posture.scans.scan import read_last_scan_request
from nephoscope.server_status import ASSESSING
from nephoscope.server_status import read as read_status

if TYPE_CHECKING:
    from nephoscope.instance import Instance

#: An assessment that has told nothing for so long, in seconds, is not under way any more.
SILENT = 900.0
NOTHING = (
    "Assessments have stopped: no tenant is connected, and no snapshot was scanned. The last "
    "results are shown."
)
UNFINISHED = (
    "The last assessment did not finish: its process ended, or makes no progress. The last results are shown."
)
STALE = "Assessments fail at the moment. The last results are shown."


@dataclass(frozen=True, slots=True)
class WorkProgress:
    """Progress of a piece of work: how much is done of how much (0 of 0: not begun), and for how many seconds."""

    what: str
    done: int = 0
    total: int = 0
    seconds: float = 0.0


def find_current_assessment(instance: Instance) -> WorkProgress | None:
    """The assessment that is under way or waits to begin, None where nothing is."""
    progress = instance.state.checkpoints.get(*PROGRESS)
    if progress and time.time() - progress["at"] < SILENT:
        return WorkProgress(
            progress["what"], progress["done"], progress["total"], time.time() - progress["began"]
        )
    return WorkProgress("queued") if _waits(instance) else None


def explain_staleness(instance: Instance) -> str:
    """Explain why what is shown is not kept fresh, '' where it is: the last assessment failed, or nothing is assessed any more."""
    if why := _describe_loop(instance):
        return why
    if read_last_scan_request(instance.data) is None:
        return "" if instance.snapshots.load_newest() is None else NOTHING
    failed = instance.state.checkpoints.get(*FAILED)
    if failed:
        return f"The last assessment failed: {failed}"
    progress = instance.state.checkpoints.get(*PROGRESS)
    return UNFINISHED if progress and time.time() - progress["at"] >= SILENT else ""


def _describe_loop(instance: Instance) -> str:
    """Explain that the assessing process ends again and again, '' where it does not."""
    server = read_status(instance.data)
    process = server.processes.get(ASSESSING) if server is not None else None
    if process is None or not process.loops:
        return ""
    return (
        f"Assessments have stopped: their process ended {process.failures} times in a row soon after it started, last with "
        f"{process.ended}. See the server's log and `nephoscope doctor`. The last results are shown."
    )


def explain_staleness_briefly(instance: Instance) -> str:
    """Explain the same to readers of a part, with nothing of what others connected."""
    why = explain_staleness(instance)
    return why if why in ("", NOTHING) else STALE


def describe_staleness(instance: Instance, *, whole: bool) -> str:
    """Explain the same to readers of everything (`whole`) or of a part."""
    return explain_staleness(instance) if whole else explain_staleness_briefly(instance)


def _waits(instance: Instance) -> bool:
    """Return whether somebody asked for an assessment that nothing came of yet: neither results nor an error."""
    asked = instance.state.checkpoints.get(*ASSESS_SOON)
    never = any(one.enabled and not (one.collected or one.error) for one in instance.state.tenants.all())
    if never:
        return True
    return not is_up_to_date(instance) and not instance.state.checkpoints.get(*FAILED) and _is_recent(asked)


def is_up_to_date(instance: Instance) -> bool:
    """Return whether what is shown is judged by all that people changed: an assessment was made since they last did."""
    asked, snapshot = instance.state.checkpoints.get(*ASSESS_SOON), instance.snapshots.load_newest()
    return not asked or (snapshot is not None and snapshot.build_info.when >= datetime.fromisoformat(asked))


def _is_recent(asked: str) -> bool:
    return time.time() - datetime.fromisoformat(asked).timestamp() < SILENT
