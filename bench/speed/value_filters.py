"""Definitions as Cloud Custodian's value filters: those whose whole condition can be said with them.

A condition on the type becomes the choice of resources; every other leaf must compare one scalar of the resource with a literal.
"""

from __future__ import annotations

import re
from typing import Any

from nephoscope_policy import tree
from nephoscope_policy.aliases import Aliases
from nephoscope_policy.body_paths import MISSING, STAR
from nephoscope_policy.rule import Rule
from nephoscope_policy.type_guards import get_field_name

_OPERATORS = {
    "equals": "eq",
    "notequals": "ne",
    "in": "in",
    "notin": "not-in",
    "less": "lt",
    "lessorequals": "le",
    "greater": "gt",
    "greaterorequals": "ge",
    "like": "glob",
    "notlike": "glob",
    "contains": "contains",
    "notcontains": "contains",
}
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class NotAFilter(Exception):  # noqa: N818 - an answer, not a fault
    """The condition says more than value filters can."""


def filters(rule: Rule, aliases: Aliases, type_: str) -> list[dict[str, Any]]:
    """The filters that a resource of a lower-cased type must pass for the `if` to hold; raises NotAFilter."""
    found = _condition(rule.tree.condition, rule, aliases, type_)
    if found is None:
        raise NotAFilter("nothing but the type")
    return list(found["and"]) if set(found) == {"and"} else [found]


def _condition(node: tree.Condition, rule: Rule, aliases: Aliases, type_: str) -> dict[str, Any] | None:
    """A filter, None for what holds by the type."""
    if isinstance(node, tree.Leaf):
        return _leaf(node, rule, aliases, type_)
    if isinstance(node, tree.Not):
        child = _condition(node.child, rule, aliases, type_)
        if child is None:
            raise NotAFilter("a negated type")
        return {"not": [child]}
    children = [_condition(child, rule, aliases, type_) for child in node.children]
    if isinstance(node, tree.AnyOf):
        if None in children:
            raise NotAFilter("a type among alternatives")
        return {"or": children}
    held = [child for child in children if child is not None]
    return {"and": held} if held else None


def _leaf(leaf: tree.Leaf, rule: Rule, aliases: Aliases, type_: str) -> dict[str, Any] | None:
    name, expected = get_field_name(leaf), rule.fold(leaf.operand)
    if not name or expected is MISSING:
        raise NotAFilter("not a field against a literal")
    if name == "type":
        named = expected if isinstance(expected, list) else [expected]
        if leaf.operator in ("equals", "in") and type_ in (str(one).lower() for one in named):
            return None
        raise NotAFilter("a condition on the type that is not the type's name")
    key = _key(name, aliases, type_)
    if leaf.operator == "exists":
        there = str(expected).lower() == "true"
        return {"type": "value", "key": key, "value": "present" if there else "absent"}
    if leaf.operator not in _OPERATORS or isinstance(expected, dict):
        raise NotAFilter(f"the operator {leaf.operator}")
    made = {"type": "value", "key": key, "op": _OPERATORS[leaf.operator], "value": _value(expected)}
    negated = leaf.operator in ("notlike", "notcontains")
    return {"not": [made]} if negated else made


def _key(name: str, aliases: Aliases, type_: str) -> str:
    try:
        path = aliases.resolve_field(name, "", type_)
    except (LookupError, ValueError) as error:
        raise NotAFilter(str(error)) from error
    if path.special and path.special not in ("name", "id"):
        raise NotAFilter(f"the field {path.special}")
    segments = (path.special,) if path.special else path.segments
    if STAR in segments or not all(isinstance(segment, str) for segment in segments):
        raise NotAFilter("an array")
    return ".".join(str(one) if _PLAIN.fullmatch(str(one)) else f'"{one}"' for one in segments)


def _value(value: Any) -> Any:
    """A literal as the bodies spell it: policies write booleans as text, and spell enumerations in any case."""
    if isinstance(value, list):
        return [_value(item) for item in value]
    return {"true": True, "false": False}.get(value.lower(), value) if isinstance(value, str) else value
