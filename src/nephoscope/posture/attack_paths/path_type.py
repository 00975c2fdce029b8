"""Types of attack paths: a JSON file each in content/attack_paths, found by scanning the folder."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import msgspec

from nephoscope.content.loader import load_documents
from nephoscope.posture.attack_paths.entity import ConnectionKind, InsightKind
from nephoscope_policy.documents import ContentError

if TYPE_CHECKING:
    from pathlib import Path

    from nephoscope_policy.documents import ContentDocument

KIND = "attack_paths"


class PathStep(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """An entity of a path and how it is come to.

    `by` are the connections that lead to it (none for the first); `insights` must all be known of it, of `any_insight` one;
    an `optional` step may be left out, so that the next is come to from the one before.
    """

    entity: frozenset[str]
    by: frozenset[ConnectionKind] = frozenset()
    insights: tuple[InsightKind, ...] = ()
    any_insight: tuple[InsightKind, ...] = ()
    optional: bool = False


class PathType(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """A type of attack path: what is looked for in the graph, and what a person is told of it."""

    name: str
    title: str
    description: str
    impact: str
    risk_categories: tuple[str, ...]
    tactics: tuple[str, ...]
    techniques: tuple[str, ...]
    steps: tuple[PathStep, ...]
    remediation: tuple[str, ...]


@cache
def load_path_types() -> tuple[PathType, ...]:
    """Every type of the package, by name; ContentError for a file that is none."""
    return read_types(None)


def read_types(root: Path | None) -> tuple[PathType, ...]:
    """The types of a pack (None = the package's); ContentError for a file that is none, or a name that two have."""
    found: dict[str, PathType] = {}
    for document in load_documents(root, KIND):
        one = _read_path_type(document)
        if one.name in found or one.name != document.name.removesuffix(".json"):
            raise ContentError(
                f"the name {one.name!r} must be that of the file, and no other's", document.place
            )
        found[one.name] = one
    return tuple(found[name] for name in sorted(found))


def _read_path_type(document: ContentDocument) -> PathType:
    try:
        found = msgspec.convert(document.json(), PathType)
    except msgspec.ValidationError as error:
        raise ContentError(f"no type of attack path: {error}", document.place) from error
    first, *rest = found.steps or (None,)
    if first is None or not rest or first.by or first.optional or not all(step.by for step in rest):
        raise ContentError(
            ("a path must have two steps or more, and every step except the first must name its relation"),
            document.place,
        )
    if rest[-1].optional:
        raise ContentError("the last step is the target: it cannot be left out", document.place)
    return found
