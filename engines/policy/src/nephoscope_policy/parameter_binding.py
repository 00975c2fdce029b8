"""Parameters: defaults, given values, types and allowed values."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from nephoscope_policy.document import describe_type
from nephoscope_policy.errors import PolicyError, raise_first_error, suggest_word

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nephoscope_policy.tree import Parameter


def bind_parameters(
    declared: Mapping[str, Parameter], given: Mapping[str, object], *, partial: bool = False
) -> dict[str, object]:
    """The value of every declared parameter by lower-cased name.

    Raises PolicyError (stage compile) for an unknown name, a missing value (unless `partial`), a wrong type or a value
    that is not allowed.
    """
    errors: list[PolicyError] = []
    values = {name: parameter.default for name, parameter in declared.items() if parameter.has_default}
    for name, value in given.items():
        parameter = declared.get(name.lower())
        if parameter is None:
            known = suggest_word(name, [one.name for one in declared.values()])
            errors.append(
                PolicyError(f"there is no parameter '{name}'{known}", f"parameters.{name}", "compile")
            )
            continue
        fault = explain_mismatch(parameter, value)
        if fault:
            errors.append(PolicyError(fault, f"parameters.{parameter.name}", "compile"))
        values[name.lower()] = value
    for name, parameter in declared.items():
        if name not in values and not partial:
            message = f"the parameter '{parameter.name}' has no default and needs a value"
            errors.append(PolicyError(message, f"parameters.{parameter.name}", "compile"))
    raise_first_error(errors)
    return values


def explain_mismatch(parameter: Parameter, value: object) -> str:
    """Explain why a value is none that the parameter may have (its type, its allowed values), '' where it is one."""
    if not is_of_type(parameter.type, value):
        return f"the parameter '{parameter.name}' is of type {parameter.type}, not {describe_type(value)}"
    if not parameter.allowed:  # built-ins carry an empty list where any value will do
        return ""
    items = value if parameter.type == "array" and isinstance(value, list) else [value]
    wrong = [item for item in items if not _is_value_allowed(item, parameter.allowed)]
    if not wrong:
        return ""
    known = suggest_word(str(wrong[0]), [str(item) for item in parameter.allowed])
    return f"{wrong[0]!r} is not an allowed value of '{parameter.name}'{known} (allowed: {_format_values(parameter.allowed)})"


def _format_values(values: tuple[object, ...]) -> str:
    return ", ".join(str(value) for value in values[:12]) + (", ..." if len(values) > 12 else "")


def _is_value_allowed(value: object, allowed: tuple[object, ...]) -> bool:
    if isinstance(value, str):
        return any(isinstance(item, str) and item.casefold() == value.casefold() for item in allowed)
    return any(type(item) is type(value) and item == value for item in allowed)


def is_of_type(type_: str, value: object) -> bool:
    """Return whether a value is of a lower-cased parameter type."""
    if type_ == "boolean":
        return isinstance(value, bool) or (isinstance(value, str) and value.lower() in ("true", "false"))
    if type_ == "integer":
        return isinstance(value, int) and not isinstance(value, bool)
    if type_ == "float":
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if type_ == "datetime":
        return isinstance(value, str) and _is_time(value)
    expected: dict[str, type] = {"string": str, "array": list, "object": dict}
    return isinstance(value, expected[type_])


def _is_time(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True
