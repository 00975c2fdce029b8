"""Texts that stand where a type has an object or a list.

At its last level `ConvertTo-Json` joins `["22", "3389"]` to `"22 3389"`, and programs write what they do not serialize as JSON text,
as the name of a class, or in words of their own. Such a text looks like any other. That a type has an object or a list in its place is
known from the aliases that go into it (`a.b`) or over it (`a[*]`), and for what ARM has beside the properties of every type from the
list below. Objects of a cmdlet have an enumeration as its number (`"Identity": {"Type": 0}`), where ARM has a text.
A secret of a data factory may be a text, or an object with a `type`.
Source: https://learn.microsoft.com/powershell/module/microsoft.powershell.utility/convertto-json
"""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.resources.truncated_values import REMEDY
from nephoscope_policy.aliases import Aliases
from nephoscope_policy.body_paths import STAR, Segment, split
from nephoscope_policy.model.resource import UNREAD

#: The members that a value of a type has, by lower-cased key, each with the members of its own; STAR where the value is a list.
Shape = dict[Segment, "Shape"]
#: What may stand in the place of another value or lead to one, of what JSON holds.
_HOLDERS = frozenset((str, list, dict))
_CMDLET = (
    "numbers stand in place of texts, as in objects of Get-AzVM and other cmdlets of a type, so that what reads them ends Unknown; "
    'export with Search-AzGraph -Query "resources" -First 1000 | ConvertTo-Json -Depth 100, page by page'
)
#: What bodies of every type have beside their properties, as objects and lists.
_ENVELOPE = {
    "identity": ("type", "principalid", "tenantid", "userassignedidentities"),
    "sku": ("name", "tier", "size", "family", "capacity"),
    "plan": ("name", "publisher", "product"),
    "extendedlocation": ("name", "type"),
    "tags": ("",),
    "zones": (STAR,),
}
#: What is a text there, beside the kind and the location.
_TEXTS = frozenset((("identity", "type"), ("sku", "name"), ("sku", "tier")))
#: What aliases read in an object in whose place Azure takes a text as well, where another alias reads the whole.
_TYPED_TEXT = {"type"}


class ExpectedShapes:
    """Finds the texts that stand in the place of an object or a list; where a type has these is known from a table of aliases."""

    def __init__(self, aliases: Aliases) -> None:
        self._aliases = aliases
        self._shapes: dict[str, Shape] = {}

    def take(self, body: dict[str, object], type_: str) -> str:
        """Take texts in the place of an object or a list, and values in the place of a text, out of a body of a lower-cased type and
        note their paths; the export that helps, '' where there was none such.

        A list with such a text in an element goes as a whole.
        """
        shape, numbered = self.of_type(type_), list(_find_numbers(body))
        if not numbered and not _holds_text(body, shape):
            return ""
        found = [*numbered, *_find_texts(body, shape, ())]
        for holder, key, _ in found:
            del holder[key]
        known = body.get(UNREAD)
        body[UNREAD] = [
            *(known if isinstance(known, list) else ()),
            *(list(path) for *_, path in found),
        ]
        return _CMDLET if len(numbered) == len(found) else REMEDY

    def of_type(self, type_: str) -> Shape:
        """Return the shape of bodies of a lower-cased type, as far as the aliases tell it."""
        known = self._shapes.get(type_)
        if known is None:
            known = self._shapes[type_] = _build_shape(self._aliases, type_)
        return known


def _build_shape(aliases: Aliases, type_: str) -> Shape:
    found: Shape = {key: {name: {} for name in names} for key, names in _ENVELOPE.items()}
    ends: list[Shape] = []
    for alias in aliases.of_type(type_):
        node = found
        for segment in split(alias.path):
            node = node.setdefault(segment.lower() if isinstance(segment, str) else segment, {})
        ends.append(node)
    for end in ends:
        if end.keys() == _TYPED_TEXT:
            end.clear()
    return found


def _find_numbers(body: dict[str, object]) -> Iterator[tuple[dict[str, object], str, tuple[str, ...]]]:
    """The members beside the properties that are other values in place of a text, in the form of `_find_texts`."""
    for key in ("kind", "location"):
        if not isinstance(body.get(key), str | None):
            yield body, key, (key,)
    for key in ("identity", "sku"):
        holder = body.get(key)
        if isinstance(holder, dict):
            yield from (
                (holder, name, (key, name.lower()))
                for name, value in holder.items()
                if (key, name.lower()) in _TEXTS and not isinstance(value, str | None)
            )


def _find_texts(
    value: dict[str, object], shape: Shape, path: tuple[str, ...]
) -> Iterator[tuple[dict[str, object], str, tuple[str, ...]]]:
    """The members that are texts in place of something else: the object that holds each, its key, its path."""
    for key, item in value.items():
        below = shape.get(key.lower())
        if not below:
            continue
        here = (*path, key.lower())
        if _is_text(item, below):
            yield value, key, here
        elif isinstance(item, dict):
            yield from _find_texts(item, below, here)


def _is_text(item: object, shape: Shape) -> bool:
    """Return whether a value that must be an object or a list is a text, or a list with such a text in an element.

    An empty text says that there is nothing, unless a list was joined to it.
    """
    if isinstance(item, str):
        return STAR in shape or bool(item)
    if isinstance(item, list) and (elements := shape.get(STAR)):
        for one in item:
            if isinstance(one, dict):
                if _holds_text(one, elements):
                    return True
            elif isinstance(one, str):
                return True
    return False


def _holds_text(value: dict[str, object], shape: Shape) -> bool:
    """Return whether `_find_texts` would find anything; every record is asked, so this is written to be fast."""
    for key, item in value.items():
        if type(item) not in _HOLDERS:
            continue
        below = shape.get(key.lower())
        if not below:
            continue
        if _is_text(item, below) or (isinstance(item, dict) and _holds_text(item, below)):
            return True
    return False
