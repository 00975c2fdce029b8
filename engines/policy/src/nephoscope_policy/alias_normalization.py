"""Alias normalization: an ARM body as its aliases name it, and back.

The normalized form has lower-cased keys, no `properties` wrapper (neither around the resource nor around the elements of a
sub-resource array), and every alias's value at the alias's own short name, whatever path an api-version has for it. A property
whose name collides with a field of the envelope stands under `_p_<name>`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nephoscope_policy.body_paths import (
    MISSING,
    STAR,
    Segment,
    Segments,
    fold_segments,
    split_path,
    walk_path,
)
from nephoscope_policy.document import get_ignoring_case

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from nephoscope_policy.aliases import Aliases

ENVELOPE = (
    "name",
    "type",
    "location",
    "kind",
    "id",
    "tags",
    "identity",
    "sku",
    "plan",
    "zones",
    "managedBy",
    "etag",
    "apiVersion",
    "fullName",
    "systemData",
    "extendedLocation",
)
"""What stands beside `properties` in every ARM resource."""
_ENVELOPE = {name.lower(): name for name in ENVELOPE}
_SHALLOW = frozenset({"tags", "identity"})
_ELEMENT = frozenset({"name", "type", "id", "etag"})
_PREFIX = "_p_"
_CASING = {
    name.lower(): name
    for name in (
        "principalId",
        "tenantId",
        "clientId",
        "userAssignedIdentities",
        "createdBy",
        "createdByType",
        "createdAt",
        "lastModifiedBy",
        "lastModifiedByType",
        "lastModifiedAt",
        "promotionCode",
    )
}


@dataclass(frozen=True, slots=True)
class _AliasRow:
    """An alias of the type: its short name as segments, and its path at the api-version."""

    short: Segments
    path: Segments

    @property
    def stars(self) -> int:
        return sum(segment is STAR for segment in self.short)


class Normalizer:
    """Normalizes bodies of one resource type at one api-version ('' = default paths).

    `arrays` names further sub-resource arrays (`subnets`, `subnets.ipConfigurations`) besides those that the aliases show.
    """

    def __init__(
        self, aliases: Aliases, type_: str, api_version: str = "", arrays: Iterable[str] = ()
    ) -> None:
        lowered = type_.lower()
        self._data_plane = ".data/" in lowered
        self._casing = dict(_CASING)
        self._rows: list[_AliasRow] = []
        self._arrays = {name.lower() for name in arrays}
        for alias in aliases.list_of_type(lowered):
            short = alias.name[len(lowered) + 1 :]
            for path in {alias.path, *alias.versions.values()}:
                self._add_alias_spelling(split_path(path))
            self._add_alias_spelling(split_path(short))
            path_now = split_path(alias.find_path(api_version.lower()))
            self._rows.append(_AliasRow(split_path(short), path_now))
            self._arrays.update(_list_sub_arrays(split_path(alias.path)))

    def _add_alias_spelling(self, segments: Segments) -> None:
        for segment in segments:
            if isinstance(segment, str):
                self._casing.setdefault(segment.lower(), segment)

    def normalize(self, body: object) -> object:
        """The normalized form; anything but an object is returned as it is."""
        if not isinstance(body, dict):
            return body
        result: dict[str, object] = {}
        for key, value in body.items():
            lowered = key.lower()
            if lowered != "properties" and (self._data_plane or lowered in _ENVELOPE):
                result[lowered] = (
                    _lower_top_keys(value) if lowered in _SHALLOW else self._lower_keys(value, lowered)
                )
        properties = get_ignoring_case(body, "properties")
        if isinstance(properties, dict):
            for key, value in properties.items():
                result.setdefault(key.lower(), self._lower_keys(value, key.lower()))
        self._place_values(body, result)
        return result

    def _lower_keys(self, value: object, path: str) -> object:
        if isinstance(value, list):
            flat = path in self._arrays
            return [self._read_flat(item, path) if flat else self._lower_keys(item, path) for item in value]
        if isinstance(value, dict):
            return {
                key.lower(): self._lower_keys(item, f"{path}.{key.lower()}") for key, item in value.items()
            }
        return value

    def _read_flat(self, element: object, path: str) -> object:
        """An element of a sub-resource array without its own `properties` wrapper."""
        if not isinstance(element, dict):
            return element
        lowered = {key.lower(): value for key, value in element.items()}
        inner = lowered.pop("properties", None)
        if isinstance(inner, dict):
            lowered = {**{key.lower(): value for key, value in inner.items()}, **lowered}
        return {key: self._lower_keys(value, f"{path}.{key}") for key, value in lowered.items()}

    def _place_values(self, body: dict[str, object], result: dict[str, object]) -> None:
        """Put the values of aliases at their short names."""
        for row in self._rows:
            if not row.stars:
                value = walk_path(body, row.path)
                if value is not MISSING:
                    _set_value(
                        result, fold_segments(self._find_home(row)), self._lower_keys(value, ""), keep=True
                    )
                continue
            for name, field, source in _list_renames(row):
                if field is None:
                    if source in result and name not in result:
                        result[name] = result.pop(source)
                    continue
                for element in _read_elements(result, fold_segments(row.short)):
                    if source in element and source != field:
                        element[field] = element.pop(source)

    def _find_home(self, row: _AliasRow) -> Segments:
        first = row.short[0]
        if (
            isinstance(first, str)
            and first.lower() in _ENVELOPE
            and _normalize_segment(row.path[0]) == "properties"
        ):
            return (f"{_PREFIX}{first}", *row.short[1:])
        return row.short

    def denormalize(self, normalized: object) -> object:
        """The ARM body of a normalized form; anything but an object is returned as it is."""
        if not isinstance(normalized, dict):
            return normalized
        root: dict[str, object] = {}
        properties: dict[str, object] = {}
        for key, value in normalized.items():
            lowered = key.lower()
            if lowered in _ENVELOPE:
                root[_ENVELOPE[lowered]] = value if lowered == "tags" else self._restore_value(value)
            elif lowered.startswith(_PREFIX):
                properties[self._restore_key(lowered[len(_PREFIX) :])] = self._restore_value(value)
            else:
                (root if self._data_plane else properties)[self._restore_key(key)] = self._restore_value(
                    value
                )
        self._displace_shadowed_values(normalized, root, properties)
        self._wrap_sub_resources(properties)
        if properties:
            root["properties"] = properties
        return root

    def _restore_key(self, key: str) -> str:
        return self._casing.get(key.lower(), key)

    def _restore_value(self, value: object) -> object:
        if isinstance(value, list):
            return [self._restore_value(item) for item in value]
        if isinstance(value, dict):
            return {self._restore_key(key): self._restore_value(item) for key, item in value.items()}
        return value

    def _displace_shadowed_values(
        self, normalized: dict[str, object], root: dict[str, object], properties: dict[str, object]
    ) -> None:
        """Move values from short names to the paths that the api-version has for them."""
        for row in self._rows:
            if row.stars:
                self._displace_elements(row, properties)
                continue
            value = walk_path(normalized, self._find_home(row))
            inside = _normalize_segment(row.path[0]) == "properties"
            target = row.path[1:] if inside else row.path
            if value is MISSING or not target or fold_segments(target) == fold_segments(row.short):
                continue
            _remove_value(properties, row.short)
            _set_value(properties if inside else root, target, self._restore_value(value))

    def _displace_elements(self, row: _AliasRow, properties: dict[str, object]) -> None:
        for name, field, source in _list_renames(row):
            spelled = self._restore_key(source)
            if field is None:
                if (held := _read_key(properties, name)) is not None:
                    properties[spelled] = properties.pop(held)
                continue
            for element in _read_elements(properties, row.short):
                held = _read_key(element, field)
                if held is not None and field != source:
                    element[_find_last_segment(row.path)] = element.pop(held)

    def _wrap_sub_resources(self, properties: dict[str, object]) -> None:
        """Give the elements of sub-resource arrays their `properties` wrapper back, the innermost first."""
        for path in sorted(self._arrays, key=lambda name: -name.count(".")):
            parts = tuple(path.split("."))
            outside = _ELEMENT | self._list_fields_outside_array(parts)
            for holder in _read_holders(properties, parts[:-1]):
                key = _read_key(holder, parts[-1])
                elements = holder[key] if key is not None else None
                if key is not None and isinstance(elements, list):
                    holder[key] = [_wrap_properties(element, outside) for element in elements]

    def _list_fields_outside_array(self, parts: tuple[str, ...]) -> frozenset[str]:
        """The fields of an array's elements whose path lies beside the element's `properties`."""
        prefix: list[Segment] = [segment for part in parts for segment in (part, STAR)]
        found: set[str] = set()
        for row in self._rows:
            short = fold_segments(row.short)
            if len(short) > len(prefix) and list(short[: len(prefix)]) == prefix:
                tail = row.path[_find_star(row.path, len(parts)) + 1 :]
                if not tail or _normalize_segment(tail[0]) != "properties":
                    found.add(_normalize_segment(short[len(prefix)]))
        return frozenset(found)


def normalize_body(
    body: object, aliases: Aliases, api_version: str = "", arrays: Iterable[str] = ()
) -> object:
    """The normalized form of an ARM body, by the aliases of its `type`."""
    return Normalizer(aliases, _read_type(body), api_version, arrays).normalize(body)


def denormalize_body(
    normalized: object, aliases: Aliases, api_version: str = "", arrays: Iterable[str] = ()
) -> object:
    """The ARM body of a normalized form, by the aliases of its `type`."""
    return Normalizer(aliases, _read_type(normalized), api_version, arrays).denormalize(normalized)


def _read_type(body: object) -> str:
    found = get_ignoring_case(body, "type") if isinstance(body, dict) else None
    return found if isinstance(found, str) else ""


def _lower_top_keys(value: object) -> object:
    return {key.lower(): item for key, item in value.items()} if isinstance(value, dict) else value


def _normalize_segment(segment: Segment) -> str:
    return segment.lower() if isinstance(segment, str) else ""


def _find_last_segment(path: Segments) -> str:
    return str(path[-1])


def _find_star(path: Segments, number: int) -> int:
    """The index of the number-th `[*]` of a path, -1 where it has fewer."""
    stars = [index for index, segment in enumerate(path) if segment is STAR]
    return stars[number - 1] if number <= len(stars) else -1


def _list_sub_arrays(path: Segments) -> Iterator[str]:
    """The dotted names of arrays in a path whose elements wrap their fields in `properties`."""
    names = [segment for segment in path if segment is STAR or _normalize_segment(segment) != "properties"]
    seen = 0
    for index, segment in enumerate(path):
        seen += segment is STAR or _normalize_segment(segment) != "properties"
        if segment is STAR and index + 1 < len(path) and _normalize_segment(path[index + 1]) == "properties":
            yield ".".join(_normalize_segment(name) for name in names[:seen] if name is not STAR)


def _list_renames(row: _AliasRow) -> Iterator[tuple[str, str | None, str]]:
    """(name, field, source): an array's own name (field None), or a field of its elements, where name and path differ."""
    source_root = (
        _normalize_segment(row.path[1])
        if _normalize_segment(row.path[0]) == "properties" and len(row.path) > 1
        else _normalize_segment(row.path[0])
    )
    if source_root != _normalize_segment(row.short[0]):
        yield _normalize_segment(row.short[0]), None, source_root
    if (
        row.short[-1] is not STAR
        and row.path[-1] is not STAR
        and _normalize_segment(row.short[-1]) != _normalize_segment(row.path[-1])
    ):
        yield (
            _normalize_segment(row.short[0]),
            _normalize_segment(row.short[-1]),
            _normalize_segment(row.path[-1]),
        )


def _read_elements(value: object, short: Segments) -> Iterator[dict[str, object]]:
    """The objects that hold the last segment of an array alias."""
    holders = [value]
    for segment in short[:-1]:
        if segment is STAR:
            holders = [item for holder in holders if isinstance(holder, list) for item in holder]
        else:
            holders = [found for holder in holders if (found := walk_path(holder, (segment,))) is not MISSING]
    yield from (holder for holder in holders if isinstance(holder, dict))


def _read_holders(value: object, parts: tuple[str, ...]) -> Iterator[dict[str, object]]:
    """The objects that hold an array, through the elements of the arrays around it (wrapped already or not)."""
    if not isinstance(value, dict):
        return
    if not parts:
        yield value
        return
    for place in (value, get_ignoring_case(value, "properties")):
        if not isinstance(place, dict):
            continue
        key = _read_key(place, parts[0])
        if key is not None:
            inner = place[key]
            for item in inner if isinstance(inner, list) else [inner]:
                yield from _read_holders(item, parts[1:])
            return


def _read_key(mapping: Mapping[str, object], name: str) -> str | None:
    return next((key for key in mapping if key.lower() == name.lower()), None)


def _wrap_properties(element: object, outside: frozenset[str]) -> object:
    if not isinstance(element, dict):
        return element
    result = {key: value for key, value in element.items() if key.lower() in outside}
    inner = {key: value for key, value in element.items() if key.lower() not in outside}
    return {**result, "properties": inner} if inner else result


def _set_value(target: dict[str, object], path: Segments, value: object, *, keep: bool = False) -> None:
    """Set a value at a path; with `keep` an equal-named object on the way is kept, and an equal value is not copied."""
    for segment in path[:-1]:
        name = str(segment)
        held = _read_key(target, name) or name
        inner = target.get(held)
        if not isinstance(inner, dict):
            if keep and held in target:
                return
            inner = target[held] = {}
        target = inner
    last = str(path[-1])
    target[_read_key(target, last) or last] = value


def _remove_value(target: dict[str, object], path: Segments) -> None:
    """Remove the value at a path, and objects that it leaves empty."""
    key = _read_key(target, str(path[0]))
    if key is None:
        return
    inner = target[key]
    if len(path) == 1:
        del target[key]
    elif isinstance(inner, dict):
        _remove_value(inner, path[1:])
        if not inner:
            del target[key]
