"""Value or gap: a value of a body, or the gap that keeps it from being known, which is raised where the value is asked for.

So a value that is not known, or is none, leaves only what depends on it Unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeAlias, TypeVar

from nephoscope.estate.addresses import AddressSet, is_prefix
from nephoscope.estate.data_gap import DataNotCollectedError
from nephoscope_policy.data_gap import INVALID

_Value = TypeVar("_Value")
Held: TypeAlias = _Value | DataNotCollectedError


def catch_gap(read: Callable[[], _Value]) -> Held[_Value]:
    """Return what reading gives, or the gap that it meets."""
    try:
        return read()
    except DataNotCollectedError as gap:
        return gap


def require_held(value: Held[_Value]) -> _Value:
    """Return a held value; raises DataNotCollectedError where it is a gap."""
    if isinstance(value, DataNotCollectedError):
        raise DataNotCollectedError(value.what, value.cause)
    return value


def read_addresses(values: Iterable[object], what: str) -> AddressSet:
    """The union of addresses and prefixes; raises DataNotCollectedError for a text that is neither, the value of `what`."""
    texts = [one for one in values if isinstance(one, str) and one]
    for text in texts:
        if not is_prefix(text):
            raise DataNotCollectedError(f"{what} is {text!r}, which is not an address or a prefix", INVALID)
    return AddressSet.of(texts)
