"""Names of members in documents of images: those that other readers would take for another than we do are refused.

Source: Go's encoding/json, by which registries and container runtimes read these documents: it takes a member for a field whatever
the case of its name, and of two the last.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from msgspec import inspect

#: What is known of kinds of documents, of which there are few.
_KINDS: dict[type[object], inspect.Type] = {}


class AmbiguousMemberError(ValueError):
    """A member that is written twice, or as a field in another case."""


def check_members(content: bytes, kind: type[object]) -> None:
    """Raise AmbiguousMemberError where a document could be read as another one than we read."""
    document = json.loads(content, object_pairs_hook=_collect_unique_members)
    known = _KINDS.get(kind)
    if known is None:
        known = _KINDS[kind] = inspect.type_info(kind)
    _check_value_kind(document, known)


def _collect_unique_members(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise AmbiguousMemberError(f"it has the member {twice[:100]!r} twice")
    return found


def _check_value_kind(value: object, kind: inspect.Type) -> None:
    if isinstance(kind, inspect.UnionType):
        for one in kind.types:
            _check_value_kind(value, one)
    elif isinstance(kind, inspect.StructType) and isinstance(value, dict):
        fields = {one.encode_name: one.type for one in kind.fields}
        _check_case(value, fields)
        for name, inner in fields.items():
            if name in value:
                _check_value_kind(value[name], inner)
    elif isinstance(kind, inspect.ListType | inspect.VarTupleType) and isinstance(value, list):
        for one in value:
            _check_value_kind(one, kind.item_type)


def _check_case(value: Iterable[str], fields: Iterable[str]) -> None:
    spelled = {name.casefold(): name for name in fields}
    for name in value:
        own = spelled.get(name.casefold(), name)
        if own != name:
            raise AmbiguousMemberError(f"it has the member {name[:100]!r}, which others read as {own!r}")
