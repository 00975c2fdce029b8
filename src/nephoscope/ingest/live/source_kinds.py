"""The kinds of live sources, found by scanning their folder, and their settings."""

from __future__ import annotations

import difflib
import importlib
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from nephoscope.ingest.live.live_source import SourceKind
from nephoscope.ingest.source_failures import SourceSettingsError

_FOLDER = Path(__file__).parent / "kinds"


@cache
def load_source_kinds() -> Mapping[str, SourceKind]:
    """Every kind by name; none needs its optional libraries before it is used."""
    found = {}
    for path in sorted(_FOLDER.glob("*.py")):
        if path.stem != "__init__":
            kind: SourceKind = importlib.import_module(f"nephoscope.ingest.live.kinds.{path.stem}").KIND
            found[kind.name] = kind
    return found


def get_source_kind(name: str) -> SourceKind:
    """The kind of a name; SourceSettingsError that lists them where there is none."""
    found = load_source_kinds().get(name)
    if found is None:
        raise SourceSettingsError(
            f"kind of source '{name}' not found: expected one of {', '.join(load_source_kinds())}"
        )
    return found


_MISSING = re.compile(r"Object missing required field `(\w+)`")
_PLACE = re.compile(r" - at `\$\.(\w+)")
#: A hundred years: what is longer is no pause and no window, but a slip.
_LONGEST = 3_153_600_000.0


def parse_settings(kind: SourceKind, given: Mapping[str, object]) -> object:
    """The settings of a kind from JSON or from texts of the command line; SourceSettingsError names the setting and what it
    must be."""
    known = {one.name: one for one in describe_kind(kind)}
    for name in given:
        if name not in known:
            raise SourceSettingsError(_explain_unknown_setting(kind, name, list(known)))
    try:
        settings = msgspec.convert(_split_lists(kind, given), kind.settings, strict=False)
    except msgspec.ValidationError as error:
        raise SourceSettingsError(_describe_invalid(error, known, given)) from error
    for name in known:
        value = getattr(settings, name)
        if isinstance(value, float) and not (math.isfinite(value) and value <= _LONGEST):
            raise SourceSettingsError(
                f"{name}: must be a number of seconds, at most {_LONGEST:.0f}, not '{value}'"
            )
    return settings


def _explain_unknown_setting(kind: SourceKind, name: str, known: list[str]) -> str:
    if name in kind.secrets:
        return f"{name}: is a secret, and no setting"
    near = difflib.get_close_matches(name, known, 1)
    meant = f"did you mean {near[0]}? " if near else ""
    return f"{name}: {kind.name} has no such setting: {meant}there are {', '.join(known)}"


def _describe_invalid(
    error: msgspec.ValidationError, known: Mapping[str, SettingDescription], given: Mapping[str, object]
) -> str:
    """Return what is wrong in words."""
    if missing := _MISSING.fullmatch(str(error)):
        return f"{missing[1]}: must be given ({known[missing[1]].help.rstrip('.')})"
    place = _PLACE.search(str(error))
    if not place or place[1] not in known:
        return str(error)
    return f"{place[1]}: must be {known[place[1]].must}, not '{given.get(place[1])}'"


def to_stored_settings(settings: object) -> dict[str, object]:
    """Settings as the JSON object that is kept."""
    found = msgspec.to_builtins(settings)
    assert isinstance(found, dict)
    return found


@dataclass(frozen=True, slots=True)
class SettingDescription:
    """One setting for people: its name, type, default (None = must be given), what it means, what it must be.

    `owners`: when it is the server's own, so that an owner alone sets it; '' = never.
    """

    name: str
    type: str
    default: str | None
    help: str
    must: str
    owners: str = ""


def describe_kind(kind: SourceKind) -> Iterator[SettingDescription]:
    """The settings of a kind in the order of its Struct."""
    schema = msgspec.json.schema(kind.settings)["$defs"][kind.settings.__name__]
    fields = {one.encode_name: one for one in msgspec.structs.fields(kind.settings)}
    for name, one in schema["properties"].items():
        default = _find_default(fields[name], one)
        help_, owners = one.get("description", ""), kind.owned[name].when if name in kind.owned else ""
        yield SettingDescription(
            name, _get_source_type(one), _format_default(default), help_, _describe_constraint(one), owners
        )


def _find_default(field: msgspec.structs.FieldInfo, one: Mapping[str, object]) -> object:
    """The default of a setting, UNSET where it must be given; what a factory makes the schema does not have."""
    if field.required:
        return msgspec.UNSET
    made = field.default_factory
    return one.get("default", made() if made is not msgspec.NODEFAULT else None)


def _get_source_type(one: Mapping[str, Any]) -> str:
    if "enum" in one:
        return " | ".join(one["enum"])
    names = {
        "string": "text",
        "integer": "whole number",
        "number": "number",
        "boolean": "true | false",
        "array": "list",
    }
    return names.get(one.get("type", ""), "text")


_BOUNDS = {
    "minimum": "{} or more",
    "exclusiveMinimum": "more than {}",
    "maximum": "{} or less",
    "minItems": "with {} or more",
}


def _describe_constraint(one: Mapping[str, Any]) -> str:
    """Return what a value must be, for a sentence that ends in it."""
    if "enum" in one:
        return "one of " + ", ".join(one["enum"])
    if "anyOf" in one or one.get("format") == "date-time":
        return "a moment with a zone, as in 2026-01-31T00:00:00Z"
    bounds = [words.format(one[name]) for name, words in _BOUNDS.items() if name in one]
    kinds_ = "true or false" if one.get("type") == "boolean" else f"a {_get_source_type(one)}"
    if "enum" in one.get("items", {}):
        kinds_ = "a list of " + ", ".join(one["items"]["enum"])
    return ", ".join([kinds_, *bounds])


def _format_default(default: object) -> str | None:
    if default is msgspec.UNSET:
        return None
    if isinstance(default, list):
        return ",".join(default)
    return str(default).lower() if isinstance(default, bool) else str(default)


def _split_lists(kind: SourceKind, given: Mapping[str, object]) -> dict[str, object]:
    """A text given for a list is its elements, separated by commas."""
    lists = {one.name for one in describe_kind(kind) if one.type == "list"}
    return {
        name: [part.strip() for part in value.split(",") if part.strip()]
        if name in lists and isinstance(value, str)
        else value
        for name, value in given.items()
    }
