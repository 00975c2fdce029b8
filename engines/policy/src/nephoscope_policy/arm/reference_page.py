"""Generate the page of the functions: `python -m nephoscope_policy.arm.reference_page > docs/reference/arm-functions.md`."""

from __future__ import annotations

import sys
from itertools import groupby
from operator import attrgetter

from nephoscope_policy.arm.function import ArmFunction
from nephoscope_policy.arm.lambdas import MAX_STEPS
from nephoscope_policy.arm.parser import MAX_DEPTH, MAX_LENGTH
from nephoscope_policy.arm.registry import load_registry
from nephoscope_policy.arm.value import MAX_ITEMS, MAX_LEVELS, MAX_TEXT

_INTRODUCTION = f"""# ARM template functions

*Generated from the code by `make docs`; do not edit.*

An expression is a JSON string `[...]`. A string that starts with `[[` is the literal text with one bracket less. Names of
functions, properties and keys match in any case. Values are JSON; integers have 64 bits.

Bounds, each an error with a place: {MAX_LENGTH:,} characters and {MAX_DEPTH} levels of nesting for an expression; {MAX_TEXT:,}
characters for a string result, {MAX_ITEMS:,} elements for an array or object, {MAX_LEVELS} levels for parsed JSON; {MAX_STEPS:,}
lambda calls for one evaluation.

*lazy*: the function evaluates only the arguments it needs. *policy*, *template*: where Azure allows it. An argument in
brackets may be left out; `...` repeats.
"""

_FORMS = """## forms of the language

| form | meaning |
|---|---|
| `lambda('name', ..., body)` | A lambda, only as an argument of a lambda function. |
| `lambdaVariables('name')` | The value of a parameter of a lambda around it. |
| `true`, `false`, `null` | Literals, also without parentheses. |
| `-x` | `sub(0, x)`. |
| `x.name`, `x['name']`, `x[0]` | A member or an element; an error where it is missing (`tryGet` gives null). |
| `namespace.name(...)` | A user-defined function of a template. |

## functions that a host answers

These need to know where the expression runs. In a policy rule: `parameters`, `field`, `current`, `requestContext`, `policy`,
`subscription`, `resourceGroup`, `utcNow`. Only in a template: `variables`, `reference`, `references`, `resourceInfo`, `list*`,
`deployment`, `deployer`, `environment`, `resourceId`, `subscriptionResourceId`, `managementGroupResourceId`, `managementGroup`,
`tenant`, `providers`, `pickZones`, `toLogicalZone`, `toLogicalZones`, `toPhysicalZone`, `toPhysicalZones`, `copyIndex`, `newGuid`,
`externalInputs`, `fail`; and `string`, which writes a boolean as `True` there.
"""


def render_page() -> str:
    """The Markdown of docs/reference/arm-functions.md."""
    functions = sorted(load_registry().values(), key=attrgetter("family", "key"))
    sections = [
        _format_section(family, list(members))
        for family, members in groupby(functions, key=attrgetter("family"))
    ]
    return "\n".join([_INTRODUCTION, *sections, _FORMS])


def _format_section(family: str, functions: list[ArmFunction]) -> str:
    rows = [
        f"| `{function.signature}` | {function.summary} | {_format_flag(function.lazy)} | {_format_flag(function.policy)} | "
        f"{_format_flag(function.template)} |"
        for function in functions
    ]
    head = ["| function | what it does | lazy | policy | template |", "|---|---|---|---|---|"]
    return "\n".join([f"## {family}", "", *head, *rows, ""])


def _format_flag(flag: bool) -> str:
    return "yes" if flag else ""


if __name__ == "__main__":
    sys.stdout.write(render_page())
