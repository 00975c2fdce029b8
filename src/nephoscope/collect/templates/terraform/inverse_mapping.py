"""Inverse mapping: find the Terraform attribute that produces an ARM value, by trial."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from nephoscope.collect.templates.terraform.mapping_expression import compile_expression, list_attribute_paths

if TYPE_CHECKING:
    from nephoscope.collect.templates.terraform.attribute_mapper import BuiltFrom
    from nephoscope.collect.templates.terraform.attributes import PlanAttributes

_CHOOSES = re.compile(r"\?|\bnot |\bexists ")
_MAPPED = re.compile(r"(\w+)=")


def solve_attribute_values(built: BuiltFrom, wanted: object) -> Iterator[tuple[tuple[str, ...], object]]:
    """Give the attributes, each with a value, that alone make an expression give what is wanted; those that are set come first."""
    evaluate = compile_expression(built.expression)
    for names in _list_attributes(built):
        for value in _list_candidates(built.expression, wanted):
            found = evaluate(built.attributes.with_value(names, value)).value
            if _is_same(found, wanted):
                yield names, value
                break


def _list_attributes(built: BuiltFrom) -> list[tuple[str, ...]]:
    """Return the attributes that an expression reads and the plan has."""
    found = sorted(list_attribute_paths(built.expression))
    if built.expression == ".":
        return [()]
    return sorted(
        (names for names in found if _is_there(built.attributes, names)),
        key=lambda names: _prefers_built_value(built, names),
    )


def _is_there(attributes: PlanAttributes, names: tuple[str, ...]) -> bool:
    around = attributes.descend_names(*names[:-1]).block().values
    return isinstance(around, dict) and names[-1] in around


def _prefers_built_value(built: BuiltFrom, names: tuple[str, ...]) -> bool:
    return built.attributes.descend_names(*names).values is None


def _is_same(found: object, wanted: object) -> bool:
    """Return whether Azure takes two values for the same: text in any case."""
    if isinstance(found, str) and isinstance(wanted, str):
        return found.lower() == wanted.lower()
    return bool(found == wanted) and type(found) is type(wanted)


def _list_candidates(expression: str, wanted: object) -> Iterator[object]:
    if _CHOOSES.search(expression):
        yield from (True, False)
    yield wanted
    if isinstance(wanted, str):
        yield wanted.split(", ")
        yield from _MAPPED.findall(expression)
        if wanted.isdigit():
            yield int(wanted)
    elif not isinstance(wanted, list | dict):
        yield str(wanted)
