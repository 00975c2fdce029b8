"""Behavior and identity risk runs of a command: report errors without stopping the command."""

from __future__ import annotations

from datetime import datetime

from nephoscope.cli.terminal.messages import print_message
from nephoscope.lake.lake import Lake
from nephoscope.state import State


def learn_and_detect(lake: Lake, state: State, workspace: str, now: datetime, *, every: int = 0) -> bool:
    """Learn and judge what came, where the last run is `every` minutes ago; False where it could not be done, which is told."""
    from nephoscope.behavior.behavior_run import BehaviorAnalysis
    from nephoscope.behavior.profiles import ProfilesError
    from nephoscope.estate.estate_store import StoreError
    from nephoscope.geolocation.address_databases import GeolocationError
    from nephoscope.lake.errors import LakeError
    from nephoscope.state import LeaseLostError
    from nephoscope_kql.errors import KqlError

    analysis = BehaviorAnalysis(lake, state, workspace)
    try:
        if analysis.is_due(now, every):
            analysis.run(now)
            lake.flush()
    except (
        ProfilesError,
        GeolocationError,
        StoreError,
        KqlError,
        LakeError,
        LeaseLostError,
        OSError,
    ) as error:
        print_message(f"behavior analytics did not run: {error}")
        return False
    return True


def detect_identity_risk(lake: Lake, state: State, workspace: str, now: datetime) -> bool:
    """Make risk detections of new alerts and anomalies; False where it could not be done, which is told."""
    from nephoscope.identity.risk_run import RiskRun
    from nephoscope.lake.errors import LakeError
    from nephoscope.state import LeaseLostError, StateError
    from nephoscope_kql.errors import KqlError

    try:
        RiskRun(lake, state, workspace).run(now)
    except (KqlError, LakeError, LeaseLostError, StateError, OSError) as error:
        print_message(f"identity risk did not run: {error}")
        return False
    return True
