"""STIX pattern: the values of its comparisons, as Sentinel lists them (`ipv4-addr:value`, `file:hashes.'SHA-256'`).

One comparison, which nearly all patterns are, is read by a regular expression; everything else by the grammar of stix2-patterns.
"""

from __future__ import annotations

import re
from ipaddress import ip_address, ip_network

from nephoscope.ingest.threat_intelligence.pattern_comparisons import (
    IndicatorComparison,
    PatternError,
    list_comparisons,
    parse_pattern_literal,
)

LONGEST = 16_384
MOST = 1_000
"""Characters of a pattern, and values in it."""
Observable = tuple[str, str]
_STEP = r"(?:[A-Za-z_][A-Za-z0-9_]*|'[^'\\]+')"
_SIMPLE = re.compile(
    rf"\s*\[\s*([A-Za-z_][A-Za-z0-9_-]*):({_STEP}(?:\.{_STEP})*)\s*=\s*('(?:[^'\\]|\\['\\])*')\s*\]\s*"
)  # fmt: skip
_ADDRESSES = {"ipv4-addr:value": 4, "ipv6-addr:value": 6}
#: What may be within a network: an address, or what refers to one.
_WITHIN_NETWORKS = frozenset({*_ADDRESSES, "network-traffic:src_ref.value", "network-traffic:dst_ref.value"})
_HASHES = {"md5": "MD5", "sha-1": "SHA-1", "sha1": "SHA-1", "sha-256": "SHA-256", "sha256": "SHA-256", "sha-512": "SHA-512",
           "sha512": "SHA-512"}  # fmt: skip
HASH_LENGTHS = {"MD5": 32, "SHA-1": 40, "SHA-256": 64, "SHA-512": 128}


def list_observables(text: str) -> tuple[Observable, ...]:
    """The values that a pattern compares for equality, in its order, each once; PatternError where it compares none.

    A pattern that takes several things at once (AND, FOLLOWEDBY, REPEATS), none of them (NOT, !=), or only some time (START) is
    refused: each of its values alone would be a false alarm.
    """
    if len(text) > LONGEST:
        raise PatternError(f"over {LONGEST:,} characters")
    simple = _SIMPLE.fullmatch(text)
    if simple is not None:
        kind, path, value = simple.groups()
        return (
            _build_observable(IndicatorComparison(kind, path.replace("'", ""), parse_pattern_literal(value))),
        )
    found = tuple(dict.fromkeys(_build_observable(one) for one in list_comparisons(text)))
    if not found:
        raise PatternError("the pattern has no equality comparison")
    if len(found) > MOST:
        raise PatternError(f"over {MOST:,} values")
    return found


def _build_observable(one: IndicatorComparison) -> Observable:
    """The key as Sentinel writes it, and the value checked and in one spelling."""
    key, value = f"{one.kind}:{one.path}", one.value.strip()
    if not value:
        raise PatternError(f"{key} is compared with an empty string")
    if one.subset and key not in _WITHIN_NETWORKS:
        raise PatternError(f"ISSUBSET compares addresses, not {key}")
    if one.subset or key in _ADDRESSES:
        return key, _normalize_address(value, _ADDRESSES.get(key))
    if ":hashes." in key:
        return _compute_hash(key, value)
    if one.kind == "domain-name":
        return key, _normalize_domain(value)
    if one.kind == "email-addr":
        return key, value.lower()
    return key, value


def _normalize_domain(value: str) -> str:
    found = value.rstrip(".").lower()
    if not found:
        raise PatternError(f"{value[:60]!r} is not a domain")
    return found


def _normalize_address(value: str, version: int | None) -> str:
    try:
        found = ip_network(value, strict=False) if "/" in value else ip_address(value)
    except ValueError as error:
        raise PatternError(f"{value[:60]!r} is not an address") from error
    if version is not None and found.version != version:
        raise PatternError(f"{value[:60]!r} is not an address of IPv{version}")
    return str(found)


def _compute_hash(key: str, value: str) -> Observable:
    head, _, name = key.partition(":hashes.")
    algorithm = _HASHES.get(name.lower(), name)
    wanted = HASH_LENGTHS.get(algorithm)
    if wanted is not None and re.fullmatch(rf"[0-9A-Fa-f]{{{wanted}}}", value) is None:
        raise PatternError(
            f"{value[:40]!r} is not a hash of {algorithm}: must have {wanted} hexadecimal digits"
        )
    return f"{head}:hashes.'{algorithm}'", value.lower()
