"""Content discovery: find content in a folder or file by what each document contains."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import yaml
from msgspec.structs import replace

from nephoscope.alerts.library.arm_content import extract_arm_items, is_arm
from nephoscope.alerts.library.content_item import ContentItem, ContentKind, UnusableContent
from nephoscope.alerts.library.parser_function import convert_parser, is_parser
from nephoscope.model.extras import get_install_command
from nephoscope_policy.model.source_location import Place

Progress = Callable[[str, int, int], object]
"""What is told of long work: what is done, how much, of how much (0 = nobody knows)."""
YAML, JSON = (".yaml", ".yml"), ".json"
MOST_BYTES = {**dict.fromkeys(YAML, 1 << 20), JSON: 32 << 20}
MOST_FILES, MOST_VALUES = 100_000, 100_000
#: Folders of the public repository with what is no content of detection, or the same content once more (Package).
PASSED = {
    "workbooks": "workbooks", "playbooks": "playbooks", "data connectors": "data connectors", "dataconnectors": "data connectors",
    "package": "packages built from other files of the repository", "logos": "pictures", "images": "pictures",
    "sample data": "samples",
    "notebooks": "notebooks", "tools": "tools", "docs": "documents", "summaryrules": "summary rules", "summary rules": "summary rules",
    ".git": "", ".github": "", ".script": "", ".devcontainer": "", "node_modules": "",
}  # fmt: skip
#: What the tags of YAML (`!!int x`, `!!timestamp x`) and texts with half a character come to.
_WRONG = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(slots=True)
class CheckoutContent:
    """Content found in a checkout: usable pieces in file order, unusable ones, and ignored ones counted by reason.

    `unread` are files that cannot be parsed.
    """

    pieces: list[ContentItem] = field(default_factory=list)
    unusable: list[UnusableContent] = field(default_factory=list)
    unread: list[UnusableContent] = field(default_factory=list)
    passed: Counter[str] = field(default_factory=Counter)
    files: int = 0

    @property
    def empty(self) -> bool:
        """Return whether nothing of it is content of detection."""
        return not self.pieces and not self.unusable


def read(
    root: Path, sigma: str = "auto", progress: Progress = lambda *_: None, called: str | None = None
) -> CheckoutContent:
    """Everything below a folder, or in a file; a file that cannot be used stops no other.

    `sigma`: the pipeline by which Sigma rules of devices are asked for (sigma.tables.Pipeline). `progress` is told of each file.
    `called` is what the folder is named by in the places of what is found (None: its path).
    """
    found = CheckoutContent()
    for path in _list_files(root, found):
        found.files += 1
        progress("reading files", found.files, 0)
        source = path.relative_to(root).as_posix() if root.is_dir() else path.name
        place = Place(_format_display_path(path) if called is None else f"{called}/{source}".lstrip("/"))
        for one in _list_pieces(path, place, source, found, sigma):
            if isinstance(one, ContentItem):
                found.pieces.append(one)
            else:
                found.unusable.append(one)
    _drop_duplicates(found)
    return found


def _list_files(root: Path, found: CheckoutContent) -> Iterator[Path]:
    if root.is_file():
        if root.suffix.lower() in MOST_BYTES:
            yield root
        else:
            reason = f"no {', '.join(sorted(MOST_BYTES))} file"
            found.unread.append(UnusableContent(Place(str(root)), root.name, "", (reason,)))
        return
    count = 0
    for folder, below, names in os.walk(root):
        for name in [one for one in below if one.lower() in PASSED]:
            below.remove(name)
            if why := PASSED[name.lower()]:
                found.passed[f"{why} (folder)"] += 1
        below.sort()
        for name in sorted(names):
            path = Path(folder, name)
            if path.suffix.lower() not in MOST_BYTES or path.stem.endswith(".test"):
                continue
            if path.is_symlink():
                found.passed["links, which are not followed"] += 1
                continue
            count += 1
            if count > MOST_FILES:
                found.passed[f"files after the first {MOST_FILES:,}"] += 1
                continue
            yield path


def _format_display_path(path: Path) -> str:
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _list_pieces(
    path: Path, place: Place, source: str, found: CheckoutContent, sigma: str
) -> Iterable[ContentItem | UnusableContent]:
    if _format_display_path(path) != str(path):
        found.unread.append(UnusableContent(place, place.file, "", ("its name is not UTF-8: rename it",)))
        return []
    try:
        text = _read_text(path, place)
        documents = _parse_documents(text, path.suffix.lower(), place)
    except _UnreadableFileError as error:
        found.unread.append(UnusableContent(error.place, source, "", (error.reason,)))
        return []
    if any(_is_sigma(one) for one in documents):
        return _convert_sigma(documents, text, place, source, sigma)
    return [piece for one in documents for piece in _recognize_content(one, place, source, found)]


def _is_sigma(document: object) -> bool:
    return isinstance(document, dict) and (
        ("detection" in document and "logsource" in document)
        or (isinstance(document.get("correlation"), dict) and "title" in document)
    )


def _convert_sigma(
    documents: list[object], text: str, place: Place, source: str, pipeline: str
) -> Iterable[ContentItem | UnusableContent]:
    try:
        from nephoscope.alerts.library.sigma.conversion import convert_sigma_file
        from nephoscope.alerts.library.sigma.tables import SigmaPipeline
    except ImportError:
        reason = f"Sigma rules need pySigma with its Kusto backend: {get_install_command('sigma')}"
        title = str(documents[0].get("title", "")) if isinstance(documents[0], dict) else ""
        return [UnusableContent(place, source, title, (reason,), unsupported=True)]
    return convert_sigma_file(documents, text, place, source, SigmaPipeline(pipeline))


class _UnreadableFileError(Exception):
    def __init__(self, place: Place, reason: str) -> None:
        super().__init__(reason)
        self.place, self.reason = place, reason


def _read_text(path: Path, place: Place) -> str:
    most = MOST_BYTES[path.suffix.lower()]
    try:
        if path.stat().st_size > most:
            raise _UnreadableFileError(place, f"the file exceeds {most >> 20} MiB")
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise _UnreadableFileError(place, "not UTF-8") from error
    except OSError as error:
        raise _UnreadableFileError(place, f"not readable: {error.strerror}") from error


def _parse_documents(text: str, suffix: str, place: Place) -> list[object]:
    """The documents of a file; YAML may hold several."""
    try:
        documents = [json.loads(text)] if suffix == JSON else list(yaml.load_all(text, Loader=_LOADER))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = replace(place, line=mark.line + 1, column=mark.column + 1) if mark else place
        raise _UnreadableFileError(where, f"not YAML: {error.problem}") from error
    except json.JSONDecodeError as error:
        where = replace(place, line=error.lineno, column=error.colno)
        raise _UnreadableFileError(where, f"not JSON: {error.msg}") from error
    except (*_WRONG, yaml.YAMLError, RecursionError) as error:
        what = f"a value that does not fit its tag ({error})" if isinstance(error, _WRONG) else str(error)
        raise _UnreadableFileError(place, f"not readable: {what}") from error
    if suffix != JSON and _measure_size(documents) > MOST_VALUES:
        raise _UnreadableFileError(place, f"it has more than {MOST_VALUES:,} values after expanding aliases")
    _check_words(documents, place)
    return documents


def _check_words(documents: list[object], place: Place) -> None:
    """Raise _UnreadableFileError for texts that hold half a character, and keys that are no names (a date of YAML)."""
    try:
        json.dumps(documents, ensure_ascii=False, default=str).encode()
    except UnicodeEncodeError as error:
        raise _UnreadableFileError(
            place, f"a string has an unpaired surrogate: {error.object[error.start]!r}"
        ) from error
    except (TypeError, ValueError, RecursionError) as error:
        raise _UnreadableFileError(place, f"no document: {error}") from error


def _measure_size(document: object) -> int:
    """Count how many values it has once its aliases are written out; counting ends beyond the limit."""
    count, waiting = 0, [document]
    while waiting and count <= MOST_VALUES:
        one = waiting.pop()
        count += 1
        if isinstance(one, dict):
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one
    return count


def _recognize_content(
    document: object, place: Place, source: str, found: CheckoutContent
) -> Iterable[ContentItem | UnusableContent]:
    if isinstance(document, dict):
        if is_parser(document):
            return convert_parser(document, place, source)
        if "query" in document:
            return [_read_query(document, place, source)]
    if is_arm(document):
        return extract_arm_items(document, place, source)
    found.passed["files that hold no rule, query, parser or watchlist"] += 1
    return []


def _read_query(document: Mapping[str, object], place: Place, source: str) -> ContentItem | UnusableContent:
    """A rule, or a query to hunt with: what has no schedule."""
    name = str(document.get("name") or document.get("displayName") or "")
    id_ = str(document.get("id") or "").lower()
    lacking = [f"{what} is missing" for what, value in (("id", id_), ("name", name)) if not value.strip()]
    if lacking:
        return UnusableContent(place, source, name, tuple(lacking))
    kind = str(document.get("kind") or "")
    hunting = kind.lower() == "hunting" or (not kind and document.get("queryFrequency") is None)
    version = str(document.get("version") or "")
    return ContentItem(
        ContentKind.HUNTING if hunting else ContentKind.RULE,
        id_,
        name,
        version,
        source,
        dict(document),
        place,
    )


def _drop_duplicates(found: CheckoutContent) -> None:
    """Leave the first piece of each id: a second one would take its place unseen."""
    known: dict[tuple[str, str], ContentItem] = {}
    kept = []
    for piece in found.pieces:
        kind = "query" if piece.kind in (ContentKind.RULE, ContentKind.HUNTING) else piece.kind.value
        first = known.setdefault((kind, piece.id), piece)
        if first is piece:
            kept.append(piece)
        elif first.hash != piece.hash:
            where = "further up in this file" if first.source == piece.source else f"in {first.source}"
            reason = f"id {piece.id} is also that of {first.name!r} {where}, which was taken"
            found.unusable.append(UnusableContent(piece.place, piece.source, piece.name, (reason,)))
        else:
            found.passed["copies of what another file holds"] += 1
    found.pieces = kept
