"""Cells of sections of the settings: values of rows as texts, and as the values of a facet."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from markupsafe import Markup

from nephoscope.access.scopes import MANAGEMENT_GROUP, TENANT
from nephoscope.web.rendering.readable_text import humanize_members
from nephoscope.web.rendering.role_scopes import describe_place
from nephoscope.web.rendering.time_elements import render_moment

if TYPE_CHECKING:
    from nephoscope.web.visits.request_context import Visit

_SUBSCRIPTION = "/subscriptions/"
#: Parts of the id of a subscription.
_OF_SUBSCRIPTION = 3
#: The scope of a role, as in `Reader at /subscriptions/ID`.
_SCOPE = re.compile(r"\bat (/[^\s,]*)")


def format_cell(value: object) -> Markup | str:
    """Return a value as people read it; a time is shown in the zone of the page."""
    if isinstance(value, list | tuple):
        return ", ".join(humanize_members(format_cell_title(one)) for one in value)
    return render_moment(value) if isinstance(value, datetime) else humanize_members(format_cell_title(value))


def name_scopes(visit: Visit, text: Markup | str) -> Markup | str:
    """Return a text in which scopes of roles are called by their names."""
    if isinstance(text, Markup):
        return text
    return _SCOPE.sub(lambda found: describe_place(visit, found[1]), text)


def name_scope(visit: Visit, text: str) -> str:
    """Return what a scope of Azure is called: its subscription, group or resource; another text as it is."""
    scope, parts = text.lower(), text.rstrip("/").split("/")
    if scope == TENANT:
        return "all scopes"
    if scope.startswith(MANAGEMENT_GROUP):
        return f"management group {parts[-1]}"
    if not scope.startswith(_SUBSCRIPTION):
        return text
    name = visit.subscriptions.get(parts[2].lower(), parts[2])
    return name if len(parts) == _OF_SUBSCRIPTION else f"{parts[-1]} in {name}"


def format_cell_title(value: object) -> str:
    """Return a value as a plain text."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds").replace("+00:00", "Z")
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {format_cell_title(one)}" for name, one in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(format_cell_title, value))
    return str(value)


def facet_values(value: object) -> tuple[str, ...]:
    """Return the values of a cell that a list is filtered by."""
    if isinstance(value, list | tuple):
        return tuple(map(str, value))
    text = format_cell_title(value)
    return (text,) if text else ()


def name_words(name: str) -> str:
    """Return a name such as `changedBy` in words."""
    return "".join(f" {one.lower()}" if one.isupper() else one for one in name).replace("_", " ").capitalize()
