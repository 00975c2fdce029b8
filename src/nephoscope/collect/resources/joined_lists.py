"""Lists that an export joined to one text: at its last level `ConvertTo-Json` writes `["22", "3389"]` as `"22 3389"`.

Such a text looks like any other. That it stands where the type has a list is known from the aliases that go over it (`[*]`).
Source: https://learn.microsoft.com/powershell/module/microsoft.powershell.utility/convertto-json
"""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope_policy.aliases import Aliases
from nephoscope_policy.body_paths import STAR, Segment, split
from nephoscope_policy.model.resource import UNREAD

#: Of the members of an object those below which a type has lists, by lower-cased key; STAR where the member itself is one.
Lists = dict[Segment, "Lists"]


class JoinedLists:
    """Finds the texts that stand in the place of a list; where types have lists is known from a table of aliases."""

    def __init__(self, aliases: Aliases) -> None:
        self._aliases = aliases
        self._lists: dict[str, Lists] = {}

    def take(self, body: dict[str, object], type_: str) -> bool:
        """Take texts in the place of a list out of a body of a lower-cased type and note their paths; whether there was any.

        A list with such a text in an element goes as a whole.
        """
        lists = self.of_type(type_)
        found = list(_find_joined(body, lists, ())) if lists else []
        for holder, key, _ in found:
            del holder[key]
        if found:
            known = body.get(UNREAD)
            body[UNREAD] = [
                *(known if isinstance(known, list) else ()),
                *(list(path) for *_, path in found),
            ]
        return bool(found)

    def of_type(self, type_: str) -> Lists:
        """Where the bodies of a lower-cased type have lists, as far as the aliases tell."""
        known = self._lists.get(type_)
        if known is None:
            known = self._lists[type_] = _lists_of(self._aliases, type_)
        return known


def _lists_of(aliases: Aliases, type_: str) -> Lists:
    found: Lists = {}
    for alias in aliases.of_type(type_):
        segments = split(alias.path)
        ends = [place for place, segment in enumerate(segments) if segment is STAR]
        node = found
        for segment in segments[: ends[-1] + 1] if ends else ():
            node = node.setdefault(segment.lower() if isinstance(segment, str) else segment, {})
    return found


def _find_joined(
    value: dict[str, object], lists: Lists, path: tuple[str, ...]
) -> Iterator[tuple[dict[str, object], str, tuple[str, ...]]]:
    """The members that are joined lists: the object that holds each, its key, its path."""
    for key, item in value.items():
        below = lists.get(key.lower())
        if below is None:
            continue
        here = (*path, key.lower())
        if STAR in below and _is_joined(item, below[STAR]):
            yield value, key, here
        elif isinstance(item, dict):
            yield from _find_joined(item, below, here)


def _is_joined(item: object, elements: Lists) -> bool:
    """Return whether the value in the place of a list is a text, or has a text in the place of a list in an element."""
    if not isinstance(item, list):
        return isinstance(item, str)
    return bool(elements) and any(_holds_joined(one, elements) for one in item)


def _holds_joined(element: object, lists: Lists) -> bool:
    return isinstance(element, dict) and any(True for _ in _find_joined(element, lists, ()))
