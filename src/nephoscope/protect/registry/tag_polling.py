"""Tag polling: find changed tags of watched repositories that no event reported."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING

from nephoscope.collect.images.errors import ImageNotFoundError
from nephoscope.collect.images.registry_writing import find_manifest
from nephoscope.protect.registry.image_events import PRODUCT, store_found_tag

if TYPE_CHECKING:
    from nephoscope.collect.images.registry import Registry
    from nephoscope.protect.registry.registry_settings import RegistrySettings
    from nephoscope.state import State
    from nephoscope.state.leases.leases import Lease
    from nephoscope.state.registries.watched_registries import WatchedRegistry

#: Repositories and tags that a poll looks at, at most: what lists without end is stopped, and told.
MOST_REPOSITORIES, MOST_TAGS = 20_000, 50_000
_BATCH = 100
_LOG = logging.getLogger("nephoscope.registries")


def poll_tags(
    state: State,
    watched: WatchedRegistry,
    settings: RegistrySettings,
    registry: Registry,
    lease: Lease,
    clock: Callable[[], datetime],
    ending: Callable[[], bool] = lambda: False,
) -> int:
    """Take in every tag of the repositories that are watched, and return how many images wait now that no event told of.

    Raises ImageError where the registry does not answer or lists nothing, LeaseLostError.
    """
    found = _list_tags(registry, settings)
    waiting = 0
    while not ending() and (batch := list(islice(found, _BATCH))):
        with state.transaction(product=PRODUCT) as session:
            lease.check(session)
            for repository, tag, digest in batch:
                waiting += store_found_tag(state, session, watched, repository, tag, digest, clock())
    return waiting


def _list_tags(registry: Registry, settings: RegistrySettings) -> Iterator[tuple[str, str, str]]:
    """Yield repositories, tags and digests; what goes while it is listed is left out."""
    for repository in _limit_names(registry.list_repositories(), MOST_REPOSITORIES, registry.host):
        if not settings.watches(repository):
            continue
        try:
            tags = list(
                _limit_names(registry.list_tags(repository), MOST_TAGS, f"{registry.host}/{repository}")
            )
        except ImageNotFoundError:
            continue
        for tag in tags:
            if (head := find_manifest(registry, repository, tag)) is not None:
                yield repository, tag, head.digest


def _limit_names(names: Iterator[str], most: int, what: str) -> Iterator[str]:
    yield from islice(names, most)
    if next(names, None) is not None:
        _LOG.error(
            "%s lists more than %d names: the rest is not polled; select fewer repositories", what, most
        )
