"""Ingest worker: runs log sources and picks up added or changed ones."""

from __future__ import annotations

import logging
import signal
import threading

from nephoscope.ingest.live.supervisor import SourceSupervisor
from nephoscope.lake.lake import Lake
from nephoscope.serve import process_logs
from nephoscope.serve.parent_watch import end_with_parent
from nephoscope.serve.server_settings import ServeSettings
from nephoscope.state import State
from nephoscope.state.ingestion.sources import Source

LOOK_SECONDS = 5.0
_LOG = logging.getLogger("nephoscope.ingesting")


def list_enabled_sources(state: State) -> list[Source]:
    """The sources that are switched on."""
    return [one for one in state.sources.all() if one.enabled]


def run_ingest_worker(settings: ServeSettings, stop: threading.Event) -> None:
    """Run what is switched on until stopped, anew whenever that changes; the lake is flushed all the while."""
    with State.open_folder(settings.data, settings.state) as state, Lake.open(settings.data, state) as lake:
        lake.writer()
        while not stop.is_set():
            _run_sources(settings, state, lake, stop)


def _run_sources(settings: ServeSettings, state: State, lake: Lake, stop: threading.Event) -> None:
    """Run the sources of now until they change, or the worker is stopped."""
    now = list_enabled_sources(state)
    if not now:
        stop.wait(LOOK_SECONDS)
        return
    running = SourceSupervisor(lake, state, settings.data, say=_LOG.info)
    thread = threading.Thread(target=running.run, args=(now,), name="sources")
    thread.start()
    while thread.is_alive() and not stop.wait(LOOK_SECONDS) and list_enabled_sources(state) == now:
        pass
    running.stop.set()
    thread.join()


def begin(settings: ServeSettings) -> None:
    """Run the sources until the supervisor ends, or asks for the end."""
    process_logs.configure_logging(json_lines=settings.json_logs)
    end_with_parent()
    ending = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ending.set())
    run_ingest_worker(settings, ending)
