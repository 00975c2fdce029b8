"""Geolocation for callers that may read identity risks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope.geolocation.provider import Geolocator
from nephoscope.service.actors import ROOT_SCOPE
from nephoscope.service.identity_risk import READ

if TYPE_CHECKING:
    from nephoscope.service.service_context import ServiceContext


def open_geolocation(context: ServiceContext) -> Geolocator:
    """Return the places; DeniedError for who may not read risks, GeolocationError where a database is not readable."""
    context.require(READ, ROOT_SCOPE)
    return Geolocator.open(context.data)
