"""Audited values: what an audit entry says of a thing before and after its change, without secrets and of bounded size."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import TypedDict

import msgspec

from nephoscope.model.secret_redaction import redact_value

#: Bytes of JSON that a value has in an entry; a longer one is told by its digest.
MOST = 4096
#: Members of a document that say which one it is, or when it was written.
_OF_EVERY = frozenset({"id", "name", "type", "etag", "systemData"})


class AuditedDifference(TypedDict, total=False):
    """The members of a thing that a change made other."""

    before: object
    after: object


def describe_difference(
    before: Mapping[str, object] | None, after: Mapping[str, object] | None
) -> AuditedDifference:
    """Return the members that a change makes other, as `before` and `after`; None is a thing that is not there."""
    old, new = _diff_values(_to_plain_values(before), _to_plain_values(after))
    difference: AuditedDifference = {}
    if before is not None:
        difference["before"] = to_audited_value(old)
    if after is not None:
        difference["after"] = to_audited_value(new)
    return difference


def to_audited_value(value: object) -> object:
    """Return a value as an entry has it: secrets masked, and what is long told by its digest."""
    return _shorten_audited_value(redact_value(_to_json(value)))


def _to_plain_values(value: Mapping[str, object] | None) -> dict[str, object]:
    return {name: _to_json(one) for name, one in (value or {}).items() if name not in _OF_EVERY}


def _to_json(value: object) -> object:
    plain: object = msgspec.json.decode(msgspec.json.encode(value, enc_hook=str))
    return plain


def _diff_values(
    before: Mapping[str, object], after: Mapping[str, object]
) -> tuple[dict[str, object], dict[str, object]]:
    old: dict[str, object] = {}
    new: dict[str, object] = {}
    for name in sorted({*before, *after}):
        one, other = before.get(name), after.get(name)
        if isinstance(one, dict) and isinstance(other, dict):
            one, other = _diff_values(one, other)
        if one != other:
            old |= {name: one} if name in before else {}
            new |= {name: other} if name in after else {}
    return old, new


def _shorten_audited_value(value: object) -> object:
    encoded = msgspec.json.encode(value)
    if len(encoded) <= MOST:
        return value
    if isinstance(value, dict):
        shorter = {name: _shorten_audited_value(one) for name, one in value.items()}
        if len(msgspec.json.encode(shorter)) <= MOST:
            return shorter
    return {"sha256": sha256(encoded).hexdigest(), "bytes": len(encoded)}
