"""Observables of a capture: the values of its packets that threat intelligence may know."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nephoscope.protect.capture.capture_summary import CaptureSummary

#: Kinds of names that are compared, by the word for one of them.
NAMED = {
    "dns_names": "DNS name", "http_hosts": "HTTP host", "http_uris": "HTTP URI", "tls_names": "TLS server name", "ja4": "JA4",
    "ja3": "JA3", "ja3s": "JA3S",
}  # fmt: skip
ADDRESS = "Address"


def list_observables(summary: CaptureSummary) -> dict[str, set[str]]:
    """Return the values of a capture in lower case, each with the kinds that it was seen as."""
    found: dict[str, set[str]] = {}
    for text, kind in _list_values(summary):
        found.setdefault(text, set()).add(kind)
    return found


def _list_values(summary: CaptureSummary) -> Iterator[tuple[str, str]]:
    for _, source, target in summary.flows:
        yield source[0].lower(), ADDRESS
        yield target[0].lower(), ADDRESS
    for kind, word in NAMED.items():
        for text in summary.names.get(kind, ()):
            yield _normalize_observable(kind, text), word


def _normalize_observable(kind: str, text: str) -> str:
    """A name as indicators write it: without the point at its end, a host without its port."""
    found = text.strip().lower().rstrip(".")
    host, colon, port = found.rpartition(":")
    return host.strip("[]") if kind == "http_hosts" and colon and port.isdecimal() else found
