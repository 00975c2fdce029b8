"""Indicator matches: which of some values the threat intelligence that a user may read knows as bad."""

from __future__ import annotations

import ipaddress
from bisect import bisect_left
from typing import TYPE_CHECKING

import msgspec

from nephoscope.service.service_context import get_workspace_scope
from nephoscope.service.threat_intelligence import READ

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from nephoscope.service.service_context import ServiceContext
    from nephoscope.state.ingestion.threat_intelligence import Intel


class IndicatorMatch(msgspec.Struct, frozen=True):
    """A value that an indicator names, or whose network it names; `confidence` is 0 to 100, None where the source gives none."""

    value: str
    indicator: str
    name: str
    source: str
    confidence: int | None = None


class IndicatorMatches(msgspec.Struct, frozen=True):
    """The matches, the most certain first, and how many indicators the values were compared with."""

    compared: int
    matches: tuple[IndicatorMatch, ...] = ()


class _Addresses:
    """Addresses in order, to find those of a network."""

    def __init__(self, values: Collection[str]) -> None:
        self._known: dict[int, list[tuple[int, str]]] = {4: [], 6: []}
        for text in values:
            try:
                address = ipaddress.ip_address(text)
            except ValueError:
                continue
            self._known[address.version].append((int(address), text))
        for several in self._known.values():
            several.sort()

    def list_within(self, text: str) -> Iterator[str]:
        """Yield the addresses within a network, none where a text is no network."""
        if text.count("/") != 1:
            return
        try:
            network = ipaddress.ip_network(text, strict=False)
        except ValueError:
            return
        known, last = self._known[network.version], int(network.broadcast_address)
        for place in range(bisect_left(known, (int(network.network_address), "")), len(known)):
            if known[place][0] > last:
                return
            yield known[place][1]


def match_indicators(context: ServiceContext, values: Collection[str]) -> IndicatorMatches:
    """Compare lower-cased values with the indicators that hold, in the workspaces where the user may read them."""
    intel = context.state.intel
    workspaces = [
        one for one in intel.workspaces() if context.actor.is_permitted(READ, get_workspace_scope(one))
    ]
    addresses, compared = _Addresses(values), 0
    found: dict[tuple[str, str], list[str]] = {}
    for workspace, id_, listed in intel.list_values(workspaces, context.now):
        compared += 1
        for text in listed:
            if text in values:
                found.setdefault((workspace, id_), []).append(text)
            elif "/" in text:
                for address in addresses.list_within(text):
                    found.setdefault((workspace, id_), []).append(address)
    matches = [
        _build_match(one, value)
        for (workspace, id_), several in found.items()
        if (one := intel.get(workspace, id_)) is not None
        for value in dict.fromkeys(several)
    ]
    matches.sort(key=lambda one: (-(one.confidence or 0), one.value, one.indicator))
    return IndicatorMatches(compared, tuple(matches))


def _build_match(one: Intel, value: str) -> IndicatorMatch:
    name = one.document.get("name") or one.document.get("description") or ""
    return IndicatorMatch(value, one.id, str(name)[:300], one.source, one.confidence)
