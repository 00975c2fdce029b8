"""The types of parameters and outputs: built-in ones, and those that a template defines under `definitions`."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from nephoscope_policy.arm.template.document import Path, member
from nephoscope_policy.arm.template.expansion_types import InstanceView
from nephoscope_policy.arm.unknown import JsonType, OpenObject, Unknown, compare, find_json_type
from nephoscope_policy.arm.value import Value, describe_type, format_json

MAX_REFERENCES = 32
"""Definitions that refer to one another in a row."""
_PREFIX = "#/definitions/"
_JSON: dict[str, JsonType] = {
    "string": "string",
    "securestring": "string",
    "int": "int",
    "integer": "int",
    "bool": "bool",
    "boolean": "bool",
    "array": "array",
    "object": "object",
    "secureobject": "object",
    "float": "float",
    "any": "any",
}


class TypeFault(msgspec.Struct, frozen=True):
    """Fault of a value that is not of its type: the path inside the value, and the rest of a sentence about it."""

    path: Path
    message: str


class UserType:
    """A declared type: its constraints are read through `$ref` to the template's definitions."""

    __slots__ = ("_chain", "_instance")

    def __init__(self, instance: InstanceView, chain: tuple[dict[str, object], ...]) -> None:
        self._instance = instance
        self._chain = chain

    def get(self, name: str) -> object:
        """A constraint, from the declaration itself or the nearest definition that it refers to; None where there is none."""
        for node in self._chain:
            found = member(node, name)
            if found is not None:
                return found[1]
        return None

    @property
    def type_name(self) -> str:
        """The lower-cased type name, '' where none is declared."""
        return str(self.get("type") or "").lower()

    @property
    def json(self) -> JsonType:
        """The JSON type of its values, 'any' where it is open."""
        return _JSON.get(self.type_name, "any")

    @property
    def choices(self) -> tuple[object, ...]:
        """The only values of it, () where others are allowed."""
        allowed = self.get("allowedValues")
        if self.is_secure or not isinstance(allowed, list):
            return ()
        return tuple(allowed) if all(isinstance(one, str | int) for one in allowed) else ()

    @property
    def is_secure(self) -> bool:
        """Return whether values must not be shown."""
        return self.type_name.startswith("secure")

    @property
    def nullable(self) -> bool:
        """Return whether null is a value of it."""
        return any(
            (found := member(node, "nullable")) is not None and found[1] is True for node in self._chain
        )

    def from_node(self, node: object) -> UserType:
        """The type of a part."""
        return _resolve_type(self._instance, node)

    def find_faults(self, value: Value) -> Iterator[TypeFault]:
        """Yield what keeps a value from being of this type; an unknown is of every type that it may be."""
        if isinstance(value, Unknown) or (value is None and self.nullable):
            return
        if self.json != "any" and not _is_of(self.json, value):
            yield TypeFault((), f"must be {_add_article(self.type_name)}, not {describe_type(value)}")
            return
        yield from self._list_bounds(value)
        yield from self._list_part_faults(value)

    def _list_bounds(self, value: Value) -> Iterator[TypeFault]:
        allowed = self.get("allowedValues")
        if isinstance(allowed, list) and allowed and not _is_value_allowed(self.json, value, allowed):
            yield TypeFault(
                (),
                f"must be one of {format_json(allowed)[:200]}, not {_describe_value(value, secure=self.is_secure)}",
            )
        size = len(value) if isinstance(value, str | list) else None
        for name, measured in (("Length", size), ("Value", value if type(value) is int else None)):
            least, most = self.get(f"min{name}"), self.get(f"max{name}")
            what = "length" if name == "Length" else "value"
            if measured is not None and type(least) is int and measured < least:
                yield TypeFault((), f"has the {what} {measured}, which is less than {least}")
            if measured is not None and type(most) is int and measured > most:
                yield TypeFault((), f"has the {what} {measured}, which is more than {most}")

    def _list_part_faults(self, value: Value) -> Iterator[TypeFault]:
        if isinstance(value, list):
            for place, item in enumerate(value):
                part = self._find_element(place)
                if part is not None:
                    yield from _list_prefix_paths(place, part.find_faults(item))
        elif isinstance(value, dict):
            yield from self._list_members(value)

    def _find_element(self, place: int) -> UserType | None:
        prefix = self.get("prefixItems")
        if isinstance(prefix, list) and place < len(prefix):
            return self.from_node(prefix[place])
        items = self.get("items")
        return self.from_node(items) if isinstance(items, dict) else None

    def _list_members(self, value: dict[str, Value]) -> Iterator[TypeFault]:
        chosen = self.choose_variant(value)
        if isinstance(chosen, TypeFault):
            yield chosen
            return
        if chosen is not self:
            yield from chosen.find_faults(value)
            return
        properties = self.get("properties")
        known = properties if isinstance(properties, dict) else {}
        for name, node in known.items():
            found, part = member(value, name), self.from_node(node)
            if found is not None:
                yield from _list_prefix_paths(found[0], part.find_faults(found[1]))
            elif not part.nullable and not isinstance(value, OpenObject):
                yield TypeFault((), f"lacks the property {name!r}")
        yield from self._list_other_member_faults(value, known)

    def _list_other_member_faults(
        self, value: dict[str, Value], known: dict[str, object]
    ) -> Iterator[TypeFault]:
        rest = self.get("additionalProperties")
        lowered = {name.lower() for name in known}
        for name, item in value.items():
            if name.lower() in lowered:
                continue
            if rest is False:
                yield TypeFault((name,), f"has the property {name!r}, which its type does not allow")
            elif isinstance(rest, dict):
                yield from _list_prefix_paths(name, self.from_node(rest).find_faults(item))

    def choose_variant(self, value: dict[str, Value]) -> UserType | TypeFault:
        """The type that a discriminator chooses for an object, this type where there is no discriminator."""
        discriminator = self.get("discriminator")
        if not isinstance(discriminator, dict):
            return self
        name, mapping = str(discriminator.get("propertyName")), discriminator.get("mapping")
        found = member(value, name)
        if found is None and not isinstance(value, OpenObject):
            return TypeFault((), f"lacks the property {name!r}, which says its kind")
        if found is None or isinstance(found[1], Unknown) or not isinstance(mapping, dict):
            return _resolve_type(self._instance, {})
        node = mapping.get(found[1]) if isinstance(found[1], str) else None
        if node is None:
            return TypeFault(
                (found[0],),
                f"has the kind {_describe_value(found[1])}, which is none of {', '.join(mapping)}",
            )
        return self.from_node(node)

    def hide_secrets(self, value: Value, reason: str) -> Value:
        """The value with an unknown in the place of every secret that is not empty."""
        if isinstance(value, Unknown) or value in (None, "", {}, []):
            return value
        if self.is_secure:
            return Unknown(find_json_type(value), "secret", reason, filled=True)
        if isinstance(value, dict) and not isinstance(value, OpenObject):
            return self._build_hidden_members(value, reason)
        items = self.get("items")
        if isinstance(value, list) and isinstance(items, dict):
            part = self.from_node(items)
            hidden = [part.hide_secrets(item, reason) for item in value]
            return value if all(map(_is_identical, hidden, value)) else hidden
        return value

    def _build_hidden_members(self, value: dict[str, Value], reason: str) -> Value:
        chosen = self.choose_variant(value)
        properties = chosen.get("properties") if isinstance(chosen, UserType) else None
        if not isinstance(properties, dict):
            return value
        result = dict(value)
        for name, node in properties.items():
            found = member(value, name)
            if found is not None:
                result[found[0]] = self.from_node(node).hide_secrets(found[1], reason)
        return value if all(result[key] is value[key] for key in value) else result


def resolve_user_type(instance: InstanceView, path: Path, node: object) -> UserType:
    """The type that a parameter or an output declares; a reference that leads nowhere is reported."""
    type_ = _resolve_type(instance, node)
    reference = member(node, "$ref")
    if (
        reference is not None
        and _resolve_definition(instance, reference[1]) is None
        and not _is_foreign(reference[1])
    ):
        instance.report_error((*path, reference[0]), f"definition {reference[1]!r} not found")
    return type_


def _resolve_type(instance: InstanceView, node: object) -> UserType:
    chain: list[dict[str, object]] = []
    while isinstance(node, dict) and len(chain) < MAX_REFERENCES:
        chain.append(node)
        reference = member(node, "$ref")
        node = _resolve_definition(instance, reference[1]) if reference else None
    return UserType(instance, tuple(chain))


def _is_foreign(reference: object) -> bool:
    """Return whether a reference leads out of the template, to a type of a provider: it is not checked."""
    return isinstance(reference, str) and not reference.startswith("#")


def _resolve_definition(instance: InstanceView, reference: object) -> dict[str, object] | None:
    if not isinstance(reference, str) or not reference.startswith(_PREFIX):
        return None
    found = member(instance.get_section("definitions")[1], reference.removeprefix(_PREFIX))
    return found[1] if found and isinstance(found[1], dict) else None


def _is_of(type_: JsonType, value: Value) -> bool:
    own = find_json_type(value)
    return (
        own == type_
        or (type_ == "int" and isinstance(value, float) and value.is_integer())
        or (type_, own) == ("float", "int")
    )


def _is_value_allowed(type_: JsonType, value: Value, allowed: list[object]) -> bool:
    if type_ == "array" and isinstance(value, list) and not any(isinstance(one, list) for one in allowed):
        return all(_is_value_allowed("any", item, allowed) for item in value)
    if isinstance(value, str):
        return any(isinstance(one, str) and one.casefold() == value.casefold() for one in allowed)
    return any(compare(one, value) is not False for one in allowed)


def _list_prefix_paths(step: str | int, faults: Iterator[TypeFault]) -> Iterator[TypeFault]:
    return (TypeFault((step, *fault.path), fault.message) for fault in faults)


def _is_identical(left: object, right: object) -> bool:
    return left is right


def _describe_value(value: Value, *, secure: bool = False) -> str:
    if secure:
        return "what was given"
    return repr(value)[:80] if isinstance(value, str | int | float) else describe_type(value)


def _add_article(name: str) -> str:
    return f"{'an' if name[:1] in 'aeio' else 'a'} {name}"
