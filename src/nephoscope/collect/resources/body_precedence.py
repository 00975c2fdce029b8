"""Rank of a body among those of one id: whole ones first, then by API version."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from nephoscope_policy.model.resource import Resource

BodyRank: TypeAlias = tuple[bool, bool, str, bool]


def rank_body(resource: Resource, api_version: str) -> BodyRank:
    """Order bodies of one id: whole ones first, then by API version (a preview before the release of its day)."""
    return (resource.complete, *_rank_version(api_version))


@lru_cache(maxsize=4096)
def _rank_version(api_version: str) -> tuple[bool, str, bool]:
    date, _, label = api_version.lower().partition("-preview")
    return bool(date), date, not label and "-preview" not in api_version.lower()
