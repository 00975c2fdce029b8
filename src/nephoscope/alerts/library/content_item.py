"""Content item: a document found in a file, with its kind and place."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from enum import StrEnum

from nephoscope_policy.model.source_location import Place


class ContentKind(StrEnum):
    """Kind of a content item."""

    RULE = "rule"
    HUNTING = "hunting"
    FUNCTION = "function"
    WATCHLIST = "watchlist"


@dataclass(frozen=True, slots=True)
class ContentItem:
    """A rule or hunting query in Sentinel's format, a function (`name parameters body`), a watchlist (`alias key items`).

    `id` tells it apart from all of its kind. `source` is its file below what was imported.
    """

    kind: ContentKind
    id: str
    name: str
    version: str
    source: str
    document: dict[str, object]
    place: Place = field(compare=False)
    notes: tuple[str, ...] = ()

    @property
    def hash(self) -> str:
        """Return the SHA-256 of the document in hexadecimal, whatever the order of its keys."""
        text = json.dumps(self.document, sort_keys=True, ensure_ascii=False, default=str)
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class UnusableContent:
    """A piece, or a file, that cannot be used: why, and whether that is because nephoscope does not do what it asks for."""

    place: Place
    source: str
    name: str
    reasons: tuple[str, ...]
    unsupported: bool = False
