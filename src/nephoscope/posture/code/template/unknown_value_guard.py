"""Bodies of planned resources for readers that know no unknown values: what is not known raises DataNotCollectedError where it
is read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from nephoscope.estate.data_gap import DataNotCollectedError
from nephoscope_policy.arm.unknown import OpenObject, Unknown
from nephoscope_policy.data_gap import KNOWN_LATER, NOT_SET
from nephoscope_policy.model.resource import Planning, Resource

_FILLED_IN = "properties"
_LAST = frozenset({"id", "name", "type"})
Absent = frozenset[tuple[str, ...]]


def build_guarded_body(resource: Resource, *, fills_in: bool = True) -> dict[str, object]:
    """The body of a planned resource whose unknown parts raise; all of one that may not be made does, but for its id and type.

    What is not set raises where Azure may fill it in; without `fills_in` it is not there.
    """
    planning = resource.planned or Planning()
    if planning.condition or planning.unnamed:
        doubt = Unknown(reason=planning.condition or planning.unnamed)
        named = {key: value for key, value in resource.body.items() if key in _LAST}
        return GuardedObject(OpenObject(named, doubt), resource.key, ())
    return GuardedObject(resource.body, resource.key, (), planning.absent if fills_in else None)


class GuardedObject(dict[str, object]):
    """An object of a planned body, its members in any case.

    Reading one that is not known raises DataNotCollectedError, and so does asking for one that is not there where Azure may fill it in
    (`absent` are the lower-cased paths where it does not; None within arrays, where nothing is filled in).
    """

    def __init__(
        self, value: dict[str, object], where: str, path: tuple[str, ...], absent: Absent | None = None
    ) -> None:
        super().__init__(
            {key: _read_guard(one, where, (*path, key.lower()), absent) for key, one in value.items()}
        )
        self._keys = {key.lower(): key for key in value}
        self._rest = value.rest if isinstance(value, OpenObject) else None
        self._where, self._path, self._absent = where, path, absent

    def get(self, key: str, default: object = None) -> Any:
        """The value of a member; raises DataNotCollectedError where it is not known."""
        found = self._keys.get(key.lower())
        if found is None:
            self._raise_missing_key(key)
            return default
        return _require_known_value(super().__getitem__(found), self._where, (*self._path, key))

    def __getitem__(self, key: str) -> object:
        """Return the same; raises KeyError where there certainly is none."""
        if key not in self:
            raise KeyError(key)
        return self.get(key)

    def __contains__(self, key: object) -> bool:
        """Return whether it has a member; raises DataNotCollectedError where that is open."""
        name = str(key)
        if name.lower() not in self._keys:
            self._raise_missing_key(name)
            return False
        return True

    def __iter__(self) -> Iterator[str]:
        """The names of all members; raises DataNotCollectedError where there may be others."""
        self._require_closed_object()
        return super().__iter__()

    def __len__(self) -> int:
        """Count how many members it has; raises DataNotCollectedError where there may be others."""
        self._require_closed_object()
        return super().__len__()

    def __bool__(self) -> bool:
        """True where it has a member, or may have one."""
        return bool(self._keys) or self._rest is not None or self._is_filled_in("*")

    def keys(self) -> Any:
        """The names of all members; raises DataNotCollectedError where there may be others."""
        return dict.fromkeys(self).keys()

    def items(self) -> Any:
        """Names and values; raises DataNotCollectedError where one is not known."""
        return {key: self.get(key) for key in self}.items()

    def values(self) -> Any:
        """The values; raises DataNotCollectedError where one is not known."""
        return {key: self.get(key) for key in self}.values()

    def _require_closed_object(self) -> None:
        if self._rest is not None:
            raise _build_unknown_value_error(self._rest, self._where, self._path)

    def _raise_missing_key(self, key: str) -> None:
        if self._rest is not None:
            raise _build_unknown_value_error(self._rest, self._where, (*self._path, key))
        if self._is_filled_in(key):
            path = ".".join((*self._path, key))
            raise DataNotCollectedError(
                f"{path} of {self._where} is not set, so that Azure's default decides", NOT_SET
            )

    def _is_filled_in(self, key: str) -> bool:
        path = (*self._path, key.lower())
        if self._absent is None or path[0] != _FILLED_IN:
            return False
        return not any(path[:length] in self._absent for length in range(1, len(path) + 1))


class GuardedArray(list[object]):
    """An array of a planned body; reading an element that is not known raises DataNotCollectedError."""

    def __init__(self, value: list[object], where: str, path: tuple[str, ...]) -> None:
        super().__init__(_read_guard(one, where, path, None) for one in value)
        self._where, self._path = where, path

    def __iter__(self) -> Iterator[object]:
        """The elements, in order."""
        return (_require_known_value(one, self._where, self._path) for one in super().__iter__())

    def __getitem__(self, index: Any) -> Any:
        """An element, or those of a slice."""
        if isinstance(index, slice):
            return [*self][index]
        return _require_known_value(super().__getitem__(index), self._where, self._path)


def _read_guard(value: object, where: str, path: tuple[str, ...], absent: Absent | None) -> object:
    if isinstance(value, dict):
        return GuardedObject(value, where, path, absent)
    return GuardedArray(value, where, path) if isinstance(value, list) else value


def _require_known_value(value: object, where: str, path: tuple[str, ...]) -> Any:
    if isinstance(value, Unknown):
        raise _build_unknown_value_error(value, where, path)
    return value


def _build_unknown_value_error(value: Unknown, where: str, path: tuple[str, ...]) -> DataNotCollectedError:
    reason = value.reason or "Azure answers it at deployment"
    what = f"{'.'.join(path)} of {where}" if path else where
    return DataNotCollectedError(f"{what} is not known before the deployment: {reason}", KNOWN_LATER)
