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
#: What can be a joined list or lead to one, of what JSON holds.
_HOLDERS = frozenset((str, list, dict))


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
        if not lists or not _holds_joined(body, lists):
            return False
        found = list(_find_joined(body, lists, ()))
        for holder, key, _ in found:
            del holder[key]
        known = body.get(UNREAD)
        body[UNREAD] = [
            *(known if isinstance(known, list) else ()),
            *(list(path) for *_, path in found),
        ]
        return True

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
    if elements:
        for one in item:
            if isinstance(one, dict) and _holds_joined(one, elements):
                return True
    return False


def _holds_joined(value: dict[str, object], lists: Lists) -> bool:
    """Return whether `_find_joined` would find anything; every record is asked, so this is written to be fast."""
    for key, item in value.items():
        if type(item) not in _HOLDERS:
            continue
        below = lists.get(key.lower())
        if below is None:
            continue
        if STAR in below and _is_joined(item, below[STAR]):
            return True
        if isinstance(item, dict) and _holds_joined(item, below):
            return True
    return False
