"""Application ids: map service principals of an estate to applications."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope.estate.principals import SERVICE_TYPE
from nephoscope.estate.resource_lookup import get_properties

if TYPE_CHECKING:
    from nephoscope.alerts.investigation.participants import Applications
    from nephoscope.estate.estate_view import EstateView


def map_applications(view: EstateView) -> Applications:
    """Lower-cased object id -> application id of the service principals that were read."""
    pairs = ((one.id.name, get_properties(one).get("appId")) for one in view.list_resources(SERVICE_TYPE))
    return {id_.lower(): str(application).lower() for id_, application in pairs if application}
