"""Places: what tells where an address is, how old that is, and the place of one address."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from nephoscope.geolocation.address_databases import GeolocationError
from nephoscope.geolocation.place import PHRASES
from nephoscope.operations.declaration.operation import (
    ApiRoute,
    CommandLine,
    OperationCall,
    OperationGroup,
    translate_errors,
)
from nephoscope.operations.declaration.operation_page import PageColumn, SectionList
from nephoscope.operations.declaration.request_field import describe
from nephoscope.operations.declaration.schemas import PLAIN, Shape
from nephoscope.service.geolocation import open_geolocation
from nephoscope.service.identity_risk import READ

OPERATIONS = OperationGroup("placeSources", "Places", "The source")
Address = Annotated[str, describe("IP address.", min_length=2, max_length=45, pattern=PLAIN)]


class PlaceSourceShape(Shape, frozen=True, kw_only=True):
    """A source of places: what it tells, its version or file, and the date and age of its data (null = it does not say)."""

    name: str
    tells: str
    version: str
    built: datetime | None
    days: int | None


class PlaceSourceList(Shape, frozen=True, kw_only=True):
    """The sources of places, the most trusted first."""

    value: tuple[PlaceSourceShape, ...]


class PlaceShape(Shape, frozen=True, kw_only=True):
    """The place of an address; '' where it is not known. `origin` says whose network it is, in words."""

    address: str
    country: str
    city: str
    network: str
    network_name: str
    origin: str
    service: str


@OPERATIONS.operation(
    READ, ApiRoute("GET", "/placeSources"),
    CommandLine("list", columns=("name", "tells", "version", "built", "days"), nothing="no sources of places"),
    page=SectionList(
        "Places", "Identity", "source", "What tells the country and network of an address, and whether it is an anonymiser.",
        key="name", order=70, guide="places.md", nothing="No sources of places.",
        columns=(
            PageColumn("name", "Source"), PageColumn("tells", "Content"), PageColumn("version", "Version", optional=True),
            PageColumn("built", "Data of"), PageColumn("days", "Age in days"),
        ),
    ),
)  # fmt: skip
def list_place_sources(call: OperationCall) -> PlaceSourceList:
    """List the sources of places with their age."""
    with translate_errors("places", GeolocationError):
        several = open_geolocation(call.service).sources
    now = call.service.now
    return PlaceSourceList(
        value=tuple(
            PlaceSourceShape(
                name=one.name, tells=one.tells, version=one.version, built=one.built,
                days=(now - one.built).days if one.built else None,
            )
            for one in several
        )
    )  # fmt: skip


@OPERATIONS.operation(
    READ, ApiRoute("GET", "/places/{address}"),
    CommandLine(
        "show", columns=("address", "country", "city", "network", "network_name", "origin", "service"),
        rows=lambda one: [_to_row(one)],
    ),
)  # fmt: skip
def show_place(call: OperationCall, address: Address) -> PlaceShape:
    """Show the place of an address."""
    with translate_errors("places", GeolocationError):
        found = open_geolocation(call.service).locate(address)
    return PlaceShape(
        address=address, country=found.country, city=found.city, network=found.network, network_name=found.network_name,
        origin=PHRASES.get(found.origin, ""), service=found.service,
    )  # fmt: skip


def _to_row(one: PlaceShape) -> dict[str, object]:
    return {name: getattr(one, name) for name in one.__struct_fields__}
