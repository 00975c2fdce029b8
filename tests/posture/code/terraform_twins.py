"""Twins of Terraform: for a table, the ARM template of values that policies ask for, and the plan whose attributes make the same.

What the template says comes from the policies alone: the aliases that they read, each with a value that a condition names or one that
it does not. The plan is solved from it, attribute by attribute; what no attribute makes, the plan lacks.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from nephoscope.collect.templates.terraform.attribute_mapper import BuiltFrom
from nephoscope.collect.templates.terraform.attributes import MISSING, PlanAttributes
from nephoscope.collect.templates.terraform.inverse_mapping import solve_attribute_values
from nephoscope.collect.templates.terraform.mapping_table import ResourceTable
from nephoscope_policy.aliases import Aliases, UnknownAlias
from nephoscope_policy.body_paths import STAR

GROUP = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg"
Steps = tuple[str | int, ...]
Asked = Mapping[str, Mapping[Steps, tuple[Any, ...]]]
_NAMES = re.compile(r"(?<![\w.\"{])[a-z_]\w*(?:\.[a-z_]\w*)*")
_NO_VALUES = ("field", "exists", "greater", "greaterOrEquals", "less", "lessOrEquals", "where", "count")
_OPPOSITE = {
    "enabled": "Disabled",
    "disabled": "Enabled",
    "allow": "Deny",
    "deny": "Allow",
    True: False,
    False: True,
}


def asked_values(definitions: Iterable[Mapping[str, Any]], aliases: Aliases) -> Asked:
    """The paths that policies read of each lower-cased type, each with the values that its conditions name, in order."""
    found: dict[str, dict[Steps, dict[str, Any]]] = defaultdict(lambda: defaultdict(dict))
    for document in definitions:
        properties = document["properties"]
        given = {
            name.lower(): one.get("defaultValue", (one.get("allowedValues") or [None])[0])
            for name, one in properties.get("parameters", {}).items()
        }
        for name, values in _conditions(properties["policyRule"], given):
            for type_, steps in _paths(name, aliases):
                for value in values:
                    found[type_][steps].setdefault(json.dumps(value), value)
                found[type_][steps]
    return {
        type_: {
            steps: tuple(values.values())
            for steps, values in sorted(paths.items(), key=lambda one: repr(one[0]))
        }
        for type_, paths in found.items()
    }


def _conditions(node: Any, given: Mapping[str, Any]) -> Iterator[tuple[str, list[Any]]]:
    if isinstance(node, list):
        for item in node:
            yield from _conditions(item, given)
    if not isinstance(node, dict):
        return
    name = node.get("field")
    if isinstance(name, str):
        yield (
            name,
            [value for key, text in node.items() if key not in _NO_VALUES for value in _named(text, given)],
        )
    for key, item in node.items():
        if key != "field":
            yield from _conditions(item, given)


def _named(value: Any, given: Mapping[str, Any]) -> Iterator[Any]:
    match = re.fullmatch(r"\[parameters\('(\w+)'\)\]", value) if isinstance(value, str) else None
    value = given.get(match[1].lower()) if match else value
    for one in value if isinstance(value, list) else [value]:
        if isinstance(one, str) and one.lower() in ("true", "false"):
            yield one.lower() == "true"
        elif isinstance(one, str | int) and not (
            isinstance(one, str) and (one.startswith("[") or "*" in one or not one)
        ):
            yield one


def _paths(name: str, aliases: Aliases) -> Iterator[tuple[str, Steps]]:
    try:
        found = aliases.resolve_field(name)
    except (UnknownAlias, ValueError):
        return
    if "/" in name and found.spelled:
        yield (
            name.split("[", 1)[0].rsplit("/", 1)[0].lower(),
            tuple(0 if one is STAR else str(one) for one in found.spelled),
        )


@dataclass(slots=True)
class TwinMaker:
    """Makes twins; `turn` chooses among the values that conditions name, `opposite` takes others than they name."""

    asked: Asked
    turn: int
    opposite: bool

    def values(self, type_: str) -> dict[Steps, Any]:
        """A value for each path that policies read of a type."""
        return {
            steps: value
            for steps, named in self.asked.get(type_.lower(), {}).items()
            if (value := self._chosen(named)) is not None
        }

    def _chosen(self, named: tuple[Any, ...]) -> Any:
        if not named:
            return "some" if self.opposite else None
        value = named[self.turn % len(named)]
        if not self.opposite:
            return value
        known = _OPPOSITE.get(value.lower() if isinstance(value, str) else value)
        return (
            known
            if known is not None and type(known) is type(value)
            else "other"
            if isinstance(value, str)
            else 7
        )

    def solve(self, values: dict[str, Any], mapping: Mapping[str, Any], wanted: Mapping[Steps, Any]) -> None:
        """Set attributes so that a mapping makes what is wanted; what is set already stays."""
        rules = {tuple(key.split(".")): rule for key, rule in mapping.items()}
        for steps, value in wanted.items():
            for target, rule in rules.items():
                if _folded(steps[: len(target)]) == _folded(target):
                    self._solve(values, rule, steps[len(target) :], value)

    def _solve(self, values: dict[str, Any], rule: Any, rest: Steps, value: Any) -> None:
        if isinstance(rule, dict) and "list" in rule and rest[:1] == (0,):
            self._element(values, rule, rest[1:], value)
        elif isinstance(rule, dict) and "entries" in rule and rest[1:] in (("name",), ("value",)):
            held = _block(values, ()).setdefault(rule["entries"], {})
            name, old = next(iter(held.items()), ("", ""))
            held.clear()
            held.update({value: old} if rest[1:] == ("name",) else {name: value})
        elif isinstance(rule, dict) and not {"list", "entries", "keys", "when"} & rule.keys():
            self.solve(values, rule, {rest: value})
        elif isinstance(rule, str) and rest in ((), (0,)):
            self._attribute(values, rule, [value] if rest else value)

    def _element(self, values: dict[str, Any], rule: dict[str, Any], rest: Steps, value: Any) -> None:
        *above, name = rule["list"].split("|")[0].strip().split(".")
        if not name:
            return
        held = _block(values, above)
        listed = held.setdefault(name, [])
        each = rule["each"]
        inner = {".".join(str(one) for one in rest): value}
        if each == "." or (isinstance(each, dict) and "." in each.values()):
            keys = {".": each} if isinstance(each, str) else each
            if not listed and any(
                (rule_ == "." and key in (".", *inner)) or not rest for key, rule_ in keys.items()
            ):
                listed.append(value)
        elif isinstance(each, dict):
            if not listed:
                listed.append({})
            if not rest:
                rest, value = (
                    next((tuple(key.split(".")) for key, one in each.items() if isinstance(one, str)), ()),
                    "some",
                )
            if isinstance(listed[0], dict) and rest:
                self.solve(listed[0], each, {rest: value})

    def _attribute(self, values: dict[str, Any], rule: str, value: Any) -> None:
        names = {tuple(one.split(".")) for one in _NAMES.findall(rule)}
        trial = json.loads(json.dumps(values))
        for one in names:
            _block(trial, one[:-1]).setdefault(one[-1], None)
        attributes = PlanAttributes(trial, {}, {}, (), lambda _: None)
        for found, wanted in solve_attribute_values(BuiltFrom(rule, attributes), value):
            held = _block(values, found[:-1])
            if held.get(found[-1]) is None:
                held[found[-1]] = wanted
                return


def _block(values: dict[str, Any], names: Iterable[str]) -> dict[str, Any]:
    for name in names:
        held = values.setdefault(name, [{}])
        values = held[0] if isinstance(held, list) and held and isinstance(held[0], dict) else {}
    return values


def _folded(steps: Steps) -> Steps:
    return tuple(one.lower() if isinstance(one, str) else one for one in steps)


def identifying(table: ResourceTable) -> dict[str, Any]:
    """Attributes that name a resource of a table and its parents."""
    given: dict[str, Any] = {
        "name": table.resource.replace("_", "-"),
        "resource_group_name": "rg",
        "location": "westeurope",
    }
    for text in (table.parent, table.scope, table.merge_into, table.name, *table.parents):
        for name in re.findall(r"[a-z_]\w*", re.sub(r"\bas \w+|'[^'{]*'|;\w*", " ", text)):
            if (
                name not in given
                and not text.startswith("'''")
                and name.endswith(("_id", "_name", "_type", "scope", "name", "id"))
            ):
                parent = "/".join(table.type.split("/")[:-1])
                inner = "".join(f"/{one}/p" for one in parent.split("/")[1:])
                written = text.partition("}")[2].count("/")
                inner = "/".join(inner.split("/")[: len(inner.split("/")) - written])
                inner += "/x/y" if " as above" in text else ""
                above = (
                    f"{GROUP}/providers/{parent.split('/')[0]}{inner}"
                    if inner
                    else f"{GROUP}/providers/A.B/c/d"
                )
                given[name] = above if name.endswith(("_id", "scope")) and text != table.name else "n"
    return given


def change(resource: str, values: dict[str, Any], name: str = "x") -> dict[str, Any]:
    """A planned change that creates a resource."""
    return {
        "address": f"{resource}.{name}", "mode": "managed", "type": resource, "name": name,
        "change": {"actions": ["create"], "before": None, "after": values, "after_unknown": {}, "after_sensitive": {}},
    }  # fmt: skip


def put(body: dict[str, Any], steps: Steps, value: Any) -> bool:
    """Put a value at a path of a body; False where something else is on the way."""
    here: Any = body
    for step, following in zip(steps, (*steps[1:], None), strict=True):
        if isinstance(step, int):
            if not isinstance(here, list) or len(here) > 1:
                return False
            if not here:
                here.append([] if isinstance(following, int) else {})
            if following is None:
                here[0] = value
            here = here[0]
        elif isinstance(here, dict):
            key = next((one for one in here if one.lower() == str(step).lower()), step)
            made: Any = value if following is None else [] if isinstance(following, int) else {}
            here = here.setdefault(key, made)
        else:
            return False
    return here == value and type(here) is type(value)


def made(body: Any, steps: Steps) -> Any:
    """What a mapped body has at a path; MISSING where nothing is."""
    for step in steps:
        if isinstance(body, dict):
            body = next((item for key, item in body.items() if key.lower() == str(step).lower()), MISSING)
        elif isinstance(body, list) and isinstance(step, int) and step < len(body):
            body = body[step]
        else:
            return MISSING
    return body
