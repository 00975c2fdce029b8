"""Restore item: one setting or permission that a restored backup would bring."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class RestoreEffect(StrEnum):
    """What comes of it, the worst first; the value is how it is told."""

    RUNS = "runs programs"
    SENDS = "sends data out"
    LETS_IN = "grants access to users and programs"
    IDENTIFIES = "is the identity of the server"
    REACHES = "reads, writes or listens on this machine, or signs in elsewhere"
    ACTS = "acts on alerts and incidents automatically"
    LOWERS = "reduces monitoring or alerts"


@dataclass(frozen=True, slots=True)
class PolicyItem:
    """What it is, and what it would do."""

    effect: RestoreEffect
    name: str
    does: str
