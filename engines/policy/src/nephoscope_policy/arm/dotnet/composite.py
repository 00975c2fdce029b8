"""Composite formatting: `{index[,alignment][:formatString]}` with `{{` and `}}` as literal braces (String.Format)."""

from __future__ import annotations

import re
from collections.abc import Sequence

from nephoscope_policy.arm.dotnet.numbers import format_number
from nephoscope_policy.arm.errors import FunctionError
from nephoscope_policy.arm.value import Value, format_json, is_number, render_number, require_bounded_length

_ITEM = re.compile(
    r"\{(?P<index>[0-9]{1,7}) *(?:, *(?P<width>-?[0-9]{1,7}) *)?(?::(?P<format>(?:[^{}]|\{\{|\}\})*))?\}"
)
_LITERAL = re.compile(r"[^{}]+")


def format_plain(value: Value) -> str:
    """A value without a format string: true is `True`, null is '', arrays and objects are compact JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value)
    if value is None:
        return ""
    return render_number(value) if is_number(value) else format_json(value)


def fill_composite_format(template: str, values: Sequence[Value]) -> str:
    """The template with its items filled; raises FunctionError for a malformed item or an index without an argument."""
    pieces: list[str] = []
    place = size = 0
    while place < len(template):
        piece, place = _read_format_item(template, place, values)
        size = require_bounded_length(size + len(piece), unit="characters")
        pieces.append(piece)
    return "".join(pieces)


def _read_format_item(template: str, place: int, values: Sequence[Value]) -> tuple[str, int]:
    literal = _LITERAL.match(template, place)
    if literal:
        return literal.group(), literal.end()
    if template[place : place + 2] in ("{{", "}}"):
        return template[place], place + 2
    item = _ITEM.match(template, place)
    if item is None:
        raise FunctionError(
            f"the format string has an unpaired brace or a malformed item at character {place}"
        )
    index = int(item["index"])
    if index >= len(values):
        raise FunctionError(f"item {{{index}}} has no argument: {len(values)} given")
    return _align_content(_format_value(values[index], item["format"]), int(item["width"] or 0)), item.end()


def _format_value(value: Value, spec: str | None) -> str:
    if not spec or not is_number(value):
        return format_plain(value)
    return format_number(value, spec.replace("{{", "{").replace("}}", "}"))


def _align_content(content: str, width: int) -> str:
    require_bounded_length(abs(width), unit="characters")
    return content.rjust(width) if width >= 0 else content.ljust(-width)
