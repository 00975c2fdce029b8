"""The worker that watches registries: images are examined, promoted, rejected or held, and examined again."""

from __future__ import annotations

import logging
import signal
import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from nephoscope.collect.malware.errors import MalwareRuleError
from nephoscope.protect.registry.image_examination import Examiner
from nephoscope.protect.registry.registry_settings import RegistrySettingsError, read_settings
from nephoscope.protect.registry.registry_watch import RegistryWatch
from nephoscope.serve import process_logs
from nephoscope.serve.parent_watch import end_with_parent
from nephoscope.service.advisories import get_advisories_path
from nephoscope.service.examinations import describe_engines, load_known_malware
from nephoscope.service.inventories import ImageScan, keep_inventory
from nephoscope.service.product_actor import ProductActor
from nephoscope.service.running_images import record_registry_images
from nephoscope.service.service_context import ServiceContext, get_utc_now
from nephoscope.state import State, StateError
from nephoscope.state.leases.lease_holder import create_holder_name
from nephoscope.state.leases.lease_renewal import Turns
from nephoscope.vulnerability.errors import DatabaseFileError

if TYPE_CHECKING:
    from nephoscope.collect.malware.known_digests import KnownMalware
    from nephoscope.collect.scanning.scan_contents import InventoryContents
    from nephoscope.collect.scanning.scan_options import LookedFor
    from nephoscope.serve.server_settings import ServeSettings
    from nephoscope.state.registries.registry_images import RegistryImage
    from nephoscope.state.registries.watched_registries import WatchedRegistry

LOOK_SECONDS = 2.0
#: How long rules and databases for malware are used before they are read again.
_KEPT = timedelta(minutes=10)
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)
_LOG = logging.getLogger("nephoscope.registries")


@dataclass
class ImageExaminers:
    """Makes what examines images; rules and digests for malware are read anew every ten minutes."""

    settings: ServeSettings
    state: State
    _read: datetime = _NEVER
    _looked_for: LookedFor | None = None
    _known: KnownMalware | None = None

    def create_examiner(self, now: datetime) -> Examiner:
        """Return what examines images at a time; raises MalwareRuleError, StateError."""
        data = self.settings.data
        if self._looked_for is None or now - self._read >= _KEPT:
            self._looked_for = describe_engines(
                data, ("packages", "configuration", "secrets", "malware"), now
            )
            self._known, self._read = load_known_malware(self.state, now), now
        layers = data / "inventory" / "layers"
        return Examiner(layers, get_advisories_path(data), now, self._looked_for, self._known)

    def keep(
        self, watched: WatchedRegistry, image: RegistryImage, digest: str, contents: InventoryContents
    ) -> None:
        """Keep what an image holds with its vulnerabilities; what cannot be kept is logged, as the verdict stands without it."""
        context = ServiceContext(ProductActor("registries"), self.state, self.settings.data)
        resource = read_settings(watched.settings).resource_id
        scan = ImageScan(
            contents, context.now, image.repository, digest, watched.address, image.tags, resource_id=resource
        )
        try:
            keep_inventory(context, scan)
        except StateError as error:
            _LOG.error("%s of %s: its packages were not stored: %s", image.name, watched.name, error)

    def poll(self, watched: WatchedRegistry) -> None:
        """Keep what a registry holds; what cannot be kept is logged, as its images are watched without it."""
        context = ServiceContext(ProductActor("registries"), self.state, self.settings.data)
        try:
            record_registry_images(context, watched)
        except StateError as error:
            _LOG.error("%s: the list of its images was not stored: %s", watched.name, error)


def run_registry_worker(settings: ServeSettings, stop: threading.Event) -> None:
    """Watch every registry that is enabled until stopped, each by one process at a time."""
    with (
        State.open_folder(settings.data, settings.state) as state,
        Turns(state.leases, create_holder_name()) as turns,
    ):
        examiners = ImageExaminers(settings, state)
        watch = RegistryWatch(
            state, examiners.create_examiner, get_utc_now, stop.is_set, examiners.keep, examiners.poll
        )
        while not stop.is_set():
            taken = 0
            try:
                taken = _poll_registries(state, turns, watch)
            except (StateError, OSError) as error:
                _LOG.error("next check in %.0f s: %s", LOOK_SECONDS, error)
            if not taken:
                stop.wait(LOOK_SECONDS)


def _poll_registries(state: State, turns: Turns, watch: RegistryWatch) -> int:
    """Look at each registry once, and return how many images went on their way."""
    taken = 0
    for watched in state.watched_registries.all():
        if not watched.enabled:
            continue
        with turns.acquire(f"registry {watched.name}") as lease:
            if lease is None:
                continue
            try:
                taken += watch.look(watched, lease)
            except (StateError, RegistrySettingsError, DatabaseFileError, MalwareRuleError) as error:
                if watch.store_fault(watched, str(error)):
                    _LOG.error("%s: next check in %.0f s: %s", watched.name, LOOK_SECONDS, error)
    return taken


def begin(settings: ServeSettings) -> None:
    """Watch registries until the supervisor ends, or asks for the end."""
    process_logs.configure_logging(json_lines=settings.json_logs)
    end_with_parent()
    ending = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ending.set())
    run_registry_worker(settings, ending)
