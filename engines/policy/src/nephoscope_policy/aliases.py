"""Property aliases: the names that rules use for paths inside a resource body.

A table maps a lower-cased alias to its default path and, where the provider says so, to other paths per api-version.
Source of the shape: GET /providers?$expand=resourceTypes/aliases (`az provider list --expand resourceTypes/aliases`).
"""

from __future__ import annotations

import gzip
import json
import zlib
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec.structs import replace

from nephoscope_policy.alias import Alias, Capability
from nephoscope_policy.alias_table import read
from nephoscope_policy.body_paths import STAR, Segments, fold_segments, split_path
from nephoscope_policy.errors import PolicyError, suggest_word

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path


class UnknownAlias(LookupError):  # noqa: N818 - says what is unknown
    """An alias that stands in no loaded table; the message names it and what to do."""


class FieldPath(msgspec.Struct, frozen=True):
    """Path that a field reads: `special` is 'name', 'fullname', 'type' or 'id' and then `segments` is empty.

    `segments` has lower-cased keys, `spelled` the keys as a request body writes them; `location` asks for values to be
    compared without spaces.
    """

    text: str
    special: str = ""
    segments: Segments = ()
    spelled: Segments = ()
    location: bool = False
    alias: str = ""

    @property
    def selects_many(self) -> bool:
        """Return whether the path selects more than one value."""
        return STAR in self.segments


_SPECIAL = {"name": "name", "fullname": "fullName", "type": "type", "id": "id"}
_ENVELOPE = {
    "kind": "kind",
    "location": "location",
    "tags": "tags",
    "identity": "identity",
    "apiversion": "apiVersion",
}


class Aliases:
    """A table of aliases and of the capabilities of resource types."""

    def __init__(
        self,
        table: Mapping[str, str | Alias],
        capabilities: Mapping[str, Capability] | None = None,
        *,
        plain_paths: bool = False,
    ) -> None:
        self._table = table
        self._capabilities = dict(capabilities or {})
        self._plain = plain_paths
        self._by_type: dict[str, list[str]] | None = None
        self._fields: dict[tuple[str, str, str], FieldPath] = {}
        self.versioned = any(not isinstance(value, str) and value.versions for value in table.values())
        """Whether some alias has paths of single api-versions."""
        self.typed = frozenset(
            name for name, value in table.items() if not isinstance(value, str) and value.types
        )
        """The lower-cased aliases whose path depends on the type of the resource."""

    @classmethod
    def load_builtin(cls) -> Aliases:
        """The table that ships with nephoscope: every alias that public built-in definitions use."""
        return _build_builtin()

    @classmethod
    def make_raw(cls) -> Aliases:
        """No table at all: every field that is not a known name is a path into the body itself."""
        return cls({}, plain_paths=True)

    @classmethod
    def of(cls, document: object) -> Aliases:
        """A table from a map alias -> path, from the JSON of `az provider list --expand resourceTypes/aliases`, or
        from a data policy manifest (`dataNamespace`, `resourceTypeAliases`).

        Raises PolicyError naming the entry that has neither shape.
        """
        if isinstance(document, dict) and isinstance(document.get("value"), list):
            document = document["value"]
        if isinstance(document, dict) and isinstance(document.get("dataNamespace"), str):
            document = [_from_manifest(document)]
        if isinstance(document, list):
            return _parse_providers(document)
        if not isinstance(document, dict):
            raise PolicyError("an alias file is a map alias -> path, or a list of providers", stage="compile")
        table: dict[str, str | Alias] = {}
        for name, path in document.items():
            if not isinstance(path, str):
                raise PolicyError(f"the path of the alias '{name}' must be a string", name, "compile")
            table[name.lower()] = path
        return cls(table)

    @classmethod
    def load(cls, path: Path) -> Aliases:
        """Read an alias file (.json or .json.gz) in one of the shapes that `of` takes."""
        data = path.read_bytes()
        try:
            body = json.loads(gzip.decompress(data) if path.suffix == ".gz" else data)
        except json.JSONDecodeError as error:
            reason = f"not JSON: {error.msg} (line {error.lineno})"
            raise PolicyError(f"{path}: {reason}", stage="compile") from error
        except (OSError, EOFError, zlib.error, ValueError, RecursionError) as error:
            raise PolicyError(f"{path}: not an alias table: {error}", stage="compile") from error
        return cls.of(body)

    def check_paths(self) -> None:
        """Raise PolicyError for the first alias whose path cannot be followed; worth its time once, when a table is imported."""
        for name in self._table:
            alias = self.get(name)
            try:
                for path in (alias.path, *alias.versions.values(), *alias.types.values()) if alias else ():
                    split_path(path)
            except (ValueError, TypeError) as error:
                raise PolicyError(f"the alias '{name}' is not usable: {error}", name, "compile") from error

    def merge(self, other: Aliases) -> Aliases:
        """Both tables; where both know an alias or a type, `other` wins.

        Paths by type that only this table has stay: a flat table knows one path per alias.
        """
        capabilities = {**self._capabilities, **other._capabilities}
        table = {**self._table, **other._table}
        for name in self.typed:
            known, found = self._table[name], table[name]
            alias = Alias(name, found) if isinstance(found, str) else found
            if isinstance(known, Alias) and not alias.types:
                table[name] = replace(alias, types=known.types)
        return Aliases(table, capabilities, plain_paths=self._plain or other._plain)

    def __len__(self) -> int:
        return len(self._table)

    def __contains__(self, name: str) -> bool:
        return name.lower() in self._table

    def names(self) -> Iterable[str]:
        """Every alias, lower-cased."""
        return self._table.keys()

    def list_of_type(self, type_: str) -> list[Alias]:
        """The aliases that belong to a lower-cased resource type itself, in the order of the table."""
        found = (self.get(name) for name in self._group_names_by_type().get(type_, []))
        return [alias for alias in found if alias is not None]

    def types(self) -> frozenset[str]:
        """The lower-cased resource types that have aliases or of which the capabilities are known."""
        return frozenset(one for one in (*self._group_names_by_type(), *self._capabilities) if "/" in one)

    def _group_names_by_type(self) -> dict[str, list[str]]:
        if self._by_type is None:
            self._by_type = {}
            for name in self._table:
                self._by_type.setdefault(_extract_type(name), []).append(name)
        return self._by_type

    def get(self, name: str) -> Alias | None:
        """The alias of a name in any case, None where no table has it."""
        found = self._table.get(name.lower())
        return Alias(name, found) if isinstance(found, str) else found

    def find_capability(self, type_: str) -> Capability | None:
        """Return what is known of a lower-cased resource type, None where nothing is."""
        return self._capabilities.get(type_)

    def resolve_field(self, text: str, api_version: str = "", type_: str = "") -> FieldPath:
        """Resolve a field name or alias for a resource of a lower-cased type ('' = any).

        Raises UnknownAlias, or ValueError for a malformed path.
        """
        typed = type_ if type_ and text.lower() in self.typed else ""
        key = (text, api_version if self.versioned else "", typed)
        found = self._fields.get(key)
        if found is None:
            found = self._fields[key] = self._resolve_alias(*key)
        return found

    def _resolve_alias(self, text: str, api_version: str, type_: str) -> FieldPath:
        lowered = text.lower()
        if lowered in _SPECIAL:
            return FieldPath(text, special=lowered)
        if lowered in _ENVELOPE:
            return _build_path(text, (_ENVELOPE[lowered],), location=lowered == "location")
        if lowered.startswith(("tags.", "tags[")):
            return _build_path(text, ("tags", _extract_tag_name(text)))
        if lowered.startswith(("identity.", "identity[")):
            return _build_path(text, split_path(text))
        alias = self.get(text)
        if alias is not None:
            return _build_path(text, split_path(alias.find_path(api_version.lower(), type_)), alias=lowered)
        whole = self._find_array_path(text, api_version, type_)
        if whole is not None:
            return _build_path(text, whole, alias=lowered)
        if self._plain:
            return _build_path(text, split_path(text))
        raise UnknownAlias(self._suggest_alias(text))

    def _find_array_path(self, text: str, api_version: str, type_: str) -> Segments | None:
        """The path of an array whose members alone have an alias: `x` is what `x[*]` goes over."""
        members = self.get(f"{text}[*]")
        if members is None:
            return None
        segments = split_path(members.find_path(api_version.lower(), type_))
        return segments[:-1] if segments[-1] is STAR else None

    def _suggest_alias(self, text: str) -> str:
        if "/" not in text:
            known = ("name", "fullName", "kind", "type", "location", "id", "identity.type", "tags")
            return f"'{text}' is neither a field nor an alias{suggest_word(text, known)} (a property needs its alias)"
        stem = _extract_type(text.lower())
        near = {name[len(stem) + 1 :]: name for name in self._table if name.startswith(f"{stem}/")}
        close = suggest_word(text[len(stem) + 1 :], near)
        hint = close.replace("'", f"'{stem}/", 1) if close else f"; {len(near)} aliases begin with '{stem}'"
        return f"the alias '{text}' is in no loaded alias table{hint} (import one that has it)"


def _extract_type(name: str) -> str:
    """The type of an alias: what stands before the last slash outside brackets."""
    return name.split("[", 1)[0].rsplit("/", 1)[0]


def _build_path(text: str, spelled: Segments, *, location: bool = False, alias: str = "") -> FieldPath:
    return FieldPath(text, "", fold_segments(spelled), spelled, location, alias)


def _extract_tag_name(text: str) -> str:
    """The tag of `tags.x`, `tags[x]`, `tags['x']`, `tags['''x''']`; a dotted rest is one name, `tags[]` the empty one."""
    if text[4] == ".":
        return text[5:]
    if not text.endswith("]"):
        raise ValueError(f"'[' is not closed in {text!r}")
    inner = text[5:-1]
    if len(inner) >= 2 and inner[0] in "'\"" and inner[-1] == inner[0]:
        return inner[1:-1].replace("''", "'")
    return inner


def _from_manifest(manifest: dict[str, Any]) -> dict[str, object]:
    """A data policy manifest in the shape of a provider."""
    namespace = manifest["dataNamespace"]
    kinds = [
        {"resourceType": kind.get("resourceType", ""), "aliases": kind.get("aliases") or []}
        for kind in manifest.get("resourceTypeAliases") or []
    ]
    return {
        "namespace": namespace,
        "resourceTypes": [*kinds, {"resourceType": "", "aliases": manifest.get("aliases")}],
    }


def _parse_providers(providers: list[object]) -> Aliases:
    table: dict[str, str | Alias] = {}
    capabilities: dict[str, Capability] = {}
    for number, provider in enumerate(providers):
        if not isinstance(provider, dict) or not isinstance(provider.get("namespace"), str):
            raise PolicyError(
                "a provider is an object with 'namespace' and 'resourceTypes'", f"[{number}]", "compile"
            )
        for index, kind in enumerate(_read_objects(provider, "resourceTypes", f"[{number}]")):
            place = f"[{number}].resourceTypes[{index}]"
            if not isinstance(kind.get("resourceType"), str):
                raise PolicyError("a resource type needs a text 'resourceType'", place, "compile")
            type_ = f"{provider['namespace']}/{kind['resourceType']}".lower()
            stated = kind.get("capabilities")
            if isinstance(stated, str) and stated:
                words = stated.lower()
                capabilities[type_] = Capability("supportstags" in words, "supportslocation" in words)
            for at, entry in enumerate(_read_objects(kind, "aliases", place)):
                alias = _parse_alias(entry, f"{place}.aliases[{at}]")
                if alias is not None:
                    _add_alias(table, alias, type_)
    return Aliases(table, capabilities)


def _read_objects(holder: dict[str, object], name: str, place: str) -> list[dict[str, object]]:
    """The objects of an array member, [] where it is absent or null."""
    found = holder.get(name) or []
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        raise PolicyError(f"'{name}' must be an array of objects", f"{place}.{name}", "compile")
    return found


def _parse_alias(entry: dict[str, object], place: str) -> Alias | None:
    """One entry of a provider's `aliases`; PolicyError where it has not the shape of one."""
    if not isinstance(entry.get("name"), str):
        raise PolicyError("an alias needs a text 'name'", place, "compile")
    try:
        return _read_alias(entry)
    except (KeyError, TypeError, AttributeError) as error:
        raise PolicyError(
            f"the alias '{entry['name']}' has not the shape of one: {error}", place, "compile"
        ) from error


def _add_alias(table: dict[str, str | Alias], alias: Alias, type_: str) -> None:
    """Take an alias of a type in; an alias that several types have keeps the paths that differ from the first one's."""
    known = table.get(alias.name.lower())
    if not isinstance(known, Alias):
        table[alias.name.lower()] = alias
    elif alias.path != known.path:
        table[known.name.lower()] = replace(known, types={**known.types, type_: alias.path})


def _read_alias(entry: dict[str, Any]) -> Alias | None:
    """One entry of a provider's `aliases`; None for one without any path."""
    default = entry.get("defaultPath")
    versions = {
        version.lower(): path["path"]
        for path in entry.get("paths") or []
        for version in path.get("apiVersions") or []
        if path.get("path") != default
    }
    if not default:
        stated = [path["path"] for path in entry.get("paths") or [] if path.get("path")]
        if not stated:
            return None
        default = stated[0]
    attributes = (entry.get("defaultMetadata") or {}).get("attributes")
    modifiable = None if attributes is None else str(attributes).lower() == "modifiable"
    return Alias(entry["name"], default, versions, modifiable)


@lru_cache(maxsize=1)
def _build_builtin() -> Aliases:
    return Aliases(*read())
