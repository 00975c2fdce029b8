"""The expressions of tables: how a property of ARM is made of attributes of Terraform.

min_tls_version                                 the attribute; network_rules.default_action within a block
https_traffic_only_enabled | enable_https       the first that has a value; between whole expressions: ||
public_network_access_enabled ? Enabled : Disabled
not local_authentication_enabled
exists identity                                 true where the block or attribute has a value
'{account_tier}_{account_replication_type}'     a text; unknown where a part is
allowed_ips as join(",")                        conversions: join, split, int, text, lower, upper, first, name, above, map(A=B,...)
= Standard                                      a constant
.                                               the item of a list itself
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import Any

from nephoscope.collect.templates.terraform.attributes import MISSING, PlanAttributes, PlanValue
from nephoscope_policy.arm.text_patterns import build_from_pattern, build_pattern
from nephoscope_policy.arm.unknown import Unknown

_ATTRIBUTE = re.compile(r"[a-z_][\w]*(?:\.[\w]+)*|\.")
_CHOICE = re.compile(r"(.+?)\s*\?\s*([^:]+?)\s*:\s*(.+)")
_CONVERSION = re.compile(r"(.+?)\s+as\s+(\w+)(?:\((.*)\))?$")
_NAMES = re.compile(r"(?<![\w.\"])(?!(?:not|exists|none|true|false)\b)[a-z_]\w*(?:\.[a-z_]\w*)*")
_PART = re.compile(r"\{([^}]*)\}")
Evaluate = Callable[[PlanAttributes], PlanValue]


class MappingError(Exception):
    """An expression of a table that is not valid."""


@cache
def compile_expression(text: str) -> Evaluate:
    """Compile an expression; raises MappingError."""
    parts = _split_path_parts(text)
    compiled = [_compile_existence(part) for part in parts]
    if len(compiled) == 1:
        return compiled[0]

    def find_first_value(attributes: PlanAttributes) -> PlanValue:
        found = compiled[0](attributes)
        for one in compiled[1:]:
            if found.value is not MISSING:
                return found
            found = one(attributes)
        return found

    return find_first_value


def list_attribute_paths(text: str) -> set[tuple[str, ...]]:
    """Return the paths of the attributes that an expression may read; constants of choices look like attributes, too."""
    if text.startswith("="):
        return set()
    return {tuple(one.split(".")) for one in _NAMES.findall(text.partition(" as ")[0])}


def _split_path_parts(text: str) -> list[str]:
    if len(whole := text.split(" || ")) > 1:
        return [part.strip() for part in whole]
    plain = not text.startswith(("'", "=", "not ", "exists ")) and " as " not in text and " ? " not in text
    return [part.strip() for part in text.split("|")] if plain else [text]


def _compile_existence(text: str) -> Evaluate:
    if text.startswith("="):
        constant = _parse_constant(text[1:].strip())
        return lambda attributes: PlanValue(constant, attributes.path)
    if text.startswith("'"):
        return _build_text(text.strip("'"))
    if match := _CONVERSION.fullmatch(text):
        return _convert_argument(compile_expression(match[1]), match[2], match[3] or "")
    if match := _CHOICE.fullmatch(text):
        return _compile_choice(
            compile_expression(match[1]), _parse_constant(match[2]), _parse_constant(match[3])
        )
    if text.startswith("not "):
        return _compile_choice(compile_expression(text[4:].strip()), False, True)
    if text.startswith("exists "):
        return _make_existence_test(compile_expression(text[7:].strip()))
    if not _ATTRIBUTE.fullmatch(text):
        raise MappingError(f"no expression: {text!r}")
    names = () if text == "." else tuple(text.split("."))
    return lambda attributes: attributes.get(*names)


def _parse_constant(text: str) -> object:
    known = {"true": True, "false": False, "none": MISSING}
    if text in known:
        return known[text]
    return int(text) if text.isdigit() else text


def _build_text(text: str) -> Evaluate:
    parts = [(match[1], compile_expression(match[1])) for match in _PART.finditer(text)]

    def evaluate(attributes: PlanAttributes) -> PlanValue:
        made, path = text, attributes.path
        unknown: Unknown | None = None
        for name, part in parts:
            found = part(attributes)
            if found.value is MISSING:
                return found
            if isinstance(found.value, Unknown):
                unknown = found.value
            known = build_pattern(found.value) if isinstance(found.value, Unknown) else str(found.value)
            if known is None:
                return PlanValue(found.value.derive("string"), found.path)
            made, path = made.replace("{" + name + "}", known), found.path
        return PlanValue(made if unknown is None else build_from_pattern(made, unknown), path)

    return evaluate


def _compile_choice(condition: Evaluate, yes: object, no: object) -> Evaluate:
    def evaluate(attributes: PlanAttributes) -> PlanValue:
        found = condition(attributes)
        if found.value is MISSING:
            return found
        if isinstance(found.value, Unknown):
            return PlanValue(found.value.derive("any"), found.path)
        return PlanValue(yes if found.value not in (False, "", [], {}, "false") else no, found.path)

    return evaluate


def _make_existence_test(inner: Evaluate) -> Evaluate:
    def evaluate(attributes: PlanAttributes) -> PlanValue:
        found = inner(attributes)
        if isinstance(found.value, Unknown):
            return PlanValue(True if found.value.filled else found.value.derive("any"), found.path)
        return PlanValue(found.value is not MISSING and found.value not in ([], ""), found.path)

    return evaluate


def _convert_argument(inner: Evaluate, name: str, argument: str) -> Evaluate:
    if name not in _CONVERSIONS:
        raise MappingError(f"no conversion: {name!r}")
    convert = _CONVERSIONS[name]

    def evaluate(attributes: PlanAttributes) -> PlanValue:
        found = inner(attributes)
        if found.value is MISSING:
            return found
        if isinstance(found.value, Unknown):
            return PlanValue(_convert_unknown(found.value, name, convert), found.path)
        return PlanValue(convert(found.value, argument.strip('"')), found.path)

    return evaluate


def _convert_unknown(unknown: Unknown, name: str, convert: Callable[[Any, str], Any]) -> object:
    """Return what a conversion makes of an unknown: a part of an id whose pattern is known, else another unknown."""
    text = build_pattern(unknown) if name in _OF_IDS else None
    return (
        unknown.derive("any")
        if text is None or "/" not in text
        else build_from_pattern(convert(text, ""), unknown)
    )


def _join_elements(value: object, separator: str) -> object:
    items = value if isinstance(value, list) else [value]
    unknown = next((item for item in items if isinstance(item, Unknown)), None)
    return separator.join(map(str, items)) if unknown is None else unknown.derive("string")


def _convert_to_integer(value: Any, _: str) -> object:
    try:
        return int(value)
    except (TypeError, ValueError):
        return value


def _map_name(value: object, argument: str) -> object:
    names = dict(part.partition("=")[::2] for part in argument.split(","))
    return names.get(str(value), value)


#: Conversions that take apart an id.
_OF_IDS = ("above", "name")
_CONVERSIONS: dict[str, Callable[[object, str], object]] = {
    "join": _join_elements,
    "split": lambda value, separator: str(value).split(separator),
    "int": _convert_to_integer,
    "text": lambda value, _: str(value),
    "lower": lambda value, _: str(value).lower(),
    "upper": lambda value, _: str(value).upper(),
    "first": lambda value, _: value[0] if isinstance(value, list) and value else MISSING,
    "above": lambda value, _: str(value).rsplit("/", 2)[0],
    "name": lambda value, _: str(value).rsplit("/", 1)[-1],
    "list": lambda value, _: value if isinstance(value, list) else [value],
    "map": _map_name,
}
