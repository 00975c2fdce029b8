"""What a command gives to the service layer: the user whose process it is, the data folder and its state."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope.service.context import ServiceContext
from nephoscope.service.local_user import LocalUser

if TYPE_CHECKING:
    from pathlib import Path

    from nephoscope.state import State


def service_of(data: Path, state: State) -> ServiceContext:
    """Return the context in which the local user acts on a data folder."""
    return ServiceContext(LocalUser.current(), state, data)
