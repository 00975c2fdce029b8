"""An entity: an account, host, address, file ... that an alert speaks of, in Sentinel's words."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from typing import Any

#: How entities of a kind are told apart: the first of these sets of identifiers that an entity has in full.
STRONG: dict[str, tuple[tuple[str, ...], ...]] = {
    "Account": (
        ("AadUserId",),
        ("Sid",),
        ("Name", "UPNSuffix"),
        ("Name", "NTDomain"),
        ("Name", "DnsDomain"),
        ("PUID",),
        ("ObjectGuid",),
        ("Name",),
        ("DisplayName",),
    ),
    "Host": (
        ("AzureID",),
        ("OMSAgentID",),
        ("HostName", "DnsDomain"),
        ("HostName", "NTDomain"),
        ("NetBiosName", "DnsDomain"),
        ("NetBiosName", "NTDomain"),
        ("HostName",),
        ("NetBiosName",),
    ),
    "IP": (("Address",),),
    "URL": (("Url",),),
    "File": (("Directory", "Name"), ("Name",)),
    "FileHash": (("Algorithm", "Value"), ("Value",)),
    "Process": (
        ("ProcessId", "CreationTimeUtc", "CommandLine"),
        ("ProcessId", "CommandLine"),
        ("CommandLine",),
        ("ProcessId",),
    ),
    "AzureResource": (("ResourceId",),),
    "CloudApplication": (("AppId",), ("Name", "InstanceName"), ("Name",)),
    "DNS": (("DomainName",),),
    "Mailbox": (("MailboxPrimaryAddress",), ("Upn",)),
    "MailCluster": (("Query", "Source"), ("Query",)),
    "MailMessage": (("NetworkMessageId", "Recipient"), ("Recipient",)),
    "Malware": (("Name", "Category"), ("Name",)),
    "RegistryKey": (("Hive", "Key"), ("Key",)),
    "RegistryValue": (("Key", "Name"), ("Name",)),
    "SecurityGroup": (("ObjectGuid",), ("SID",), ("DistinguishedName",)),
    "SubmissionMail": (("SubmissionId", "NetworkMessageId"), ("NetworkMessageId",)),
    "CloudLogonSession": (("SessionId",), ("UserAgent",)),
    "IoTDevice": (("DeviceId", "IoTHub"), ("DeviceId",)),
}
"""Source: https://learn.microsoft.com/azure/sentinel/entities-reference (strong identifiers before weak ones)."""

_CALLED = {
    "CloudApplication": ("Name",),
    "File": ("Name",),
    "FileHash": ("Value",),
    "Host": ("HostName", "NetBiosName"),
    "Process": ("CommandLine",),
    "RegistryKey": ("Key",),
    "RegistryValue": ("Name",),
    "SecurityGroup": ("DistinguishedName",),
}
"""What people call an entity of a kind by, where that is not its strongest identifier."""


@lru_cache(4096)
def _normalize_identifier(kind: str, value: str) -> str:
    """An identifier in the one spelling by which it is compared: addresses as RFC 5952 has them, IPv4 within IPv6 as IPv4."""
    if kind == "IP":
        try:
            address = ip_address(value)
        except ValueError:
            return value.lower()
        return str(address.ipv4_mapped or address if isinstance(address, IPv6Address) else address)
    return value.lower()


_WORDS = {"URL": "url", "DNS": "dns", "IP": "ip"}


@dataclass(frozen=True, slots=True)
class Entity:
    """An entity of a kind (`Account`, `IP` ...) with its identifiers, sorted, none empty."""

    kind: str
    identifiers: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, kind: str, identifiers: dict[str, str]) -> Entity | None:
        """The entity of identifiers, those without a value left out; None where nothing is left."""
        kept = tuple(sorted((name, value) for name, value in identifiers.items() if value))
        return cls(kind, kept) if kept else None

    @classmethod
    def read(cls, document: dict[str, Any]) -> Entity:
        """The entity of what `document` made."""
        given = str(document.get("Type", "")).replace("-", "").lower()
        kind = next((one for one in STRONG if one.lower() == given), given)
        kept = {name: str(value) for name, value in document.items() if name not in ("$id", "Type")}
        return cls(kind, tuple(sorted(kept.items())))

    def get(self, name: str) -> str:
        """An identifier, '' where it is not known."""
        return next((value for known, value in self.identifiers if known == name), "")

    @property
    def names(self) -> dict[tuple[str, ...], str]:
        """Every name that the entity goes by, strongest first, by the identifiers that it is made of."""
        found = {}
        for names in STRONG.get(self.kind, ()):
            values = [self.get(name) for name in names]
            if all(values):
                found[names] = "|".join(
                    [self.kind, *names, *(_normalize_identifier(self.kind, value) for value in values)]
                )
        if found:
            return found
        given = tuple(name for name, _ in self.identifiers)
        return {given: "|".join([self.kind, *(f"{n}={v.lower()}" for n, v in self.identifiers)])}

    @property
    def keys(self) -> tuple[str, ...]:
        """The names, strongest first."""
        return tuple(self.names.values())

    @property
    def key(self) -> str:
        """The strongest name."""
        return self.keys[0]

    @property
    def title(self) -> str:
        """Return how people call it."""
        if self.kind == "Account" and (suffix := self.get("UPNSuffix")):
            return f"{self.get('Name')}@{suffix}"
        if self.kind == "Account" and (domain := self.get("NTDomain")):
            return f"{domain}\\{self.get('Name')}"
        if self.kind == "Host" and (domain := self.get("DnsDomain")):
            return f"{self.get('HostName')}.{domain}"
        called = (*_CALLED.get(self.kind, ()), *(names[0] for names in STRONG.get(self.kind, ())))
        if text := next(filter(None, map(self.get, called)), ""):
            return text
        return self.identifiers[0][1]

    def document(self, number: int) -> dict[str, object]:
        """Return the entity as `SecurityAlert.Entities` holds it: `$id`, the identifiers, `Type` in lower case."""
        kind = _WORDS.get(self.kind, self.kind[:1].lower() + self.kind[1:])
        return {
            "$id": str(number),
            **dict(self.identifiers),
            "Type": kind.replace("azureResource", "azure-resource"),
        }
