"""The documents of a folder of content: bytes with the place they came from."""

from __future__ import annotations

import json
import re
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import msgspec

from nephoscope_policy.model.source_location import Place

if TYPE_CHECKING:
    from collections.abc import Iterator
    from importlib.resources.abc import Traversable

MAX_BYTES = 16 * 1024 * 1024
MAX_FOLDERS_DEEP = 24

_COMMENT_OR_STRING = re.compile(r'"(?:[^"\\\n]|\\.)*"|//[^\n]*|/\*.*?\*/', re.DOTALL)


class ContentError(Exception):
    """A content file that cannot be used: `message` says why, `place` where (file, line, column)."""

    def __init__(self, message: str, place: Place) -> None:
        super().__init__(f"{place}: {message}")
        self.message = message
        self.place = place


class ContentDocument(msgspec.Struct, frozen=True):
    """One content file: `source` is its bytes or the file that has them (read on demand), `place` names it."""

    source: bytes | Traversable
    place: Place

    @property
    def name(self) -> str:
        """The file name, without folders."""
        return re.split(r"[/\\]", self.place.file)[-1]

    @property
    def data(self) -> bytes:
        """The bytes; raises ContentError when the file cannot be read or is over 16 MiB."""
        data = self.source if isinstance(self.source, bytes) else _read_source(self.source, self.place)
        if len(data) > MAX_BYTES:
            raise ContentError(f"the file exceeds {MAX_BYTES >> 20} MiB: not a content file", self.place)
        return data

    def json(self) -> Any:
        """The JSON value; a byte order mark and `//` or `/* */` comments are accepted, as the public policy repository has had.

        Raises ContentError with line and column for anything else that is not JSON (RFC 8259).
        """
        data = self.data.removeprefix(b"\xef\xbb\xbf")
        try:
            return msgspec.json.decode(data)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            return _decode_leniently(data, self.place)


def read_documents(root: Traversable, label: str = "", kind: str = "") -> Iterator[ContentDocument]:
    """Yield the JSON documents of a folder, or of one file, in path order.

    `label` names the root in places (default: its path). `kind` is a folder of a pack (`policies`, `initiatives`, `aliases`, ...):
    where the root has such a folder only that is read, a root without it is read whole. The empty kind reads everything. Raises
    ContentError when the root does not exist; a file's own fault is raised when it is read.
    """
    label = label or str(root)
    if root.is_file():
        yield ContentDocument(root, Place(label))
        return
    if not root.is_dir():
        raise ContentError("no such file or folder", Place(label))
    if kind and (root / kind).is_dir():
        root, label = root / kind, f"{label}/{kind}"
    yield from _walk_documents(root, label, 0)


def read_shipped_documents(kind: str) -> Iterator[ContentDocument]:
    """Yield the documents of a kind that come with the engine: `aliases`, `azure`."""
    return read_documents(files("nephoscope_policy.content"), "content", kind)


def _walk_documents(folder: Traversable, label: str, depth: int) -> Iterator[ContentDocument]:
    if depth > MAX_FOLDERS_DEEP:
        raise ContentError(f"folders nest deeper than {MAX_FOLDERS_DEEP}", Place(label))
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        name = f"{label}/{entry.name}"
        if entry.is_dir():
            linked = isinstance(entry, Path) and entry.is_symlink()
            if not linked and not entry.name.startswith((".", "__")):
                yield from _walk_documents(entry, name, depth + 1)
        elif entry.name.lower().endswith(".json"):
            yield ContentDocument(entry, Place(name))


def _read_source(source: Traversable, place: Place) -> bytes:
    try:
        with source.open("rb") as stream:
            return stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise ContentError(f"cannot be read: {error.strerror or error}", place) from error


def _decode_leniently(data: bytes, place: Place) -> object:
    """Decode with comments blanked out (so that positions stay), and say where it fails."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ContentError("the file is not UTF-8", Place(place.file, line)) from error
    try:
        value = json.loads(_COMMENT_OR_STRING.sub(_blank_match, text), parse_constant=_refuse_constant)
        msgspec.json.encode(value)
    except json.JSONDecodeError as error:
        raise ContentError(f"not JSON: {error.msg}", Place(place.file, error.lineno, error.colno)) from error
    except RecursionError as error:
        raise ContentError("not usable: the JSON nests too deeply", place) from error
    except _ConstantError as error:
        raise ContentError(f"not JSON: {error} is not a value", place) from error
    except UnicodeEncodeError as error:
        raise ContentError("not usable: half of a surrogate pair stands alone in a text", place) from error
    except ValueError as error:
        raise ContentError("not usable: a number has thousands of digits", place) from error
    return value


class _ConstantError(ValueError):
    """NaN or Infinity, which Python's decoder would take."""


def _refuse_constant(text: str) -> NoReturn:
    raise _ConstantError(text)


def _blank_match(match: re.Match[str]) -> str:
    text = match.group()
    return text if text.startswith('"') else re.sub(r"[^\n]", " ", text)
