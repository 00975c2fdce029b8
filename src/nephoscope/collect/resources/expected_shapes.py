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
from nephoscope_policy.body_paths import STAR, Segment, split_path
from nephoscope_policy.model.resource import UNREAD

#: How many sets of keys a shape remembers.
_KEY_SETS = 200
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


_Found = tuple[dict[str, object], str, tuple[str, ...]]


class TypeShape:
    """The members of a value that are objects or lists, each with its own; `star`: the value is a list, of `elements` where these are.

    `members` are by lower-cased key. Objects of a type have few sets of keys, so that what is `held` by one is looked up once.
    """

    __slots__ = ("elements", "held", "members", "star")

    def __init__(self) -> None:
        self.members: dict[str, TypeShape] = {}
        self.held: dict[tuple[str, ...], tuple[tuple[str, TypeShape], ...]] = {}
        self.star = False
        self.elements: TypeShape | None = None

    def find_member(self, key: str) -> TypeShape | None:
        """Return the shape of a member in any spelling, None where it may be anything."""
        return self.members.get(key.lower())

    def find_held_members(self, value: dict[str, object]) -> tuple[tuple[str, TypeShape], ...]:
        """Return the keys of an object at which there is a member, in any spelling, each with its shape."""
        keys = tuple(value)
        held = self.held.get(keys)
        if held is None:
            held = tuple((key, found) for key in keys if (found := self.find_member(key)) is not None)
            if len(self.held) < _KEY_SETS:  # bodies may hold any number of keys
                self.held[keys] = held
        return held


class ExpectedShapes:
    """Finds the texts that stand in the place of an object or a list; where a type has these is known from a table of aliases."""

    def __init__(self, aliases: Aliases) -> None:
        self._aliases = aliases
        self._shapes: dict[str, TypeShape] = {}

    def remove_misshapen(self, body: dict[str, object], type_: str) -> str:
        """Take texts in the place of an object or a list, and values in the place of a text, out of a body of a lower-cased type and
        note their paths; the export that helps, '' where there was none such.

        A list with such a text in an element goes as a whole.
        """
        shape = self._shapes.get(type_) or self._add_type(type_)
        numbered = _find_numbers(body) if _may_hold_numbers(body) else []
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

    def _add_type(self, type_: str) -> TypeShape:
        found = self._shapes[type_] = _build_shape(self._aliases, type_)
        return found


#: The members of a value by lower-cased key, STAR where it is a list, as the aliases of a type lead there.
_Tree = dict[Segment, "_Tree"]


def _build_shape(aliases: Aliases, type_: str) -> TypeShape:
    tree: _Tree = {key: {name: {} for name in names} for key, names in _ENVELOPE.items()}
    ends: list[_Tree] = []
    for alias in aliases.list_of_type(type_):
        node = tree
        for segment in split_path(alias.path):
            node = node.setdefault(segment.lower() if isinstance(segment, str) else segment, {})
        ends.append(node)
    for end in ends:
        if end.keys() == _TYPED_TEXT:
            end.clear()
    return _prune_shape_tree(tree)


def _prune_shape_tree(tree: _Tree) -> TypeShape:
    found = TypeShape()
    for key, below in tree.items():
        if key is STAR:
            found.star, found.elements = True, _prune_shape_tree(below) if below else None
        elif below and isinstance(key, str):
            found.members[key] = _prune_shape_tree(below)
    return found


def _may_hold_numbers(body: dict[str, object]) -> bool:
    """Return whether `_find_numbers` might find anything; every record is asked."""
    if "identity" in body or "sku" in body or type(body.get("location", "")) is not str:
        return True
    return type(body.get("kind", "")) is not str


def _find_numbers(body: dict[str, object]) -> list[_Found]:
    """The members beside the properties that are other values in place of a text, in the form of `_find_texts`."""
    found: list[_Found] = []
    for key in ("kind", "location"):
        item = body.get(key)
        if type(item) is not str and item is not None:
            found.append((body, key, (key,)))
    for key in ("identity", "sku"):
        holder = body.get(key)
        if type(holder) is dict:
            for name, value in holder.items():
                if type(value) is not str and value is not None and (key, name.lower()) in _TEXTS:
                    found.append((holder, name, (key, name.lower())))
    return found


def _find_texts(value: dict[str, object], shape: TypeShape, path: tuple[str, ...]) -> Iterator[_Found]:
    """The members that are texts in place of something else: the object that holds each, its key, its path."""
    for key, below in shape.find_held_members(value):
        item, here = value[key], (*path, key.lower())
        if _is_text(item, below):
            yield value, key, here
        elif isinstance(item, dict):
            yield from _find_texts(item, below, here)


def _is_text(item: object, shape: TypeShape) -> bool:
    """Return whether a value that must be an object or a list is a text, or a list with such a text in an element.

    An empty text says that there is nothing, unless a list was joined to it.
    """
    if isinstance(item, str):
        return shape.star or bool(item)
    if isinstance(item, list) and shape.elements is not None:
        for one in item:
            if isinstance(one, dict):
                if _holds_text(one, shape.elements):
                    return True
            elif isinstance(one, str):
                return True
    return False


def _holds_text(value: dict[str, object], shape: TypeShape) -> bool:
    """Return whether `_find_texts` would find anything; every record is asked, so this is written to be fast."""
    held = shape.held.get(tuple(value))
    for key, below in shape.find_held_members(value) if held is None else held:
        item = value[key]
        if type(item) is dict:
            if item and below.members and _holds_text(item, below):
                return True
        elif type(item) is str:
            if item or below.star:
                return True
        elif below.elements is not None and _is_text(item, below):
            return True
    return False
