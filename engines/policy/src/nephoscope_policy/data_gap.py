"""Data gap: the reason why a lookup or an analyzer cannot decide, and its sentence."""

from __future__ import annotations

import msgspec

NOT_COLLECTED = "not-collected"
STALE = "stale"
KNOWN_LATER = "known-at-deployment"
NOT_SET = "not-set"
INVALID = "invalid-value"
ANALYZER_FAILED = "analyzer-failed"
UNDECIDED = frozenset({KNOWN_LATER, NOT_SET, INVALID})
"""Why a planned resource is not judged: a value is known at deployment only, Azure's default decides, or Azure takes no such value."""


class Gap(msgspec.Struct, frozen=True):
    """A fact that a verdict lacks; `what` names it where `cause` is NOT_COLLECTED, and is a sentence for every other cause."""

    what: str
    cause: str = NOT_COLLECTED


def describe_gap(cause: str, what: str) -> str:
    """Render the cause of a verdict and what goes with it as a text that stands alone; '' where nothing was said."""
    return f"not collected: {what}" if what and cause == NOT_COLLECTED else what


def name_standing_child(type_: str, name: str, parent: str) -> str:
    """Name what Azure always has below a parent and a snapshot lacks: a type, and which of it where the name is known."""
    which = f"{type_} '{name}'" if name else type_
    return f"{which} of {parent} (in Azure it always exists)"
