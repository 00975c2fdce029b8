"""Partial records: control records (assignments, exemptions ...) of which an export cut fields to text, read field by field.

A field that was cut, or that has a shape Azure does not write, is a gap of the record: nothing is concluded from it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from nephoscope_policy.arm_object import ArmObject
from nephoscope_policy.errors import PolicyError
from nephoscope_policy.model.resource import list_unread_paths
from nephoscope_policy.resource_view import describe_cut

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_T = TypeVar("_T")
PROPERTIES = "properties"


class ControlRecordReader:
    """Reads the fields of a control record's `properties`; where it may be `partial`, what cannot be read is a gap, no error."""

    def __init__(self, document: object, *, partial: bool = False) -> None:
        self.body = ArmObject(document)
        self._partial = partial
        self._unread = list_unread_paths(self.body.raw) if partial else frozenset()
        self._id = str(self.body.get_value("id") or "").lower()
        self._gaps: dict[str, str] = {}
        self.properties = self._read_properties()

    @property
    def gaps(self) -> tuple[tuple[str, str], ...]:
        """The fields that could not be read, each with what is missing in words."""
        return tuple(self._gaps.items())

    def read_field(self, name: str, read: Callable[[], _T], default: _T) -> _T:
        """The value of a field that decides something; the default, and a gap, where it was not read."""
        value, missing = self.try_field(name, read, default)
        if missing:
            self._gaps[name] = missing
        return value

    def try_field(self, name: str, read: Callable[[], _T], default: _T) -> tuple[_T, str]:
        """The value of a field and ''; the default and what is missing where it was not read."""
        if not self._partial:
            return read(), ""
        if cut := self.find_cut_path(PROPERTIES, name.lower()):
            return default, describe_cut(cut, self._id)
        if not isinstance(self.body.get_value(PROPERTIES), dict):
            return default, f"the properties of {self._id}"
        try:
            return read(), ""
        except PolicyError as error:
            return default, f"{error.path} of {self._id} ({error.message})"

    def read_required_field(self, name: str) -> str:
        """A text that must be there; '' and a gap where it was not read."""
        return self.read_field(name, lambda: self.properties.require_text(name), "")

    def read_label(self, name: str) -> str:
        """A text that decides nothing; '' where it was not read."""
        found = self.properties.get_value(name) if self._partial else self.properties.get_text(name)
        return found if isinstance(found, str) else ""

    def find_cut_path(self, *path: str) -> tuple[str, ...]:
        """The path at, above or below this one that the export cut to text, () where there is none."""
        length = len(path)
        return next((one for one in sorted(self._unread) if one[:length] == path[: len(one)]), ())

    def find_cut_members(self, name: str) -> Mapping[str, str]:
        """The lower-cased members of an object field that were cut in whole or in part, with what is missing; '*' is the field."""
        path, found = (PROPERTIES, name.lower()), dict[str, str]()
        for one in sorted(self._unread):
            if one[: len(path)] == path[: len(one)]:
                found[one[len(path)] if len(one) > len(path) else "*"] = describe_cut(one, self._id)
        return found

    def _read_properties(self) -> ArmObject:
        if not self._partial or isinstance(self.body.get_value(PROPERTIES), dict):
            return self.body.get_child(PROPERTIES)
        return ArmObject({}, PROPERTIES)
