"""Display names of ids, ATT&CK tactics and alert values."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

from markupsafe import Markup, escape

from nephoscope.web.rendering.formatting import spell_duration

if TYPE_CHECKING:
    from nephoscope.alerts.investigation.participants import Participant

_GUID = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", re.IGNORECASE)
_WORD = re.compile(r"(?<=[a-z])(?=[A-Z])")
_SPAN = re.compile(r"(?:(\d+)\.)?(\d{2}):(\d{2}):(\d{2})")
_ENDS = re.compile(r"(?<=[/.])(?=.)")


def format_tactics(tactics: str | Iterable[str]) -> str:
    """Tactics as ATT&CK writes them: `InitialAccess, CommandAndControl` as `Initial Access, Command and Control`, each once."""
    several = re.split(r"[,;]\s*", tactics) if isinstance(tactics, str) else tactics
    words = (_WORD.sub(" ", one.strip()).replace(" And ", " and ") for one in several)
    return ", ".join(dict.fromkeys(one for one in words if one))


def map_participant_names(parties: Iterable[Participant]) -> dict[str, str]:
    """Lower-cased id -> name of those who take part and are known by one."""
    found: dict[str, str] = {}
    for one in parties:
        if not _GUID.fullmatch(one.title):
            text = (
                f"{one.id} {' '.join(str(value) for each in one.entities for _, value in each.identifiers)}"
            )
            found |= {id_.lower(): one.title for id_ in _GUID.findall(text)}
    return found


def find_guids(text: str) -> list[str]:
    """The GUIDs in a text, in lower case."""
    return [one.lower() for one in _GUID.findall(text)]


def replace_ids(text: str, names: Mapping[str, str]) -> str:
    """A text in which those whose ids are known stand by their names; an id that is part of a path stays."""

    def replace_id(match: re.Match[str]) -> str:
        inside = "/" in (text[match.start() - 1 : match.start()], text[match.end() : match.end() + 1])
        return match[0] if inside else names.get(match[0].lower(), match[0])

    return _GUID.sub(replace_id, text)


def format_value(value: object) -> str:
    """A value of an alert's properties: lists and objects by their members, spans of time in words, '' for what holds nothing."""
    if isinstance(value, str):
        if span := _SPAN.fullmatch(value):
            days, hours, minutes, seconds = (int(one or 0) for one in span.groups())
            return spell_duration(timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds))
        if value[:1] in ("[", "{"):
            try:
                return format_value(json.loads(value))
            except (ValueError, RecursionError):
                return value
        return value
    if isinstance(value, Mapping):
        parts = ((name, format_value(one)) for name, one in value.items())
        return "; ".join(f"{name}: {one}" for name, one in parts if one)
    if isinstance(value, list):
        return ", ".join(one for one in map(format_value, value) if one)
    return "" if value is None else str(value)


def add_line_break_hints(text: str) -> Markup:
    """An operation or id that a line may end in only behind its slashes and dots."""
    return Markup("<wbr>").join(escape(one) for one in _ENDS.split(text))
