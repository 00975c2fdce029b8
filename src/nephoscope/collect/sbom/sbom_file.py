"""A file that may be a bill of materials: its bytes, its text whatever the encoding, and its JSON."""

from __future__ import annotations

import re
from functools import cached_property

import msgspec

from nephoscope.collect.sbom.bill_of_materials import UnreadableBillError
from nephoscope.model.nesting_limit import is_nested_deeper

#: Larger files are refused.
MAX_SIZE = 64 * 1024 * 1024
#: Objects and arrays inside one another.
MAX_DEPTH = 200

_MARKS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
#: How UTF-16 without a mark begins: with an ASCII character.
_UNMARKED = (
    (re.compile(rb"[\x09-\x7e]\x00[\x09-\x7e]\x00"), "utf-16-le"),
    (re.compile(rb"\x00[\x09-\x7e]\x00[\x09-\x7e]"), "utf-16-be"),
)
_BYTE = re.compile(r"\(byte (\d+)\)")


class SbomFile:
    """A file with its name; `text` is '' for bytes that are no text."""

    def __init__(self, name: str, content: bytes) -> None:
        if len(content) > MAX_SIZE:
            raise UnreadableBillError(f"{len(content)} bytes exceed the limit of {MAX_SIZE}")
        self.name = name.replace("\\", "/").rpartition("/")[2].lower()
        self.content = content

    @cached_property
    def text(self) -> str:
        """Return the text in whichever encoding of Unicode it is; '' where it is in none."""
        encoding = next((name for mark, name in _MARKS if self.content.startswith(mark)), "")
        encoding = encoding or next((name for begin, name in _UNMARKED if begin.match(self.content)), "utf-8")
        try:
            return self.content.decode(encoding)
        except UnicodeDecodeError:
            return ""

    @cached_property
    def head(self) -> str:
        """Return the first characters, without spaces before them."""
        return self.text[:8192].lstrip()

    @property
    def is_json(self) -> bool:
        """Return whether it looks like an object of JSON."""
        return self.head.startswith("{")

    @cached_property
    def document(self) -> dict[str, object]:
        """Return the JSON object that it is; UnreadableBillError with the line where it is none."""
        try:
            value = msgspec.json.decode(self.text)
        except msgspec.DecodeError as error:
            raise UnreadableBillError(f"this is not JSON: {error}", self._find_error_line(error)) from None
        except RecursionError:
            raise UnreadableBillError("its JSON nests too deeply") from None
        if not isinstance(value, dict):
            raise UnreadableBillError("its JSON is not an object", 1)
        if is_nested_deeper(value, MAX_DEPTH):
            raise UnreadableBillError(f"its JSON nests deeper than {MAX_DEPTH}")
        return value

    def claims_json(self, *keys: str) -> bool:
        """Return whether it is a JSON object with one of these keys; False for what is no JSON."""
        if not self.is_json or not any(f'"{key}"' in self.text for key in keys):
            return False
        try:
            return any(key in self.document for key in keys)
        except UnreadableBillError:
            # its reader says what is wrong, where its beginning shows which that is
            return any(f'"{key}"' in self.head for key in keys)

    def _find_error_line(self, error: msgspec.DecodeError) -> int:
        """Return the line of the byte that an error names."""
        place = _BYTE.search(str(error))
        return self.text.encode()[: int(place[1])].count(b"\n") + 1 if place else 0
