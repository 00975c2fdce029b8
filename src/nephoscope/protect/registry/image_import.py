"""Imports public images that were asked for and approved into quarantine: every part of them, streamed and checked."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from nephoscope.collect.images.credentials import find_credential
from nephoscope.collect.images.documents import SCHEMA_1_TYPES
from nephoscope.collect.images.errors import ImageError, RegistryUnreachableError
from nephoscope.collect.images.image_name import ImageReference
from nephoscope.collect.images.registry import Registry
from nephoscope.collect.images.registry_writing import has_blob, put_manifest, upload_blob
from nephoscope.model.wildcard import matches_wildcard
from nephoscope.protect.registry.image_events import PRODUCT, store_imported_image
from nephoscope.protect.registry.image_tree import ImageTree, read_tree
from nephoscope.state.registries.image_requests import ImageRequest, RequestStatus

if TYPE_CHECKING:
    from nephoscope.protect.registry.registry_settings import RegistrySettings
    from nephoscope.state import State
    from nephoscope.state.leases.leases import Lease
    from nephoscope.state.registries.watched_registries import WatchedRegistry

#: Bytes of an image with all of its machines.
MOST_BYTES = 68_719_476_736
_MOST_TRIES = 5
_FIRST_WAIT = timedelta(minutes=1)
_LOG = logging.getLogger("nephoscope.registries")


def choose_destination(settings: RegistrySettings, reference: ImageReference) -> tuple[str, str]:
    """Return the repository of quarantine and the tag that an image is imported to; raises ImageError where it may not be.

    Only hosts that the registry's settings name may be asked, so that nobody has the server ask others.
    """
    if not any(matches_wildcard(reference.host, one) for one in settings.request_registries):
        allowed = ", ".join(settings.request_registries) or "none"
        raise ImageError(f"images of {reference.host} cannot be requested; allowed: {allowed}")
    if not settings.quarantine:
        raise ImageError("the registry has no quarantine to import images into")
    prefix = settings.quarantine[0].quarantine.removesuffix("*")
    host = reference.host.replace(":", "-").strip("[]").lower()
    tag = reference.tag or f"digest-{reference.digest.partition(':')[2][:12]}"
    return f"{prefix}{host}/{reference.repository}", tag


def import_requests(
    state: State,
    watched: WatchedRegistry,
    settings: RegistrySettings,
    target: Registry,
    lease: Lease,
    clock: Callable[[], datetime],
    requests: Sequence[ImageRequest],
) -> None:
    """Import what was approved; what cannot be is tried again some times, then failed. Raises LeaseLostError, StateError."""
    for request in requests:
        try:
            digest = import_image(settings, request, target)
        except ImageError as error:
            changed = _record_failure(request, error, clock())
        else:
            changed = replace(request, status=RequestStatus.IMPORTED, digest=digest, error="")
        with state.transaction(product=PRODUCT) as session:
            lease.check(session)
            if state.image_requests.lock(session, request.id).status is not RequestStatus.APPROVED:
                continue
            state.image_requests.put(session, changed)
            if changed.status is RequestStatus.IMPORTED:
                store_imported_image(
                    state, session, watched, request.repository, request.tag, changed.digest, clock()
                )


def import_image(settings: RegistrySettings, request: ImageRequest, target: Registry) -> str:
    """Copy an image with all of its machines into quarantine, and return its digest; raises ImageError."""
    reference = ImageReference.parse(request.image)
    choose_destination(settings, reference)  # what may be asked for may have changed since
    with Registry(reference.address, find_credential(reference.host), tries=1) as source:
        tree = read_tree(source, reference.repository, reference.version)
        _check_image_tree(tree, request.image)
        for document in tree.documents:
            for blob in document.blobs:
                if blob.urls or has_blob(target, request.repository, blob.digest):
                    continue
                with source.open_blob(reference.repository, blob) as stream:
                    upload_blob(target, request.repository, blob, stream)
            put_manifest(target, request.repository, document.digest, document.content, document.media_type)
        root = tree.root
        put_manifest(target, request.repository, request.tag, root.content, root.media_type)
    return root.digest


def _check_image_tree(tree: ImageTree, what: str) -> None:
    if any(one.media_type in SCHEMA_1_TYPES for one in tree.documents):
        raise ImageError(f"{what} has a manifest of schema 1, which cannot be copied under its digest")
    blobs = {one.digest: one for document in tree.documents for one in document.blobs}
    if unsized := next((one.digest for one in blobs.values() if one.size <= 0), None):
        raise ImageError(f"{what} does not say how large {unsized} is")
    whole = sum(one.size for one in blobs.values())
    if whole > MOST_BYTES:
        raise ImageError(f"{what} has {whole} bytes, more than {MOST_BYTES}")


def _record_failure(request: ImageRequest, error: ImageError, now: datetime) -> ImageRequest:
    attempts = request.attempts + 1
    _LOG.warning("%s could not be imported: %s", request.image, error)
    again = isinstance(error, RegistryUnreachableError) and attempts < _MOST_TRIES
    return replace(
        request, attempts=attempts, error=str(error)[:2000], due=now + _FIRST_WAIT * 2 ** (attempts - 1),
        status=RequestStatus.APPROVED if again else RequestStatus.FAILED,
    )  # fmt: skip
