"""MISP: exported events, and the attributes that its REST API finds, as STIX indicators.

Source: https://www.misp-project.org/openapi/ (restSearch), https://www.misp-standard.org/rfc/misp-standard-core.txt
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from nephoscope.sources.intel.item import BadItemError, Item, Refusal, item
from nephoscope.sources.intel.observed import compared, pattern_of
from nephoscope.sources.intel.stix import shown
from nephoscope.sources.logs.moments import moment

#: The key that an attribute's value is observed under; types with a bar hold two values, of which `part` counts from 0.
_HASH = {name: f"file:hashes.'{stix}'" for name, stix in
         {"md5": "MD5", "sha1": "SHA-1", "sha256": "SHA-256", "sha512": "SHA-512"}.items()}  # fmt: skip
_KEYS = {
    "domain": "domain-name:value", "hostname": "domain-name:value", "url": "url:value", "uri": "url:value", "link": "url:value",
    "email": "email-addr:value", "email-src": "email-addr:value", "email-dst": "email-addr:value", "filename": "file:name",
    "mutex": "mutex:name", "email-subject": "email-message:subject", "user-agent": "network-traffic:user_agent", **_HASH,
}  # fmt: skip
_ADDRESSES = frozenset({"ip-src", "ip-dst"})
_PAIRS = {
    "domain|ip": 0, "hostname|port": 0, "ip-src|port": 0, "ip-dst|port": 0, **{f"filename|{name}": 1 for name in _HASH},
}  # fmt: skip


def attributes(document: Any, place: str = "") -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """The attributes in a document with their places and events: of an event, of its objects, of an answer of restSearch."""
    if isinstance(document, list):
        for number, one in enumerate(document):
            yield from attributes(one, f"{place}[{number}]")
    elif isinstance(document, dict):
        for name in ("response", "Event"):
            if name in document:
                inner = document[name]
                where = f"{place}.{name}".lstrip(".")
                if name == "Event" and isinstance(inner, dict):
                    yield from _of_event(inner, where, inner)
                else:
                    yield from attributes(inner, where)
                return
        yield from _of_event(document, place, {})


def _of_event(
    holder: dict[str, Any], place: str, event: dict[str, Any]
) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    several = holder.get("Attribute")
    for number, one in enumerate(several if isinstance(several, list) else ()):
        if isinstance(one, dict):
            own = one.get("Event")
            found = event or (own if isinstance(own, dict) else {})
            yield f"{place}.Attribute[{number}]".lstrip("."), one, found
    objects = holder.get("Object")
    for number, one in enumerate(objects if isinstance(objects, list) else ()):
        if isinstance(one, dict):
            yield from _of_event(one, f"{place}.Object[{number}]".lstrip("."), event)


def is_misp(document: Any) -> bool:
    """Whether a document is one of MISP's."""
    first = document[0] if isinstance(document, list) and document else document
    return isinstance(first, dict) and any(name in first for name in ("Event", "response", "Attribute"))


def items(document: Any, now: datetime, place: str = "") -> Iterator[Item | Refusal]:
    """Each attribute that MISP would detect with (to_ids) as an item, or why it is none; the others are context and passed over."""
    for where, one, event in attributes(document, place):
        if not one.get("to_ids", False):
            continue
        try:
            yield item(_indicator(one, event), now)
        except BadItemError as error:
            yield Refusal(where, str(error), shown(one))


def _indicator(one: dict[str, Any], event: dict[str, Any]) -> dict[str, Any]:
    uuid, value = one.get("uuid"), one.get("value")
    if not isinstance(uuid, str) or not isinstance(value, str):
        raise BadItemError("an attribute has uuid and value")
    labels = _labels(one, event)
    changed = moment(_number(one.get("timestamp"))) or datetime.now(UTC)
    seen = moment(one.get("first_seen") or "") or changed
    document: dict[str, Any] = {
        "type": "indicator",
        "spec_version": "2.1",
        "id": f"indicator--{uuid.lower()}",
        "created": seen.isoformat(),
        "modified": changed.isoformat(),
        "name": str(event.get("info") or one.get("comment") or value)[:500],
        "description": str(one.get("comment") or event.get("info") or ""),
        "pattern": _pattern(str(one.get("type", "")), value),
        "pattern_type": "stix",
        "valid_from": seen.isoformat(),
        "labels": labels,
        "revoked": one.get("deleted") in (True, 1, "1"),
        "confidence": _confidence(labels, event),
    }
    phase = str(one.get("category", "")).lower().replace(" ", "-")
    if phase:
        document["kill_chain_phases"] = [{"kill_chain_name": "misp-category", "phase_name": phase}]
    return document


def _pattern(kind: str, value: str) -> str:
    if kind in _PAIRS:
        parts = value.split("|")
        if len(parts) != 2:
            raise BadItemError(f"a value of {kind} has two parts with a bar between them")
        value, kind = parts[_PAIRS[kind]], kind.split("|")[_PAIRS[kind]]
    if kind in _ADDRESSES:
        found = pattern_of(value)
        if found is None or not found.startswith("[ipv"):
            raise BadItemError(f"{value[:60]!r} is no address")
        return found
    key = _KEYS.get(kind)
    if key is None:
        raise BadItemError(f"attributes of type {kind[:60] or '(none)'} are not matched")
    return compared(key, value)


def _labels(one: dict[str, Any], event: dict[str, Any]) -> list[str]:
    found = []
    for holder in (event, one):
        tags = holder.get("Tag")
        found += [
            str(tag["name"]) for tag in (tags if isinstance(tags, list) else ()) if isinstance(tag, dict) and tag.get("name")
        ]  # fmt: skip
    return list(dict.fromkeys(found))


def _confidence(labels: list[str], event: dict[str, Any]) -> int:
    """From a tag of the taxonomy (`misp:confidence-level="usually-confident"`), else from the event's threat level (1 high, 3 low)."""
    levels = {
        "completely-confident": 100, "usually-confident": 75, "fairly-confident": 50, "rarely-confident": 25, "unconfident": 0,
    }  # fmt: skip
    for label in labels:
        for word, level in levels.items():
            if label.lower().endswith(f'confidence-level="{word}"'):
                return level
    return {"1": 85, "2": 60, "3": 30}.get(str(event.get("threat_level_id", "")), 50)


def _number(value: Any) -> Any:
    return int(value) if isinstance(value, str) and value.isdigit() else value
