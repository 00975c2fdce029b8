"""Names of resources, as people read them instead of IDs."""

from __future__ import annotations

import re

_ID = re.compile(r"/subscriptions/[\w-]+/resourcegroups/[^/\s]+/providers(?:/[\w.()-]+)+", re.IGNORECASE)


def shorten_name(id_: str) -> str:
    """Return the name at the end of an ID, with the one above it where it says nothing by itself."""
    parts = id_.rstrip("/").split("/")
    if parts[-1].lower() == "default" and len(parts) > 9:
        return f"{parts[-3]}/{parts[-1]}"
    return parts[-1] or "tenant"


def shorten_ids(text: str) -> str:
    """Return a text with each resource ID replaced by the name of the resource."""
    return _ID.sub(lambda found: shorten_name(found[0].rstrip(".")) + "." * found[0].endswith("."), text)
