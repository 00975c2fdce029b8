"""A registry that gives no answer is described by the reason, not by the exception of a library."""

from __future__ import annotations

import socket
import ssl

import httpx
import pytest

from nephoscope.collect.images.errors import RegistryUnreachableError
from nephoscope.collect.images.registry import Registry
from nephoscope.collect.images.transport_errors import describe_transport_error


@pytest.mark.parametrize(
    ("cause", "words"),
    [
        (socket.gaierror(-2, "Name or service not known"), "its host name cannot be resolved"),
        (ConnectionRefusedError(111, "Connection refused"), "it refused the connection"),
        (ssl.SSLCertVerificationError(1, "self-signed"), "its certificate is not trusted"),
        (OSError("odd"), "ConnectError: all failed"),
    ],
)
def test_the_cause_is_said_in_words(cause: Exception, words: str) -> None:
    error = httpx.ConnectError("all failed")
    error.__cause__ = cause
    assert describe_transport_error(error) == words


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (httpx.ConnectTimeout(""), "it did not accept a connection in time"),
        (httpx.ReadTimeout(""), "it did not answer in time"),
        (httpx.ReadError(""), "ReadError"),
    ],
)
def test_errors_without_a_cause_are_said_in_words(error: httpx.HTTPError, words: str) -> None:
    assert describe_transport_error(error) == words


def test_a_registry_that_refuses_is_told_with_the_attempts() -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{held.getsockname()[1]}"
        with (
            Registry(host, tries=1) as registry,
            pytest.raises(RegistryUnreachableError, match="after 1 attempt: it refused the connection"),
        ):
            registry.read_manifest("a", "1")
