"""MISP: exported events, and the attributes that its REST API finds, as STIX indicators.

Source: https://www.misp-project.org/openapi/ (restSearch), https://www.misp-standard.org/rfc/misp-standard-core.txt
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime

from nephoscope.ingest.logs.timestamps import parse_moment
from nephoscope.ingest.threat_intelligence.indicator import (
    BadItemError,
    IntelItem,
    RefusedItem,
    Retraction,
    read_item,
)
from nephoscope.ingest.threat_intelligence.observable_type import guess_pattern, make_pattern
from nephoscope.ingest.threat_intelligence.stix import shorten_refused_value

#: The key that an attribute's value is observed under; types with a bar hold two values, of which `part` counts from 0.
_HASH = {name: f"file:hashes.'{stix}'" for name, stix in
         {"md5": "MD5", "sha1": "SHA-1", "sha256": "SHA-256", "sha512": "SHA-512"}.items()}  # fmt: skip
_KEYS = {
    "domain": "domain-name:value", "hostname": "domain-name:value", "url": "url:value", "uri": "url:value", "link": "url:value",
    "email": "email-addr:value", "email-src": "email-addr:value", "email-dst": "email-addr:value", "filename": "file:name",
    "mutex": "mutex:name", "email-subject": "email-message:subject", "user-agent": "network-traffic:user_agent",
    "ja3-fingerprint-md5": "network-traffic:x_ja3", **_HASH,
}  # fmt: skip
_ADDRESSES = frozenset({"ip-src", "ip-dst"})
_PAIRS = {
    "domain|ip": 0, "hostname|port": 0, "ip-src|port": 0, "ip-dst|port": 0, **{f"filename|{name}": 1 for name in _HASH},
}  # fmt: skip


def list_attributes(document: object, place: str = "") -> Iterator[tuple[str, object, dict[str, object]]]:
    """The attributes in a document with their places and events: of an event, of its objects, of an answer of restSearch.

    Those of an event or object that was deleted are deleted too; one that is no JSON object comes as it is.
    """
    if isinstance(document, list):
        for number, one in enumerate(document):
            yield from list_attributes(one, f"{place}[{number}]")
    elif isinstance(document, dict):
        for name in ("response", "Event"):
            if name in document:
                inner = document[name]
                where = f"{place}.{name}".lstrip(".")
                if name == "Event" and isinstance(inner, dict):
                    yield from _read_event(inner, where, inner)
                else:
                    yield from list_attributes(inner, where)
                return
        yield from _read_event(document, place, {})


def _read_event(
    holder: dict[str, object], place: str, event: dict[str, object]
) -> Iterator[tuple[str, object, dict[str, object]]]:
    several = holder.get("Attribute")
    for number, one in enumerate(several if isinstance(several, list) else ()):
        own = one.get("Event") if isinstance(one, dict) else None
        found = event or (own if isinstance(own, dict) else {})
        gone = isinstance(one, dict) and (_is_set(holder.get("deleted")) or _is_set(found.get("deleted")))
        yield f"{place}.Attribute[{number}]".lstrip("."), {**one, "deleted": True} if gone else one, found
    objects = holder.get("Object")
    for number, one in enumerate(objects if isinstance(objects, list) else ()):
        if isinstance(one, dict):
            yield from _read_event(one, f"{place}.Object[{number}]".lstrip("."), event)


def is_answer(document: object) -> bool:
    """Return whether a document is one that restSearch over attributes gives, if only an empty one."""
    found = document.get("response", document) if isinstance(document, dict) else document
    return isinstance(found, list) or (isinstance(found, dict) and isinstance(found.get("Attribute"), list))


def list_events(document: object) -> Iterator[dict[str, object]]:
    """The events of an answer of restSearch over events."""
    found = document.get("response") if isinstance(document, dict) else document
    for one in found if isinstance(found, list) else ():
        event = one.get("Event") if isinstance(one, dict) else None
        if isinstance(event, dict):
            yield event


def get_event_uuid(event: dict[str, object]) -> str:
    """The uuid of an event, '' where it has none."""
    return _read_uuid(event.get("uuid"))


def is_event_published(event: dict[str, object]) -> bool:
    """Return whether an event is published."""
    return _is_set(event.get("published"))


def get_publication_time(event: dict[str, object]) -> int:
    """The second at which an event was published last, 0 where that is not said."""
    text = str(event.get("publish_timestamp", ""))
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 11 else 0


def is_misp(document: object) -> bool:
    """Return whether a document is one of MISP's."""
    first = document[0] if isinstance(document, list) and document else document
    return isinstance(first, dict) and any(name in first for name in ("Event", "response", "Attribute"))


def read_items(
    document: object, now: datetime, place: str = "", confidence: int | None = None
) -> Iterator[IntelItem | Retraction | RefusedItem]:
    """Each attribute that MISP would detect with (to_ids) as an item, or why it is none.

    One that is deleted, or no longer to be detected with, takes back what it was; `confidence` is that of attributes without a tag
    that says it (None = by the threat level of their event).
    """
    for where, one, event in list_attributes(document, place):
        if not isinstance(one, dict):
            yield RefusedItem(where, "an attribute is a JSON object", shorten_refused_value(one))
            continue
        try:
            if _is_set(one.get("to_ids")) and not _is_set(one.get("deleted")):
                yield read_item(_build_indicator(one, event, confidence), now)
            elif id_ := get_indicator_id(one):
                yield Retraction(id_, _get_change_time(one) or now)
        except BadItemError as error:
            yield RefusedItem(where, str(error), shorten_refused_value(one))


def _is_set(value: object) -> bool:
    """Return whether a flag is set, in any way that MISP writes one."""
    return value is True or value == 1 or value in ("1", "true")


def get_indicator_id(one: object) -> str:
    """The id of the indicator that an attribute is, '' where it has none."""
    found = _read_uuid(one.get("uuid")) if isinstance(one, dict) else ""
    return f"indicator--{found}" if found else ""


def _read_uuid(value: object) -> str:
    try:
        return str(uuid.UUID(str(value)))
    except ValueError:
        return ""


def _get_change_time(one: dict[str, object]) -> datetime | None:
    value = one.get("timestamp")
    counted = isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) <= 20
    return parse_moment(int(str(value)) if counted else value)


def _build_indicator(
    one: dict[str, object], event: dict[str, object], confidence: int | None
) -> dict[str, object]:
    id_, value = get_indicator_id(one), one.get("value")
    if not id_ or not isinstance(value, str):
        raise BadItemError("an attribute requires uuid and value")
    labels = _read_labels(one, event)
    changed = _get_change_time(one) or datetime.now(UTC)
    seen = parse_moment(one.get("first_seen") or "") or changed
    document: dict[str, object] = {
        "type": "indicator",
        "spec_version": "2.1",
        "id": id_,
        "created": seen.isoformat(),
        "modified": changed.isoformat(),
        "name": str(event.get("info") or one.get("comment") or value)[:500],
        "description": str(one.get("comment") or event.get("info") or ""),
        "pattern": _build_pattern(str(one.get("type", "")), value),
        "pattern_type": "stix",
        "valid_from": seen.isoformat(),
        "labels": labels,
        "revoked": False,
        "confidence": _read_confidence(labels, event, confidence),
    }
    phase = str(one.get("category", "")).lower().replace(" ", "-")
    if phase:
        document["kill_chain_phases"] = [{"kill_chain_name": "misp-category", "phase_name": phase}]
    return document


def _build_pattern(kind: str, value: str) -> str:
    if kind in _PAIRS:
        parts = value.split("|")
        if len(parts) != 2:
            raise BadItemError(f"a value of {kind} must have two parts separated by |")
        value, kind = parts[_PAIRS[kind]], kind.split("|")[_PAIRS[kind]]
    if kind in _ADDRESSES:
        found = guess_pattern(value)
        if found is None or not found.startswith("[ipv"):
            raise BadItemError(f"{value[:60]!r} is not an address")
        return found
    key = _KEYS.get(kind)
    if key is None:
        raise BadItemError(f"attributes of type {kind[:60] or '(none)'} are not matched")
    return make_pattern(key, value)


def _read_labels(one: dict[str, object], event: dict[str, object]) -> list[str]:
    found = []
    for holder in (event, one):
        tags = holder.get("Tag")
        found += [
            str(tag["name"]) for tag in (tags if isinstance(tags, list) else ()) if isinstance(tag, dict) and tag.get("name")
        ]  # fmt: skip
    return list(dict.fromkeys(found))


#: The words of the taxonomy of MISP's own on confidence. Source: https://github.com/MISP/misp-taxonomies (misp)
_SURE = {
    "completely-confident": 100, "usually-confident": 75, "fairly-confident": 50, "rarely-confident": 25, "unconfident": 0,
}  # fmt: skip
#: A threat level says how dangerous who is behind it is, not how sure it is: what is low or undefined is for detection all the same.
_BY_THREAT_LEVEL = {"1": 85, "2": 60}
_ELSE = 50


def _read_confidence(labels: list[str], event: dict[str, object], given: int | None) -> int:
    """From a tag (`misp:confidence-level="usually-confident"`), else the one given, else from the event's threat level (1 high)."""
    for label in labels:
        head, _, word = label.lower().partition("confidence-level=")
        if head == "misp:" and word.strip('"') in _SURE:
            return _SURE[word.strip('"')]
    if given is not None:
        return given
    return _BY_THREAT_LEVEL.get(str(event.get("threat_level_id", "")), _ELSE)
