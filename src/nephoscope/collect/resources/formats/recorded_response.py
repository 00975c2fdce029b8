"""Recorded answers: `{"resource": {...}, "api_version": "2023-09-01"}`, the body as ARM returned it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nephoscope.collect.resources.resource_record import ResourceRecord

if TYPE_CHECKING:
    from collections.abc import Iterator

RANK = 10


def recognizes(value: dict[str, object]) -> bool:
    """Return whether a body and the API version that it was read with stand side by side."""
    return "id" not in value and isinstance(value.get("resource"), dict)


def records(value: dict[str, Any]) -> Iterator[ResourceRecord]:
    """The body, with its API version for choosing between two bodies of one id."""
    version = value.get("api_version") or value.get("apiVersion") or ""
    yield ResourceRecord(value["resource"], str(version))
