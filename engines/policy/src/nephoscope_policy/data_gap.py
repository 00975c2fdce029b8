"""Data gap: the reason why a lookup or an analyzer cannot decide, and its sentence."""

from __future__ import annotations

import msgspec

NOT_COLLECTED = "not-collected"
STALE = "stale"
KNOWN_LATER = "known-at-deployment"
NOT_SET = "not-set"
UNDECIDED = frozenset({KNOWN_LATER, NOT_SET})
"""Why a planned resource is not judged: a value is known at deployment only, or Azure's default decides."""


class Gap(msgspec.Struct, frozen=True):
    """What is missing, in a sentence; `cause` is NOT_COLLECTED where it was not read, STALE where it was read of a report too old."""

    what: str
    cause: str = NOT_COLLECTED
