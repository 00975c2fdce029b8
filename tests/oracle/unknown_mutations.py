"""Changes after which a part of a template is not known: each may turn a verdict to Unknown, and never to the opposite."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from nephoscope_policy.arm.template.document import member

Json = dict[str, Any]
Steps = tuple[str | int, ...]
DEPLOYMENTS = "microsoft.resources/deployments"
UNREAD = {"mode": "Incremental", "templateLink": {"uri": "https://example.com/not-there.json"}}
_TYPES = {"string": "zzText", "bool": "zzSwitch", "array": "zzList", "object": "zzObject"}
_LEFT_OUT = frozenset({"template", "templatelink", "copy", "resources", "mode", "dependson", "parameters"})


class Change(NamedTuple):
    """A changed template, and where it was changed."""

    template: Json
    place: Steps


def resources(template: Any, path: Steps = ()) -> Iterator[tuple[Steps, Json]]:
    """Yield every resource of a template with its place: nested ones, and those of nested deployments, among them."""
    found = member(template, "resources") if isinstance(template, dict) else None
    if found is None or not isinstance(found[1], dict | list):
        return
    steps: Any = found[1].items() if isinstance(found[1], dict) else enumerate(found[1])
    for step, one in steps:
        here = (*path, found[0], step)
        if isinstance(one, dict) and member(one, "type") is not None:
            yield here, one
            yield from resources(one, here)
            properties = member(one, "properties")
            inner = (
                member(properties[1], "template") if properties and isinstance(properties[1], dict) else None
            )
            if properties and inner:
                yield from resources(inner[1], (*here, properties[0], inner[0]))


def with_value(template: Json, path: Steps, value: object) -> Json:
    """A copy of a template with another value at a place; every template in it has the parameters without a value."""
    made = copy.deepcopy(template)
    around: Any = made
    for step in path[:-1]:
        around = around[step]
    around[path[-1]] = value
    for one in (made, *_nested(made)):
        name = (member(one, "parameters") or ("parameters", None))[0]
        one[name] = {**(one.get(name) or {}), **{each: {"type": kind} for kind, each in _TYPES.items()}}
    return made


def _nested(template: Json) -> Iterator[Json]:
    for _, one in resources(template):
        properties = member(one, "properties")
        inner = member(properties[1], "template") if properties and isinstance(properties[1], dict) else None
        if inner is not None and isinstance(inner[1], dict):
            yield inner[1]


def asked(kind: str) -> str:
    """The expression of a parameter without a value."""
    return f"[parameters('{_TYPES[kind]}')]"


def open_name(template: Json, chance: random.Random) -> Change | None:
    """Make the last part of a resource's name unknown."""
    return _rename(template, chance, 0, "concat({start}, {slash}, {unknown})")


def open_parent(template: Json, chance: random.Random) -> Change | None:
    """Make the first part of a child's name unknown."""
    return _rename(template, chance, 1, "concat({unknown}, '/', join(skip(split({name}, '/'), 1), '/'))")


def _rename(template: Json, chance: random.Random, levels: int, text: str) -> Change | None:
    """Give a resource another name; `levels` says how many parents' names it has at least."""
    listed = (one for one in resources(template) if isinstance(one[1].get("name"), str))
    found = _choose(chance, (one for one in listed if _levels(one[1]) >= levels))
    if found is None:
        return None
    path, one = found
    name, count = expression(one["name"]), _levels(one)
    start = f"join(take(split({name}, '/'), {count}), '/')" if count else "''"
    filled = text.format(
        name=name, start=start, slash="'/'" if count else "''", unknown=asked("string")[1:-1]
    )
    return Change(with_value(template, (*path, "name"), f"[{filled}]"), (*path, "name"))


def _levels(one: Json) -> int:
    """Count the parents' names in the name of a resource that is written by its full type."""
    return max(0, str(one.get("type")).count("/") - 1) if "." in str(one.get("type")) else 0


def open_condition(template: Json, chance: random.Random) -> Change | None:
    """Make it unknown whether a resource is made."""
    found = _choose(chance, (one for one in resources(template) if member(one[1], "condition") is None))
    return None if found is None else Change(_conditional(template, found[0]), (*found[0], "condition"))


def _conditional(template: Json, path: Steps) -> Json:
    return with_value(template, (*path, "condition"), asked("bool"))


def open_scope(template: Json, chance: random.Random) -> Change | None:
    """Make the scope of an extension unknown."""
    found = _choose(chance, (one for one in resources(template) if isinstance(one[1].get("scope"), str)))
    if found is None:
        return None
    return Change(with_value(template, (*found[0], "scope"), asked("string")), (*found[0], "scope"))


def open_list(template: Json, chance: random.Random) -> Change | None:
    """Let an array go on with what is not known."""
    listed = ((path, value) for path, value in values(template) if isinstance(value, list))
    found = _choose(
        chance, ((path, text) for path, value in listed if (text := expression(value)) is not None)
    )
    if found is None:
        return None
    path, text = found
    return Change(with_value(template, path, f"[concat({text}, {asked('array')[1:-1]})]"), path)


def unread_deployment(template: Json, chance: random.Random) -> Change | None:
    """Link a nested deployment to a template that cannot be read; where there is none, put one beside the resources."""
    found = _choose(
        chance, (one for one in resources(template) if str(one[1].get("type")).lower() == DEPLOYMENTS)
    )
    if found is not None:
        return Change(with_value(template, (*found[0], "properties"), UNREAD), found[0])
    section = member(template, "resources")
    if section is None or not isinstance(section[1], list):
        return None
    one = {
        "type": "Microsoft.Resources/deployments",
        "apiVersion": "2022-09-01",
        "name": "zz",
        "properties": UNREAD,
    }
    return Change({**template, section[0]: [*section[1], one]}, (section[0], len(section[1])))


def open_type(template: Json, chance: random.Random) -> Change | None:
    """Make the type of a resource unknown."""
    listed = (one for one in resources(template) if str(one[1].get("type")).lower() != DEPLOYMENTS)
    found = _choose(chance, listed)
    return (
        None
        if found is None
        else Change(with_value(template, (*found[0], "type"), asked("string")), found[0])
    )


def open_section(template: Json, chance: random.Random) -> Change | None:
    """Make it unknown what else stands in a list of resources: a part of it is known, or nothing is."""
    listed = [
        ("resources",),
        *((*path, "resources") for path, one in resources(template) if "resources" in one),
    ]
    path = chance.choice(listed)
    value: Any = template
    for step in path:
        value = value.get(step) if isinstance(value, dict) else value[step]
    if not isinstance(value, list) or any(isinstance(one, dict) and "copy" in one for one in value):
        return None
    return Change(with_value(template, (*path, len(value) - 1), asked("object")), path) if value else None


def open_value(template: Json, chance: random.Random) -> Change | None:
    """Put a parameter without a value in the place of a whole value."""
    found = _choose(chance, ((path, value) for path, value in values(template) if _kind(value)))
    if found is None:
        return None
    return Change(with_value(template, found[0], asked(_kind(found[1]))), found[0])


def values(template: Json) -> Iterator[tuple[Steps, Any]]:
    """Yield every value in what resources are set to, with its place."""
    for path, one in resources(template):
        if str(one.get("type")).lower() != DEPLOYMENTS:
            for name, value in one.items():
                if name.lower() in ("properties", "sku", "identity", "tags", "kind"):
                    yield from _values_in(value, (*path, name))


def _values_in(value: Any, path: Steps) -> Iterator[tuple[Steps, Any]]:
    yield path, value
    if isinstance(value, dict | list):
        steps: Any = value.items() if isinstance(value, dict) else enumerate(value)
        for step, one in steps:
            if str(step).lower() not in _LEFT_OUT:
                yield from _values_in(one, (*path, step))


def _kind(value: object) -> str:
    if isinstance(value, bool):
        return "bool"
    return {dict: "object", list: "array", str: "string"}.get(type(value), "")


def expression(value: Any) -> str | None:
    """A value as an expression without brackets; None for one that is too long or holds a loop."""
    if isinstance(value, str):
        if value.startswith("[") and not value.startswith("[[") and value.endswith("]"):
            return value[1:-1]
        return "'" + value.replace("'", "''") + "'"
    if isinstance(value, bool) or value is None:
        return {True: "true()", False: "false()", None: "null()"}[value]
    if isinstance(value, int):
        return str(value)
    parts: list[str | None] = []
    if isinstance(value, list):
        parts, call = [expression(one) for one in value], "createArray"
    elif isinstance(value, dict) and "copy" not in value:
        parts, call = [expression(one) for pair in value.items() for one in pair], "createObject"
    else:
        return None
    text = f"{call}({', '.join(one for one in parts if one is not None)})"
    return None if None in parts or len(text) > 8000 else text


def _choose(chance: random.Random, found: Iterator[tuple[Steps, Any]]) -> tuple[Steps, Any] | None:
    listed = [*found]
    return chance.choice(listed) if listed else None


CHANGES: Mapping[str, Callable[[Json, random.Random], Change | None]] = {
    "a name not known": open_name,
    "a parent not known": open_parent,
    "a condition not known": open_condition,
    "a scope not known": open_scope,
    "an array goes on": open_list,
    "a deployment not read": unread_deployment,
    "a value without one": open_value,
    "a type not known": open_type,
    "a list not known": open_section,
}
