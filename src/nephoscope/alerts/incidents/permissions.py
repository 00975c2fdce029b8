"""Permissions to change an alert: at its workspace, or at all resources that it names."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from nephoscope.alerts.incidents.alert_visibility import AlertVisibility
from nephoscope.alerts.incidents.defender_alert import find_visible_resources

if TYPE_CHECKING:
    from nephoscope.access.authenticator import Caller
    from nephoscope.state.incidents.alerts import StoredAlert


def may_decide(caller: Caller, operation: str, alert: StoredAlert) -> bool:
    """Return whether a caller may do an operation on an alert."""
    if caller.is_permitted(operation, f"/workspaces/{alert.workspace}"):
        return True
    sight = AlertVisibility(caller.find_reach(operation), caller.hierarchy.subscriptions)
    names_some = next(find_visible_resources(alert, sight.reach), None) is not None
    return names_some and not sight.find_hidden_mentions(json.dumps(alert.document, ensure_ascii=False))
