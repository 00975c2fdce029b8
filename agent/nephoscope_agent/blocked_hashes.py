"""Blocked hashes: programs that an order forbids by SHA-256, each until a time; kept through restarts of the agent."""

from __future__ import annotations

import json
import time
from pathlib import Path

from nephoscope_agent.settings import write_durably

BLOCKED = "blocked-hashes.json"
_DIGITS = frozenset("0123456789abcdef")
_DAY = 86_400.0
#: Hashes that are blocked together: more would be no list that somebody approved one by one.
MOST_BLOCKED = 1_000


def block_hash(folder: Path, sha256: str, days: int) -> str:
    """Forbid a program for some days. Raises ValueError for what is no SHA-256 or for too many, OSError."""
    digest = sha256.lower()
    if len(digest) != 64 or not _DIGITS.issuperset(digest):
        raise ValueError(f"not a SHA-256: {sha256[:100]}")
    ends = {one: end for one, end in _read(folder).items() if end > time.time()}
    if digest not in ends and len(ends) >= MOST_BLOCKED:
        raise ValueError(f"{MOST_BLOCKED:,} hashes are blocked already")
    ends[digest] = time.time() + days * _DAY
    _write(folder, ends)
    return f"{digest} is blocked for {days} days"


def unblock_hash(folder: Path, sha256: str) -> str:
    """Allow a program again. Raises OSError."""
    ends = _read(folder)
    if ends.pop(sha256.lower(), None) is None:
        return f"{sha256} was not blocked"
    _write(folder, ends)
    return f"{sha256} is allowed again"


def list_blocked(folder: Path, now: float) -> frozenset[str]:
    """Return the hashes that are blocked at a time. Raises ValueError, OSError."""
    return frozenset(one for one, end in _read(folder).items() if end > now)


def _read(folder: Path) -> dict[str, float]:
    try:
        found = json.loads((folder / BLOCKED).read_text(encoding="ascii"))
    except FileNotFoundError:
        return {}
    return {str(one): float(end) for one, end in found.items()}


def _write(folder: Path, ends: dict[str, float]) -> None:
    write_durably(folder / BLOCKED, json.dumps(ends, sort_keys=True).encode("ascii"))
