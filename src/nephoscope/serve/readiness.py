"""Readiness of a server: checks of its ability to answer and to store what it receives. The checks write nothing."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from nephoscope.api.wire.unavailable_response import make_unavailable_error
from nephoscope.lake.spool.segments import compute_spool_size
from nephoscope.lake.writing.writer import RESERVE, SPOOL_LIMIT
from nephoscope.state import StateError
from nephoscope.state.database.disk_full_fallback import LEAST
from nephoscope.state.database.retry import run_with_one_retry

if TYPE_CHECKING:
    from nephoscope.instance import Instance


def list_unready_reasons(instance: Instance) -> Iterator[str]:
    """Explain why requests cannot be answered, or records not be taken; nothing where both can."""
    try:
        run_with_one_retry(instance.state.workspaces.get)
        run_with_one_retry(instance.state.database.require_writable)
    except StateError as error:  # anybody may ask, so that where it is kept is for the log alone
        yield f"state: {make_unavailable_error(error).message}"
    if instance.lake.failure is not None:
        yield f"lake: {instance.lake.failure}"
    places = {instance.data: RESERVE}
    if (file := instance.state.database.file) is not None and file.parent != instance.data:
        places[file.parent] = LEAST
    for place, least in places.items():
        if why := explain_missing_space(place, least):
            yield f"disk: {place}: {why}"
    if (waiting := compute_spool_size(instance.data)) >= SPOOL_LIMIT:
        yield f"spool: {waiting >> 20} MiB wait to be taken into tables, which is its limit; the log says why they are not"


def explain_missing_space(place: Path, least: int) -> str:
    """Explain why nothing can be written at a place of which so many bytes are kept free; '' where it can."""
    try:
        found = os.statvfs(place)
    except OSError as error:
        return f"it cannot be read: {error.strerror}"
    if found.f_flag & os.ST_RDONLY:
        return "the disk is read-only"
    if found.f_files and not found.f_favail:
        return "the disk is full; free some space"
    free = found.f_bavail * found.f_frsize
    if free < least:
        return f"the disk has {free >> 20} MiB left, and {least >> 20} MiB are kept free; make room"
    return ""
