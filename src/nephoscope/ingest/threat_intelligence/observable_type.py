"""Observable type of a plain value: address, network, URL, domain, e-mail address, file hash or JA4 fingerprint."""

from __future__ import annotations

import re
from ipaddress import ip_address, ip_network

from nephoscope.ingest.threat_intelligence.defanging import refang
from nephoscope.ingest.threat_intelligence.stix_pattern import HASH_LENGTHS

_DOMAIN = re.compile(
    r"(?=.{4,253}\Z)(?:[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9])?\.)+(?:[A-Za-z]{2,63}|xn--[A-Za-z0-9-]{1,59})"
)
_MAIL = re.compile(r"[^@\s]{1,64}@[^@\s]{3,253}")
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{1,20}://\S{3,8000}")
#: JA4 of a TLS client: protocol, version, what it offers, and two parts of digests.
_JA4 = re.compile(r"[tqd](?:\d\d|s[23]|d[123])[di]\d{4}[0-9A-Za-z]{2}_[0-9a-f]{12}_[0-9a-f]{12}")
_HASHES = {length: name for name, length in HASH_LENGTHS.items()}
LONGEST = 8_192


def guess_pattern(text: str) -> str | None:
    """The STIX pattern that looks for a value, None where it looks like none."""
    value = refang(text)
    if not value or len(value) > LONGEST:
        return None
    kind = _detect_address(value) or _detect_hash(value)
    if kind is None:
        kind = "url:value" if _URL.fullmatch(value) else None
    if kind is None:
        kind = "network-traffic:x_ja4" if _JA4.fullmatch(value) else None
    if kind is None:
        kind = "email-addr:value" if _MAIL.fullmatch(value) else None
    if kind is None:
        kind = "domain-name:value" if _DOMAIN.fullmatch(value.rstrip(".")) else None
    return None if kind is None else make_pattern(kind, value)


def make_pattern(key: str, value: str) -> str:
    """The pattern of one comparison."""
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"[{key} = '{escaped}']"


def _detect_address(value: str) -> str | None:
    try:
        version = ip_network(value, strict=False).version if "/" in value else ip_address(value).version
    except ValueError:
        return None
    return f"ipv{version}-addr:value"


def _detect_hash(value: str) -> str | None:
    name = _HASHES.get(len(value))
    if name is None or re.fullmatch(r"[0-9A-Fa-f]+", value) is None:
        return None
    return f"file:hashes.'{name}'"
