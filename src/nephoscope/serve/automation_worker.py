"""Automation worker: runs response rules and automations in every workspace, and orders the scheduled scans of machines."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from nephoscope.automation.config_errors import list_file_faults
from nephoscope.automation.engine import AutomationEngine
from nephoscope.automation.publication_watch import PublicationWatch
from nephoscope.automation.rule import AutomationRule
from nephoscope.automation.rule_catalog import load_rules
from nephoscope.lake.errors import LakeError
from nephoscope.lake.lake import Lake
from nephoscope.posture.published.snapshot_cache import PublishedSnapshotCache
from nephoscope.resource_graph import open_lake_with_estate
from nephoscope.serve import process_logs
from nephoscope.serve.parent_watch import end_with_parent
from nephoscope.serve.server_settings import ServeSettings
from nephoscope.service.scheduled_malware_scans import order_due_scans
from nephoscope.service.service_context import get_utc_now
from nephoscope.state import State, StateError
from nephoscope.state.hosts.response_orders import ResponseOrderError
from nephoscope.state.leases.lease_holder import create_holder_name
from nephoscope.state.leases.lease_renewal import Turns

LOOK_SECONDS = 2.0
SCHEDULE_STEP = timedelta(minutes=1)
_LOG = logging.getLogger("nephoscope.responding")


def run_automation_worker(settings: ServeSettings, stop: threading.Event) -> None:
    """Respond until stopped."""
    logged: set[str] = set()
    with (
        State.open_folder(settings.data, settings.state) as state,
        open_lake_with_estate(settings.data, state, settings.tenant) as lake,
    ):
        watch = PublicationWatch(settings.data, state, PublishedSnapshotCache(settings.data))
        with (
            ResponderPool(lake, state, settings.address) as desks,
            Turns(state.leases, create_holder_name()) as turns,
        ):
            schedule = ScanSchedule(settings, state, turns)
            while not stop.is_set():
                try:
                    watch.plan_runs()
                    schedule.look(logged)
                    desks.ask(_load_rules(state, lake, logged))
                except (StateError, LakeError, OSError) as error:
                    _LOG.error("next check in %.0f s: %s", LOOK_SECONDS, error)
                stop.wait(LOOK_SECONDS)


@dataclass(slots=True)
class ScanSchedule:
    """Orders scheduled malware scans once a minute, in one process at a time however many servers have the state."""

    settings: ServeSettings
    state: State
    turns: Turns
    clock: Callable[[], datetime] = get_utc_now
    _next: datetime | None = None

    def look(self, logged: set[str]) -> None:
        """Order the scans that are due; why files cannot be scanned is logged once. Raises StateError."""
        every, now = timedelta(hours=self.settings.malware_scan_hours), self.clock()
        if not every or (self._next is not None and now < self._next):
            return
        self._next = now + SCHEDULE_STEP
        with self.turns.acquire("malware scans") as lease:
            if lease is None:
                return
            try:
                for one in order_due_scans(self.state, self.settings.data, every, self.clock):
                    _LOG.info("malware scan of %s: %s", one.machine, one.id)
            except ResponseOrderError as error:
                if str(error) not in logged:
                    logged.add(str(error))
                    _LOG.warning("%s", error)


@dataclass(slots=True)
class ResponderPool:
    """A thread a workspace that responds there, so that none waits for another; use it with `with`, which ends them."""

    lake: Lake
    state: State
    pages: str = ""
    most: int = 1000
    _known: dict[str, tuple[AutomationEngine, Future[None]]] = field(default_factory=dict)
    _over: threading.Event = field(default_factory=threading.Event)
    _pool: ThreadPoolExecutor | None = None

    def __enter__(self) -> ResponderPool:
        self._pool = ThreadPoolExecutor(self.most, thread_name_prefix="responding")
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        if self._pool is not None:
            self._pool.shutdown(wait=True)

    def ask(self, rules: Sequence[AutomationRule]) -> None:
        """Ask these rules from now on, in every workspace that there is; what ended a thread is raised here."""
        assert self._pool is not None
        names = {workspace.name for workspace in self.state.workspaces.all()}
        for name in names - self._known.keys():
            engine = AutomationEngine(
                self.lake, self.state, name, rules, ending=self._over.is_set, pages=self.pages
            )
            self._known[name] = (engine, self._pool.submit(self._run_responses, engine))
        for name, (engine, future) in list(self._known.items()):
            engine.rules = rules
            if future.done():
                self._known.pop(name)
                future.result()

    def _run_responses(self, engine: AutomationEngine) -> None:
        """Respond until the end, or until its workspace is gone."""
        while not self._over.is_set() and self.state.workspaces.find(engine.workspace) is not None:
            try:
                for one in engine.tick():
                    _LOG.info("%s: %s: %s: %s", one.rule, one.action, one.status.value, one.detail)
            except (StateError, LakeError, OSError) as error:
                _LOG.error("next check in %.0f s: %s", LOOK_SECONDS, error)
            self._over.wait(LOOK_SECONDS)


def _load_rules(state: State, lake: Lake, logged: set[str]) -> Sequence[AutomationRule]:
    """Load the rules; what is wrong with one, or with the operator's file, is told once."""
    loaded = load_rules(lake.data, state)
    for reason in [*list_file_faults(lake.data), *map(str, loaded.unusable)]:
        if reason not in logged:
            logged.add(reason)
            _LOG.warning("%s", reason)
    return loaded.rules


def begin(settings: ServeSettings) -> None:
    """Respond until the supervisor ends, or asks for the end."""
    process_logs.configure_logging(json_lines=settings.json_logs)
    end_with_parent()
    ending = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ending.set())
    run_automation_worker(settings, ending)
