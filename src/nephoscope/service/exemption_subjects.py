"""Exemption subjects: machines and images as vulnerability exemptions match them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nephoscope.state.inventory.subject import InventorySubject


class ExemptedSubject(msgspec.Struct, frozen=True):
    """Subject of an exemption look-up: names of a machine or an image, its resource and its tenant, lower-cased."""

    names: frozenset[str] = frozenset()
    resource: str = ""
    tenant: str = ""

    @classmethod
    def of(cls, subject: InventorySubject) -> ExemptedSubject:
        """Return a subject that is kept by all of its names."""
        names = list_image_names(subject.login_server, subject.repository, subject.digest, subject.tags)
        return cls(names, subject.resource_id, subject.tenant)


def list_image_names(
    login_server: str, repository: str, digest: str, tags: Iterable[str] = ()
) -> frozenset[str]:
    """Return every lower-cased name that an image goes by; none for what has no digest."""
    if not digest:
        return frozenset()
    places = [repository, *([f"{login_server}/{repository}"] if login_server else [])]
    tagged = [f"{place}:{tag}" for place in places for tag in tags]
    pinned = [f"{place}@{digest}" for place in places]
    return frozenset(one.lower() for one in (digest, *places, *tagged, *pinned))
