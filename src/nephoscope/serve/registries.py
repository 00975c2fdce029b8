"""The worker that watches registries: images are examined, promoted, rejected or held, and examined again."""

from __future__ import annotations

import logging
import signal
import threading
from datetime import UTC, datetime

from nephoscope.collect.scanning.layer_cache import LayerFolder
from nephoscope.protect.registry.examination import Examiner
from nephoscope.protect.registry.registry_settings import RegistrySettingsError
from nephoscope.protect.registry.watch import RegistryWatch
from nephoscope.serve import logs
from nephoscope.serve.parent import end_with_parent
from nephoscope.serve.settings import Settings
from nephoscope.service.advisories import advisories_path
from nephoscope.state import State, StateError
from nephoscope.state.leases.holder import new_holder
from nephoscope.state.leases.turns import Turns
from nephoscope.vulnerability.errors import DatabaseFileError

LOOK_SECONDS = 2.0
_LOG = logging.getLogger("nephoscope.registries")


def work(settings: Settings, stop: threading.Event) -> None:
    """Watch every registry that is enabled until stopped, each by one process at a time."""
    layers = LayerFolder(settings.data / "inventory" / "layers")
    with State.of(settings.data, settings.state) as state, Turns(state.leases, new_holder()) as turns:
        watch = RegistryWatch(
            state,
            lambda now: Examiner(layers, advisories_path(settings.data), now),
            lambda: datetime.now(UTC),
            stop.is_set,
        )
        while not stop.is_set():
            taken = 0
            try:
                taken = _look(state, turns, watch)
            except (StateError, OSError) as error:
                _LOG.error("looked at again in %.0f s: %s", LOOK_SECONDS, error)
            if not taken:
                stop.wait(LOOK_SECONDS)


def _look(state: State, turns: Turns, watch: RegistryWatch) -> int:
    """Look at each registry once, and return how many images went on their way."""
    taken = 0
    for watched in state.watched_registries.all():
        if not watched.enabled:
            continue
        with turns.take(f"registry {watched.name}") as lease:
            if lease is None:
                continue
            try:
                taken += watch.look(watched, lease)
            except (StateError, RegistrySettingsError, DatabaseFileError) as error:
                _LOG.error("%s: looked at again in %.0f s: %s", watched.name, LOOK_SECONDS, error)
    return taken


def begin(settings: Settings) -> None:
    """Watch registries until the supervisor ends, or asks for the end."""
    logs.set_up(json_lines=settings.json_logs)
    end_with_parent()
    ending = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ending.set())
    work(settings, ending)
