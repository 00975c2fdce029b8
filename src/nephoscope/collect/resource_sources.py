"""Resource sources: the Resource Graph table, Resource Manager list or Microsoft Graph object for each resource type.

The facts are content (content/azure/reading.json). Source: https://learn.microsoft.com/azure/governance/resource-graph/reference/
supported-tables-resources, the REST reference of each provider.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, NoReturn

import msgspec

from nephoscope.content.loader import load_documents
from nephoscope_policy.documents import ContentDocument, ContentError
from nephoscope_policy.model.source_location import Place

MAIN_TABLE = "resources"
ANY = "*"
SEGMENT = "privateendpointconnections"
#: The table of a nephoscope server that has what Azure's own Defender said, and the types that the server answers with its own.
COLLECTED = "collected"
_AZURES = ("microsoft.security/alertssuppressionrules", "microsoft.security/assessments")
_UNANSWERED = ("microsoft.security/complianceresults",)


class ArmListing(msgspec.Struct, frozen=True):
    """Listing of a type in Resource Manager: GET `<parent id>/<path>?api-version=<api>` for parents of the types `of`.

    `of` is lower-cased, or `*` for an extension that any resource may have; `under` are then the types known to have it
    (none: any).
    """

    type: str
    of: frozenset[str]
    path: str
    api: str
    under: frozenset[str] = frozenset()


class GraphOmission(msgspec.Struct, frozen=True):
    """Parts of a type's body that Resource Graph omits: their lower-cased paths, and the API version that has them."""

    api: str
    paths: tuple[str, ...]


class DerivedType(msgspec.Struct, frozen=True):
    """A type that policies look up under a resource, and Azure keeps in a vault: rows of `source`, at the id under `extends`."""

    source: str
    extends: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TypeSources:
    """The facts; every key is a lower-cased type. `spelled` has each type and namespace as Azure writes it.

    `tables` says in which table of Resource Graph a type is, `named` which names of a type the table holds, `items` the API
    version to read further ones by name, `custom` of which types only custom ones are wanted, `partial` why rows of a type
    prove nothing by their absence, `absent` why a type cannot be read.
    """

    tables: Mapping[str, str]
    lists: Mapping[str, ArmListing]
    items: Mapping[str, str]
    named: Mapping[str, frozenset[str]]
    lacks: Mapping[str, GraphOmission]
    derived: Mapping[str, DerivedType]
    custom: frozenset[str]
    partial: Mapping[str, str]
    absent: Mapping[str, str]
    spelled: Mapping[str, str] = field(repr=False)

    @classmethod
    def load_builtin(cls) -> TypeSources:
        """The facts that ship with nephoscope; ContentError naming the file and member that has another shape."""
        return _load_builtin()

    @property
    def types(self) -> frozenset[str]:
        """Every type that a way to read is known for, but those of Microsoft Graph."""
        return frozenset((*self.tables, *self.lists, *self.derived))

    def load_server_sources(self) -> TypeSources:
        """Return how they are read of a nephoscope server.

        What Azure's own Defender said is in a table apart from what the server says; what is derived here is there as it was derived.
        """
        lists = {type_: row for type_, row in self.lists.items() if type_ not in _UNANSWERED + _AZURES}
        absent = {**self.absent, **dict.fromkeys(_UNANSWERED, "a nephoscope server does not answer for it")}
        tables = {
            **self.tables,
            **dict.fromkeys(_AZURES, COLLECTED),
            **dict.fromkeys(self.derived, MAIN_TABLE),
        }
        return replace(self, tables=tables, lists=lists, absent=absent, derived={})

    def spell(self, type_: str) -> str:
        """A lower-cased type as Azure writes it, as far as is known."""
        if known := self.spelled.get(type_):
            return known
        namespace, slash, rest = type_.partition("/")
        spelled = self.spelled.get(namespace)
        return (spelled or re.sub(r"^microsoft\.", "Microsoft.", namespace)) + slash + rest

    def build_query(self, type_: str) -> str:
        """The query of Resource Graph that has the bodies of a lower-cased type, '' where no table of it is known to hold them."""
        table = self.tables.get(type_) or (MAIN_TABLE if self._is_tracked_type(type_) else "")
        return f"{table} | where type =~ '{self.spell(type_)}'" if table else ""

    def _is_tracked_type(self, type_: str) -> bool:
        return (
            type_.startswith("microsoft.")
            and type_.count("/") == 1
            and type_ not in self.lists
            and type_ not in self.absent
        )


@cache
def _load_builtin() -> TypeSources:
    found = [document for document in load_documents(None, "azure") if document.name == "reading.json"]
    if len(found) != 1:
        raise ContentError("the package has no azure/reading.json", Place("content"))
    return parse(found[0])


def parse(document: ContentDocument) -> TypeSources:
    """Read a file of facts; ContentError naming the member that has another shape."""
    body = _MemberReader(document.json(), document.place)
    tables = {
        type_: table for table in body.read_names("tables") for type_ in body.read_texts(f"tables.{table}")
    }
    lists = body.read_section("lists")
    written = (
        body.read_section("derived"),
        body.read_section("items"),
        body.read_section("lacks"),
        body.read_texts("spelled"),
    )
    return TypeSources(
        tables={type_.lower(): table for type_, table in tables.items()},
        lists={type_.lower(): _read_list(type_, row, body) for type_, row in lists.items()},
        items={
            type_.lower(): body.read_text(row, "api", type_)
            for type_, row in body.read_section("items").items()
        },
        named={
            type_.lower(): frozenset(name.lower() for name in body.read_texts(f"named.{type_}"))
            for type_ in body.read_names("named")
        },
        lacks={
            type_.lower(): GraphOmission(
                body.read_text(row, "api", type_),
                tuple(path.lower() for path in body.require_list(row, "paths", type_)),
            )
            for type_, row in body.read_section("lacks").items()
        },
        derived={
            type_.lower(): DerivedType(
                body.read_text(row, "from", type_).lower(),
                tuple(body.read_text(row, "extends", type_).split(".")),
            )
            for type_, row in body.read_section("derived").items()
        },
        custom=frozenset(type_.lower() for type_ in body.read_texts("custom")),
        partial={type_.lower(): str(why) for type_, why in body.read_section("partial").items()},
        absent={type_.lower(): str(why) for type_, why in body.read_section("absent").items()},
        spelled=_spell_types((*tables, *lists, *itertools.chain.from_iterable(written))),
    )


def _spell_types(types: Iterable[str]) -> dict[str, str]:
    """The types, the types above them and their namespaces, each by its lower-cased form."""
    found: dict[str, str] = {}
    for type_ in types:
        above = itertools.accumulate(type_.split("/"), "{}/{}".format)
        found |= {one.lower(): one for one in above}
    return found


def _read_list(type_: str, row: Any, body: _MemberReader) -> ArmListing:
    parent, _, segment = type_.rpartition("/")
    of = body.require_list(row, "of", type_) if isinstance(row, dict) and "of" in row else [parent]
    under = body.require_list(row, "under", type_) if "under" in row else []
    path = row.get("path") or segment
    return ArmListing(
        type_.lower(),
        frozenset(one.lower() for one in of),
        str(path),
        body.read_text(row, "api", type_),
        frozenset(one.lower() for one in under),
    )


class _MemberReader:
    """Checked access to the members of the file."""

    def __init__(self, body: object, place: Place) -> None:
        self._body, self._place = body, place

    def _read_member_at(self, path: str) -> object:
        # A path is `section` or `section.key`; keys contain dots themselves.
        section, _, key = path.partition(".")
        value = self._body.get(section) if isinstance(self._body, dict) else None
        return value.get(key) if key and isinstance(value, dict) else value

    def read_section(self, name: str) -> dict[str, object]:
        value = self._read_member_at(name)
        if not isinstance(value, dict):
            self._raise_member_error(name, "an object")
        return value

    def read_names(self, name: str) -> Iterator[str]:
        return iter(self.read_section(name))

    def read_texts(self, path: str) -> list[str]:
        value = self._read_member_at(path)
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            self._raise_member_error(path, "a list of texts")
        return value

    def read_text(self, row: Any, member: str, type_: str) -> str:
        value = row.get(member) if isinstance(row, dict) else None
        if not isinstance(value, str) or not value:
            self._raise_member_error(f"{type_}.{member}", "a text")
        return value

    def require_list(self, row: object, member: str, type_: str) -> list[str]:
        value = row.get(member) if isinstance(row, dict) else None
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            self._raise_member_error(f"{type_}.{member}", "a list of texts")
        return value

    def _raise_member_error(self, path: str, what: str) -> NoReturn:
        raise ContentError(f"'{path}' must be {what}", Place(self._place.file, path=path))
