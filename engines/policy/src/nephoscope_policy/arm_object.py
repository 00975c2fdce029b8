"""Typed, case-insensitive reading of one raw ARM JSON object, with the JSON path in every error."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from nephoscope_policy.errors import PolicyError

if TYPE_CHECKING:
    from collections.abc import Sequence

_NAMES = {
    dict: "an object",
    list: "an array",
    str: "text",
    bool: "a boolean",
    int: "a number",
    float: "a number",
}


class ArmObject:
    """A JSON object read by property names in any case; `path` is where it stands in its document."""

    __slots__ = ("_items", "path", "raw")

    def __init__(self, value: object, path: str = "") -> None:
        if not isinstance(value, dict):
            raise make_error(f"expected an object, found {describe_type(value)}", path)
        self.raw: dict[str, object] = value
        self.path = path
        self._items = {key.lower(): item for key, item in value.items()}

    def build_path(self, name: str) -> str:
        """The JSON path of a property."""
        return f"{self.path}.{name}" if self.path else name

    def get_value(self, name: str) -> object:
        """The raw value, None where it is missing or null."""
        return self._items.get(name.lower())

    def get_text(self, name: str, default: str = "") -> str:
        """A text, the default where it is missing or null."""
        value = self.get_value(name)
        if value is None:
            return default
        if not isinstance(value, str):
            raise make_error(f"expected text, found {describe_type(value)}", self.build_path(name))
        return value

    def require_text(self, name: str) -> str:
        """A text that must be there and not empty."""
        value = self.get_text(name)
        if not value:
            raise make_error(f"'{name}' is missing", self.build_path(name))
        return value

    def get_choice(self, name: str, allowed: Sequence[str], default: str = "") -> str:
        """One of the allowed words in any case, spelled as in `allowed`; with a default of '' the property is required."""
        text = self.get_text(name, default) or self.require_text(name)
        for word in allowed:
            if word.lower() == text.lower():
                return word
        raise make_error(f"must be one of {', '.join(allowed)} (got '{text}')", self.build_path(name))

    def get_child(self, name: str) -> ArmObject:
        """The object under a name; an empty one where it is missing or null."""
        value = self.get_value(name)
        return ArmObject({} if value is None else value, self.build_path(name))

    def get_array(self, name: str) -> list[object]:
        """The array under a name; an empty one where it is missing or null."""
        value = self.get_value(name)
        if value is None:
            return []
        if not isinstance(value, list):
            raise make_error(f"expected an array, found {describe_type(value)}", self.build_path(name))
        return value

    def get_children(self, name: str) -> list[ArmObject]:
        """The objects of an array."""
        return [
            ArmObject(item, f"{self.build_path(name)}[{index}]")
            for index, item in enumerate(self.get_array(name))
        ]

    def get_texts(self, name: str) -> tuple[str, ...]:
        """The texts of an array."""
        found: list[str] = []
        for index, item in enumerate(self.get_array(name)):
            if not isinstance(item, str):
                raise make_error(
                    f"expected text, found {describe_type(item)}", f"{self.build_path(name)}[{index}]"
                )
            found.append(item)
        return tuple(found)

    def get_instant(self, name: str) -> datetime | None:
        """An ISO 8601 time (UTC where it names no offset), None where it is missing or empty."""
        text = self.get_text(name)
        if not text:
            return None
        try:
            moment = datetime.fromisoformat(text)
            return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        except (ValueError, OverflowError) as error:
            raise make_error(f"not an ISO 8601 time: {text!r}", self.build_path(name)) from error


def make_error(message: str, path: str) -> PolicyError:
    """A parse error at a JSON path."""
    return PolicyError(message, path, stage="parse")


def describe_type(value: object) -> str:
    """Return what a JSON value is, in words."""
    return "null" if value is None else _NAMES.get(type(value), type(value).__name__)
