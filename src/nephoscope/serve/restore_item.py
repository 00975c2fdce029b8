"""Restore item: one setting or permission that a restored backup would bring."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class RestoreEffect(StrEnum):
    """Effect of restoring an item, the worst first; the value is the text that is shown."""

    RUNS = "runs programs"
    SENDS = "sends data out"
    LETS_IN = "grants access to users and programs"
    IDENTIFIES = "is the identity of the server"
    REACHES = "reads, writes or listens on this machine, or signs in elsewhere"
    ACTS = "acts on alerts and incidents automatically"
    LOWERS = "reduces monitoring or alerts"


@dataclass(frozen=True, slots=True)
class PolicyItem:
    """Restored item of policy, and its effect."""

    effect: RestoreEffect
    name: str
    does: str
