"""Trial worker: runs requested tests of rules, tenants and sign-in providers."""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Callable

from nephoscope.lake.errors import LakeError
from nephoscope.serve import process_logs
from nephoscope.serve.parent_watch import end_with_parent
from nephoscope.serve.server_settings import ServeSettings
from nephoscope.state import State, StateError
from nephoscope.state.leases.lease_holder import create_holder_name
from nephoscope.state.leases.leases import Lease

LEASE, LEASE_SECONDS = "rule-trials", 3600.0
LOOK_SECONDS = 1.0
_LOG = logging.getLogger("nephoscope.trying")


def run_trial_worker(settings: ServeSettings, stop: threading.Event) -> None:
    """Try until stopped. What it takes is read when there is first something to try."""
    from nephoscope.alerts.tuning.trial import RuleTrials

    holder = create_holder_name()
    with State.open_folder(settings.data, settings.state) as state:
        trials = RuleTrials(state)
        while not stop.is_set():
            try:
                if trials.find_next_trial() is not None and (
                    lease := state.leases.acquire(LEASE, holder, LEASE_SECONDS)
                ):
                    try:
                        _run_waiting_trials(settings, state, lease, stop)
                    finally:
                        lease.release()
            except (StateError, LakeError, OSError) as error:
                _LOG.error("next check in %.0f s: %s", LOOK_SECONDS, error)
            stop.wait(LOOK_SECONDS)


def run_tenant_trials(settings: ServeSettings, stop: threading.Event) -> None:
    """Try tenants until stopped, beside the trials of rules, which may take long."""
    from nephoscope.posture.scans.tenants import make_tests

    _run_trials(settings, stop, "tenant", lambda state: make_tests(state, settings.data))


def run_provider_trials(settings: ServeSettings, stop: threading.Event) -> None:
    """Test sign-in providers until stopped, beside tenants, which may take long."""
    from nephoscope.access.provider_tests import run_tests

    _run_trials(settings, stop, "sign-in provider", run_tests)


def _run_trials(
    settings: ServeSettings, stop: threading.Event, what: str, make_tests: Callable[[State], list[str]]
) -> None:
    with State.open_folder(settings.data, settings.state) as state:
        while not stop.is_set():
            try:
                for name in make_tests(state):
                    _LOG.info("%s %s was tested", what, name)
            except (StateError, LakeError, OSError) as error:
                _LOG.error("next check in %.0f s: %s", LOOK_SECONDS, error)
            stop.wait(LOOK_SECONDS)


def _run_waiting_trials(settings: ServeSettings, state: State, lease: Lease, stop: threading.Event) -> None:
    """Do what waits; the lake is open only so long, and the lease is held as long as it takes."""
    from nephoscope.alerts.tuning.trial_runner import TrialRunner
    from nephoscope.resource_graph import open_lake_with_estate

    renewed = time.monotonic()

    def is_ending() -> bool:
        nonlocal renewed
        if time.monotonic() - renewed > LEASE_SECONDS / 4:
            lease.renew(LEASE_SECONDS)
            renewed = time.monotonic()
        return stop.is_set()

    with open_lake_with_estate(settings.data, state, settings.tenant) as lake:
        trying = TrialRunner(state, lake)
        while not stop.is_set() and (done := trying.run_next(is_ending)) is not None:
            _LOG.info("%s of %s for %s: %s", done.what.value, done.rule, done.by, done.error or "done")


def begin(settings: ServeSettings) -> None:
    """Try until the supervisor ends, or asks for the end."""
    process_logs.configure_logging(json_lines=settings.json_logs)
    end_with_parent()
    ending = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ending.set())
    beside = [
        threading.Thread(target=target, args=(settings, ending), daemon=True)
        for target in (run_tenant_trials, run_provider_trials)
    ]
    for one in beside:
        one.start()
    run_trial_worker(settings, ending)
    for one in beside:
        one.join(LOOK_SECONDS)
