"""Allowed openings: which resources may answer the Internet, on which ports, why and until when."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

import msgspec

from nephoscope.posture.exposure.exposure_rows import OPEN

if TYPE_CHECKING:
    from nephoscope.estate.addresses import Interval
    from nephoscope.posture.exposure.exposure_rows import ExposureRow

_LAST_PORT = 65_535
_PORTS = re.compile(r"\s*(\d{1,5})\s*(?:-\s*(\d{1,5})\s*)?")


class AllowedOpeningsError(Exception):
    """A list of allowed openings that cannot be used: what is wrong and where."""


class AllowedOpening(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """One entry: a pattern of resource ids, or of the ends of ids from the type on, with `*`; ports and protocol ('' = any)."""

    resource: str
    reason: str
    ports: str = ""
    protocol: str = ""
    expires_on: datetime | None = None

    def allows(self, row: ExposureRow) -> bool:
        """Return whether it allows an opening: the resource fits, and every port that is open is among its ports."""
        if self.protocol and self.protocol.lower() != row.protocol.lower():
            return False
        pattern = self.resource.lower()
        if not fnmatchcase(
            row.resource.lower(), pattern if pattern.startswith("/") else f"*/providers/{pattern}"
        ):
            return False
        if not self.ports:
            return True
        opened, own = _read_ports(row.ports), _read_ports(self.ports) or ()
        return opened is not None and all(
            any(low <= first and last <= high for low, high in own) for first, last in opened
        )

    def find_fault(self) -> str:
        """Return what is wrong with it, '' for nothing."""
        if not self.resource.strip() or not self.reason.strip():
            return "give the resource and the reason"
        if self.ports and not _read_ports(self.ports):
            return f"write ports as 443 or 8000-8080, separated by commas (got {self.ports!r})"
        if self.protocol.lower() not in {"", "tcp", "udp"}:
            return f"protocol must be tcp or udp (got {self.protocol!r})"
        if self.expires_on is not None and self.expires_on.tzinfo is None:
            return f"expiresOn needs a time zone (got {self.expires_on.isoformat()!r})"
        return ""


class AllowedOpenings(msgspec.Struct, frozen=True):
    """The entries of a list that hold at a time."""

    entries: tuple[AllowedOpening, ...] = ()

    @classmethod
    def parse(cls, data: bytes, file: str, now: datetime) -> AllowedOpenings:
        """Read a JSON list of entries and leave out those that ended; raises AllowedOpeningsError."""
        try:
            entries = msgspec.json.decode(data, type=tuple[AllowedOpening, ...])
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise AllowedOpeningsError(f"{file}: {error}") from error
        for number, one in enumerate(entries):
            if fault := one.find_fault():
                raise AllowedOpeningsError(f"{file}: entry {number + 1}: {fault}")
        moment = now.astimezone(UTC)
        return cls(tuple(one for one in entries if one.expires_on is None or one.expires_on > moment))

    def forbids(self, row: ExposureRow) -> bool:
        """Return whether a row is an opening to everybody that no entry allows."""
        return row.state == OPEN and not any(one.allows(row) for one in self.entries)


def _read_ports(text: str) -> tuple[Interval, ...] | None:
    """The intervals of ports in a text (`any`, `22, 8080-8090`); None where it names none, as a service endpoint does."""
    if text == "any":
        return ((0, _LAST_PORT),)
    found = [_PORTS.fullmatch(part) for part in text.split(",")]
    intervals = [(int(one[1]), int(one[2] or one[1])) for one in found if one is not None]
    fits = len(intervals) == len(found) and all(low <= high <= _LAST_PORT for low, high in intervals)
    return tuple(intervals) if fits else None
