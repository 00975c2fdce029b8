"""The behavior analysis of a workspace: change its settings, and learn its profiles again."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from nephoscope.behavior.settings import load_settings, store_settings
from nephoscope.service.service_context import get_workspace_scope

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nephoscope.behavior.behavior_run import BehaviorReport
    from nephoscope.behavior.settings import BehaviorSettings
    from nephoscope.lake.lake import Lake
    from nephoscope.service.service_context import ServiceContext

READ, WRITE, FORGET = (f"Nephoscope/behavior/{one}" for one in ("read", "write", "forget/action"))


def read_behavior_settings(context: ServiceContext, workspace: str) -> BehaviorSettings:
    """Return the settings of a workspace; DeniedError for who may not read them."""
    context.require(READ, get_workspace_scope(workspace))
    return load_settings(context.state, workspace)


def change_behavior_settings(
    context: ServiceContext, workspace: str, changes: Mapping[str, Any]
) -> BehaviorSettings:
    """Change settings by their names, and return all as they are then.

    Raises BehaviorSettingsError for a value that cannot be.
    """
    scope = get_workspace_scope(workspace)
    context.require(WRITE, scope)
    before = load_settings(context.state, workspace)
    settings = replace(before, **changes)
    old = {name: getattr(before, name) for name in changes}
    with context.state.transaction() as session:
        store_settings(context.state, session, workspace, settings)
        context.enter(session, WRITE, f"behavior of {workspace}", settings=changes, before=old)
    return settings


def relearn_profiles(context: ServiceContext, lake: Lake, workspace: str) -> BehaviorReport | None:
    """Forget the profiles of a workspace and learn them from what the lake keeps; None where another process is at it."""
    from nephoscope.behavior.behavior_run import BehaviorAnalysis

    with context.change_files(FORGET, get_workspace_scope(workspace), f"profiles of {workspace}"):
        return BehaviorAnalysis(lake, context.state, workspace).run(context.now, anew=True)
