"""The worker that tries what somebody asks for on a page: rules over the past, one trial at a time, and the sign-in of tenants."""

from __future__ import annotations

import logging
import signal
import threading
import time

from nephoscope.lake.errors import LakeError
from nephoscope.lake.state import State, StateError
from nephoscope.lake.state.holder import new_holder
from nephoscope.lake.state.leases import Lease
from nephoscope.serve import logs
from nephoscope.serve.parent import end_with_parent
from nephoscope.serve.settings import Settings

LEASE, LEASE_SECONDS = "rule-trials", 3600.0
LOOK_SECONDS = 1.0
_LOG = logging.getLogger("nephoscope.trying")


def work(settings: Settings, stop: threading.Event) -> None:
    """Try until stopped. What it takes is read when there is first something to try."""
    from nephoscope.alerts.tuning.trial import Trials

    holder = new_holder()
    with State.of(settings.data, settings.state) as state:
        trials = Trials(state)
        while not stop.is_set():
            try:
                if trials.next() is not None and (lease := state.leases.take(LEASE, holder, LEASE_SECONDS)):
                    try:
                        _try(settings, state, lease, stop)
                    finally:
                        lease.release()
            except (StateError, LakeError, OSError) as error:
                _LOG.error("looked at again in %.0f s: %s", LOOK_SECONDS, error)
            stop.wait(LOOK_SECONDS)


def work_on_tenants(settings: Settings, stop: threading.Event) -> None:
    """Try tenants until stopped, beside the trials of rules, which may take long."""
    from nephoscope.posture.tenants import make_tests

    with State.of(settings.data, settings.state) as state:
        while not stop.is_set():
            try:
                for name in make_tests(state, settings.data):
                    _LOG.info("tenant %s was tried", name)
            except (StateError, LakeError, OSError) as error:
                _LOG.error("looked at again in %.0f s: %s", LOOK_SECONDS, error)
            stop.wait(LOOK_SECONDS)


def _try(settings: Settings, state: State, lease: Lease, stop: threading.Event) -> None:
    """Do what waits; the lake is open only so long, and the lease is held as long as it takes."""
    from nephoscope.alerts.tuning.trying import Trying
    from nephoscope.lake.lake import Lake

    renewed = time.monotonic()

    def ending() -> bool:
        nonlocal renewed
        if time.monotonic() - renewed > LEASE_SECONDS / 4:
            lease.renew(LEASE_SECONDS)
            renewed = time.monotonic()
        return stop.is_set()

    with Lake.open(settings.data, state) as lake:
        trying = Trying(state, lake)
        while not stop.is_set() and (done := trying.next(ending)) is not None:
            _LOG.info("%s of %s for %s: %s", done.what.value, done.rule, done.by, done.error or "done")


def begin(settings: Settings) -> None:
    """Try until the supervisor ends, or asks for the end."""
    logs.set_up(json_lines=settings.json_logs)
    end_with_parent()
    ending = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ending.set())
    tenants = threading.Thread(target=work_on_tenants, args=(settings, ending), daemon=True)
    tenants.start()
    work(settings, ending)
    tenants.join(LOOK_SECONDS)
