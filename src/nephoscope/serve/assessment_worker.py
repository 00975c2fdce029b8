"""Assessment worker: collects and evaluates the estate again and again.

One process at a time does so, under a lease, however many servers have the state.
"""

from __future__ import annotations

import logging
import math
import signal
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial

import msgspec

from nephoscope.collect.facts.fact_reader import FactReader
from nephoscope.collect.facts.fact_recording import FACTS_CHANGED, settle_retractions
from nephoscope.collect.resources import SnapshotError
from nephoscope.estate.estate_store import StoreError
from nephoscope.estate.evaluation_lease import SERVER_LEASE, EstateTurn, acquire_estate_turn
from nephoscope.instance import ASSESS_SOON, FAILED, PROGRESS
from nephoscope.posture.evaluation.finished_run import EvaluationRun
from nephoscope.posture.history.history import History
from nephoscope.posture.published.snapshot_cache import PublishedSnapshotCache
from nephoscope.posture.reports.multi_tenant_report import CombinedReport, combine_reports
from nephoscope.posture.reports.report import Report
from nephoscope.posture.scans import tenants
from nephoscope.posture.scans.live_estate import TENANT
from nephoscope.posture.scans.point_in_time_logs import open_frozen_logs
from nephoscope.posture.scans.run_recording import Recorder
from nephoscope.posture.scans.scan import (
    EstateScan,
    NoSuchScopeError,
    ScanRequest,
    read_last_scan_request,
    save_request,
)
from nephoscope.serve import process_logs as logs
from nephoscope.serve.parent_watch import end_with_parent
from nephoscope.serve.server_settings import ServeSettings
from nephoscope.service.advisories import AdvisoriesError
from nephoscope.service.advisory_updates import refresh_findings
from nephoscope.service.arm_documents import DECIDING
from nephoscope.service.exposed_docker_hosts import write_container_host_rows
from nephoscope.service.exposure_alerts import write_exposure_change_rows
from nephoscope.service.local_user import LocalUser
from nephoscope.service.product_actor import ProductActor
from nephoscope.service.running_images import record_running_images
from nephoscope.service.segment_alerts import assess_segments
from nephoscope.service.service_context import ServiceContext
from nephoscope.state import State, StateError
from nephoscope.state.estate.arm_documents import REMOVED
from nephoscope.state.leases.lease_holder import create_holder_name
from nephoscope.state.leases.lease_renewal import Turns
from nephoscope_policy.catalog import NotHeldError
from nephoscope_policy.documents import ContentError
from nephoscope_policy.errors import PolicyError

LOOK_SECONDS, TELL_SECONDS = 5.0, 1.0
LONGEST_REST = 300.0
#: Between an evaluation and the next that external facts alone ask for.
FACTS_REST = timedelta(minutes=1)
#: Up to how many resources the last runs are kept for the next.
KEPT_RESOURCES = 20_000
_LOG = logging.getLogger("nephoscope.assessing")
#: What an assessment can end with that the next may not.
REFUSALS = (SnapshotError, ContentError, NotHeldError, PolicyError, StoreError, NoSuchScopeError, OSError)


class ServerEndingError(Exception):
    """The server ends, and the assessment with it."""


@dataclass
class AssessmentProgress:
    """Keeps how far an assessment is where pages look for it, once a second at most; ServerEndingError once it is to `stop`."""

    state: State
    stop: threading.Event = field(default_factory=threading.Event)
    began: float = field(default_factory=time.time)
    _last: float = 0.0

    def __call__(self, what: str, done: int, total: int) -> None:
        """Told what is being done, how much of it is done, and of how much."""
        if self.stop.is_set():
            raise ServerEndingError
        if time.monotonic() - self._last >= TELL_SECONDS:
            self._last = time.monotonic()
            self.state.checkpoints.put(
                *PROGRESS,
                {"what": what, "done": done, "total": total, "began": self.began, "at": time.time()},
            )

    def waiting(self, who: str, _: float) -> None:
        """Told that another process has the turn."""
        self(f"waiting for {who}", 0, 0)

    def end(self) -> None:
        """Remove the progress, since the assessment is over."""
        self.state.checkpoints.remove(*PROGRESS)


@dataclass
class LastRuns:
    """The runs of the last assessment by tenant: the next of the same request takes over what cannot have changed.

    None are kept of a large estate, as both would be in memory at once.
    """

    request: ScanRequest | None = None
    runs: dict[str, EvaluationRun] = field(default_factory=dict)

    def assess(self, scan: EstateScan) -> list[EvaluationRun]:
        """Judge the estates of a scan."""
        before = self.runs if self.request == scan.request else {}
        found = [scan.run(one, before.get(one.tenant)) for one in scan.load_estates()]
        small = sum(len(one.estate.resources) for one in found) <= KEPT_RESOURCES
        self.request = scan.request
        self.runs = {one.estate.tenant: one for one in found} if small else {}
        return found


def find_due_request(settings: ServeSettings, state: State, now: datetime) -> ScanRequest | None:
    """The request that is to be judged now, None while it is not time or nothing was ever asked for."""
    request = tenants.build_scan_request(state, settings.data)
    if request is None:
        return None
    asked = state.checkpoints.get(*ASSESS_SOON)
    last = next(reversed(History(settings.data).list_evaluations(request.series)), None)
    shown = PublishedSnapshotCache(settings.data).load_newest()
    if (
        last is None
        # it ended after it was noted and before it was published
        or shown is None
        or shown.build_info.when < last.when
        # an older release spelled it otherwise: what is asked of it in today's words would find nothing
        or shown.build_info.is_outdated
        or (asked and datetime.fromisoformat(asked) > last.when)
        or tenants.due(state, request, now)
        or _has_new_facts(state, last.when, now)
    ):
        return request
    return request if now - last.when >= timedelta(hours=settings.assess_hours) else None


def _has_new_facts(state: State, last: datetime, now: datetime) -> bool:
    """Return whether external facts changed since an evaluation that is not too recent: what reports often is not judged each time."""
    changed = state.checkpoints.get(*FACTS_CHANGED)
    return changed is not None and datetime.fromisoformat(changed) > last and now - last >= FACTS_REST


def assess_request(
    settings: ServeSettings,
    request: ScanRequest,
    state: State,
    stop: threading.Event | None = None,
    holder: str = "",
    last: LastRuns | None = None,
) -> Report | CombinedReport:
    """Collect where the target is live, judge, and keep and publish what came of it; raises one of REFUSALS, and ServerEndingError.

    What is collected before the turn comes keeps no scan waiting; `holder` is whoever has the lease of the server's assessment.
    """
    progress, last = AssessmentProgress(state, stop or threading.Event()), last or LastRuns()
    try:
        with Turns(state.leases, holder or create_holder_name()) as turns:
            while True:
                targets = request.targets
                snapshots = tenants.collect_due(state, settings.data, targets, datetime.now(UTC), progress)
                request = tenants.build_scan_request(state, settings.data) or request
                with acquire_estate_turn(turns, math.inf, progress.waiting) as turn:
                    # a scan that came first may have asked for something else
                    wanted = read_last_scan_request(settings.data) or request
                    if wanted == request and _list_tenants(request.targets) <= {*targets}:
                        return _assess_request(settings, request, state, snapshots, progress, turn, last)
                request = wanted
    finally:
        progress.end()


def _assess_request(
    settings: ServeSettings,
    request: ScanRequest,
    state: State,
    snapshots: Mapping[str, str],
    progress: AssessmentProgress,
    turn: EstateTurn,
    last: LastRuns,
) -> Report | CombinedReport:
    """Judge a request, and keep and publish what came of it."""
    scan = _open_scan(settings, request, state, snapshots, progress)
    runs = last.assess(scan)
    _store_containers(settings, state, runs, scan.now)
    report = combine_reports([Report(run, request.label) for run in runs])
    recorder = Recorder(settings.data, request.series, turn, scan.logs)
    changes = recorder.record(report)
    _store_exposure_changes(settings, state)
    _assess_segments(settings, state, runs)
    _forget_removed_tenants(state, scan.now)
    settle_retractions(state, scan.now)
    # a live target stays live: the next assessment collects anew; what people asked for meanwhile stays asked for
    if (
        not any(tenants.is_live(one) for one in request.targets)
        and read_last_scan_request(settings.data) == request
    ):
        save_request(scan.repeatable, settings.data)
    return replace(report, changes=changes)


def _store_containers(
    settings: ServeSettings, state: State, runs: Sequence[EvaluationRun], now: datetime
) -> None:
    """Keep which images run where, and which hosts the internet reaches; what cannot be kept is told alone."""
    actor = ProductActor("running containers")
    context = ServiceContext(actor, state, settings.data, lambda: now)
    for run in runs:
        try:
            with open_frozen_logs(settings.data, state, run.estate, now) as found:
                record_running_images(context, run.estate, found)
            # rows are of when they are written, however long the assessment took
            write_container_host_rows(ServiceContext(actor, state, settings.data), run.estate)
        except StateError as error:
            _LOG.error("the list of images and container hosts was not stored: %s", error)


def _store_exposure_changes(settings: ServeSettings, state: State) -> None:
    """Keep which exposures widened, so that rules see them; what cannot be kept is told alone, and kept by the next."""
    try:
        write_exposure_change_rows(ServiceContext(ProductActor("network exposure"), state, settings.data))
    except StateError as error:
        _LOG.error("the exposure changes were not stored: %s", error)


def _assess_segments(settings: ServeSettings, state: State, runs: Sequence[EvaluationRun]) -> None:
    """Keep which flows the plan of segments does not allow, so that rules see them, and what was missing, as data gaps."""
    context = ServiceContext(ProductActor("network segments"), state, settings.data)
    for run in runs:
        for fault in assess_segments(context, run.estate):
            _LOG.warning("flows between segments were not judged: %s", fault)


def _list_tenants(targets: Sequence[str]) -> set[str]:
    """The connected tenants of targets."""
    return {one for one in targets if one.startswith(TENANT)}


def _forget_removed_tenants(state: State, when: datetime) -> None:
    """What was removed before an assessment began is in none of its documents any more."""
    for key, at in state.checkpoints.all(REMOVED).items():
        if datetime.fromisoformat(at) < when:
            state.checkpoints.remove(REMOVED, key)


def _open_scan(
    settings: ServeSettings,
    request: ScanRequest,
    state: State,
    snapshots: Mapping[str, str],
    progress: AssessmentProgress,
) -> EstateScan:
    """The scan of a request, without the tenants that have no snapshot; later decisions wait for the next."""
    now = datetime.now(UTC)
    put = state.arm_documents.by_tenant(DECIDING).of
    kept = tuple(one for one in request.targets if one in snapshots or not one.startswith(TENANT))
    facts = FactReader(lambda: nullcontext(state))
    logs = partial(open_frozen_logs, settings.data, state)
    return EstateScan(
        msgspec.structs.replace(request, targets=kept),
        settings.data,
        now,
        progress,
        dict(snapshots),
        put,
        facts,
        logs,
    )


@dataclass
class RetryBackoff:
    """Pause before a failed assessment is tried again: twice as long after each try; a changed or new request does not wait."""

    seconds: float = 0.0
    _what: object = None
    _until: float = 0.0

    def is_waiting(self, what: object) -> bool:
        """Return whether it failed just now."""
        return what == self._what and time.monotonic() < self._until

    def record_failure(self, what: object) -> None:
        """Record a failure and double the pause where the same request failed before."""
        again = self.seconds * 2 if what == self._what else LOOK_SECONDS
        self.seconds, self._what = min(again, LONGEST_REST), what
        self._until = time.monotonic() + self.seconds


def run_assessment_worker(settings: ServeSettings, stop: threading.Event) -> None:
    """Assess whenever it is time, until stopped."""
    holder, rest, last = create_holder_name(), RetryBackoff(), LastRuns()
    _warn_of_outdated_advisories(settings)
    with State.open_folder(settings.data, settings.state) as state, Turns(state.leases, holder) as turns:
        while not stop.is_set():
            with turns.acquire(SERVER_LEASE) as lease:
                if lease is not None:
                    _assess_in_estate_turn(settings, state, rest, stop, holder, last)
            stop.wait(LOOK_SECONDS)


def _assess_in_estate_turn(
    settings: ServeSettings,
    state: State,
    rest: RetryBackoff,
    stop: threading.Event,
    holder: str,
    last: LastRuns,
) -> None:
    _refresh_findings(settings, state)
    try:
        _assess_when_due(settings, state, rest, stop, holder, last)
    except ServerEndingError:
        _LOG.info(
            "an assessment was interrupted by the server's shutdown: it runs again after the next start"
        )


def _refresh_findings(settings: ServeSettings, state: State) -> None:
    """Match what was imported since with all inventories, and have what changed judged."""
    try:
        done = refresh_findings(ServiceContext(LocalUser.current(), state, settings.data))
    except AdvisoriesError as error:
        _LOG.error("vulnerabilities could not be matched again: %s", error)
        return
    if done.packages:
        _LOG.info("%d packages matched again with newly imported advisories", done.packages)


def _warn_of_outdated_advisories(settings: ServeSettings) -> None:
    shown = PublishedSnapshotCache(settings.data).load_newest()
    if shown is None or not shown.build_info.is_outdated:
        return
    if read_last_scan_request(settings.data) is None:
        _LOG.warning(
            "the published assessment is from an older release and its source is unknown: scan again"
        )
    else:
        _LOG.info(
            "the published assessment is from an older release: it is shown until a new assessment "
            "is complete"
        )


def _assess_when_due(
    settings: ServeSettings,
    state: State,
    rest: RetryBackoff,
    stop: threading.Event,
    holder: str = "",
    last: LastRuns | None = None,
) -> None:
    now = datetime.now(UTC)
    request = find_due_request(settings, state, now)
    if request is None:
        return
    what = (request, state.checkpoints.get(*ASSESS_SOON))
    if rest.is_waiting(what) and not tenants.due(state, request, now):
        return
    try:
        report = assess_request(settings, request, state, stop, holder, last)
    except REFUSALS as error:
        rest.record_failure(what)
        _LOG.error("%s could not be assessed: %s", request.label, error)
        state.checkpoints.put(*FAILED, f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC: {error}")
        return
    errors = [one.error for one in state.tenants.all() if one.error and one.enabled]
    state.checkpoints.put(*FAILED, "; ".join(errors))
    _LOG.info("%s assessed: %d resources, %d changes", request.label, report.resources, len(report.changes))


def begin(settings: ServeSettings) -> None:
    """Assess until the supervisor ends, or asks for the end."""
    logs.configure_logging(json_lines=settings.json_logs)
    end_with_parent()
    ending = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ending.set())
    run_assessment_worker(settings, ending)
