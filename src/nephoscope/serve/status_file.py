"""Status file of the server, written by the supervisor."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

import msgspec

from nephoscope.serve.server_settings import ServeSettings
from nephoscope.server_status import FILE, ProcessStatus, ServerStatus


def make_status_writer(settings: ServeSettings) -> Callable[[Mapping[str, ProcessStatus]], None]:
    """Writes how a server's processes stand."""
    path = settings.data / FILE

    def write_status(processes: Mapping[str, ProcessStatus]) -> ServerStatus:
        place = settings.host, settings.port
        return ServerStatus(
            os.getpid(), settings.certificate, settings.key, *place, processes, str(settings.data.resolve())
        )

    def note(processes: Mapping[str, ProcessStatus]) -> None:
        part = path.with_suffix(f".{os.getpid()}")
        part.write_bytes(msgspec.json.encode(write_status(processes)))
        part.replace(path)

    return note
