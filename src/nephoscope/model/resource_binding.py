"""The binding of a principal or source to one resource: what its rows say of themselves, and what they may not say."""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache

import msgspec

from nephoscope_policy.model.resource_id import ResourceId

MAX_ALSO = 50
_LONGEST_ID, _LONGEST_NAME = 2000, 253
_PRINTABLE = re.compile(r"[!-~]+")
#: Names by which every machine calls itself; they tell of no other.
_ITSELF = frozenset({"localhost", "127.0.0.1", "::1"})


class ResourceBinding(msgspec.Struct, frozen=True, kw_only=True):
    """One resource that a sender speaks for: its ARM id, the names its rows carry, and other names and ids that are its own."""

    resource: str
    computer: str
    device: str
    also: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """The ARM id in lower case, as the lake stores it."""
        return self.resource.lower()

    @property
    def parts(self) -> ResourceId:
        """The ARM id taken apart."""
        return ResourceId.parse(self.resource)

    @property
    def known_names(self) -> frozenset[str]:
        """Every name and id of the resource but its ARM id, in lower case."""
        return _list_known_names(self)


def bind_resource(
    resource: str, computer: str = "", device: str = "", also: tuple[str, ...] = ()
) -> ResourceBinding:
    """Build a binding; the computer is called as its resource and the device as `derive_device_id` says where nothing else is given.

    ValueError for what is no ARM id of a resource in a resource group, and for names with white space or letters outside ASCII.
    """
    resource = _check_field("resource", resource.rstrip("/"), _LONGEST_ID)
    if not _is_in_group(resource):
        raise ValueError(
            "resource: give the ARM id of a resource in a resource group, as in "
            f"/subscriptions/ID/resourceGroups/NAME/providers/Microsoft.HybridCompute/machines/NAME; given is {resource[:200]!r}"
        )
    if len(also) > MAX_ALSO:
        raise ValueError(f"also: at most {MAX_ALSO} names and ids; given are {len(also)}")
    return ResourceBinding(
        resource=resource,
        computer=_check_field("computer", computer or resource.rpartition("/")[2], _LONGEST_NAME),
        device=_check_field("device", device or derive_device_id(resource), _LONGEST_NAME),
        also=tuple(_check_field("also", one, _LONGEST_NAME) for one in also),
    )


def derive_device_id(resource: str) -> str:
    """Derive the device id of a resource: 40 hexadecimal digits, as Defender for Endpoint's ids have, the same at every call."""
    return hashlib.sha1(resource.lower().encode(), usedforsecurity=False).hexdigest()


def _is_in_group(resource: str) -> bool:
    try:
        found = ResourceId.parse(resource)
    except ValueError:
        return False
    return bool(found.resource_group) and "/providers/" in found.key


def _check_field(field: str, text: str, longest: int) -> str:
    if len(text) > longest or not _PRINTABLE.fullmatch(text):
        raise ValueError(
            f"{field}: use 1 to {longest} printable ASCII characters without white space; given is {text[:200]!r}"
        )
    return text


@lru_cache(maxsize=4096)
def _list_known_names(binding: ResourceBinding) -> frozenset[str]:
    own = (binding.computer, binding.device, binding.resource.rpartition("/")[2], *binding.also)
    return _ITSELF | {one.lower() for one in own}
