"""Content requirements: resource types, related types, names and properties that the loaded content reads.

Only that is collected, so that a snapshot costs as few requests as its content allows.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from nephoscope_policy import tree
from nephoscope_policy.model.resource_id import RESOURCE_GROUP_TYPE, SUBSCRIPTION_TYPE

if TYPE_CHECKING:
    from nephoscope_policy.aliases import Aliases
    from nephoscope_policy.catalog import PolicyCatalog
    from nephoscope_policy.catalog_entry import CatalogEntry

CONTAINERS = frozenset({SUBSCRIPTION_TYPE, RESOURCE_GROUP_TYPE})
#: What a scan reads whatever it judges by: the containers, and what the estate itself decides (assignments, exemptions, attestations).
ALWAYS = frozenset(
    {
        *CONTAINERS,
        "microsoft.authorization/policyassignments",
        "microsoft.authorization/policydefinitions",
        "microsoft.authorization/policyexemptions",
        "microsoft.authorization/policysetdefinitions",
        "microsoft.policyinsights/attestations",
    }
)
_MODES = frozenset({"all", "indexed"})


class ContentNeeds(msgspec.Struct, frozen=True):
    """Lower-cased: `types` to read; `parents` under which types a related type is looked up (absent: only by definitions that
    name no type); `names` that a related type is looked up by ('' = by none); `aliases` that the content mentions.

    `whole`: besides these, everything that a way to read is known for.
    """

    types: frozenset[str]
    parents: Mapping[str, frozenset[str]]
    names: Mapping[str, frozenset[str]]
    aliases: frozenset[str] = frozenset()
    whole: bool = False

    @classmethod
    def of(
        cls,
        catalog: PolicyCatalog,
        also: Iterable[str] = (),
        aliases: Aliases | None = None,
        only: frozenset[str] = frozenset(),
        under: Mapping[str, Iterable[str]] | None = None,
    ) -> ContentNeeds:
        """The needs of every definition of a catalog (`only` these ids, where given) and of `also`, the types analyzers read.

        `under`: types that are looked up under others besides, as parents of Needs.

        `aliases` finds which properties are read; without them no type is read again for what Resource Graph leaves out.
        """
        gathered = _NeedsBuilder()
        for entry in catalog.definitions():
            if entry.fault or entry.unread or entry.static or (only and entry.id not in only):
                continue
            gathered.add(entry, catalog)
        for related, parents in (under or {}).items():
            gathered.add_lookup(related, parents)
        types = ALWAYS | gathered.types | {type_.lower() for type_ in also}
        return cls(
            frozenset(types),
            {type_: frozenset(found) for type_, found in gathered.parents.items()},
            {type_: frozenset(found) for type_, found in gathered.names.items()},
            frozenset(name for name in aliases.names() if name.encode() in gathered.text)
            if aliases
            else frozenset(),
        )

    def select_types(self, types: Iterable[str]) -> ContentNeeds:
        """Return these needs, of some types (in any case) alone, and of the containers by which every collection finds its scope."""
        return replace(self, types=CONTAINERS.union(type_.lower() for type_ in types), whole=False)

    def with_all_readable(self) -> ContentNeeds:
        """Return these needs and all else that can be read."""
        return replace(self, whole=True)


class _NeedsBuilder:
    def __init__(self) -> None:
        self.types: set[str] = set()
        self.parents: defaultdict[str, set[str]] = defaultdict(set)
        self.names: defaultdict[str, set[str]] = defaultdict(set)
        self.text = bytearray()

    def add_lookup(self, related: str, parents: Iterable[str]) -> None:
        """Take in that a type is looked up under others, by no name of its own."""
        self.types.add(related)
        self.parents[related] |= set(parents)
        self.names[related].add("")

    def add(self, entry: CatalogEntry, catalog: PolicyCatalog) -> None:
        if not entry.types and not entry.related_types:
            return
        definition = catalog.parse_entry(entry)
        if definition.mode.lower() not in _MODES:
            return
        self.text += bytes(entry.data).lower() + b"\n"
        self.types |= entry.types or frozenset()
        for related in entry.related_types - {"*"}:
            related = related.strip("/")
            self.types.add(related)
            self.parents[related] |= entry.types or frozenset()
            self.names[related].add(_find_existence_name(definition.tree.then.existence))


def _find_existence_name(existence: tree.Existence | None) -> str:
    """The lower-cased literal name that is looked up, '' where it is any or an expression."""
    name = existence.name if existence is not None else None
    return name.value.lower() if isinstance(name, tree.PolicyLiteral) and isinstance(name.value, str) else ""
