"""Where an address is in the estate: what traffic analytics needs to know of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Place:
    """Of a private address: names as traffic analytics writes them (`group/name`, '' = not known); `network` is a lower-cased id."""

    subscription: str = ""
    region: str = ""
    network: str = ""
    subnet: str = ""
    interface: str = ""
    machine: str = ""


class Whereabouts(Protocol):
    """Looks up addresses."""

    def of(self, address: str, near: str) -> Place | None:
        """The place of an address as seen from the flow log of a resource (`near`, its id); None where it is in no known network."""
        ...

    def service_tag(self, address: str) -> str:
        """The Azure service whose published prefixes hold a public address, '' where none does."""
        ...
