"""Catalog entry: metadata of one version of a definition or initiative, available before it is parsed."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TYPE_CHECKING, Literal

import msgspec

if TYPE_CHECKING:
    from nephoscope_policy.model.source_location import Place
    from nephoscope_policy.version import Version

Kind = Literal["definition", "initiative"]
DEFINITION_TYPE = "microsoft.authorization/policydefinitions"
INITIATIVE_TYPE = "microsoft.authorization/policysetdefinitions"
#: The functions whose answer lies outside the resource: the clock, the assignment, the subscription and the resource group.
CALLS = ("utcnow", "policy", "subscription", "resourcegroup")
TYPES: dict[Kind, str] = {"definition": DEFINITION_TYPE, "initiative": INITIATIVE_TYPE}


class ContentProblem(msgspec.Struct, frozen=True):
    """A document that was not taken, or is in doubt: where and why. `error` is False for what is left out by design."""

    place: Place
    reason: str
    error: bool = True


@dataclass(frozen=True, slots=True)
class CatalogEntry:
    """One version of a definition or initiative.

    `id` and `name` are lower-cased; `stated_id` is False where the document has no id and one of the tenant was assumed. `types`
    are the lower-cased resource types that its rule provably needs (None: any), `related_types` those it looks up ('*': any), in
    its own resource group or, where `wide`, anywhere in the subscription. `calls` are the
    impure template functions that its verdict may ask (CALLS, lower-cased). `digest` names its
    content. `fault` is why it cannot be used ('' when it
    parses). `static` is True for a control that Microsoft
    answers for, which judges no resource. `unread` names what an export cut of it, '' where that decides nothing. `data` is its JSON.
    """

    kind: Kind
    id: str
    name: str
    display_name: str
    version: Version
    types: frozenset[str] | None
    related_types: frozenset[str]
    digest: str
    place: Place
    data: bytes | memoryview = field(repr=False)
    static: bool = False
    wide: bool = False
    calls: frozenset[str] = frozenset()
    stated_id: bool = True
    fault: str = ""
    unread: str = ""

    @property
    def is_unparsed(self) -> bool:
        """Return whether its rule could not be parsed, so that nobody knows which resources it would judge."""
        return bool(self.fault) or (bool(self.unread) and self.types == frozenset())

    def document(self) -> dict[str, object]:
        """The raw document in its ARM envelope."""
        return msgspec.json.decode(self.data, type=dict[str, object])


def digest(data: bytes) -> str:
    """The name of a content: 128 bits in hexadecimal."""
    return blake2b(data, digest_size=16).hexdigest()
