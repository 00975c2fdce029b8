"""Validators of source settings; each error names the setting and the expected value."""

from __future__ import annotations

import os
import re
import ssl
from collections.abc import Iterable
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from nephoscope.connect.cloud import CloudError, load_cloud
from nephoscope.connect.ssrf_guard import is_public
from nephoscope.ingest.source_failures import SourceError, SourceSettingsError

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_HOST = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,252}[A-Za-z0-9])?|\[?[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*\]?")
_GUID = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")


def validate_url(setting: str, text: str, example: str, *, plain: bool = False) -> None:
    """An address over https (with `plain` also http on this machine) without user, query and fragment."""
    try:
        parts = urlsplit(text)
        whole = _HOST.fullmatch(parts.hostname or "") is not None and parts.port != 0
    except ValueError:
        raise SourceSettingsError(f"{setting}: must be {example}") from None
    secure = parts.scheme == "https" or (plain and parts.scheme == "http" and parts.hostname in LOOPBACK)
    if not whole or not secure or re.search(r"\s", text):
        raise SourceSettingsError(
            f"{setting}: must be {example}, not '{text.partition('?')[0].rpartition('@')[2]}'"
        )
    if parts.query or parts.fragment or parts.username is not None:
        raise SourceSettingsError(
            f"{setting}: must be {example} without user, query or fragment; use a secret for credentials"
        )


def validate_public_url(setting: str, text: str) -> None:
    """A URL whose host, where it is an address, is one of the internet; what a name leads to is judged when it is asked."""
    try:
        address = ip_address(urlsplit(text).hostname or "")
    except ValueError:
        return
    if not is_public(address):
        raise SourceSettingsError(
            f"{setting}: {address} is not a public address: an Owner can allow it with the setting private"
        )


def is_host(text: str) -> bool:
    """Return whether a text is a host's name or address, maybe with a port."""
    name, colon, port = text.rpartition(":")
    return _HOST.fullmatch(name if colon and port.isdecimal() else text) is not None


def validate_host_and_port(setting: str, text: str, example: str) -> None:
    """`HOST:PORT` of something to connect to."""
    host, colon, port = text.rpartition(":")
    if (
        not colon
        or not _HOST.fullmatch(host)
        or not port.isascii()
        or not port.isdecimal()
        or not 0 < int(port) < 65536
    ):
        raise SourceSettingsError(
            f"{setting}: must be HOST:PORT with a port of 1 to 65535, as in {example}, not '{text}'"
        )


def validate_guid(setting: str, text: str) -> None:
    """An id as Azure writes it."""
    if not _GUID.fullmatch(text):
        raise SourceSettingsError(
            f"{setting}: must be an id as in 00000000-0000-0000-0000-000000000000, not '{text}'"
        )


def validate_tenant(text: str) -> None:
    """Nothing, an id or a domain."""
    if text and not _GUID.fullmatch(text) and not ("." in text and _HOST.fullmatch(text)):
        raise SourceSettingsError(f"tenant: must be the tenant's ID or one of its domains (got '{text}')")


def validate_cloud(name: str) -> None:
    """A cloud that is known, or a file that describes one."""
    try:
        load_cloud(name)
    except CloudError as error:
        raise SourceSettingsError(f"cloud: {str(error).removeprefix('--cloud ')}") from error


def validate_log_format(name: str) -> None:
    """`auto` or the name of a log format."""
    from nephoscope.ingest.logs.discovery import load_formats

    if name != "auto" and name not in load_formats().names():
        raise SourceSettingsError(
            f"format: unknown format '{name}': use auto or a name from docs/reference/log-formats.md"
        )


def require_filled(setting: str, texts: Iterable[str], what: str) -> None:
    """A list that is not empty and whose elements are not."""
    given = list(texts)
    if not given or not all(given):
        raise SourceSettingsError(f"{setting}: must be {what}")


def validate_file(setting: str, path: str) -> None:
    """Nothing, or a file that is there and may be read."""
    if path and not Path(path).is_file():
        raise SourceError(f"{setting}: {path}: no such file")
    if path and not os.access(path, os.R_OK):
        raise SourceError(f"{setting}: {path}: is not readable by this user")


def validate_authority_file(setting: str, path: str) -> None:
    """Nothing, or a file with certificates to trust, in PEM."""
    validate_file(setting, path)
    if path:
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
        except (OSError, ValueError) as error:
            raise SourceError(f"{setting}: {path}: contains no readable PEM certificate") from error


def validate_certificate(path: str, key: str) -> None:
    """Nothing, or a certificate to show and its private key, which may stand in the same file; in PEM, without a passphrase."""
    pair_of_key(path, key)
    validate_file("certificate", path)
    validate_file("key", key)
    if path:
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(path, key or None, lambda: "none")
        except (OSError, ValueError) as error:
            raise SourceError(
                f"certificate: {path} and {key or 'its key'}: must be a certificate and its private key without a passphrase, in PEM"
            ) from error


def pair_of_key(certificate: str, key: str) -> None:
    """A private key only beside a certificate."""
    if key and not certificate:
        raise SourceSettingsError("key: requires a certificate")
