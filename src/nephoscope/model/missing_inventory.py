"""Packages that should be there and are not: a scan that finds none has nothing to be judged by."""

from __future__ import annotations

from collections.abc import Iterable

from nephoscope.model.package import Package
from nephoscope.model.package_url_conversion import DISTRIBUTION_TYPES

#: Types of packages that operating systems are made of; those that name no distribution have one system alone.
_OF_ONE_SYSTEM = frozenset({"cos", "nix"})
_SYSTEM_TYPES = DISTRIBUTION_TYPES | _OF_ONE_SYSTEM


def explain_absence(family: str, release: str, packages: Iterable[Package]) -> str:
    """Return why the packages that were found cannot be all of a machine or an image, '' where they can.

    No package at all says nothing, and neither does a distribution (`family`, `release`; '' where nothing names one) without a
    package of its own: its list of packages was removed, is elsewhere, or is of a form that is not read. Packages of another
    distribution, in a root within, are none of its own.
    """
    found = {(one.type, one.namespace) for one in packages}
    if not found:
        return "no package was found"
    if family and not any(
        type_ in _OF_ONE_SYSTEM or (type_ in DISTRIBUTION_TYPES and of == family) for type_, of in found
    ):
        return f"no package of the distribution was found ({family} {release}".rstrip() + ")"
    return ""


def is_of_system(type_: str) -> bool:
    """Return whether packages of a type are those that an operating system is made of."""
    return type_ in _SYSTEM_TYPES
