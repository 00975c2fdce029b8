"""The prefixes of service tags as a snapshot has them, with their age."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from nephoscope.estate.addresses import AddressSet, is_prefix
from nephoscope.estate.resource_lookup import get_properties

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nephoscope.estate.resource_lookup import AnalyzerEstate
    from nephoscope_policy.model.resource import Resource

SERVICE_TAGS_TYPE = "microsoft.network/servicetags"


class _TagProperties(msgspec.Struct, frozen=True, rename="camel"):
    address_prefixes: tuple[str, ...] = ()


class _ServiceTag(msgspec.Struct, frozen=True):
    name: str
    properties: _TagProperties = _TagProperties()


class ServiceTagTable(msgspec.Struct, frozen=True):
    """Lower-cased tag -> its prefixes, as text and as addresses; `change_number` is the table's age (0 = no table)."""

    prefixes: dict[str, tuple[str, ...]]
    addresses: dict[str, AddressSet]
    change_number: int = 0


def read_service_tags(estate: AnalyzerEstate) -> ServiceTagTable:
    """The newest table of service tags in an estate; an empty one where none was collected."""
    newest, number = None, -1
    for resource in estate.list_of_type(SERVICE_TAGS_TYPE):
        found = _get_change_number(resource)
        if found > number:
            newest, number = resource, found
    if newest is None:
        return ServiceTagTable({}, {})
    listed = msgspec.convert(get_properties(newest).get("values") or [], list[_ServiceTag])
    prefixes = {one.name.lower(): _filter_prefixes(one.properties.address_prefixes) for one in listed}
    return ServiceTagTable(prefixes, {name: AddressSet.of(texts) for name, texts in prefixes.items()}, number)


def _filter_prefixes(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(text for text in texts if is_prefix(text))


def _get_change_number(resource: Resource) -> int:
    number = get_properties(resource).get("changeNumber")
    return int(number) if isinstance(number, int) or (isinstance(number, str) and number.isdecimal()) else 0
