"""The places of the installation, for who may read them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope.places.provider import Places
from nephoscope.service.actors import ROOT_SCOPE
from nephoscope.service.identity_risk import READ

if TYPE_CHECKING:
    from nephoscope.service.service_context import ServiceContext


def open_places(context: ServiceContext) -> Places:
    """Return the places; DeniedError for who may not read risks, PlacesError where a database is not readable."""
    context.require(READ, ROOT_SCOPE)
    return Places.open(context.data)
