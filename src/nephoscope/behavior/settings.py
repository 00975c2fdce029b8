"""Store the settings of the behavior analysis, one set per workspace."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from nephoscope.state import State


class BehaviorSettingsError(ValueError):
    """A setting that cannot be: what is wrong with it."""


@dataclass(frozen=True, slots=True)
class BehaviorSettings:
    """The settings.

    A first time is claimed of an entity that was active on `active_days` days at least, the first of them `learning_days` ago, in a
    dimension that the tenant has been seen in for as long. An address that `shared_users` others use is a shared way out (VPN,
    proxy, office): places seen through it weigh a fifth. `overlap_minutes` of what came in is looked at again, for rows that took
    their time. A row of priority `anomaly_priority` is a row of Anomalies too.
    """

    learning_days: int = 7
    active_days: int = 5
    shared_users: int = 10
    peers: int = 20
    overlap_minutes: int = 60
    anomaly_priority: int = 5

    def __post_init__(self) -> None:
        for name in ("learning_days", "active_days", "shared_users", "peers", "overlap_minutes"):
            if getattr(self, name) < 1:
                raise BehaviorSettingsError(f"{name} must be 1 or more")
        if not 1 <= self.anomaly_priority <= 10:
            raise BehaviorSettingsError("anomaly_priority must be 1 to 10")


def load_settings(state: State, workspace: str) -> BehaviorSettings:
    """The settings of a workspace."""
    return msgspec.convert(state.behavior_settings.get(workspace), BehaviorSettings)


def store_settings(state: State, session: Session, workspace: str, settings: BehaviorSettings) -> None:
    """Keep the settings of a workspace, in the transaction that has the audit entry of the change."""
    state.behavior_settings.put(session, workspace, msgspec.to_builtins(settings))
