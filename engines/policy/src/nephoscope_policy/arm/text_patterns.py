"""Text patterns: texts with unknown parts, such as `{name}/default`.

An unknown string's key is such a pattern; unknown parts stand between two characters of Unicode's private use area, which no template
has. So ids and names that hang on a parameter without a value still tell resources apart and link them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from nephoscope_policy.arm.errors import FunctionError
from nephoscope_policy.arm.unknown import UndecidedError, Unknown, find_unknown
from nephoscope_policy.arm.value import Value, is_number, render_number

_OPEN, _CLOSE = "\ue000", "\ue001"
_PART = re.compile(f"{_OPEN}([^{_CLOSE}]*){_CLOSE}")
_MAX_KEY = 1024


def build_pattern(value: Value) -> str | None:
    """The pattern of a text or number, or of an unknown one; None where nothing tells the unknown from others."""
    if isinstance(value, str):
        return value
    if isinstance(value, Unknown):
        if not value.key or (value.type == "string" and _OPEN in value.key):
            return value.key or None
        return _OPEN + escape_patterns(value.key).replace("/", "|") + _CLOSE
    return render_number(value) if is_number(value) else None


def escape_patterns(key: str) -> str:
    """A key that may have patterns inside as one that is none itself."""
    return key.replace(_OPEN, "{").replace(_CLOSE, "}")


def build_from_pattern(text: str, unknown: Unknown) -> Value:
    """The text, or the unknown string that a pattern stands for; cause and reason are those of `unknown`."""
    if _OPEN not in text:
        return text
    return Unknown(
        "string",
        unknown.cause,
        unknown.reason,
        text[:_MAX_KEY] if len(text) <= _MAX_KEY else "",
        bool(_PART.sub("", text)),
    )


def is_open(text: str) -> bool:
    """Return whether a pattern has an unknown part."""
    return _OPEN in text


def format_pattern(text: str) -> str:
    """The pattern for people: unknown parts in braces."""
    return _PART.sub(lambda match: "{" + match[1] + "}", text) if _OPEN in text else text


def get_literal_tail(text: str) -> str:
    """The known text of a pattern after its first unknown part, without what is unknown at its end."""
    parts = _PART.split(text)[2::2]
    return next((part for part in reversed(parts) if part), "")


def accept_patterns(body: Callable[[list[object]], Value]) -> Callable[[list[object]], Value]:
    """A function that only puts texts together, widened to unknown texts; raises UndecidedError for one without a pattern."""

    def call_widened(arguments: list[object]) -> Value:
        unknown = next((one for one in arguments if isinstance(one, Unknown)), None)
        if unknown is None:
            return body(arguments)
        texts = [_quote_unknown_part(one) if isinstance(one, Unknown) else one for one in arguments]
        made = body(texts)
        return build_from_pattern(made, unknown) if isinstance(made, str) else made

    return call_widened


def _quote_unknown_part(unknown: Unknown) -> str:
    if unknown.type not in ("any", "string", "int"):
        raise FunctionError(f"an unknown {unknown.type} is not a string")
    found = build_pattern(unknown)
    if found is None:
        raise UndecidedError(unknown)
    return found


def derive_key(name: str, arguments: Iterable[Value]) -> str:
    """The key of what a function gives for arguments of which some are unknown, '' where they have none or are large."""
    pieces = []
    for argument in arguments:
        if isinstance(argument, Unknown):
            if not argument.key:
                return ""
            pieces.append(argument.key)
        elif isinstance(argument, list | dict):
            if find_unknown(argument) is not None or len(argument) > 8:
                return ""
            pieces.append(repr(argument))
        else:
            pieces.append(repr(argument))
    key = escape_patterns(f"{name}({','.join(pieces)})")
    return key if len(key) <= _MAX_KEY else ""
