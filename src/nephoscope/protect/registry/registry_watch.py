"""Registry watch: poll a registry, process its images and reexamine old ones."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from nephoscope.collect.images.errors import ImageError
from nephoscope.protect.registry.image_events import PRODUCT, requeue_image
from nephoscope.protect.registry.image_examination import Examiner
from nephoscope.protect.registry.image_import import import_requests
from nephoscope.protect.registry.image_lifecycle import ImageWorkflow, Keep
from nephoscope.protect.registry.registry_connection import connect
from nephoscope.protect.registry.registry_settings import RegistrySettings, read_settings
from nephoscope.protect.registry.tag_polling import poll_tags

if TYPE_CHECKING:
    from nephoscope.collect.images.registry import Registry
    from nephoscope.state import State
    from nephoscope.state.leases.leases import Lease
    from nephoscope.state.registries.watched_registries import WatchedRegistry

#: Images that are taken on their way in a round, and that are asked for anew.
_ROUND, _OUTDATED = 50, 200
#: Checkpoints of registries: when each was polled the last time, and what was wrong then.
POLLED = "registry-polled"
_RETRY = timedelta(minutes=1)
_LOG = logging.getLogger("nephoscope.registries")


@dataclass(slots=True)
class RegistryWatch:
    """One registry as a worker watches it.

    `examiner_at` makes what examines images at a time, `keep` is as of a Journey; `polled` is told of
    a registry that was polled in full.
    """

    state: State
    examiner_at: Callable[[datetime], Examiner]
    clock: Callable[[], datetime]
    ending: Callable[[], bool] = field(default=lambda: False)
    keep: Keep = field(default=lambda _watched, _image, _digest, _contents: None)
    polled: Callable[[WatchedRegistry], None] = field(default=lambda _: None)

    def look(self, watched: WatchedRegistry, lease: Lease) -> int:
        """Poll when it is time, and take what is due on its way; returns how many images were. Raises StateError, LeaseLostError."""
        taken = self._poll_registry(watched, lease)
        self.store_fault(watched, "")
        return taken

    def store_fault(self, watched: WatchedRegistry, error: str) -> bool:
        """Keep what keeps a registry from being looked at ('' = nothing), for people to see; returns whether it is news."""
        error = error[:2000]
        last = self.state.checkpoints.get(POLLED, watched.name) or {}
        if last.get("fault", "") == error:
            return False
        at = last.get("at") or self.clock().isoformat()
        self.state.checkpoints.put(POLLED, watched.name, {"at": at, "error": error, "fault": error})
        return True

    def _poll_registry(self, watched: WatchedRegistry, lease: Lease) -> int:
        settings, now = read_settings(watched.settings), self.clock()
        examiner = self.examiner_at(now)
        self._requeue_outdated_images(watched, settings, examiner.generation, now)
        self._expire_requests(now)
        due = self.state.registry_images.due(watched.name, now, _ROUND)
        requests = self.state.image_requests.due(watched.name, now, _ROUND)
        polls = self._is_time(watched, settings, now)
        if not (due or requests or polls):
            return 0
        with connect(self.state, watched) as registry:
            if requests:
                import_requests(self.state, watched, settings, registry, lease, self.clock, requests)
            if polls:
                self._poll(watched, settings, registry, lease)
            if polls or requests:
                due = self.state.registry_images.due(watched.name, self.clock(), _ROUND)
            journey = ImageWorkflow(
                self.state, watched, settings, registry, examiner, lease, self.clock, self.keep
            )
            for image in due:
                if self.ending():
                    break
                journey.advance_image(image)
        return len(due) + len(requests)

    def _requeue_outdated_images(
        self, watched: WatchedRegistry, settings: RegistrySettings, generation: int, now: datetime
    ) -> None:
        """Ask for images anew that were examined too long ago, or by advisories of before the last import."""
        before = now - timedelta(hours=settings.rescan_hours)
        images = self.state.registry_images
        with self.state.reading() as session:
            if not images.list_outdated_images(session, watched.name, before, generation, 1):
                return
        with self.state.transaction(product=PRODUCT) as session:
            for image in images.list_outdated_images(session, watched.name, before, generation, _OUTDATED):
                images.put(session, requeue_image(image, "rescan", now))

    def _expire_requests(self, now: datetime) -> None:
        if self.state.image_requests.has_expired(now):
            with self.state.transaction(product=PRODUCT) as session:
                self.state.image_requests.expire(session, now)

    def _is_time(self, watched: WatchedRegistry, settings: RegistrySettings, now: datetime) -> bool:
        if not settings.polling_minutes:
            return False
        last = self.state.checkpoints.get(POLLED, watched.name) or {}
        wait = _RETRY if last.get("error") else timedelta(minutes=settings.polling_minutes)
        return not last or now - datetime.fromisoformat(last["at"]) >= wait

    def _poll(
        self, watched: WatchedRegistry, settings: RegistrySettings, registry: Registry, lease: Lease
    ) -> None:
        error = ""
        try:
            found = poll_tags(self.state, watched, settings, registry, lease, self.clock, self.ending)
            if found:
                _LOG.info("%s: %d images that no event told of", watched.name, found)
            self.polled(watched)
        except ImageError as fault:
            error = str(fault)[:2000]
            _LOG.error("%s could not be polled: %s", watched.name, error)
        self.state.checkpoints.put(
            POLLED, watched.name, {"at": self.clock().isoformat(), "error": error, "fault": ""}
        )
