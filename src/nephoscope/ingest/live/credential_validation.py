"""Credential validation: minimum form of a secret; errors name the secret, never its value.

Sources: https://learn.microsoft.com/rest/api/storageservices/create-account-sas, .../create-service-sas,
https://learn.microsoft.com/azure/event-hubs/event-hubs-get-connection-string, RFC 4616, RFC 9110 section 5.5
"""

from __future__ import annotations

import base64
import binascii
import re
from datetime import datetime
from urllib.parse import parse_qsl

from nephoscope.ingest.live import validators
from nephoscope.ingest.source_failures import SourceSettingsError
from nephoscope.model.utc_time import assume_utc

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_CONNECTION = "Endpoint=sb://NAMESPACE.servicebus.windows.net/;SharedAccessKeyName=NAME;SharedAccessKey=KEY"


def validate_account_key(name: str, text: str) -> None:
    """A key of a storage account: base64."""
    try:
        key = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not key:
        raise SourceSettingsError(f"{name}: must be the key alone, in base64 as the portal shows it")


def validate_sas(name: str, text: str, now: datetime, *, lists_containers: bool) -> None:
    """A shared access signature that reads and lists blobs, and with `lists_containers` the containers, at `now`."""
    given = dict(parse_qsl(text.removeprefix("?")))
    if "sig" not in given or "sv" not in given:
        raise SourceSettingsError(
            f"{name}: must be a shared access signature, as in sv=...&sp=rl&se=...&sig=..., without the address before it"
        )
    for key, letters, what in (
        ("sp", "rl", "the permissions read and list"),
        ("ss", "b", "the service blob"),
        ("srt", "sco" if lists_containers else "co", "the resource types of what is listed and read"),
    ):
        # what a stored access policy says stands in the account
        if key in given and not set(letters) <= set(given[key]):
            raise SourceSettingsError(
                f"{name}: must have {what} ({key}={letters}), not {key}={given[key][:20]}"
            )
    if "se" in given and _parse_time(name, given["se"]) <= now:
        raise SourceSettingsError(f"{name}: expired ({given['se'][:40]}): use a valid one")


def _parse_time(name: str, text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise SourceSettingsError(
            f"{name}: must have an expiry time, as in se=2030-01-31T00:00:00Z"
        ) from None
    return assume_utc(found)


def validate_connection_string(name: str, text: str) -> None:
    """A connection string of a namespace of Event Hubs or of a hub."""
    parts = dict(part.partition("=")[::2] for part in text.strip().strip(";").split(";"))
    known = {key.strip().lower(): value.strip() for key, value in parts.items()}
    host = known.get("endpoint", "").removeprefix("sb://").rstrip("/")
    key = known.get("sharedaccesskeyname") and known.get("sharedaccesskey")
    if (
        not known.get("endpoint", "").startswith("sb://")
        or not validators.is_host(host)
        or not (key or known.get("sharedaccesssignature"))
        or _CONTROL.search(text)
    ):
        raise SourceSettingsError(f"{name}: must be a connection string, as in {_CONNECTION}")


def validate_sasl(name: str, text: str) -> None:
    """A user or a password of SASL PLAIN and SCRAM, neither of which takes control characters."""
    if _CONTROL.search(text):
        raise SourceSettingsError(f"{name}: must not contain line breaks or other control characters")


def validate_header(name: str, text: str) -> None:
    """Validate a value for a request header. Raises SourceSettingsError."""
    if not text.isascii() or _CONTROL.search(text) or text != text.strip():
        raise SourceSettingsError(
            f"{name}: must contain only ASCII letters, digits and symbols, without line breaks or surrounding spaces"
        )
