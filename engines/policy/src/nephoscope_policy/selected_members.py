"""Selected members: what a path with `[*]` selects of a body, each with its place."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from nephoscope_policy.arm.unknown import OpenArray, Unknown
from nephoscope_policy.body_paths import MISSING, STAR, Segments, split_at_elements
from nephoscope_policy.evaluation_scope import (
    BodyPath,
    convert_path_steps,
)
from nephoscope_policy.planned_view import KnownLater, format_segments

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from nephoscope_policy.resource_view import View


def list_known_elements(value: object) -> Sequence[object]:
    """The elements of an array that are known."""
    if isinstance(value, OpenArray):
        return value.known
    return value if isinstance(value, list) else ()


Bound: TypeAlias = tuple[tuple[Segments, object], ...]


def iterate_members(
    view: View, start: object, rest: Segments, prefix: Segments, base: BodyPath = ()
) -> Iterator[tuple[object, Bound, tuple[BodyPath, ...]]]:
    """(element, bound prefixes, their places) of every member that a path with `[*]` selects; one without it selects itself once.

    `prefix` is the path to `start`, `base` where the body has it.
    """
    head, tail = split_at_elements(rest)
    found = view.resolve_path_within(start, head)
    if tail is None:
        if found is not MISSING:
            yield found, (), ()
        return
    if not isinstance(found, list | Unknown):
        return
    here = (*prefix, *head, STAR)
    for index, element in enumerate(list_known_elements(found)):
        place = (*base, *convert_path_steps(head), index)
        if not tail:
            yield element, ((here, element),), (place,)
            continue
        for inner, bound, places in iterate_members(view, element, tail, here, place):
            yield inner, ((here, element), *bound), (place, *places)
    if isinstance(found, Unknown):
        raise KnownLater(format_segments((*prefix, *head)), found)
