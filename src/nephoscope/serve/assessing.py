"""The worker that keeps the estate assessed: collects and judges what was judged last, again and again.

One process at a time does so, under a lease, however many servers have the state.
"""

from __future__ import annotations

import logging
import signal
import sys
import threading
import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from nephoscope.content.loader import ContentError
from nephoscope.estate.store import EstateStore, StoreError
from nephoscope.instance import ASSESS_SOON, DECIDING, FAILED
from nephoscope.lake.state import State
from nephoscope.policy.catalogue import NotHeldError
from nephoscope.policy.errors import PolicyError
from nephoscope.posture.history import History
from nephoscope.posture.live import LIVE
from nephoscope.posture.record import Recorder
from nephoscope.posture.report import Report
from nephoscope.posture.scan import NoSuchScopeError, Request, Scan, last_request, save_request
from nephoscope.serve import logs
from nephoscope.serve.parent import end_with_parent
from nephoscope.serve.settings import Settings
from nephoscope.sources.resources import SnapshotError

LEASE, LEASE_SECONDS = "assessing", 3600.0
LOOK_SECONDS = 5.0
_LOG = logging.getLogger("nephoscope.assessing")
#: What an assessment can end with that the next may not.
REFUSALS = (SnapshotError, ContentError, NotHeldError, PolicyError, StoreError, NoSuchScopeError, OSError)


def due(settings: Settings, state: State, now: datetime) -> Request | None:
    """The request that is to be judged now, None while it is not time or nothing was ever asked for."""
    request = last_request(settings.data)
    if request is None:
        return None
    asked = state.checkpoints.get(*ASSESS_SOON)
    last = next(reversed(History(settings.data).evaluations(request.series)), None)
    if last is None or (asked and datetime.fromisoformat(asked) > last.when):
        return request
    return request if now - last.when >= timedelta(hours=settings.assess_hours) else None


def assess(settings: Settings, request: Request, state: State) -> Report:
    """Collect where the target is live, judge, and keep and publish what came of it; raises one of REFUSALS."""
    put = tuple(one.body for one in state.arm_documents.all(DECIDING))
    scan = Scan(request, settings.data, put=put)
    report = Report(scan.run(scan.estate()), request.label)
    recorder = Recorder(settings.data, request.series)
    changes = recorder.record(report, EstateStore(settings.data))
    # a live target stays live: the next assessment collects anew
    save_request(
        request if any(one.startswith(LIVE) for one in request.targets) else scan.repeatable, settings.data
    )
    return replace(report, changes=changes)


def work(settings: Settings, stop: threading.Event) -> None:
    """Assess whenever it is time, until stopped."""
    holder = str(uuid.uuid4())
    with State.of(settings.data, settings.state) as state:
        while not stop.is_set():
            lease = state.leases.take(LEASE, holder, LEASE_SECONDS)
            if lease is not None:
                try:
                    _assess_when_due(settings, state)
                finally:
                    lease.release()
            stop.wait(LOOK_SECONDS)


def _assess_when_due(settings: Settings, state: State) -> None:
    request = due(settings, state, datetime.now(UTC))
    if request is None:
        return
    try:
        report = assess(settings, request, state)
    except REFUSALS as error:
        _LOG.error("%s could not be assessed: %s", request.label, error)
        state.checkpoints.put(*FAILED, f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC: {error}")
        return
    state.checkpoints.put(*FAILED, "")
    _LOG.info("%s assessed: %d resources, %d changes", request.label, report.resources, len(report.changes))


if __name__ == "__main__":
    given = Settings.decoded(sys.argv[1])
    logs.set_up(json_lines=given.json_logs)
    end_with_parent()
    ending = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ending.set())
    work(given, ending)
