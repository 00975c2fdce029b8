"""The worker that does what rules of response and automations ask for, in every workspace."""

from __future__ import annotations

import logging
import signal
import threading

from nephoscope.alerts.response.faults import faults
from nephoscope.alerts.response.responder import Responder, rules_folder
from nephoscope.alerts.response.rule import Asked, rules
from nephoscope.automation.incident_automation import incident_automations
from nephoscope.automation.watch import Watch, automations
from nephoscope.lake.errors import LakeError
from nephoscope.lake.lake import Lake
from nephoscope.lake.state import State, StateError
from nephoscope.posture.published.shelf import Shelf
from nephoscope.serve import logs
from nephoscope.serve.parent import end_with_parent
from nephoscope.serve.settings import Settings

LOOK_SECONDS = 2.0
_LOG = logging.getLogger("nephoscope.responding")


def work(settings: Settings, stop: threading.Event) -> None:
    """Respond until stopped."""
    told: set[str] = set()
    with State.of(settings.data, settings.state) as state, Lake.open(settings.data, state) as lake:
        watch = Watch(settings.data, state, Shelf(settings.data))
        while not stop.is_set():
            try:
                watch.look()
                asked = _asked(state, lake, told)
                for workspace in state.workspaces.all():
                    _respond(Responder(lake, state, workspace.name, asked), stop)
            except (StateError, LakeError, OSError) as error:
                _LOG.error("looked at again in %.0f s: %s", LOOK_SECONDS, error)
            stop.wait(LOOK_SECONDS)


def _asked(state: State, lake: Lake, told: set[str]) -> list[Asked]:
    """The rules and automations, those of Sentinel too; what is wrong with one, or with the operator's file, is told once."""
    found, _ = rules(rules_folder(lake.data))
    several, refused = automations(state, Shelf(lake.data))
    of_incidents, not_understood = incident_automations(state)
    for reason in faults(lake.data) + [f"{key}: {why}" for key, why in refused + not_understood]:
        if reason not in told:
            told.add(reason)
            _LOG.warning("%s", reason)
    return [*found, *several, *of_incidents]


def _respond(responder: Responder, stop: threading.Event) -> None:
    for one in responder.tick():
        _LOG.info("%s: %s: %s: %s", one.rule, one.action, one.status.value, one.detail)
        if stop.is_set():
            break


def begin(settings: Settings) -> None:
    """Respond until the supervisor ends, or asks for the end."""
    logs.set_up(json_lines=settings.json_logs)
    end_with_parent()
    ending = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ending.set())
    work(settings, ending)
