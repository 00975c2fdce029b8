"""The kinds of live sources, found by scanning their folder, and their settings."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from nephoscope.sources.live.source import Kind, SourceError

_FOLDER = Path(__file__).parent / "kinds"


@cache
def kinds() -> Mapping[str, Kind]:
    """Every kind by name; none needs its optional libraries before it is used."""
    found = {}
    for path in sorted(_FOLDER.glob("*.py")):
        if path.stem != "__init__":
            kind: Kind = importlib.import_module(f"nephoscope.sources.live.kinds.{path.stem}").KIND
            found[kind.name] = kind
    return found


def kind_of(name: str) -> Kind:
    """The kind of a name; SourceError that lists them where there is none."""
    found = kinds().get(name)
    if found is None:
        raise SourceError(f"no kind of source is named '{name}': there are {', '.join(kinds())}")
    return found


_MISSING = re.compile(r"Object missing required field `(\w+)`")


def parsed(kind: Kind, given: Mapping[str, Any]) -> Any:
    """The settings of a kind from JSON or from texts of the command line; SourceError names the setting and what it must be."""
    try:
        return msgspec.convert(_split(kind, given), kind.settings, strict=False)
    except msgspec.ValidationError as error:
        raise SourceError(f"{kind.name}: {_wanted(error)}; see docs/reference/sources.md") from error


def _wanted(error: msgspec.ValidationError) -> str:
    """What is wrong in words of the command line."""
    missing = _MISSING.fullmatch(str(error))
    return f"a setting is missing: --set {missing[1]}=..." if missing else str(error)


def stored(settings: Any) -> dict[str, Any]:
    """Settings as the JSON object that is kept."""
    found = msgspec.to_builtins(settings)
    assert isinstance(found, dict)
    return found


@dataclass(frozen=True, slots=True)
class Described:
    """One setting for people: its name, type, default (None = must be given) and what it means."""

    name: str
    type: str
    default: str | None
    help: str


def described(kind: Kind) -> Iterator[Described]:
    """The settings of a kind in the order of its Struct."""
    schema = msgspec.json.schema(kind.settings)["$defs"][kind.settings.__name__]
    for name, one in schema["properties"].items():
        default = one.get("default", msgspec.UNSET)
        yield Described(name, _type(one), _shown(default), one.get("description", ""))


def _type(one: Mapping[str, Any]) -> str:
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


def _shown(default: Any) -> str | None:
    if default is msgspec.UNSET:
        return None
    if isinstance(default, list):
        return ",".join(default)
    return str(default).lower() if isinstance(default, bool) else str(default)


def _split(kind: Kind, given: Mapping[str, Any]) -> dict[str, Any]:
    """A text given for a list is its elements, parted by commas."""
    lists = {one.name for one in described(kind) if one.type == "list"}
    return {
        name: [part.strip() for part in value.split(",") if part.strip()]
        if name in lists and isinstance(value, str)
        else value
        for name, value in given.items()
    }
