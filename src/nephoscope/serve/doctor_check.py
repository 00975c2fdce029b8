"""Doctor check: the context of a check and its finding."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path

from nephoscope.lake.lake import Lake
from nephoscope.state import State

#: How long before it ends what ends is told of.
SOON = timedelta(days=30)


class CheckVerdict(StrEnum):
    """Result of a check; `info` needs no action."""

    OK = "ok"
    INFO = "info"
    WARNING = "warning"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class DoctorFinding:
    """Finding of a check, and its remedy ('' = none needed)."""

    check: str
    verdict: CheckVerdict
    text: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class CheckContext:
    """Context of the checks: data folder, state and lake; `lake` is None where it cannot be opened."""

    data: Path
    state: State
    lake: Lake | None
    now: datetime
