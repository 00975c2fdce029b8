"""Known resource types and providers: of policy aliases, of the API, and of the estate a caller can read.

Source: https://learn.microsoft.com/rest/api/resources/providers/list (2021-04-01): Provider, ProviderResourceType, Alias
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from nephoscope.api.wire.api_call import ApiCall
from nephoscope.api.wire.operation import OperationRegistry, load_surfaces
from nephoscope.posture.policies.policy_packs import Packs
from nephoscope_policy.alias import Alias
from nephoscope_policy.aliases import Aliases

#: Any version is taken: this is the one that is named to who wants to choose.
VERSION = "2024-03-01"
ALIASES = "resourcetypes/aliases"
_READ = "/read"


@dataclass(frozen=True)
class KnownTypes:
    """Lower-cased provider -> its types, of all that is known and of the estate alone, as a caller may see it."""

    call: ApiCall
    types: Mapping[str, frozenset[str]]
    of_estate: frozenset[str]

    @classmethod
    def of(cls, call: ApiCall, below: str = "") -> KnownTypes:
        """Return what is known; of the estate what lies below a lower-cased scope ('' = everywhere)."""
        snapshot = call.instance.snapshots.load_newest()
        read = snapshot.listing.resource_types(call.reach, below) if snapshot is not None else []
        found: dict[str, set[str]] = {one: set() for one in _map_provider_spellings()}
        for type_ in (*_load_aliases_for(call).types(), *_list_answered_types(), *read):
            namespace, _, rest = type_.partition("/")
            found.setdefault(namespace, set()).add(rest)
        kept = {name: frozenset(several) for name, several in sorted(found.items())}
        return cls(call, kept, frozenset(one.partition("/")[0] for one in read))

    def is_known(self, namespace: str) -> bool:
        """Return whether something of a provider is answered here or was read of the estate."""
        return namespace in self.of_estate or namespace in _map_provider_spellings()

    def build_provider(self, namespace: str) -> dict[str, Any]:
        """A provider with its types, and their aliases where `$expand` asks for them."""
        expanded = self.call.get_query_value("$expand").lower() == ALIASES
        aliases = _load_aliases_for(self.call)
        types = sorted(self.types[namespace])
        return {
            "namespace": _map_provider_spellings().get(namespace, namespace),
            "resourceTypes": [
                _describe_type(f"{namespace}/{one}", aliases, expanded=expanded) for one in types
            ],
        }


def _describe_type(type_: str, aliases: Aliases, *, expanded: bool) -> dict[str, object]:
    found = aliases.find_capability(type_)
    words = ["SupportsTags"] if found and found.tags else []
    words += ["SupportsLocation"] if found and found.location else []
    body: dict[str, Any] = {
        "resourceType": type_.partition("/")[2],
        "locations": [],
        "apiVersions": [VERSION],
        "capabilities": ", ".join(words) or "None",
    }
    return body | (
        {"aliases": [_describe_alias(one) for one in aliases.list_of_type(type_)]} if expanded else {}
    )


def _describe_alias(one: Alias) -> dict[str, object]:
    """An alias; the api-versions that share a path of their own stand together."""
    paths: dict[str, list[str]] = {}
    for version, path in one.versions.items():
        paths.setdefault(path, []).append(version)
    return {
        "name": one.name,
        "defaultPath": one.path,
        "paths": [{"path": path, "apiVersions": versions} for path, versions in paths.items()],
    }


@cache
def _map_provider_spellings() -> dict[str, str]:
    """Lower-cased provider that is answered here -> as Azure writes it."""
    return {one.provider.lower(): one.provider for one in load_surfaces() if one.provider}


@cache
def _list_answered_types() -> frozenset[str]:
    """The lower-cased types that can be read here, by the permissions that reading needs."""
    reads = (one.permission.lower() for one in OperationRegistry.load_all_operations())
    types = (
        one.removesuffix(_READ)
        for one in reads
        if one.endswith(_READ) and not one.endswith("/collected/read")
    )
    return frozenset(
        one for one in types if one.partition("/")[0] in _map_provider_spellings() and "/" in one
    )


def _load_aliases_for(call: ApiCall) -> Aliases:
    return _load_aliases(call.instance.data, Packs(call.instance.data).stamp)


@lru_cache(maxsize=2)
def _load_aliases(data: Path, _stamp: Iterable[object]) -> Aliases:
    """The alias tables of a data folder as they were at a stamp."""
    return Packs(data).aliases()
