"""Text decoding: UTF-8, or the code page of the load for invalid bytes.

No byte is lost: what neither tells is not replaced, it is an error with its place. A line that was cut within a character, or a
file of lines from several hosts, keeps the characters that are UTF-8. Source: RFC 3629.
"""

from __future__ import annotations

import codecs
from functools import cache

#: What text that is no UTF-8 mostly is: Windows-1252, of which the printable part of Latin-1 is a part.
USUAL = "cp1252"
_UTF8 = "utf-8"


def find_code_page(name: str) -> str:
    """The code page of a name as in `cp1252`, `latin-1`, `utf-8` (= none); LookupError for one that has not one byte a character."""
    found = codecs.lookup(name).name
    if found == _UTF8:
        return found
    try:
        plain = bytes(range(32, 127)).decode(found) == bytes(range(32, 127)).decode("ascii")
        single = all(len(bytes([byte]).decode(found, "replace")) == 1 for byte in range(256))
    except (LookupError, UnicodeError) as error:
        raise LookupError(name) from error
    if not plain or not single:
        raise LookupError(name)
    return found


def is_utf8(data: bytes) -> bool:
    """Return whether bytes are UTF-8."""
    if data.isascii():
        return True
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def decode_with(data: bytes, page: str) -> str:
    """The text of bytes that are no UTF-8; raises UnicodeDecodeError at the first byte that is no character of the page either."""
    return data.decode(_UTF8, "strict" if page == _UTF8 else _register_error_handler(page))


@cache
def _register_error_handler(page: str) -> str:
    """The name of what reads bytes that are no UTF-8 in a code page."""
    name = f"nephoscope-{page}"

    def read(error: UnicodeError) -> tuple[str, int]:
        if not isinstance(error, UnicodeDecodeError):
            raise error
        wrong = error.object[error.start : error.end]
        try:
            return wrong.decode(page), error.end
        except UnicodeDecodeError as inner:
            at = error.start + inner.start
            raise UnicodeDecodeError(page, error.object, at, at + 1, f"no character of {page}") from None

    codecs.register_error(name, read)
    return name


def decode_error(error: UnicodeDecodeError, page: str, start: int) -> str:
    """Explain why a text that begins at a byte of its source is none."""
    what = "not UTF-8" if page == _UTF8 else f"neither UTF-8 nor {page}"
    return f"the text is {what}: say what it is with --encoding (byte {start + error.start})"
