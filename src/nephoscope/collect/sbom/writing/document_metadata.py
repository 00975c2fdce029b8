"""Document metadata: subject, time, author and content-based identifiers."""

from __future__ import annotations

import hashlib
import uuid

import msgspec

#: The name of the tool in documents.
TOOL = "nephoscope"

_NAMESPACE = uuid.UUID("6f1f7d9e-5c1b-5d2a-9a61-3f1f0f5a8b20")


class WrittenAs(msgspec.Struct, frozen=True, kw_only=True):
    """Metadata of a bill to write: name and version of its subject (image, machine), time (RFC 3339) and author."""

    subject: str
    time: str
    version: str = ""
    subject_type: str = "application"
    author: str = TOOL


def build_content_uuid(content: object) -> str:
    """Return a UUID out of content: the same content has the same one."""
    digest = hashlib.sha256(msgspec.json.encode(content, order="sorted")).hexdigest()
    return str(uuid.uuid5(_NAMESPACE, digest))


def to_json(document: object) -> bytes:
    """Return a document as JSON with indents and a newline at its end."""
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"
