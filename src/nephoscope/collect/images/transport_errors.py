"""Transport errors of a registry in words: why a request got no answer."""

from __future__ import annotations

import socket
import ssl

import httpx

#: What the system says, in words; the first class that an error or one of its causes has.
_WORDS: tuple[tuple[type[BaseException], str], ...] = (
    (ssl.SSLCertVerificationError, "its certificate is not trusted"),
    (socket.gaierror, "its host name cannot be resolved"),
    (ConnectionRefusedError, "it refused the connection"),
    (ConnectionResetError, "it closed the connection"),
    (ssl.SSLError, "the TLS handshake failed"),
    (httpx.ConnectTimeout, "it did not accept a connection in time"),
    (httpx.TimeoutException, "it did not answer in time"),
    (httpx.RemoteProtocolError, "it closed the connection or broke the protocol"),
)


def describe_transport_error(error: httpx.HTTPError) -> str:
    """Say why a request got no answer, with what the library says where it says more."""
    causes = _list_causes(error)
    for kind, words in _WORDS:
        if any(isinstance(one, kind) for one in causes):
            return words
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def _list_causes(error: BaseException) -> list[BaseException]:
    found: list[BaseException] = []
    at: BaseException | None = error
    while at is not None and at not in found:
        found.append(at)
        at = at.__cause__ or at.__context__
    return found
