"""Lazy JSON places: positions of values in strict JSON, computed level by level on demand."""

from __future__ import annotations

import json
import re

import msgspec

from nephoscope_policy.arm.json_text import TextMark, mark_strict_json

_KEY = re.compile(r'[\s,]*+("([^"\\]*+(?:\\.[^"\\]*+)*+)")\s*+:\s*+', re.DOTALL)
_GAP = re.compile(r"[\s,]*+")
_MEMBERS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ELEMENTS = msgspec.json.Decoder(list[msgspec.Raw])


class StrictMark:
    """The start and end offsets of a value in a strict JSON text of ASCII; what is inside is looked for when it is asked for."""

    __slots__ = ("_data", "_inside", "_text", "end", "start")

    def __init__(self, text: str, data: bytes, start: int, end: int) -> None:
        self._text, self._data = text, data
        self.start, self.end = start, end
        self._inside: dict[str | int, StrictMark | TextMark] | None = None

    def find_child_mark(self, step: str | int) -> StrictMark | TextMark | None:
        """The mark of a member or an element, None where there is none."""
        if self._inside is None:
            self._inside = self._read_inner_marks()
        return self._inside.get(step)

    def _read_inner_marks(self) -> dict[str | int, StrictMark | TextMark]:
        sign = self._data[self.start]
        inside = memoryview(self._data)[self.start : self.end]
        if sign == ord("{"):
            return self._build_members(_MEMBERS.decode(inside))
        return self._build_elements(_ELEMENTS.decode(inside)) if sign == ord("[") else {}

    def _build_members(self, values: dict[str, msgspec.Raw]) -> dict[str | int, StrictMark | TextMark]:
        found: dict[str | int, StrictMark | TextMark] = {}
        at = self.start + 1
        for key, value in values.items():
            match = _KEY.match(self._text, at)
            at = match.end() if match is not None and _decode_key(match) == key else self.end
            if not self._starts_with(value, at):
                return self._read_last_duplicates()
            found[key] = StrictMark(self._text, self._data, at, at := at + memoryview(value).nbytes)
        return found if self._is_at_end(at) else self._read_last_duplicates()

    def _build_elements(self, values: list[msgspec.Raw]) -> dict[str | int, StrictMark | TextMark]:
        found: dict[str | int, StrictMark | TextMark] = {}
        at = self.start + 1
        for index, value in enumerate(values):
            match = _GAP.match(self._text, at)
            at = at if match is None else match.end()
            found[index] = StrictMark(self._text, self._data, at, at := at + memoryview(value).nbytes)
        return found

    def _starts_with(self, value: msgspec.Raw, at: int) -> bool:
        return self._data.startswith(bytes(value), at)

    def _is_at_end(self, at: int) -> bool:
        match = _GAP.match(self._text, at)
        return match is not None and match.end() == self.end - 1

    def _read_last_duplicates(self) -> dict[str | int, StrictMark | TextMark]:
        """The members of an object in which a key hides an earlier one of the same name."""
        members = mark_strict_json(self._text[: self.end], self.start).members or {}
        return {key: mark for key, (_, mark) in members.items()}


def mark_strictly(text: str) -> StrictMark | TextMark:
    """The mark of a text that a strict parser has read."""
    if not text.isascii():
        return mark_strict_json(text)
    whole = text.strip(" \t\r\n")
    start = text.find(whole[:1])
    return StrictMark(text, text.encode("ascii"), start, start + len(whole))


def _decode_key(match: re.Match[str]) -> str:
    key: str = match[2]
    return json.loads(f'"{key}"', strict=False) if "\\" in key else key
