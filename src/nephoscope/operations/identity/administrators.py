"""Administrators: who may change Azure or the directory, by which role, when they last did, and from where."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated

from nephoscope.identity.administrators import Administrator, HeldRole
from nephoscope.identity.management_locations import AdministratorUse, ManagementPlace
from nephoscope.operations.declaration.operation import (
    ApiRoute,
    CommandLine,
    MissingError,
    OperationCall,
    OperationGroup,
)
from nephoscope.operations.declaration.operation_page import PageColumn, RowTable, SectionList
from nephoscope.operations.declaration.request_field import describe
from nephoscope.operations.declaration.schemas import PLAIN, InWorkspace, Shape
from nephoscope.service.administrators import list_all_administrators, watch_administrators
from nephoscope.service.identity_risk import READ

OPERATIONS = OperationGroup(
    "administrators", "Administrators", "The administrator",
    "List administrators with their roles, and where Azure is managed from.",
)  # fmt: skip
AdministratorId = Annotated[
    str, describe("Object ID of an administrator.", max_length=200, pattern=PLAIN, metavar="ID")
]
_UNKNOWN = "not collected"
_ROLES_SHOWN = 3


class AdministratorShape(Shape, frozen=True, kw_only=True):
    """An administrator: roles, second factor, and last use; null is what was not collected or not seen within 90 days."""

    id: str
    kind: str
    name: str
    display_name: str
    enabled: bool | None
    guest: bool
    privilege: str
    assignment: str
    second_factor: bool | None
    roles: tuple[str, ...]
    last_managed: datetime | None
    last_sign_in: datetime | None
    places: tuple[str, ...]
    new_place: bool


class AdministratorPage(Shape, frozen=True, kw_only=True):
    """Administrators by name, and what was not collected, so that there may be more."""

    value: tuple[AdministratorShape, ...]
    not_collected: tuple[str, ...]


class HeldRoleShape(Shape, frozen=True, kw_only=True):
    """A role of an administrator: its scope, the group that has it, and whether it has to be activated first."""

    role: str
    scope: str
    through: str
    eligible: bool
    critical: bool


class HeldRoleList(Shape, frozen=True, kw_only=True):
    """The roles of an administrator."""

    value: tuple[HeldRoleShape, ...]


class ManagementPlaceShape(Shape, frozen=True, kw_only=True):
    """A place that Azure is managed from by an administrator: its share of the days, and the logs that show it."""

    id: str
    administrator: str
    name: str
    country: str
    network: str
    addresses: tuple[str, ...]
    sources: tuple[str, ...]
    days: int
    events: int
    share: float
    first: datetime
    last: datetime
    new: bool


class ManagementPlaceList(Shape, frozen=True, kw_only=True):
    """Places that Azure is managed from, the largest share of an administrator first."""

    value: tuple[ManagementPlaceShape, ...]


Line = dict[str, object]


def _list_rows(found: AdministratorPage) -> list[Line]:
    return [
        {
            "name": one.name, "kind": one.kind, "privilege": one.privilege, "assignment": one.assignment,
            "roles": _shorten_list(one.roles), "secondFactor": _format_answer(one.second_factor),
            "enabled": _format_answer(one.enabled),
            "lastManaged": one.last_managed, "lastSignIn": one.last_sign_in, "places": _shorten_list(one.places),
            "newPlace": _format_answer(one.new_place), "guest": _format_answer(one.guest), "id": one.id,
        }
        for one in found.value
    ]  # fmt: skip


def _describe_gaps(found: AdministratorPage) -> list[str]:
    return [f"not collected: {', '.join(found.not_collected)}"] if found.not_collected else []


def _list_role_rows(found: HeldRoleList) -> list[Line]:
    return [
        {
            "role": one.role, "scope": one.scope, "through": one.through or "direct",
            "assignment": "eligible" if one.eligible else "active", "privilege": "full" if one.critical else "write",
        }
        for one in found.value
    ]  # fmt: skip


def _to_place_rows(found: ManagementPlaceList) -> list[Line]:
    return [
        {
            "name": one.name, "country": one.country or "unknown", "network": one.network, "share": f"{one.share:.0%}",
            "days": one.days, "last": one.last, "first": one.first, "new": _format_answer(one.new), "sources": ", ".join(one.sources),
            "addresses": _shorten_list(one.addresses), "id": one.id,
        }
        for one in found.value
    ]  # fmt: skip


@OPERATIONS.operation(
    READ, ApiRoute("GET", "/administrators"),
    CommandLine(
        "list", rows=_list_rows, notes=_describe_gaps, nothing="no administrators: collect a tenant or import a snapshot first",
        columns=(
            "name", "kind", "privilege", "assignment", "roles", "secondFactor", "lastManaged", "lastSignIn", "places", "newPlace",
            "id",
        ),
    ),
    needs_lake=True,
    page=SectionList(
        "Administrators", "Identity", "administrator",
        "Who may change Azure or the directory, by which role, when they last did, and from where.", key="id", name="name",
        guide="identity.md", facets=("kind", "privilege", "assignment", "secondFactor", "enabled", "guest", "newPlace"),
        nothing="No administrators. Connect a tenant or import a snapshot.", order=30, tab="Administrators", in_navigation=True,
        columns=(
            PageColumn("name", "Administrator"), PageColumn("privilege", "Privilege"),
            PageColumn("assignment", "Assignment", optional=True),
            PageColumn("secondFactor", "Second factor"), PageColumn("lastManaged", "Last managed", optional=True),
            PageColumn("places", "Managed from", optional=True), PageColumn("roles", "Roles", optional=True),
        ),
    ),
)  # fmt: skip
def list_administrators(call: OperationCall, query: InWorkspace) -> AdministratorPage:
    """List administrators by name, with their roles, second factor and last use within 90 days."""
    found = watch_administrators(call.service, call.lake, call.workspace(query.workspace))
    value = tuple(
        _build_administrator_shape(one, found.use.get(one.id, AdministratorUse()))
        for one in found.administrators
    )
    return AdministratorPage(value=value, not_collected=found.gaps)


@OPERATIONS.operation(
    READ, ApiRoute("GET", "/administrators/{id}/roles"),
    CommandLine("roles", columns=("role", "scope", "through", "assignment", "privilege"), rows=_list_role_rows),
    page=RowTable("Roles", choices=("assignment", "privilege")),
)  # fmt: skip
def list_administrator_roles(call: OperationCall, id: AdministratorId, query: InWorkspace) -> HeldRoleList:  # noqa: A002
    """List the administrative roles of an administrator, and the groups that give them."""
    listed = list_all_administrators(call.service, call.workspace(query.workspace))
    one = _find_administrator(listed.administrators, id)
    return HeldRoleList(value=tuple(map(_build_role_shape, one.roles)))


@OPERATIONS.operation(
    READ, ApiRoute("GET", "/administrators/{id}/places"),
    CommandLine(
        "show", columns=("country", "network", "share", "days", "last", "first", "new", "sources", "addresses"), rows=_to_place_rows,
        nothing="no management of Azure in the logs of the last 90 days",
    ),
    needs_lake=True, page=RowTable("Managed from"),
)  # fmt: skip
def list_administrator_places(
    call: OperationCall,
    id: AdministratorId,  # noqa: A002
    query: InWorkspace,
) -> ManagementPlaceList:
    """List the places that an administrator manages Azure from, with the share of each."""
    found = watch_administrators(call.service, call.lake, call.workspace(query.workspace))
    one = _find_administrator(found.administrators, id)
    use = found.use.get(one.id, AdministratorUse())
    return ManagementPlaceList(value=tuple(_to_place_shape(place, one) for place in use.places))


@OPERATIONS.operation(
    READ, ApiRoute("GET", "/managementPlaces"),
    CommandLine(
        "places", columns=("name", "country", "network", "share", "days", "last", "new", "sources", "addresses"), rows=_to_place_rows,
        nothing="no management of Azure in the logs of the last 90 days",
    ),
    needs_lake=True,
    page=SectionList(
        "Management places", "Identity", "place",
        "Where Azure is managed from: by administrator, over the activity log and sign-ins.",
        key="id", name="name", order=35, tab="Administrators", guide="identity.md", facets=("name", "country", "network", "new"),
        names=("name", "country", "network"),
        nothing="No management of Azure in the logs of the last 90 days.",
        columns=(
            PageColumn("name", "Administrator"), PageColumn("country", "Country"), PageColumn("network", "Network", optional=True),
            PageColumn("share", "Share of days"), PageColumn("last", "Last time", optional=True),
            PageColumn("new", "New", optional=True),
            PageColumn("sources", "Logs", optional=True),
        ),
    ),
)  # fmt: skip
def list_management_places(call: OperationCall, query: InWorkspace) -> ManagementPlaceList:
    """List where Azure is managed from, by administrator, with the share of days and the last time."""
    found = watch_administrators(call.service, call.lake, call.workspace(query.workspace))
    return ManagementPlaceList(
        value=tuple(
            _to_place_shape(place, one)
            for one in found.administrators
            for place in found.use.get(one.id, AdministratorUse()).places
        )
    )


def _find_administrator(administrators: Iterable[Administrator], id_: str) -> Administrator:
    for one in administrators:
        if one.id.lower() == id_.lower():
            return one
    raise MissingError(f"The administrator '{id_[:100]}'")


def _build_administrator_shape(one: Administrator, use: AdministratorUse) -> AdministratorShape:
    return AdministratorShape(
        id=one.id, kind=one.kind, name=one.name, display_name=one.display_name, enabled=one.enabled, guest=one.guest,
        privilege="full" if one.is_critical else "write", assignment="eligible" if one.is_only_eligible else "active",
        second_factor=one.second_factor, roles=tuple(dict.fromkeys(each.role for each in one.roles)),
        last_managed=use.last_managed, last_sign_in=use.last_sign_in, new_place=any(each.new for each in use.places),
        places=tuple(f"{each.country} {each.network}".strip() for each in use.places),
    )  # fmt: skip


def _build_role_shape(one: HeldRole) -> HeldRoleShape:
    return HeldRoleShape(
        role=one.role, scope=one.scope, through=one.through, eligible=one.eligible, critical=one.critical
    )


def _to_place_shape(one: ManagementPlace, administrator: Administrator) -> ManagementPlaceShape:
    return ManagementPlaceShape(
        id=f"{administrator.id}|{one.country}|{one.network}", administrator=administrator.id, name=administrator.name,
        country=one.country, network=one.network, addresses=one.addresses, sources=one.sources, days=one.days, events=one.events,
        share=one.share, first=one.first, last=one.last, new=one.new,
    )  # fmt: skip


def _format_answer(value: bool | None) -> str:
    return _UNKNOWN if value is None else "yes" if value else "no"


def _shorten_list(several: tuple[str, ...]) -> str:
    rest = len(several) - _ROLES_SHOWN
    return ", ".join(several[:_ROLES_SHOWN]) + (f" and {rest} more" if rest > 0 else "")
