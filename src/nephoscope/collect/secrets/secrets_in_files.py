"""Secrets that were left behind in files: where they stand and of which kind they are; the values are never kept."""

from __future__ import annotations

import hmac
import math
import re
from collections import Counter
from collections.abc import Iterator

import msgspec

from nephoscope.collect.secrets.secret_location import SecretPlace
from nephoscope.collect.secrets.secret_rules import (
    CompiledRule,
    build_keyword_index,
    compile_allowed_secrets,
    load_secret_rules,
)

#: Files of more bytes are looked at up to here.
MAX_SIZE = 16_000_000
MAX_FINDINGS = 1_000
_BINARY_HEAD = 8_192


class SecretScan(msgspec.Struct, frozen=True):
    """Result of scanning a file for secrets; `is_complete` is false where the file was too large to scan in full."""

    places: tuple[SecretPlace, ...]
    is_complete: bool = True


def may_hold_secrets(path: str, *, in_tests: bool = False) -> bool:
    """Return whether a file is looked at for secrets by its path: examples, packages of others and by default tests are not."""
    tests, places, _ = compile_allowed_secrets()
    return not places.search(path) and (in_tests or not tests.search(path))


def find_secrets(path: str, content: bytes, *, in_tests: bool = False, key: bytes = b"") -> SecretScan:
    """Find the secrets of a file by the rules of the product; places of tests are looked at where `in_tests` says so.

    With a key each place gets a fingerprint of its secret (HMAC-SHA-256, the first 128 bits in hexadecimal).
    """
    if not may_hold_secrets(path, in_tests=in_tests) or b"\0" in content[:_BINARY_HEAD]:
        return SecretScan(())
    text = content[:MAX_SIZE].decode("utf-8", "replace")
    words = build_keyword_index().find_words(text.lower())
    found: list[SecretPlace] = []
    taken: list[tuple[int, int]] = []
    for rule in load_secret_rules():
        if words.isdisjoint(rule.rule.keywords):
            continue
        for start, end in _find_spans(path, text, rule):
            if rule.rule.generic and any(start < other_end and other < end for other, other_end in taken):
                continue
            taken.append((start, end))
            found.append(_locate_secret(path, text, rule, (start, end), key))
        if len(found) >= MAX_FINDINGS:
            return SecretScan(tuple(sorted(found[:MAX_FINDINGS])), is_complete=False)
    return SecretScan(tuple(sorted(set(found))), len(content) <= MAX_SIZE)


def _find_spans(path: str, text: str, rule: CompiledRule) -> Iterator[tuple[int, int]]:
    if rule.paths and not rule.paths.search(path):
        return
    _, _, values = compile_allowed_secrets()
    for found in rule.pattern.finditer(text):
        group = "secret" if found["secret"] is not None else "secret2"
        value = found[group]
        if values.search(value) or measure_entropy(value) < rule.rule.entropy:
            continue
        yield found.span(group)


def _locate_secret(
    path: str, text: str, rule: CompiledRule, span: tuple[int, int], key: bytes
) -> SecretPlace:
    kept = re.sub(r"\s+\Z", "", text[slice(*span)])
    first = text.count("\n", 0, span[0]) + 1
    last = first + kept.count("\n")
    description = rule.rule
    return SecretPlace(
        path, first, last, description.id, description.title, description.severity, hash_secret(kept, key)
    )


def hash_secret(secret: str, key: bytes) -> str:
    """Return what tells a secret from others without giving it away, '' without a key."""
    return hmac.digest(key, secret.encode("utf-8", "surrogatepass"), "sha256").hex()[:32] if key else ""


def measure_entropy(text: str) -> float:
    """Return the bits a character of a text, by how often each of its characters stands in it."""
    counts = Counter(text)
    return (
        -sum(count / len(text) * math.log2(count / len(text)) for count in counts.values()) if text else 0.0
    )
