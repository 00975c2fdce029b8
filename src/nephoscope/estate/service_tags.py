"""Service tags: the names that stand for address prefixes in security rules.

Source: https://learn.microsoft.com/azure/virtual-network/service-tags-overview
"""

from __future__ import annotations

from dataclasses import dataclass, field

from nephoscope.estate.addresses import PUBLIC, AddressSet

# The health probes of the platform and its virtual address; IPv6 probes come from a fixed link-local address.
PLATFORM = AddressSet.of(["168.63.129.16/32", "fe80::1234:5678:9abc/128"])

# Any subscriber can rent a machine whose address is in these tags, so that a rule open to one is open to strangers.
RENTABLE = ("azurecloud",)


@dataclass(frozen=True, slots=True)
class ServiceTags:
    """Service tags as one network resolves them: three from the network itself, the rest from an imported table.

    `virtual_network` is the address space of the virtual network, its peers, its gateways' far side and its routes.
    `table` maps a lower-cased tag to its published prefixes; a tag that it lacks is *opaque*.
    """

    virtual_network: AddressSet
    table: dict[str, AddressSet] = field(default_factory=dict, hash=False)

    def resolve(self, tag: str) -> AddressSet | None:
        """The addresses of a lower-cased tag, None where the tag is opaque."""
        if tag == "virtualnetwork":
            return self.virtual_network | PLATFORM
        if tag == "internet":
            return PUBLIC - self.virtual_network - PLATFORM
        if tag == "azureloadbalancer":
            return PLATFORM
        return self.table.get(tag)


def is_tag_within(tag: str, wider: str) -> bool:
    """Return whether a lower-cased tag is another or one of its regions: `storage.westeurope` is within `storage`."""
    return tag == wider or tag.startswith(wider + ".")


def is_rentable(tag: str) -> bool:
    """Return whether anybody can get an address inside the lower-cased tag by renting a machine."""
    return any(is_tag_within(tag, wider) for wider in RENTABLE)
