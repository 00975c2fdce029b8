"""The ARM template expression language, pure: parse `[...]`, then compile or interpret it with a host's functions."""

from nephoscope.arm.calls import Host, Hosts
from nephoscope.arm.errors import ArmError, ArmSyntaxError, FunctionError
from nephoscope.arm.expression import Expression, parse
from nephoscope.arm.parser import is_expression, unescape
from nephoscope.arm.registry import Function, registry
from nephoscope.arm.value import Value

__all__ = [
    "ArmError",
    "ArmSyntaxError",
    "Expression",
    "Function",
    "FunctionError",
    "Host",
    "Hosts",
    "Value",
    "is_expression",
    "parse",
    "registry",
    "unescape",
]
