"""The ARM template expression language, pure: parse `[...]`, then compile or interpret it with a host's functions."""

from nephoscope_policy.arm.call_resolution import Host, Hosts
from nephoscope_policy.arm.errors import ArmError, ArmSyntaxError, FunctionError
from nephoscope_policy.arm.expression import ArmExpression, parse
from nephoscope_policy.arm.function import ArmFunction
from nephoscope_policy.arm.parser import is_expression, unescape_literal
from nephoscope_policy.arm.registry import load_registry
from nephoscope_policy.arm.value import Value

__all__ = [
    "ArmError",
    "ArmExpression",
    "ArmFunction",
    "ArmSyntaxError",
    "FunctionError",
    "Host",
    "Hosts",
    "Value",
    "is_expression",
    "load_registry",
    "parse",
    "unescape_literal",
]
