"""Internet exposure as rows: one an opening, one for what is closed, one for what is not known."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from nephoscope.posture.exposure.internet_exposure import EXPORT_LINK, PUBLIC_ENDPOINT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nephoscope.posture.exposure.internet_exposure import InternetExposure, InternetOpening

OPEN, LIMITED, CLOSED, UNKNOWN = "Everybody", "Limited", "Closed", "Unknown"
#: The states, the most exposed first.
STATES = (OPEN, LIMITED, UNKNOWN, CLOSED)


class ExposureRow(msgspec.Struct, frozen=True):
    """A row: the resource, how exposed it is, and for an opening what reaches it, from where, by which path and rules."""

    resource: str
    name: str
    type: str
    state: str
    protocol: str = ""
    ports: str = ""
    sources: str = ""
    path: str = ""
    via: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    why: str = ""

    @property
    def key(self) -> str:
        """Name the row by its resource and opening."""
        return " ".join(
            (self.resource, self.protocol, self.ports, self.sources, *self.via, *self.rules)
        ).lower()

    @property
    def is_endpoint(self) -> bool:
        """Return whether the opening is the endpoint of a service, which has the ports of the service."""
        return self.path in (PUBLIC_ENDPOINT, EXPORT_LINK)

    @property
    def rule_names(self) -> str:
        """The rules as `group/rule`."""
        return ", ".join("/".join(one.split("/")[-3::2]) for one in self.rules)


def build_exposure_rows(
    resource: str, name: str, type_: str, found: InternetExposure
) -> Iterator[ExposureRow]:
    """The rows of one resource."""
    for one in found.openings:
        yield _build_opening_row(resource, name, type_, one)
    if found.closed_by:
        yield ExposureRow(resource, name, type_, CLOSED, why=found.closed_by)
    if found.not_collected:
        why = f"Not collected: {', '.join(found.not_collected)}"
        yield ExposureRow(resource, name, type_, UNKNOWN, why=why)


def _build_opening_row(resource: str, name: str, type_: str, one: InternetOpening) -> ExposureRow:
    return ExposureRow(
        resource,
        name,
        type_,
        OPEN if one.everybody else LIMITED,
        one.protocol.upper(),
        one.ports,
        one.sources,
        one.path,
        one.via,
        one.rules,
        _explain_opening(one),
    )


def _explain_opening(one: InternetOpening) -> str:
    """Say why traffic passes where no rule lets it in; a service endpoint needs no reason."""
    if one.path == EXPORT_LINK:
        return "Only who has the link (a SAS) can use it: revoke it when the export is done"
    return "" if one.rules or one.path == PUBLIC_ENDPOINT else "No network security group on the path"


def rank_exposure_row(row: ExposureRow) -> tuple[int, bool, str, str, str]:
    """The place of a row in a list: the most exposed first, machines before endpoints of services."""
    return STATES.index(row.state), row.is_endpoint, row.name.lower(), row.protocol, row.ports
