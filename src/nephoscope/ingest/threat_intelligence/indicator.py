"""Indicator: a STIX 2.1 object with its observable, whatever format it was read from."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec

from nephoscope.ingest.logs.timestamps import parse_moment
from nephoscope.ingest.threat_intelligence.pattern_comparisons import PatternError
from nephoscope.ingest.threat_intelligence.stix_pattern import Observable, list_observables

#: Ids of what has none of its own are made in this namespace, so that the same thing gets the same id again.
NAMESPACE = uuid.UUID("6f7c1f5a-5a3e-5d1b-9d0e-2b8f6c4e7a91")
LONGEST = 1 << 18
"""The most bytes of one object."""


class BadItemError(ValueError):
    """An object that cannot be taken: why."""


@dataclass(frozen=True, slots=True)
class IntelItem:
    """A STIX object: `document` as it came, `observables` of an indicator's pattern; times are aware, `confidence` 0 to 100."""

    id: str
    kind: str
    document: dict[str, object]
    observables: tuple[Observable, ...]
    created: datetime
    modified: datetime
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    revoked: bool = False
    confidence: int | None = None


@dataclass(frozen=True, slots=True)
class Retraction:
    """A source no longer says what it said by the object of that id, since `modified`; nothing where it never said it."""

    id: str
    modified: datetime


@dataclass(frozen=True, slots=True)
class RefusedItem:
    """Item that could not be imported: `place` in its source ("objects[3]", "line 7"), the reason, its beginning."""

    place: str
    reason: str
    raw: str


def make_id(kind: str, *parts: str) -> str:
    """The id of what has none: the same for the same parts."""
    return f"{kind}--{uuid.uuid5(NAMESPACE, chr(0).join(parts))}"


def read_item(document: object, now: datetime) -> IntelItem:
    """The item of a STIX 2.1 object; BadItemError says what is wrong with it."""
    if not isinstance(document, dict):
        raise BadItemError("a STIX object must be a JSON object")
    if len(msgspec.json.encode(document)) > LONGEST:
        raise BadItemError(f"the object exceeds {LONGEST >> 10} KiB")
    kind, id_ = document.get("type"), document.get("id")
    if not isinstance(kind, str) or not isinstance(id_, str):
        raise BadItemError("type and id are required strings")
    if not _is_id(id_, kind):
        raise BadItemError(f"id {id_[:100]!r} is not {kind[:60]}--UUID")
    created = _read_time(document, "created") or _read_time(document, "first_observed") or now
    return IntelItem(
        id_,
        kind,
        document,
        _read_observables(document) if kind == "indicator" else (),
        created,
        _read_time(document, "modified") or created,
        _read_time(document, "valid_from"),
        _read_expiry_time(document),
        _read_flag(document, "revoked"),
        _read_confidence(document),
    )


def _is_id(text: str, kind: str) -> bool:
    head, separator, tail = text.partition("--")
    try:
        return bool(separator) and head == kind and str(uuid.UUID(tail)) == tail.lower()
    except ValueError:
        return False


def _read_observables(document: dict[str, object]) -> tuple[Observable, ...]:
    language = document.get("pattern_type", "stix")
    if language != "stix":
        raise BadItemError(f"pattern_type: must be stix (got {str(language)[:60]!r})")
    text = document.get("pattern")
    if not isinstance(text, str) or not text:
        raise BadItemError("an indicator requires a pattern")
    try:
        return list_observables(text)
    except PatternError as error:
        raise BadItemError(f"pattern: {error}") from error


def _read_expiry_time(document: dict[str, object]) -> datetime | None:
    since, until = _read_time(document, "valid_from"), _read_time(document, "valid_until")
    if since and until and until <= since:
        raise BadItemError("valid_until must be after valid_from")
    return until


def _read_time(document: dict[str, object], name: str) -> datetime | None:
    value = document.get(name)
    if value is None:
        return None
    found = parse_moment(value) if isinstance(value, str) else None
    if found is None:
        raise BadItemError(f"{name}: {str(value)[:60]!r} is not a time")
    return found.astimezone(UTC)


def _read_flag(document: dict[str, object], name: str) -> bool:
    value = document.get(name, False)
    if not isinstance(value, bool):
        raise BadItemError(f"{name} is true or false")
    return value


def _read_confidence(document: dict[str, object]) -> int | None:
    value = document.get("confidence")
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 100:
        raise BadItemError("confidence must be a whole number from 0 to 100")
    return value
