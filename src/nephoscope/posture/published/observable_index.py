"""Observable index: documents by address or CVE that occurs in them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address

from nephoscope.model.read_scope import Reach
from nephoscope.posture.published.document_listing import decode_document
from nephoscope.posture.published.document_queries import Documents, is_one_of

Address = IPv4Address | IPv6Address
_CVE = re.compile(r"cve-\d{4}-\d{4,19}", re.IGNORECASE)
_INSIDE = "/providers/microsoft.security/"
#: Where it stands in a document is told so many times at most, and documents nested deeper are not looked through.
_PLACES, _DEPTH = 3, 60


@dataclass(frozen=True, slots=True)
class DocumentMention:
    """A document that names what was sought: its id, the resource that it is about, what it is called, its type, and where it does."""

    id: str
    resource: str
    title: str
    type: str
    places: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ObservableIndex:
    """The documents of an edition by what stands in them."""

    documents: Documents

    def find_mentions(
        self, reach: Reach, text: str, *, parts: tuple[str, ...] = (), type_: str = "", most: int = 25
    ) -> list[DocumentMention]:
        """Return those of some tables, or of a lower-cased type, that name an address or a CVE; none where the text is neither."""
        key = ("mentions", reach, text.strip().lower(), parts, type_, most)
        return list(
            self.documents.get_or_compute(
                key, lambda: self._find_mentions(reach, text.strip(), parts, type_, most)
            )
        )

    def _find_mentions(
        self, reach: Reach, text: str, parts: tuple[str, ...], type_: str, most: int
    ) -> list[DocumentMention]:
        wanted = parse_sought(text)
        if wanted is None:
            return []
        cursor = self.documents.open_cursor()
        documents = self.documents
        rows = (
            documents.select_rows_of_types([type_], reach, cursor) if type_ else documents.rows(reach, cursor)
        )
        rows = rows.filter(is_one_of("part", parts)) if parts else rows
        named = cursor.table("mentions").filter(is_one_of("name", [str(wanted)]))
        both = rows.project("key, number").set_alias("d").join(named.set_alias("m"), "d.number = m.number")
        found = both.project("d.key, d.number").distinct().order("key").limit(most).fetchall()
        bodies = self.documents.bodies([number for _, number in found])
        mentions = (_describe_mention(decode_document(body), wanted) for body in bodies)
        return [one for one in mentions if one.places]


def parse_sought(text: str) -> Address | str | None:
    """The address that a text is, or the CVE, in small letters; None where it is neither."""
    if _CVE.fullmatch(text):
        return text.lower()
    try:
        found = ip_address(text.removesuffix("/32").removesuffix("/128"))
    except ValueError:
        return None
    return (isinstance(found, IPv6Address) and found.ipv4_mapped) or found


def _describe_mention(body: dict[str, object], wanted: Address | str) -> DocumentMention:
    id_, properties = str(body["id"]), body.get("properties")
    title = properties.get("displayName") if isinstance(properties, dict) else None
    at = id_.lower().find(_INSIDE)
    return DocumentMention(
        id_,
        id_[:at] if at > 0 else id_,
        str(title or body.get("name") or id_.rsplit("/", 1)[-1]),
        str(body.get("type") or ""),
        tuple(dict.fromkeys(_read_mention_places(body, wanted)))[:_PLACES],
    )


def _read_mention_places(
    value: object, wanted: Address | str, path: str = "", depth: int = 0
) -> Iterator[str]:
    if depth > _DEPTH:
        return
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _read_mention_places(inner, wanted, f"{path}.{name}" if path else str(name), depth + 1)
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _read_mention_places(inner, wanted, f"{path}[{number}]", depth + 1)
    elif isinstance(value, str) and _is_value_wanted(value, wanted):
        yield path


def _is_value_wanted(value: str, wanted: Address | str) -> bool:
    if isinstance(wanted, str):
        return wanted in (found.lower() for found in _CVE.findall(value))
    try:
        return ip_address(value.removesuffix("/32").removesuffix("/128")) == wanted
    except ValueError:
        return False
