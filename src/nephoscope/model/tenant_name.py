"""Names of tenants: an id, or a name for the tenant of an export that states none."""

from __future__ import annotations

import re
from hashlib import blake2b
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_UNSTATED = "not-stated-"
#: What releases before called folders with a manifest without a tenant.
_UNNAMED = re.compile(r"unnamed(-\d+)?")
_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_OTHER = re.compile(r"[^0-9a-z]+")
_LONGEST = 60


def is_tenant_id(text: str) -> bool:
    """Return whether a text is a tenant id, in any case."""
    return _ID.fullmatch(text) is not None


def is_tenant_stated(name: str) -> bool:
    """Return whether a name is the tenant's own."""
    return bool(name) and not name.startswith(_UNSTATED) and _UNNAMED.fullmatch(name) is None


def build_unstated_name(source: Path) -> str:
    """Name the tenant of a folder or file that states none: the same for the same path."""
    whole = source.absolute()
    words = _OTHER.sub("-", whole.name.lower()).strip("-")[:_LONGEST].rstrip("-") or "export"
    return f"{_UNSTATED}{words}-{blake2b(str(whole).encode('utf-8', 'replace'), digest_size=4).hexdigest()}"


def describe_tenant(name: str) -> str:
    """Return a tenant as people read it: its id, or that it is not stated, with the name of its folder or file."""
    if is_tenant_stated(name):
        return name
    folder = name.removeprefix(_UNSTATED).rpartition("-")[0] if name.startswith(_UNSTATED) else ""
    return f"not stated: {folder}" if folder else "not stated"
