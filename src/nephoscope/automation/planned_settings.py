"""Settings that actions with a plan share: how long a plan waits and what it did lasts, and who is handed it."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

MOST_HOURS = 8760

UndoHours = Annotated[
    float, Meta(description="Undo after so many hours (0 = not by itself).", ge=0, le=MOST_HOURS)
]
LimitedHours = Annotated[float, Meta(description="Duration after approval.", gt=0, le=MOST_HOURS)]
ApprovalHours = Annotated[float, Meta(description="Hours to wait for an approval.", gt=0, le=720)]
ApplyCommand = Annotated[
    str,
    Meta(
        description="Command in operator.yaml that receives the approved change, and later its undo, on standard input."
    ),
]
