"""Look up the support dates of operating system releases (content/end_of_life.json)."""

from __future__ import annotations

from datetime import date
from functools import cache
from typing import Literal

import msgspec

#: `supported`: everybody gets updates; `extended`: only who has a contract does; `ended`: nobody does; `unknown`: not in the table.
SupportState = Literal["supported", "extended", "ended", "unknown"]


class ReleaseSupport(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The last day of support of a release, for everybody and by contract."""

    standard: date
    extended: date | None = None


class DistributionSupport(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The releases of a distribution, and where their dates are published."""

    family: str
    source: str
    releases: dict[str, ReleaseSupport]


class SupportTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All distributions; those in `rolling` have no releases."""

    rolling: tuple[str, ...]
    distributions: tuple[DistributionSupport, ...]


@cache
def load_support_table() -> SupportTable:
    """Return the table that the product brings along."""
    from importlib.resources import files

    return msgspec.json.decode(
        (files("nephoscope.content") / "end_of_life.json").read_bytes(), type=SupportTable
    )


@cache
def _index_releases() -> dict[str, dict[str, ReleaseSupport]]:
    return {entry.family: entry.releases for entry in load_support_table().distributions}


def find_release_support(family: str, version: str) -> ReleaseSupport | None:
    """Return the support of the release that a version belongs to (`3.19.1` to `3.19`); None where it is not in the table."""
    releases = _index_releases().get(family, {})
    parts = version.split(".")
    names = (".".join(parts[:count]) for count in range(len(parts), 0, -1))
    return next((releases[name] for name in names if name in releases), None)


def find_support_state(family: str, version: str, day: date) -> SupportState:
    """Return whether a release is supported on a day, that day included."""
    if family in load_support_table().rolling:
        return "supported"
    support = find_release_support(family, version)
    if support is None:
        return "unknown"
    if day <= support.standard:
        return "supported"
    return "extended" if support.extended and day <= support.extended else "ended"
