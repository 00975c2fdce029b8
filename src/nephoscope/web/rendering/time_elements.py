"""Time elements of pages, which the script shows in the reader's time zone."""

from __future__ import annotations

from datetime import UTC, datetime

from markupsafe import Markup

from nephoscope.web.rendering import formatting
from nephoscope_kql.types import KqlType

_EXACT = Markup('<time datetime="{0}" data-exact>{0}</time>')


def render_moment(value: datetime | str) -> Markup:
    """A time to the second, in UTC until the script says otherwise; a text must be in ISO 8601 with a zone."""
    when = datetime.fromisoformat(value) if isinstance(value, str) else value
    return Markup(f'<time datetime="{_format_iso(when)}">{formatting.format_moment(when)}</time>')  # noqa: S704 - times alone


def format_age(value: datetime) -> Markup:
    """Return how long ago a time is, with the time as its title."""
    title, age = formatting.format_moment(value), formatting.format_age(value)
    return Markup(f'<time datetime="{_format_iso(value)}" data-ago title="{title}">{age}</time>')  # noqa: S704 - times alone


def render_cell(text: str, kind: KqlType | None) -> Markup | str:
    """A cell of a result: a time with all its digits, anything else as it is."""
    return _EXACT.format(text) if text and kind is KqlType.DATETIME else text


def _format_iso(value: datetime) -> str:
    return value.astimezone(UTC).isoformat()
