"""The witness's functions on text: tests of terms and parts, pieces, encodings."""

from __future__ import annotations

import base64
import hashlib
import re
import urllib.parse
import uuid
import zlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from rowwise_functions import gives, kinds, typed
from rowwise_regex import compiled
from rowwise_values import convert, listed, text

if TYPE_CHECKING:
    from nephoscope_kql.plan.expressions import BoundCall


def word(letter: str) -> bool:
    return letter.isalnum()


def has_term(source: str, term: str) -> bool:
    """Whether a term stands in a text with no letter or digit against its own ends."""
    if not term:
        return True
    at = source.find(term)
    while at >= 0:
        end = at + len(term)
        left = at == 0 or not (word(term[0]) and word(source[at - 1]))
        right = end == len(source) or not (word(term[-1]) and word(source[end]))
        if left and right:
            return True
        at = source.find(term, at + 1)
    return False


def has_start(source: str, term: str) -> bool:
    places = [at for at in range(len(source)) if source.startswith(term, at)]
    return not term or any(at == 0 or not (word(term[0]) and word(source[at - 1])) for at in places)


def has_end(source: str, term: str) -> bool:
    ends = [at + len(term) for at in range(len(source)) if source.startswith(term, at)]
    return not term or any(end == len(source) or not (word(term[-1]) and word(source[end])) for end in ends)


TESTS: dict[str, Callable[[str, str], bool]] = {
    "has": has_term,
    "contains": lambda source, part: part in source,
    "startswith": str.startswith,
    "endswith": str.endswith,
    "hasprefix": has_start,
    "hassuffix": has_end,
}
for _name, _test in TESTS.items():

    def _folded(source: str, part: str, _test: Callable[[str, str], bool] = _test) -> bool:
        return _test(source.lower(), part.lower())

    def _not_folded(source: str, part: str, _test: Callable[[str, str], bool] = _test) -> bool:
        return not _test(source.lower(), part.lower())

    def _not_exact(source: str, part: str, _test: Callable[[str, str], bool] = _test) -> bool:
        return not _test(source, part)

    gives(_name)(_folded)
    gives(f"!{_name}")(_not_folded)
    gives(f"{_name}_cs")(_test)
    gives(f"!{_name}_cs")(_not_exact)
gives("=~")(lambda one, other: one.lower() == other.lower())
gives("!~")(lambda one, other: one.lower() != other.lower())


@gives("has_any", strict=False)
def has_any(source: str, *terms: Any) -> bool:
    return any(has_term(source.lower(), term.lower()) for term in listed(terms))


@gives("has_all", strict=False)
def has_all(source: str, *terms: Any) -> bool:
    return all(has_term(source.lower(), term.lower()) for term in listed(terms))


@gives("matches regex")
def matches(source: str, pattern: str) -> bool:
    return compiled(pattern).search(source) is not None


for _name, _body in {
    "strlen": len,
    "tolower": str.lower,
    "toupper": str.upper,
    "string_size": lambda source: len(source.encode()),
    "replace_string": lambda source, old, new: source.replace(old, new) if old else source,
    "base64_encode_tostring": lambda source: base64.b64encode(source.encode()).decode(),
    "url_decode": lambda source: urllib.parse.unquote(source, errors="replace"),
}.items():
    gives(_name)(_body)


@typed("strcat")
def strcat(cells: list[Any], call: BoundCall, now: int) -> str:
    return "".join(text(kind, cell) for kind, cell in zip(kinds(call), cells, strict=True))


@typed("strcat_delim")
def strcat_delim(cells: list[Any], call: BoundCall, now: int) -> str:
    return str(cells[0]).join(text(kind, cell) for kind, cell in zip(kinds(call)[1:], cells[1:], strict=True))


@gives("substring")
def substring(source: str, start: int, length: int | None = None) -> str:
    first = len(source) + start if start < 0 else start
    end = len(source) if length is None else first + max(length, 0)
    return source[max(first, 0) : max(end, 0)]


@typed("indexof")
def indexof(cells: list[Any], call: BoundCall, now: int) -> Any:
    """The place of an occurrence that begins inside the range of `length` places from `start`."""
    if None in cells:
        return None
    source, part = (text(kind, cell) for kind, cell in zip(kinds(call), cells[:2], strict=False))
    start, length, occurrence = (*cells[2:], *(0, -1, 1)[len(cells) - 2 :])
    first = max(len(source) + start, 0) if start < 0 else start
    end = len(source) if length < 0 else first + length
    found = source.find(part, first)
    while found >= 0 and occurrence > 1:
        found = source.find(part, found + max(len(part), 1))
        occurrence -= 1
    return found if found <= end else -1


@gives("countof")
def countof(source: str, part: str, kind: str = "normal") -> int:
    """Plain parts may overlap, matches of a regular expression do not."""
    if kind == "regex":
        return len(list(compiled(part).finditer(source)))
    return len([1 for at in range(len(source)) if source.startswith(part, at)]) if part else 0


for _name, _hash in {
    "hash_md5": hashlib.md5,
    "hash_sha1": hashlib.sha1,
    "hash_sha256": hashlib.sha256,
}.items():

    def _digest(cells: list[Any], call: BoundCall, now: int, _hash: Callable[..., Any] = _hash) -> str:
        return str(_hash(text(kinds(call)[0], cells[0]).encode()).hexdigest())

    typed(_name)(_digest)


@typed("extract")
def extract(cells: list[Any], call: BoundCall, now: int) -> Any:
    """What a group matched first, as the type that is asked for."""
    pattern, group, source, *_ = cells
    found = compiled(pattern).search(source)
    part = (found.group(group) if found and group is not None and group <= found.re.groups else "") or ""
    return convert("string", str(call.type), part)


@gives("split", strict=False)
def split(source: str, delimiter: str, place: int | None = None) -> Any:
    parts = source.split(delimiter) if delimiter else list(source)
    if place is None:
        return parts
    return [parts[place]] if 0 <= place < len(parts) else None


@gives("trim")
def trim(pattern: str, source: str) -> str:
    return trim_end(pattern, trim_start(pattern, source))


@gives("trim_start")
def trim_start(pattern: str, source: str) -> str:
    return compiled(rf"\A(?:{pattern})").sub("", source)


@gives("trim_end")
def trim_end(pattern: str, source: str) -> str:
    return compiled(rf"(?:{pattern})\z").sub("", source)


@gives("has_any_index")
def has_any_index(source: str, terms: Any) -> int:
    found = [at for at, term in enumerate(listed([terms])) if has_term(source.lower(), term.lower())]
    return found[0] if found else -1


@gives("strcmp")
def strcmp(one: str, other: str) -> int:
    return (one > other) - (one < other)


@typed("strrep")
def strrep(cells: list[Any], call: BoundCall, now: int) -> str:
    value, count, *delimiter = cells
    return "".join(delimiter).join([text(kinds(call)[0], value)] * min(max(count or 0, 0), 1024))


@gives("translate")
def translate(searched: str, replacement: str, source: str) -> str:
    """One character for one; the last replacement stands for what is left, and none removes."""
    pairs = {
        one: (replacement[at] if at < len(replacement) else replacement[-1:])
        for at, one in reversed(list(enumerate(searched)))
    }
    return "".join(pairs.get(letter, letter) for letter in source)


@typed("isascii")
def isascii(cells: list[Any], call: BoundCall, now: int) -> bool:
    return text(kinds(call)[0], cells[0]).isascii()


@gives("indexof_regex")
def indexof_regex(source: str, pattern: str, start: int = 0, length: int = -1, occurrence: int = 1) -> int:
    part = source[start:] if length < 0 else source[start : start + length]
    places = [found.start() + start for found in compiled(pattern).finditer(part)]
    return places[occurrence - 1] if len(places) >= occurrence else -1


@gives("unicode_codepoints_from_string", "to_utf8")
def unicode_codepoints_from_string(source: str) -> Any:
    return [ord(letter) for letter in source]


@gives("unicode_codepoints_to_string", "make_string")
def unicode_codepoints_to_string(*values: Any) -> str:
    points = [item for value in values for item in (value if isinstance(value, list) else [value])]
    return "".join(chr(point) for point in points if isinstance(point, int) and 0 <= point < 0x110000)


def bytes_of(source: str) -> bytes | None:
    try:
        return base64.b64decode(source, validate=True)
    except ValueError:
        return None


@gives("base64_decode_toarray")
def base64_decode_toarray(source: str) -> Any:
    found = bytes_of(source)
    return None if found is None else list(found)


@gives("base64_encode_fromarray")
def base64_encode_fromarray(values: Any) -> Any:
    good = isinstance(values, list) and all(isinstance(one, int) and 0 <= one < 256 for one in values)
    return base64.b64encode(bytes(values)).decode() if good else None


def percent(source: str) -> str:
    """Letters and digits of ASCII and points stay; other bytes are written with small digits."""
    plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789."
    return "".join(chr(byte) if chr(byte) in plain else f"%{byte:02x}" for byte in source.encode())


gives("url_encode_component")(percent)
gives("url_encode")(lambda source: percent(source).replace("%20", "+"))


@gives("replace_strings")
def replace_strings(source: str, lookups: Any, rewrites: Any) -> str:
    """One text after the other is replaced everywhere; what was put in is not looked at again."""
    pieces = [(source, False)]
    for searched, rewrite in zip(listed([lookups]), listed([rewrites]), strict=True):
        pieces = [
            new
            for piece, done in pieces
            for new in ([(piece, done)] if done or not searched else cut(piece, searched, rewrite))
        ]
    return "".join(piece for piece, _ in pieces)


def cut(piece: str, searched: str, rewrite: str) -> list[tuple[str, bool]]:
    first, *others = piece.split(searched)
    return [(first, False), *(new for other in others for new in ((rewrite, True), (other, False)))]


@gives("isutf8", strict=False)
def isutf8(value: Any) -> bool:
    return True


@typed("reverse")
def reverse(cells: list[Any], call: BoundCall, now: int) -> str:
    return text(kinds(call)[0], cells[0])[::-1]


@gives("regex_quote")
def regex_quote(source: str) -> str:
    return re.sub(
        r"([^\w\s]|_)",
        lambda found: found.group() if found.group() in "_,;:'\"<>=!@%`/" else "\\" + found.group(),
        source,
    )


def inflated(source: str, header: int) -> str:
    """What compressed bytes in base64 hold; '' where they hold no text."""
    found = bytes_of(source)
    if found is None:
        return ""
    try:
        return zlib.decompress(found, header).decode()
    except (zlib.error, UnicodeDecodeError):
        return ""


gives("gzip_decompress_from_base64_string")(lambda source: inflated(source, 31))
gives("zlib_decompress_from_base64_string")(lambda source: inflated(source, 15))


@gives("base64_decode_toguid")
def base64_decode_toguid(source: str) -> Any:
    found = bytes_of(source)
    return str(uuid.UUID(bytes_le=found)) if found is not None and len(found) == 16 else None


@gives("base64_encode_fromguid")
def base64_encode_fromguid(value: str) -> str:
    return base64.b64encode(uuid.UUID(value).bytes_le).decode()
