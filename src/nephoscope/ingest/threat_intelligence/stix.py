"""STIX 2.1: a bundle, an object, a list of objects, a TAXII envelope, or one of these a line.

Source: https://docs.oasis-open.org/cti/stix/v2.1/os/stix-v2.1-os.html
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import msgspec

from nephoscope.ingest.threat_intelligence.indicator import BadItemError, IntelItem, RefusedItem, read_item


def list_objects(document: object, place: str = "") -> Iterator[tuple[str, object]]:
    """The objects in a document with their places."""
    within = f"{place}." if place else ""
    if isinstance(document, list):
        yield from ((f"{place}[{number}]", one) for number, one in enumerate(document))
    elif isinstance(document, dict) and isinstance(document.get("objects"), list):
        yield from ((f"{within}objects[{number}]", one) for number, one in enumerate(document["objects"]))
    else:
        yield place or "$", document


def read_items(document: object, now: datetime, place: str = "") -> Iterator[IntelItem | RefusedItem]:
    """Each object as an item, or why it is none."""
    for where, one in list_objects(document, place):
        try:
            yield read_item(one, now)
        except BadItemError as error:
            yield RefusedItem(where, str(error), shorten_refused_value(one))


def shorten_refused_value(value: object) -> str:
    """The beginning of what was refused."""
    return msgspec.json.encode(value)[:1000].decode("utf-8", "replace")
