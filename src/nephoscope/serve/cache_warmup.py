"""Cache warmup: prepare pages of an evaluation at startup and before it becomes current."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING

import duckdb

from nephoscope.estate.estate_store import StoreError
from nephoscope.lake.errors import LakeError
from nephoscope.model.read_scope import EVERYTHING
from nephoscope.web.all_pages import list_pages
from nephoscope.web.visits.tag_scopes import list_tag_scopes

if TYPE_CHECKING:
    from nephoscope.entity_context import EntityContexts
    from nephoscope.posture.published.published_snapshot import PublishedSnapshot
    from nephoscope.posture.published.snapshot_cache import PublishedSnapshotCache

LOOK_SECONDS = 1.0
_LOG = logging.getLogger("nephoscope.serve")


def warm_caches(snapshot: PublishedSnapshot) -> None:
    """Make the copy that lists are made from, what pages show of the whole estate, and the tags that the picker of each has.

    LakeError or duckdb.Error where there is no room for it.
    """
    _ = snapshot.build_info, snapshot.types
    list_tag_scopes(snapshot, EVERYTHING)
    for page in list_pages():
        if page.ahead is not None:
            page.ahead(snapshot, EVERYTHING)


def keep_warm(snapshots: PublishedSnapshotCache, contexts: EntityContexts) -> None:
    """Look for newer editions and estates from threads for as long as the process runs; no request waits for one to be made ready."""
    snapshots.make_ready(warm_caches)
    for look, of in ((_warm_snapshot, snapshots), (_refresh_entity_contexts, contexts)):
        threading.Thread(target=look, args=(of,), name="warming", daemon=True).start()


def _warm_snapshot(snapshots: PublishedSnapshotCache) -> None:
    begun = False
    while True:
        try:
            snapshot = snapshots.load_newest()
            if snapshot is not None and not begun:
                begun = True
                warm_caches(snapshot)
        except (LakeError, duckdb.Error) as error:  # whoever asks is told as well
            _LOG.warning("the published assessment cannot be read: %s", error)
        time.sleep(LOOK_SECONDS)


def _refresh_entity_contexts(contexts: EntityContexts) -> None:
    while True:
        try:
            contexts.refresh()
        except (StoreError, LakeError, duckdb.Error) as error:  # whoever asks is told as well
            _LOG.warning("the estate cannot be read: %s", error)
        time.sleep(LOOK_SECONDS)
