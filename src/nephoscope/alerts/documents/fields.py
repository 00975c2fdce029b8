"""Reading a document field by field: what is missing or of the wrong kind is noted with its path, and reading goes on."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from nephoscope.alerts.documents.duration import format_duration, parse_duration


class DocumentFields:
    """The fields of an object; `wrong` collects what cannot be used, in the order in which it was met."""

    def __init__(self, document: object, path: str = "", wrong: list[str] | None = None) -> None:
        self.wrong: list[str] = [] if wrong is None else wrong
        self._path = path
        self._document: dict[str, object] = document if isinstance(document, dict) else {}
        if not isinstance(document, dict):
            self.add_error(f"must be an object, not {_describe_json_kind(document)}")

    def add_error(self, reason: str) -> None:
        """Note that something is wrong with this object."""
        self.wrong.append(f"{self._path}: {reason}" if self._path else reason)

    def has(self, name: str) -> bool:
        """Return whether the field is there and not null."""
        return self._document.get(name) is not None

    def get_text(self, name: str, *, needed: bool = False, numbers: bool = True) -> str:
        """A text, '' where it is not there; `numbers` are taken as they are written."""
        value = self._document.get(name)
        if isinstance(value, str):
            found = value
        elif numbers and isinstance(value, int | float) and not isinstance(value, bool):
            found = str(value)
        else:
            found = ""
            if value is not None:
                self.add_error(f"{name} must be a string, not {_describe_json_kind(value)}")
                return ""
        if needed and not found.strip():
            self.add_error(f"{name} is missing")
        return found

    def get_number(self, name: str, *, default: int, most: int | None = None) -> int:
        """A whole number that is not negative, and not over `most`."""
        value = self._document.get(name)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int) or value < 0 or (most and value > most):
            limits = f"from 0 to {most}" if most else "from 0 on"
            self.add_error(f"{name} must be a whole number {limits}, not {_shorten_value(value)}")
            return default
        return value

    def get_flag(self, name: str, *, default: bool) -> bool:
        """True or false."""
        value = self._document.get(name)
        if value is None:
            return default
        if not isinstance(value, bool):
            self.add_error(f"{name} must be true or false, not {value!r}")
            return default
        return value

    def get_span(
        self, name: str, *, least: timedelta = timedelta(seconds=1), most: timedelta | None = None
    ) -> timedelta | None:
        """A duration from `least` to `most`, None where it is not there or is none."""
        value = self._document.get(name)
        if value is None or not isinstance(value, str):
            if value is not None:
                self.add_error(
                    f"{name} must be a duration such as 5m, 1h, 14d or PT5H, not {_shorten_value(value)}"
                )
            return None
        try:
            found = parse_duration(value)
        except ValueError as error:
            self.add_error(f"{name}: {error}")
            return None
        if found < least or (most is not None and found > most):
            limits = (
                f"from {format_duration(least)} to {format_duration(most)}"
                if most
                else f"{format_duration(least)} or longer"
            )
            self.add_error(f"{name} must be {limits}, not {value!r}")
            return None
        return found

    def get_texts(self, name: str) -> tuple[str, ...]:
        """A list of texts; one text alone is a list of one."""
        value = self._document.get(name)
        several = [value] if isinstance(value, str) else value
        if several is None:
            return ()
        if not isinstance(several, list) or not all(isinstance(one, str | None) for one in several):
            self.add_error(f"{name} must be a list of strings")
            return ()
        return tuple(one.strip() for one in several if one and one.strip())

    def get_pairs(self, name: str) -> tuple[tuple[str, str], ...]:
        """An object of texts, as (name, text)."""
        value = self._document.get(name)
        if value is None:
            return ()
        if not isinstance(value, dict) or not all(isinstance(one, str) for one in value.values()):
            self.add_error(f"{name} must be an object of texts")
            return ()
        return tuple((str(key), one) for key, one in value.items())

    def get_object(self, name: str) -> DocumentFields:
        """An object, an empty one where it is not there."""
        value = self._document.get(name)
        return DocumentFields({} if value is None else value, self._join_path(name), self.wrong)

    def get_objects(self, name: str) -> Iterator[DocumentFields]:
        """A list of objects."""
        value = self._document.get(name)
        if value is None:
            return
        if not isinstance(value, list):
            self.add_error(f"{name} must be a list of objects, not {_describe_json_kind(value)}")
            return
        for place, one in enumerate(value):
            yield DocumentFields(one, self._join_path(f"{name}[{place}]"), self.wrong)

    def _join_path(self, name: str) -> str:
        return f"{self._path}.{name}" if self._path else name


def _shorten_value(value: object) -> str:
    """A value as it stands in the document, the beginning of a long one."""
    return f"{value!r:.60}"


def _describe_json_kind(value: object) -> str:
    words = {dict: "an object", list: "a list", str: "a text", bool: "true or false", type(None): "nothing"}
    return words.get(type(value), "a number")
