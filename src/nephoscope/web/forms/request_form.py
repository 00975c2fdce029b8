"""Request forms: the fields of a form from the Shape of an operation, and the request that a form sent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from nephoscope.model.utc_time import assume_utc
from nephoscope.operations.declaration.request_field import FieldKind, RequestField, request_fields
from nephoscope.state import StateError

#: What no form has a field for.
_UNDRAWN = frozenset({FieldKind.OTHER, FieldKind.PAIRS, FieldKind.SECRETS})
#: How the macro `field` of forms.html draws a kind; any other is a line of text.
_DRAWN = {
    FieldKind.YES_NO: "tick", FieldKind.WHOLE: "number", FieldKind.NUMBER: "number", FieldKind.CHOICE: "choice",
    FieldKind.LIST: "lines", FieldKind.BLOCK: "block", FieldKind.SECRET: "secret", FieldKind.TIME: "time",
}  # fmt: skip


class FieldError(StateError):
    """A value of a form that cannot be taken; `field` names where it stands."""

    def __init__(self, message: str, field: str) -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True, slots=True)
class FormField:
    """A field of a form; `kind` is text, block, lines, number, tick, ticks, choice, secret or time, `value` what it shows, as a text.

    `error` says why its value was not taken; a `group` is the heading above it and those that follow.
    """

    name: str
    label: str
    help: str
    kind: str
    value: str
    choices: tuple[tuple[str, str], ...] = ()
    required: bool = False
    error: str = ""
    group: str = ""


def build_form_fields(
    shape: Any,
    given: Mapping[str, str],
    before: object = None,
    choices: Mapping[str, Mapping[str, str]] | None = None,
) -> list[FormField]:
    """Return the fields of a Shape: as they were sent, else as in what is changed, else with their defaults; no secret is shown.

    `choices` offers values, with their words, for fields that the Shape itself leaves open.
    """
    return [
        _build_form_field(one, given, before, (choices or {}).get(one.name))
        for one in _list_drawn_fields(shape)
    ]


def read_request(shape: Any, form: Mapping[str, str]) -> Any:
    """Return the request of a form; an empty field has its default, or stays as it is. Raises FieldError with its label."""
    fields = _list_drawn_fields(shape)
    sent = {one.name: _parse_value(one, form) for one in fields if _is_sent(one, form)}
    if missing := [one for one in fields if one.required and one.name not in sent]:
        raise FieldError(f"{missing[0].label} is required", missing[0].name)
    names = {one.name: one.encode_name for one in msgspec.structs.fields(shape)}
    try:
        return msgspec.convert({names[name]: value for name, value in sent.items()}, shape, strict=False)
    except msgspec.ValidationError as error:
        raise _explain_field_error(str(error), {names[one.name]: one for one in fields}) from error


def _list_drawn_fields(shape: Any) -> list[RequestField]:
    return [one for one in request_fields(shape) if one.kind not in _UNDRAWN]


def _build_form_field(
    one: RequestField, given: Mapping[str, str], before: object, offered: Mapping[str, str] | None
) -> FormField:
    ticked = one.kind is FieldKind.LIST and bool(one.choices)
    kind = "ticks" if ticked else "choice" if offered is not None else _DRAWN.get(one.kind, "text")
    choices = tuple((offered or {word: word for word in one.choices}).items())
    if one.hidden:
        value = ""
    elif given and ticked:
        value = "\n".join(_read_ticks(one, given))
    elif given:
        value = given.get(one.name, "")
    else:
        value = _to_text(getattr(before, one.name) if before is not None else one.default)
    return FormField(one.name, one.label, one.help, kind, value, choices, one.required, group=one.group)


def _to_text(value: object) -> str:
    if value is None or value is msgspec.UNSET:
        return ""
    if isinstance(value, bool):
        return "1" if value else ""
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%dT%H:%M}"
    if isinstance(value, tuple | list | frozenset):
        return "\n".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def _is_sent(one: RequestField, form: Mapping[str, str]) -> bool:
    # a tick that was taken away is absent, and a list or text that was emptied is empty from now on
    emptied = (
        one.change and one.kind in (FieldKind.LIST, FieldKind.TEXT, FieldKind.BLOCK) and one.name in form
    )
    ticked = one.kind is FieldKind.LIST and bool(one.choices)  # boxes that are all empty are sent as nothing
    return one.kind is FieldKind.YES_NO or emptied or ticked or bool(form.get(one.name, "").strip())


def _parse_value(one: RequestField, form: Mapping[str, str]) -> object:
    text = form.get(one.name, "").strip()
    if one.kind is FieldKind.LIST and one.choices:
        return _read_ticks(one, form)
    match one.kind:
        case FieldKind.YES_NO:
            return text == "1"
        case FieldKind.LIST:
            return list(_parse_lines(text)) or (None if one.none_option else [])
        case FieldKind.WHOLE | FieldKind.NUMBER:
            return _parse_number(one, text)
        case FieldKind.TIME:
            return _parse_time(one, text)
        case FieldKind.SECRET:
            return form[one.name]
    return text


def _read_ticks(one: RequestField, form: Mapping[str, str]) -> list[str]:
    """Return the words of a list that are ticked: each has a box of its own."""
    return [word for word in one.choices if form.get(f"{one.name}.{word}") == "1"]


def _parse_lines(text: str) -> Iterator[str]:
    return (line.strip() for line in text.splitlines() if line.strip())


def _parse_number(one: RequestField, text: str) -> float:
    try:
        found = int(text) if one.kind is FieldKind.WHOLE else float(text)
    except ValueError as error:
        kind = "a whole number" if one.kind is FieldKind.WHOLE else "a number"
        raise FieldError(f"{one.label}: must be {kind} (got '{text[:40]}')", one.name) from error
    if not (one.least is None or found >= one.least) or not (one.most is None or found <= one.most):
        bounds = f"{one.least:g} to {one.most:g}" if one.most is not None else f"at least {one.least:g}"
        raise FieldError(f"{one.label}: must be {bounds} (got {text[:40]})", one.name)
    return found


def _parse_time(one: RequestField, text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise FieldError(
            f"{one.label}: must be a date such as 2026-12-31 or a time in UTC (got '{text[:40]}')", one.name
        ) from error
    return assume_utc(found)


def _explain_field_error(error: str, fields: Mapping[str, RequestField]) -> StateError:
    """The error with the label of the field that msgspec names by its path."""
    what, _, path = error.partition(" - at `$.")
    name = path.partition("`")[0].partition("[")[0].partition(".")[0]
    one = fields.get(name)
    if one is None:
        return StateError(what)
    if "matching regex" in what:
        return FieldError(f"{one.label}: has characters that are not allowed here", one.name)
    return FieldError(f"{one.label}: {what[:1].lower()}{what[1:]}", one.name)
