"""Overload resolution: implicit conversions and the choice among a function's signatures."""

from __future__ import annotations

from collections.abc import Sequence

from nephoscope_kql.binder import constants
from nephoscope_kql.errors import KqlError, Span, make_invalid_error
from nephoscope_kql.plan.expressions import BoundCall
from nephoscope_kql.plan.function_signatures import COMMON, Callee, CalleeParameter, Signature
from nephoscope_kql.plan.values import Bound, Constant
from nephoscope_kql.registry import load_functions
from nephoscope_kql.types import NUMBERS, KqlType, choose_wider_number_type

_FUNCTIONS = {
    KqlType.BOOL: "tobool",
    KqlType.INT: "toint",
    KqlType.LONG: "tolong",
    KqlType.REAL: "toreal",
    KqlType.DECIMAL: "todecimal",
    KqlType.STRING: "tostring",
    KqlType.DATETIME: "todatetime",
    KqlType.TIMESPAN: "totimespan",
    KqlType.GUID: "toguid",
    KqlType.DYNAMIC: "todynamic",
}


def convert_explicitly(value: Bound, kind: KqlType, span: Span | None = None) -> Bound:
    """`value` converted as `tolong()` and its like do; unchanged where it has the type."""
    if value.type == kind:
        return value
    if isinstance(value, Constant):
        if value.value is None or (kind == KqlType.DYNAMIC and value.type == KqlType.STRING):
            known = constants.make_null(kind, value.span) if value.value is None else None
        else:
            known = (
                constants.widen_constant(value, kind) if value.type.is_numeric and kind.is_numeric else None
            )
        if known is not None:
            return known
    return BoundCall(
        type=kind, span=span or value.span, function=load_functions()[_FUNCTIONS[kind]], arguments=(value,)
    )


def convert_to_dynamic(value: Bound) -> Bound:
    """A value as an element of a dynamic: text stays text (todynamic would parse it)."""
    if value.type == KqlType.DYNAMIC:
        return value
    if isinstance(value, Constant) and value.type in (
        KqlType.STRING,
        KqlType.BOOL,
        KqlType.LONG,
        KqlType.INT,
    ):
        return constants.make_constant(value.value, KqlType.DYNAMIC, value.span)
    return BoundCall(
        type=KqlType.DYNAMIC, span=value.span, function=load_functions()["_as_dynamic"], arguments=(value,)
    )


def compute_conversion_cost(kind: KqlType, parameter: CalleeParameter) -> int | None:
    """Return how far an argument's type is from a parameter: 0 fits, None cannot be converted."""
    if kind in parameter.accepted or parameter.common:
        return 0
    if kind == KqlType.DYNAMIC:
        return 4
    if parameter.written:
        return 9
    if kind.is_numeric:
        wider = [NUMBERS.index(item) for item in parameter.accepted if item.is_numeric]
        own = NUMBERS.index(kind)
        steps = [item - own for item in wider if item >= own]
        if steps:
            return min(steps)
        return 8 if wider else None
    if kind == KqlType.GUID and KqlType.STRING in parameter.accepted:
        return 2
    return None


def choose_target_type(kind: KqlType, parameter: CalleeParameter) -> KqlType:
    """The type that an argument of type `kind` is converted to for a parameter that can take it."""
    if kind in parameter.accepted:
        return kind
    if parameter.written:
        return KqlType.STRING
    if kind.is_numeric:
        own = NUMBERS.index(kind)
        wider = [item for item in NUMBERS[own:] if item in parameter.accepted]
        narrower = [item for item in NUMBERS if item in parameter.accepted]
        found: KqlType = wider[0] if wider else narrower[-1]
        return found
    preference = (KqlType.STRING, KqlType.REAL, *KqlType)
    first: KqlType = next(item for item in preference if item in parameter.accepted)
    return first


def find_common_type(values: Sequence[Bound]) -> KqlType | None:
    """The one type of values that must agree (`iff`, `case`, `coalesce`): numbers widen, null constants follow; None = none."""
    kinds = [value.type for value in values if not (isinstance(value, Constant) and value.value is None)]
    kinds = kinds or [value.type for value in values]
    result = kinds[0]
    for kind in kinds[1:]:
        if kind == result:
            continue
        if kind.is_numeric and result.is_numeric:
            result = choose_wider_number_type(kind, result)
        elif KqlType.DYNAMIC in (kind, result):
            result = kind if result == KqlType.DYNAMIC else result
        else:
            return None
    return result


def choose_signature(callee: Callee, arguments: Sequence[Bound], span: Span) -> Signature:
    """The signature that takes the arguments with the least conversion, rather one that names its types; KqlError where none does."""
    counted = [item for item in callee.signatures if item.accepts_count(len(arguments))]
    if not counted:
        wanted = " or ".join(item.text for item in callee.signatures)
        raise make_invalid_error(f"{callee.name}() does not take {len(arguments)} arguments", span, wanted)
    scored = [
        (total, item.returns == COMMON, place)
        for place, item in enumerate(counted)
        if (total := _sum_conversion_costs(item, arguments)) is not None
    ]
    if not scored:
        raise _build_argument_error(callee, counted[0], arguments, span)
    return counted[min(scored)[2]]


def _sum_conversion_costs(item: Signature, arguments: Sequence[Bound]) -> int | None:
    costs = [
        compute_conversion_cost(argument.type, item.get_parameter(place, len(arguments)))
        for place, argument in enumerate(arguments)
    ]
    shared = [
        value for place, value in enumerate(arguments) if item.get_parameter(place, len(arguments)).common
    ]
    if None in costs or (shared and find_common_type(shared) is None):
        return None
    return sum(one for one in costs if one is not None)


def _build_argument_error(
    callee: Callee, item: Signature, arguments: Sequence[Bound], span: Span
) -> KqlError:
    for place, argument in enumerate(arguments):
        parameter = item.get_parameter(place, len(arguments))
        if compute_conversion_cost(argument.type, parameter) is None:
            wanted = ", ".join(sorted(parameter.accepted))
            return make_invalid_error(
                f"argument {place + 1} of {callee.name}() is {argument.type}, not {wanted}",
                argument.span,
                item.text,
            )
    return make_invalid_error(f"{callee.name}() cannot be called with these types", span, item.text)


def convert_arguments(
    callee: Callee, item: Signature, arguments: Sequence[Bound], span: Span
) -> tuple[tuple[Bound, ...], KqlType]:
    """The arguments converted to their parameters' types, and the type of the result."""
    shared = [
        value for place, value in enumerate(arguments) if item.get_parameter(place, len(arguments)).common
    ]
    common = find_common_type(shared) if shared else None
    if shared and common is None:
        names = ", ".join(value.type for value in shared)
        raise make_invalid_error(f"the values of {callee.name}() have no common type: {names}", span)
    converted = tuple(
        _convert_argument(callee, value, item.get_parameter(place, len(arguments)), common, place)
        for place, value in enumerate(arguments)
    )
    return converted, _find_result_type(callee, item, converted, common)


def _convert_argument(
    callee: Callee, value: Bound, parameter: CalleeParameter, common: KqlType | None, place: int
) -> Bound:
    if parameter.constant and not isinstance(value, Constant):
        raise make_invalid_error(f"argument {place + 1} of {callee.name}() must be a constant", value.span)
    if parameter.common and common is not None:
        return convert_to_dynamic(value) if common == KqlType.DYNAMIC else convert_explicitly(value, common)
    return convert_explicitly(value, choose_target_type(value.type, parameter))


def _find_result_type(
    callee: Callee, item: Signature, arguments: tuple[Bound, ...], common: KqlType | None
) -> KqlType:
    if callee.returns is not None:
        return callee.returns(arguments)
    if item.returns == "T" and common is not None:
        return common
    if item.returns == "first":
        return arguments[0].type
    return KqlType(item.returns)
