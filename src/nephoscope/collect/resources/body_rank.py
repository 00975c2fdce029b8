"""Rank of a body among those of one id: whole ones first, then by API version."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from nephoscope_policy.model.resource import Resource

BodyRank: TypeAlias = tuple[bool, bool, str, bool]


def rank_body(resource: Resource, api_version: str) -> BodyRank:
    """Order bodies of one id: whole ones first, then by API version (a preview before the release of its day)."""
    date, _, label = api_version.lower().partition("-preview")
    return (resource.complete, bool(date), date, not label and "-preview" not in api_version.lower())
