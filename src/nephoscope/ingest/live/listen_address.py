"""Addresses to listen on, as settings write them."""

from __future__ import annotations

from nephoscope.ingest.source_failures import SourceSettingsError


def parse_listen_address(text: str, what: str) -> tuple[str, int]:
    """`host:port` or `[v6 address]:port`; SourceSettingsError for anything else. Port 0 lets the system choose."""
    host, colon, port = text.rpartition(":")
    host = host.strip("[]") if host.startswith("[") else host
    if not colon or not host or not port.isdecimal() or int(port) > 65535:
        raise SourceSettingsError(
            f"{what}: must be ADDRESS:PORT, such as 0.0.0.0:514 or [::]:514, not '{text}'"
        )
    return host, int(port)
