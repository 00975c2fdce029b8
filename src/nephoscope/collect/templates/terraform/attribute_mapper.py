"""From planned attributes to the body of a resource of Azure, by its table."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

from nephoscope.collect.templates.terraform.attributes import MISSING, PlanAttributes
from nephoscope.collect.templates.terraform.mapping_expression import compile_expression, list_attribute_paths
from nephoscope_policy.arm.template.document import Path
from nephoscope_policy.arm.unknown import OpenObject, Unknown

#: What most types have alike.
COMMON: dict[str, object] = {
    "location": "location",
    "tags": "tags",
    "zones": "zones",
    "identity": {
        "type": "identity.type",
        "userAssignedIdentities": {"keys": "identity.identity_ids | identity.user_assigned_identity_ids"},
    },
}


class BuiltFrom(NamedTuple):
    """Origin of a part of a body: the table's expression and the attributes that it reads."""

    expression: str
    attributes: PlanAttributes


class BodyBuilder:
    """Builds a body and remembers where each part was read, and from what it was made; of absent parts too."""

    def __init__(self) -> None:
        self.places: dict[Path, Path] = {}
        self.rules: dict[Path, BuiltFrom] = {}
        self.unset: dict[Path, bool] = {}

    def build(
        self, mapping: dict[str, object], attributes: PlanAttributes, path: Path = ()
    ) -> dict[str, object]:
        """Build an object: keys may be paths with dots; members without a value are left out."""
        body: dict[str, object] = {}
        for key, rule in mapping.items():
            steps = tuple(key.split("."))
            value = self._map_value(rule, attributes, (*path, *steps))
            if value is not MISSING:
                _put_value(body, steps, value)
        return body

    def _map_value(self, rule: object, attributes: PlanAttributes, path: Path) -> object:
        if isinstance(rule, str):
            found = compile_expression(rule)(attributes)
            self.places[path] = found.path
            self.rules[path] = BuiltFrom(rule, attributes)
            self.unset[path] = _is_part_unset(rule, path, attributes, found.value)
            return found.value
        if not isinstance(rule, dict):
            self.places[path] = attributes.path
            return rule
        if "list" in rule:
            return self._build_list(rule, attributes, path)
        if "entries" in rule:
            return self._build_entries(rule["entries"], attributes, path)
        if "keys" in rule:
            return self._build_keys(rule["keys"], attributes, path)
        if "when" in rule:
            condition = compile_expression(rule["when"])(attributes).value
            if condition is MISSING or condition in (False, [], ""):
                return MISSING
            rule = rule["then"]
            if not isinstance(rule, dict):
                return self._map_value(rule, attributes, path)
        built = self.build(rule, attributes, path)
        return built or MISSING

    def _build_list(self, rule: dict[str, Any], attributes: PlanAttributes, path: Path) -> object:
        """Build a list of blocks or values; `each` maps one of them."""
        made: list[Any] = []
        given = False
        self.unset[path] = all(
            _is_attribute_missing(attributes, one.strip().partition(".")[0])
            for one in rule["list"].split("|")
        )
        for source in rule["list"].split("|"):
            here, items = _find_items(attributes, source.strip())
            found = here.read_value()
            self.places.setdefault(path, found.path)
            if isinstance(found.value, Unknown):
                return found.value.derive("array")
            for item in items:
                value = self._map_value(rule["each"], item, (*path, len(made)))
                if value is not MISSING:
                    made.append(value)
            if items or found.value == []:
                given = True
                self.places[path] = found.path
        return made if given else MISSING

    def _build_entries(self, rule: str, attributes: PlanAttributes, path: Path) -> object:
        """Build a list of names and values from an object."""
        found = compile_expression(rule)(attributes)
        self.places[path] = found.path
        if not isinstance(found.value, dict):
            return found.value.derive("array") if isinstance(found.value, Unknown) else found.value
        return [{"name": name, "value": value} for name, value in found.value.items()]

    def _build_keys(self, rule: str, attributes: PlanAttributes, path: Path) -> object:
        """Build an object whose keys are the values of a list; one that is not known may be any key."""
        found = compile_expression(rule)(attributes)
        self.places[path] = found.path
        self.unset[path] = _is_part_unset(rule, path, attributes, found.value)
        if isinstance(found.value, Unknown):
            return found.value.derive("object")
        if not isinstance(found.value, list):
            return found.value
        known: dict[str, object] = {str(item): {} for item in found.value if not isinstance(item, Unknown)}
        unknown = next((item for item in found.value if isinstance(item, Unknown)), None)
        return known or MISSING if unknown is None else OpenObject(known, unknown)


def _is_part_unset(rule: str, path: Path, attributes: PlanAttributes, value: object) -> bool:
    """Return whether nothing makes a part, nor anything beside it: its blocks, or the resource that it refers to, are not there."""
    names = list_attribute_paths(rule)
    if not names:
        return value is MISSING
    whole = path[-1] == "id" or "exists " in rule
    return all((len(one) > 1 or whole) and _is_attribute_missing(attributes, one[0]) for one in names)


def _is_attribute_missing(attributes: PlanAttributes, name: str) -> bool:
    found = attributes.descend_names(name) if name else attributes
    return found.values in (None, []) and not found.unknown


def _find_items(attributes: PlanAttributes, source: str) -> tuple[PlanAttributes, list[PlanAttributes]]:
    """Return a list and its items: `.` is the resource itself as the only one, a text its parts between commas."""
    if source == ".":
        return attributes, [attributes]
    here = attributes.descend_names(*source.split("."))
    value = here.read_value().value
    if isinstance(value, str):
        parts = [part.strip() for part in value.split(",") if part.strip()]
        return here, [replace(here, values=part, unknown=None) for part in parts]
    return here, here.items()


def _put_value(body: dict[str, Any], steps: tuple[str, ...], value: object) -> None:
    for step in steps[:-1]:
        held = body.setdefault(step, {})
        if not isinstance(held, dict):
            return
        body = held
    last = steps[-1]
    if isinstance(value, dict) and isinstance(body.get(last), dict):
        merge(body[last], value)
    else:
        body[last] = value


def merge(body: dict[str, object], more: dict[str, object]) -> None:
    """Merge an object into another: objects by their keys, lists one behind the other, others replaced."""
    for key, value in more.items():
        held = body.get(key)
        if isinstance(held, dict) and isinstance(value, dict):
            merge(held, value)
        elif isinstance(held, list) and isinstance(value, list):
            body[key] = [*held, *value]
        else:
            body[key] = value
