"""Unknown propagation: evaluate functions over partly unknown values.

Most functions are widened by rule: a body that asks for a type and meets an unknown gives an unknown of the function's result type,
and so does one that reads its arguments to the bottom. Those that take containers apart leave what is inside alone. The few that
compare, merge or choose are written here for unknowns; where all is known, every function is the registry's own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache, reduce
from types import MappingProxyType
from typing import Any, TypeAlias

from msgspec.structs import replace

from nephoscope_policy.arm import arguments as given
from nephoscope_policy.arm.errors import ArmError, FunctionError
from nephoscope_policy.arm.function import ArmFunction, Thunk
from nephoscope_policy.arm.functions.arrays import skip, take
from nephoscope_policy.arm.functions.identifiers import extension_resource_id, tenant_resource_id
from nephoscope_policy.arm.functions.objects import step_into_value
from nephoscope_policy.arm.registry import load_registry
from nephoscope_policy.arm.result_types import find_result_type
from nephoscope_policy.arm.text_patterns import accept_patterns, build_from_pattern, build_pattern, derive_key
from nephoscope_policy.arm.unknown import (
    JsonType,
    OpenArray,
    OpenObject,
    UndecidedError,
    Unknown,
    compare,
    find_json_type,
    find_unknown,
    join_alternatives,
)
from nephoscope_policy.arm.value import Spelling, Value

Body = Callable[[list[Any]], Value]

MAX_COMPARED = 300
"""Elements, an unknown among them, of which each is compared with each."""
SHELL = frozenset(
    {
        "createarray",
        "first",
        "last",
        "length",
        "flatten",
        "items",
        "objectkeys",
        "indexfromend",
        "tryindexfromend",
        "map",
        "filter",
        "reduce",
        "sort",
        "toobject",
        "groupby",
        "mapvalues",
    }
)
"""Functions that take containers apart or together and leave what is inside alone."""


@cache
def build_partial_registry() -> Mapping[str, ArmFunction]:
    """Every function of the registry, widened to unknowns."""
    return MappingProxyType(
        {key: replace(one, body=_widen_to_unknowns(one)) for key, one in load_registry().items()}
    )


def _widen_to_unknowns(function: ArmFunction) -> Body:
    own, gives = _SPECIAL.get(function.key), find_result_type(function.key)
    if function.lazy:
        return own or function.body
    body = _widen_by_rule(function)
    if own is None:
        return body

    def call_special(arguments: list[object]) -> Value:
        if all(find_unknown(argument) is None for argument in arguments):
            return function.body(arguments)
        try:
            return own(arguments)
        except UndecidedError as error:
            return error.unknown.derive(gives)

    return call_special


def _widen_by_rule(function: ArmFunction) -> Body:
    body, gives, shell = function.body, find_result_type(function.key), function.key in SHELL

    def call_widened(arguments: list[object]) -> Value:
        for argument in arguments:
            unknown = _find_blocking_unknown(argument) if shell else find_unknown(argument)
            if unknown is not None and function.key not in _TAKES_ANY:
                return unknown.derive(gives, derive_key(function.key, arguments))
        try:
            return body(arguments)
        except UndecidedError as error:
            return error.unknown.derive(gives, derive_key(function.key, arguments))

    return call_widened


_TAKES_ANY = frozenset({"createarray", "reduce"})


def _find_blocking_unknown(argument: object) -> Unknown | None:
    """The unknown that keeps a shell function from its work: the container itself."""
    if isinstance(argument, OpenObject):
        return argument.rest
    return argument if isinstance(argument, Unknown) else None


def _evaluate_first_unknown(arguments: list[object]) -> Unknown:
    found = next((one for one in map(find_unknown, arguments) if one is not None), None)
    return found if found is not None else Unknown()


def _equals(arguments: list[object]) -> Value:
    answer = compare(arguments[0], arguments[1])
    return _evaluate_first_unknown(arguments).derive("bool") if answer is None else answer


def _contains(arguments: list[object]) -> Value:
    container, item = arguments
    if isinstance(container, list):
        answers = [compare(own, item) for own in container]
        if any(answers):
            return True
        return _evaluate_first_unknown(arguments).derive("bool") if None in answers else False
    if isinstance(container, dict) and not isinstance(item, Unknown):
        known = Spelling(container).find(given.get_text(arguments, 1)) is not None
        return container.rest.derive("bool") if isinstance(container, OpenObject) and not known else known
    return _evaluate_first_unknown(arguments).derive("bool")


def _evaluate_empty(arguments: list[object]) -> Value:
    value = arguments[0]
    if isinstance(value, Unknown):
        return False if value.filled or value.type in ("int", "float", "bool") else value.derive("bool")
    if isinstance(value, OpenObject) and not value:
        return value.rest.derive("bool")
    return not value


def _evaluate_union(arguments: list[object]) -> Value:
    arguments = [one for one in arguments if one is not None]
    if any(find_json_type(one) == "array" for one in arguments):
        return _evaluate_union_of_arrays(arguments)
    objects = [_evaluate_object(arguments, place) for place in range(len(arguments))]
    return reduce(merge, objects)


def _evaluate_union_of_arrays(arguments: list[object]) -> Value:
    unknown = next((one for one in arguments if isinstance(one, Unknown)), None)
    if unknown is not None:
        return unknown.derive("array")
    items = [item for place in range(len(arguments)) for item in given.get_array(arguments, place)]
    if len(items) > MAX_COMPARED:
        return _evaluate_first_unknown(arguments).derive("array")
    distinct: list[Value] = []
    for item in items:
        answers = [compare(own, item) for own in distinct]
        if None in answers and True not in answers:
            return _evaluate_first_unknown(arguments).derive("array")
        if True not in answers:
            distinct.append(item)
    return distinct


Mergeable: TypeAlias = "dict[str, Value] | Unknown"
"""An object, or an unknown that may be one."""


def merge(base: Mergeable, overlay: Mergeable, *, deep: bool = True) -> dict[str, Value]:
    """`union` of two objects of which something is unknown: an unknown overlay may hide every member below it."""
    if isinstance(overlay, Unknown):
        return OpenObject({}, overlay.derive("object"))
    if isinstance(base, Unknown):
        base = OpenObject({}, base.derive("object"))
    members = {} if isinstance(overlay, OpenObject) else dict(base)
    spelling = Spelling(members)
    for key, value in overlay.items():
        own = spelling.find(key)
        known = base.get(own) if own is not None else None
        if deep and isinstance(value, dict):
            if isinstance(known, dict | Unknown):
                value = merge(known, value)
            elif known is None and isinstance(base, OpenObject):
                value = OpenObject(value, base.rest)
        spelling.put(key, value)
    rest = next((one.rest for one in (overlay, base) if isinstance(one, OpenObject)), None)
    return members if rest is None else OpenObject(members, rest)


def _merge_shallowly(arguments: list[object]) -> Value:
    if isinstance(arguments[0], Unknown):
        return OpenObject({}, arguments[0].derive("object"))
    result: dict[str, Value] = {}
    entries = given.get_array(arguments, 0)
    for place in range(len(entries)):
        result = merge(result, _evaluate_object(entries, place), deep=False)
    return result


def _evaluate_object(values: list[object], place: int) -> Mergeable:
    """An object, or an unknown that may be one."""
    value = values[place]
    if isinstance(value, Unknown) and value.type in ("any", "object"):
        return value
    return given.get_object(values, place)


def _create_object(arguments: list[object]) -> Value:
    if len(arguments) % 2:
        raise FunctionError(f"takes keys and values in pairs, not {len(arguments)} arguments")
    members: dict[str, Value] = {}
    spelling, rest = Spelling(members), None
    for place in range(0, len(arguments), 2):
        key = arguments[place]
        if isinstance(key, Unknown):
            rest = key
        else:
            spelling.put(given.get_text(arguments, place), arguments[place + 1])
    return members if rest is None else OpenObject(members, rest.derive("object"))


def _evaluate_array(arguments: list[object]) -> Value:
    value = arguments[0]
    if isinstance(value, Unknown) and value.type in ("any", "array"):
        return value.derive("array")
    return value if isinstance(value, list) else [value]


def _concatenate_values(arguments: list[object]) -> Value:
    kinds = {"array" if isinstance(one, list) else find_json_type(one) for one in arguments}
    if any(isinstance(one, Unknown) for one in arguments) or "array" not in kinds:
        plain = kinds - {"any"}
        type_: JsonType = "array" if "array" in kinds else "string" if plain else "any"
        texts = [build_pattern(one) for one in arguments] if type_ == "string" else [None]
        if None not in texts:
            return build_from_pattern("".join(map(str, texts)), _evaluate_first_unknown(arguments))
        known = [item for one in arguments for item in _evaluate_known_items(one)]
        first = next(one for one in arguments if isinstance(one, Unknown)) if known else None
        if type_ == "array" and first is not None:
            return OpenArray("array", first.cause, first.reason, filled=True, known=tuple(known))
        return _evaluate_first_unknown(arguments).derive(type_)
    return [item for place in range(len(arguments)) for item in given.get_array(arguments, place)]


def _evaluate_known_items(value: object) -> Sequence[object]:
    """The elements of an array that are certainly there."""
    if isinstance(value, OpenArray):
        return value.known
    return value if isinstance(value, list) else ()


_PLAIN_ITEM = re.compile(r"(?:[^{}]|\{\{|\}\}|\{[0-9]+\})*")


def _format_with_unknowns(arguments: list[object]) -> Value:
    template = arguments[0]
    texts = [build_pattern(one) for one in arguments]
    if isinstance(template, str) and None not in texts and _PLAIN_ITEM.fullmatch(template):
        return build_from_pattern(
            str(load_registry()["format"].body([template, *texts[1:]])), _evaluate_first_unknown(arguments)
        )
    return _evaluate_first_unknown(arguments).derive("string")


def _slice_with_unknowns(arguments: list[object], *, cut: Body) -> Value:
    if isinstance(arguments[0], list) and not isinstance(arguments[1], Unknown):
        return cut(arguments)
    return _evaluate_first_unknown(arguments).derive(find_json_type(arguments[0]))


def _choose_branch(arguments: list[Thunk]) -> Value:
    condition = arguments[0]()
    if not isinstance(condition, Unknown):
        return arguments[1]() if given.get_boolean([condition], 0) else arguments[2]()
    try:
        return join_alternatives(arguments[1](), arguments[2](), condition)
    except ArmError:  # the condition may guard a branch that has no value
        return condition.derive("any")


def _evaluate_conjunction(arguments: list[Thunk], *, decides: bool) -> Value:
    unknown = None
    for place, thunk in enumerate(arguments):
        try:
            value = thunk()
        except ArmError:
            if unknown is None:
                raise
            continue
        if isinstance(value, Unknown):
            unknown = unknown or value
        elif given.get_boolean({place: value}, place) is decides:  # type: ignore[arg-type]
            return decides
    return (not decides) if unknown is None else unknown.derive("bool")


def _coalesce_with_unknowns(arguments: list[Thunk]) -> Value:
    for place, thunk in enumerate(arguments):
        value = thunk()
        if isinstance(value, Unknown) and value.type in ("any", "null"):
            rest = _coalesce_with_unknowns(arguments[place + 1 :])
            return value if rest is None else join_alternatives(value, rest, value)
        if value is not None:
            return value
    return None


def _try_get(arguments: list[Thunk]) -> Value:
    value = arguments[0]()
    for place, thunk in enumerate(arguments[1:], 1):
        if value is None:
            return None
        step = thunk()
        if isinstance(value, Unknown):
            return (
                value.derive("any")
                if isinstance(step, Unknown) or value.type in ("any", "array", "object")
                else None
            )
        if isinstance(step, Unknown):
            return step.derive("any")
        found = step_into_value(value, step, place)
        value = (
            value[step]
            if found is None and isinstance(value, OpenObject) and isinstance(step, str) and step not in value
            else found
        )
    return value


_SPECIAL: dict[str, Body] = {
    "equals": _equals,
    "contains": _contains,
    "empty": _evaluate_empty,
    "array": _evaluate_array,
    "format": _format_with_unknowns,
    "extensionresourceid": accept_patterns(extension_resource_id.body),
    "tenantresourceid": accept_patterns(tenant_resource_id.body),
    "concat": _concatenate_values,
    "take": lambda arguments: _slice_with_unknowns(arguments, cut=take.body),
    "skip": lambda arguments: _slice_with_unknowns(arguments, cut=skip.body),
    "union": _evaluate_union,
    "shallowmerge": _merge_shallowly,
    "createobject": _create_object,
    "if": _choose_branch,
    "and": lambda arguments: _evaluate_conjunction(arguments, decides=False),
    "or": lambda arguments: _evaluate_conjunction(arguments, decides=True),
    "coalesce": _coalesce_with_unknowns,
    "tryget": _try_get,
}
