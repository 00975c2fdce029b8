"""Azure's defaults for what a template leaves out: values of properties, and children that come with a resource.

The facts are content (content/azure/template_defaults.json).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Protocol

import msgspec

from nephoscope_policy.arm.unknown import OpenObject, Unknown
from nephoscope_policy.azure_facts import read_facts
from nephoscope_policy.body_paths import MISSING, Segments, split_path, step_into_value, walk_path


class BodySource(Protocol):
    """Source of a body, queried by paths of lower-cased keys."""

    def has_part(self, path: tuple[str, ...]) -> bool:
        """Return whether it tells a part, so that one that is not there is not set."""

    def list_absent_parts(self, path: tuple[str, ...]) -> Iterable[tuple[str, ...]]:
        """The parts at and below a path that are certainly not there where the body lacks them."""


class TemplateDefaults(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Defaults of some resource types.

    `values` maps a path of the body to its default, `before` an API version to those of earlier versions,
    `absent` lists the paths at and below which nothing is there unless it is set, `answered` those that Azure alone writes,
    `children` maps a child type (its last segment) and name (`blobServices/default`) to the properties that it has by default; `$from`
    among them is the path in the resource's own body whose members go before these, and where it is all, the child is made with
    that part. `made_by_hand` lists the child types (last segments) of which a resource has none until somebody makes one. `texts`
    maps a path at which early API versions have a text to the member that has it in later ones, `moved` a path of early API
    versions to the one of later ones.
    """

    types: tuple[str, ...]
    source: str
    values: dict[str, object] = {}
    before: dict[str, dict[str, object]] = {}
    absent: tuple[str, ...] = ()
    answered: tuple[str, ...] = ()
    children: dict[str, dict[str, object]] = {}
    made_by_hand: tuple[str, ...] = ()
    texts: dict[str, str] = {}
    moved: dict[str, str] = {}


class TypeDefaults(msgspec.Struct, frozen=True):
    """The defaults of one type, paths as segments."""

    values: tuple[tuple[Segments, object], ...] = ()
    before: tuple[tuple[str, tuple[tuple[Segments, object], ...]], ...] = ()
    absent: frozenset[tuple[str, ...]] = frozenset()
    answered: frozenset[tuple[str, ...]] = frozenset()
    children: Mapping[str, dict[str, object]] = msgspec.field(default_factory=dict)
    made_by_hand: tuple[str, ...] = ()
    texts: tuple[tuple[Segments, object], ...] = ()
    moved: tuple[tuple[Segments, Segments], ...] = ()

    def fill(
        self, body: dict[str, object], source: BodySource | None = None
    ) -> tuple[dict[str, object], frozenset[tuple[str, ...]]]:
        """A body with the defaults of what it lacks, and the lower-cased paths below which it says all. The body is not changed.

        What the body's `source` does not show (None: it shows all) may be set: it gets no default, and is not absent.
        """
        for path, name in self.texts:
            text = walk_path(body, path)
            if isinstance(text, str | Unknown):
                body = _put_value_in_copy(body, path, {str(name): text})
        for path, later in self.moved:
            early = walk_path(body, path)
            if early is not MISSING:
                body = _fill_path(body, later, early)
        for path, value in self._list_values(str(body.get("apiVersion") or "")):
            if source is None or source.has_part(tuple(str(one).lower() for one in path)):
                body = _fill_path(body, path, value)
        if source is None:
            return body, self.absent
        return body, frozenset(one for path in self.absent for one in source.list_absent_parts(path))

    def _list_values(self, version: str) -> Iterator[tuple[Segments, object]]:
        """The defaults that hold for an API version ('' = not known, which is taken for a late one), those of early versions first."""
        for first, values in self.before:
            if version and version < first:
                yield from values
        yield from self.values


def load_type_defaults(type_: str) -> TypeDefaults:
    """The defaults of a lower-cased type; ContentError where the file has another shape."""
    return _load_defaults_by_type().get(type_, _NONE)


def list_optional_children(type_: str) -> Iterator[str]:
    """Yield the lower-cased child types of which a resource of a lower-cased type has none until somebody makes one."""
    return (f"{type_}/{one}" for one in load_type_defaults(type_).made_by_hand)


class DefaultChild(msgspec.Struct, frozen=True):
    """The body of a child that Azure makes with a resource; `source` is the path of the resource's body that it is made from."""

    body: dict[str, object]
    source: Segments = ()


def list_default_children(type_: str, id_: str, parent: dict[str, object]) -> Iterator[DefaultChild]:
    """The children that Azure makes with a resource of a lower-cased type, an id and a body."""
    for name, properties in load_type_defaults(type_).children.items():
        kind, _, last = name.rpartition("/")
        provider = id_.rpartition("/providers/")[2].split("/")
        full = "/".join([provider[0], *provider[1::2], kind])
        source = split_path(properties[_FROM]) if _FROM in properties else ()
        given = walk_path(parent, source) if source else MISSING
        defaults = {key: value for key, value in properties.items() if key != _FROM}
        if source and not defaults and given in (MISSING, None):
            continue
        own: object = given if isinstance(given, Unknown) else defaults
        if isinstance(given, dict):
            own = _merge_defaults(defaults, given)
        yield DefaultChild({"id": f"{id_}/{name}", "name": last, "type": full, "properties": own}, source)


def _merge_defaults(defaults: dict[str, object], given: dict[str, object]) -> dict[str, object]:
    named = {key.lower() for key in given}
    both = {**{key: value for key, value in defaults.items() if key.lower() not in named}, **given}
    return OpenObject(both, given.rest) if isinstance(given, OpenObject) else both


@cache
def _load_defaults_by_type() -> Mapping[str, TypeDefaults]:
    facts: tuple[TemplateDefaults, ...] = read_facts("template_defaults.json", tuple[TemplateDefaults, ...])
    return {type_.lower(): _build_type_defaults(one) for one in facts for type_ in one.types}


def _build_type_defaults(facts: TemplateDefaults) -> TypeDefaults:
    values = _split_paths(facts.values)
    before = tuple((first, _split_paths(early)) for first, early in sorted(facts.before.items()))
    absent, answered = _fold_paths(facts.absent), _fold_paths(facts.answered)
    by_hand = tuple(one.lower() for one in facts.made_by_hand)
    moved = tuple((split_path(early), split_path(later)) for early, later in facts.moved.items())
    texts = _split_paths(facts.texts)
    return TypeDefaults(values, before, absent, answered, facts.children, by_hand, texts, moved)


def _fold_paths(paths: Iterable[str]) -> frozenset[tuple[str, ...]]:
    return frozenset(tuple(path.lower().split(".")) for path in paths)


def _split_paths(values: Mapping[str, object]) -> tuple[tuple[Segments, object], ...]:
    return tuple((split_path(path), value) for path, value in values.items())


def _put_value_in_copy(around: dict[str, object], path: Segments, value: object) -> dict[str, object]:
    """A copy of an object with another value at a path that is there."""
    key, *rest = path
    name = next(one for one in around if one.lower() == str(key).lower())
    inner = around[name]
    made = _put_value_in_copy(inner, tuple(rest), value) if rest and isinstance(inner, dict) else value
    return (
        OpenObject({**around, name: made}, around.rest)
        if isinstance(around, OpenObject)
        else {**around, name: made}
    )


def _fill_path(around: dict[str, object], path: Segments, value: object) -> dict[str, object]:
    """A copy of an object in which a path has a value, where neither the path nor what it lies in is there or open."""
    key, *rest = path
    found = step_into_value(around, key)
    name = next((one for one in around if one.lower() == str(key).lower()), str(key))
    if found is MISSING or found is None:
        if isinstance(around, OpenObject):
            return around
        inner = value if not rest else _fill_path({}, tuple(rest), value)
    elif not rest or isinstance(found, Unknown) or not isinstance(found, dict):
        return around
    else:
        inner = _fill_path(found, tuple(rest), value)
        if inner is found:
            return around
    return _replace_member(around, name, inner)


def _replace_member(around: dict[str, object], name: str, value: object) -> dict[str, object]:
    changed = {**around, name: value}
    return OpenObject(changed, around.rest) if isinstance(around, OpenObject) else changed


_FROM = "$from"
_NONE = TypeDefaults()
