"""What a STIX pattern looks for: the values of its comparisons, as Sentinel lists them (`ipv4-addr:value`, `file:hashes.'SHA-256'`).

Source: STIX 2.1 section 9 (https://docs.oasis-open.org/cti/stix/v2.1/os/stix-v2.1-os.html). One comparison, which nearly all patterns
are, is read by a regular expression; everything else by the grammar of stix2-patterns.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import ip_address, ip_network
from typing import Any

LONGEST = 16_384
MOST = 1_000
"""Characters of a pattern, and values in it."""
Observable = tuple[str, str]
_SIMPLE = re.compile(
    r"\s*\[\s*([a-z0-9-]+):([A-Za-z0-9_.'-]+)\s*=\s*'((?:[^'\\]|\\['\\])*)'\s*\]\s*"
)  # fmt: skip
_CIDR_KEYS = frozenset({"ipv4-addr:value", "ipv6-addr:value"})
_HASHES = {"md5": "MD5", "sha-1": "SHA-1", "sha1": "SHA-1", "sha-256": "SHA-256", "sha256": "SHA-256", "sha-512": "SHA-512",
           "sha512": "SHA-512"}  # fmt: skip
HASH_LENGTHS = {"MD5": 32, "SHA-1": 40, "SHA-256": 64, "SHA-512": 128}


class PatternError(ValueError):
    """A pattern that cannot be used: what is wrong, with its place."""


def observables(text: str) -> tuple[Observable, ...]:
    """The values that a pattern compares for equality, in its order, each once; PatternError where it compares none.

    A pattern that takes two things at once (AND, FOLLOWEDBY) or none of them (NOT, !=) is refused: each of its values alone would be
    a false alarm.
    """
    if len(text) > LONGEST:
        raise PatternError(f"over {LONGEST:,} characters")
    simple = _SIMPLE.fullmatch(text)
    if simple is not None:
        kind, path, value = simple.groups()
        return (_observable(kind, path, re.sub(r"\\(['\\])", r"\1", value)),)
    found = tuple(dict.fromkeys(_parsed(text)))
    if not found:
        raise PatternError("it compares nothing for equality")
    if len(found) > MOST:
        raise PatternError(f"over {MOST:,} values")
    return found


def _parsed(text: str) -> Iterator[Observable]:
    from stix2patterns.exceptions import ParseException
    from stix2patterns.v21.pattern import Pattern

    try:
        data = Pattern(text).inspect()
    except ParseException as error:
        raise PatternError(str(error)) from error
    except RecursionError as error:
        raise PatternError("nested too deeply") from error
    if data.observation_ops - {"OR"}:
        raise PatternError(
            f"{', '.join(sorted(map(str, data.observation_ops)))} of several observations is not matched"
        )
    if _joined_by_and(text):
        raise PatternError("values that must all be there (AND) are not matched")
    for kind, several in data.comparisons.items():
        for path, operator, value in several:
            yield from _compared(kind, path, str(operator), value)


def _joined_by_and(text: str) -> bool:
    """Whether AND stands outside of the texts of a pattern."""
    return re.search(r"\bAND\b", re.sub(r"'(?:[^'\\]|\\.)*'", "''", text)) is not None


def _compared(kind: str, path: list[Any], operator: str, value: str) -> Iterator[Observable]:
    if operator == "=":
        values = [value]
    elif operator == "IN":
        values = re.findall(r"'(?:[^'\\]|\\.)*'|[^\s,()]+", value)
    elif operator == "ISSUBSET":
        values = [value]
    else:
        raise PatternError(f"the comparison {operator} is not matched; =, IN and ISSUBSET are")
    name = ".".join(str(one) for one in path)
    for one in values:
        yield _observable(kind, name, _text(one))


def _text(literal: str) -> str:
    if literal.startswith("'") and literal.endswith("'"):
        return re.sub(r"\\(['\\])", r"\1", literal[1:-1])
    return literal


def _observable(kind: str, path: str, value: str) -> Observable:
    """The key as Sentinel writes it, and the value checked and in one spelling."""
    key = f"{kind}:{path.replace(chr(39), '')}"
    value = value.strip()
    if not value:
        raise PatternError(f"{key} is compared with an empty text")
    if key in _CIDR_KEYS:
        return key, _address(value)
    if ":hashes." in key:
        return _hash(key, value)
    if kind == "domain-name":
        return key, value.rstrip(".").lower()
    if kind == "email-addr":
        return key, value.lower()
    return key, value


def _address(value: str) -> str:
    try:
        return str(ip_network(value, strict=False)) if "/" in value else str(ip_address(value))
    except ValueError as error:
        raise PatternError(f"{value[:60]!r} is no address") from error


def _hash(key: str, value: str) -> Observable:
    head, _, name = key.partition(":hashes.")
    algorithm = _HASHES.get(name.lower(), name)
    wanted = HASH_LENGTHS.get(algorithm)
    if wanted is not None and re.fullmatch(rf"[0-9A-Fa-f]{{{wanted}}}", value) is None:
        raise PatternError(f"{value[:40]!r} is no {algorithm}: {wanted} hexadecimal digits are")
    return f"{head}:hashes.'{algorithm}'", value.lower()
