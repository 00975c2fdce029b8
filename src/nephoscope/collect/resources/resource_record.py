"""One resource as a format module hands it out, before its id is checked."""

from __future__ import annotations

import msgspec


class ResourceRecord(msgspec.Struct, frozen=True):
    """An ARM body found in a file; `api_version` is '' where the source does not tell, `embedded` where a parent carried it.

    `note` says why less was read than there is, and what helps ('' = nothing is missing). `narrow` says the same of
    the records that are not in the file, where every record of the type says it.
    """

    body: dict[str, object]
    api_version: str = ""
    embedded: bool = False
    note: str = ""
    narrow: str = ""


class RecordError(ValueError):
    """A JSON value that is no usable resource; the message says why and what would make it one."""


def parse_resource_id(value: object) -> str:
    """The text when it can be a resource id or scope, else ''."""
    return value if isinstance(value, str) and value.startswith("/") else ""
