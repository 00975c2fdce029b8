"""Resource reader: recognize the records of a file, validate their ids and quarantine broken ones."""

from __future__ import annotations

import importlib
import itertools
import pkgutil
import re
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from hashlib import blake2b
from typing import TYPE_CHECKING, Protocol, cast

import msgspec

from nephoscope.collect.resources import formats, response_records
from nephoscope.collect.resources.batch_responses import is_wrapped, read_answers
from nephoscope.collect.resources.child_resources import attach_children, list_cut_children
from nephoscope.collect.resources.csv_export import is_header, read_rows
from nephoscope.collect.resources.expected_shapes import ExpectedShapes
from nephoscope.collect.resources.export_hints import ExportHints
from nephoscope.collect.resources.external_facts import LearnedResources
from nephoscope.collect.resources.json_grammar import RecordSlice
from nephoscope.collect.resources.json_splitter import RecordSplitter
from nephoscope.collect.resources.page_completeness import AnswerRecords, FileAnswers
from nephoscope.collect.resources.powershell_artifacts import PowerShellArtifactScan
from nephoscope.collect.resources.powershell_dates import convert_dates, may_hold_dates
from nephoscope.collect.resources.resource_record import RecordError, ResourceRecord
from nephoscope.collect.resources.template_detection import describe_source_file, describe_template
from nephoscope.collect.resources.truncated_values import REMEDY, may_hold, remove_truncated_values
from nephoscope.estate.coverage import CoverageError, parse_manifests, refuse_future
from nephoscope.files.snapshot_files import ArchiveLimits, FileError, SourceFile, read_chunks
from nephoscope.model.secret_redaction import redact_text
from nephoscope_policy.model.resource import UNREAD, Resource
from nephoscope_policy.model.resource_id import ResourceId
from nephoscope_policy.model.source_location import Place, Quarantined

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from nephoscope.collect.resources.paging import AnswerPage
    from nephoscope_policy.model.coverage import Coverage

MAX_QUARANTINED = 1000
MAX_MANIFEST = 64 * 1024 * 1024
EXCERPT = 120
_MAX_NESTING = 4
#: What may have no `properties` at all: containers, and objects of the directory.
_WITHOUT = ("microsoft.resources/", "microsoft.management/", "microsoft.graph/")
#: An object or array at the beginning of a line, or one that begins with a text or another.
_JSON = re.compile(rb'^[^\S\n]*[{\[]|[{\[]\s*["{\[]', re.MULTILINE)
_OTHER_TEXT = (
    "neither JSON nor a table of separated values with a header: "
    "export with `az ... -o json`, or with ConvertTo-Json -Depth 100"
)
_LOST_ID = re.compile(rb'"(?:id|ResourceId)"\s*:\s*"(/[^"\\\n]{1,1000})"', re.IGNORECASE)


class ResourceFormat(Protocol):
    """A module of the folder formats."""

    RANK: int

    def recognizes(self, value: dict[str, object], /) -> bool:
        """Return whether a JSON object is written in this format."""

    def records(self, value: dict[str, object], /) -> Iterator[ResourceRecord]:
        """The records in it; raises RecordError."""


class ReadResource(msgspec.Struct, frozen=True):
    """A resource with what decides between two bodies of its id."""

    resource: Resource
    api_version: str
    source: SourceFile


class LostRecord(msgspec.Struct, frozen=True):
    """A record or file that could not be used, and the lower-cased type that is now missing ('*' = unknown, '' = none)."""

    quarantined: Quarantined
    type: str
    source: SourceFile


class SnapshotManifest(msgspec.Struct, frozen=True):
    """Coverage manifest of one tenant in a snapshot folder."""

    coverage: Coverage
    source: SourceFile


Item = ReadResource | LostRecord | SnapshotManifest | FileAnswers | LearnedResources


@cache
def load_formats() -> tuple[ResourceFormat, ...]:
    """The modules of the folder formats, the most specific first."""
    names = [info.name for info in pkgutil.iter_modules(formats.__path__)]
    modules = [
        cast("ResourceFormat", importlib.import_module(f"{formats.__name__}.{name}")) for name in names
    ]
    return tuple(sorted(modules, key=lambda module: module.RANK))


def read(
    source: SourceFile, limits: ArchiveLimits, advance: Callable[[int], None], shapes: ExpectedShapes
) -> Iterator[Item]:
    """Everything in one file; beyond 1,000 broken records the rest are only counted, in one last entry.

    `shapes` finds the texts that an export made of objects and lists.
    """
    count = 0
    for item in _read_items(source, limits, advance, shapes):
        if isinstance(item, LostRecord):
            count += 1
            if count > MAX_QUARANTINED:
                continue
        yield item
    if count > MAX_QUARANTINED:
        reason = f"{count - MAX_QUARANTINED} further records are broken"
        yield LostRecord(Quarantined(Place(source.name), reason), "*", source)


def _read_items(
    source: SourceFile, limits: ArchiveLimits, advance: Callable[[int], None], shapes: ExpectedShapes
) -> Iterator[Item]:
    if source.is_manifest:
        yield from _read_manifests(source, limits, advance)
        return
    if said := describe_source_file(source.entry or source.path.name):
        yield LostRecord(Quarantined(Place(source.name), said), "*", source)
        return
    hints = ExportHints(source.name)
    stream = read_chunks(source, limits, advance)
    try:
        first = next(stream, b"")
    except FileError as error:
        yield LostRecord(Quarantined(Place(source.name), str(error)), "*", source)
        return
    if _is_other_text(first):
        yield LostRecord(Quarantined(Place(source.name, 1, 1), _describe_other_text(first)), "*", source)
        return
    begun = itertools.chain((first,), stream)
    yield from (_read_table if is_header(first) else _read_pieces)(begun, source, hints, shapes)
    yield from (LostRecord(Quarantined(place, reason), "", source) for place, reason in hints.list_hints())
    yield from (
        LostRecord(Quarantined(Place(source.name), why), type_, source)
        for type_, why in hints.list_missing_types()
    )


def _is_other_text(first: bytes) -> bool:
    """Return whether the first bytes of a file are text that is neither JSON nor a table: YAML, or what a terminal shows."""
    return bool(first.strip()) and not is_header(first) and _JSON.search(first) is None


def _describe_other_text(first: bytes) -> str:
    """Say what a file without records is: a single value of JSON, or no JSON at all."""
    try:
        found = msgspec.json.decode(first)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _OTHER_TEXT
    kind = _describe_json_kind(found)
    return f"JSON without a record, {kind}: the command that exported it found nothing, or printed something else"


def _describe_json_kind(value: object) -> str:
    """Name a single value of JSON."""
    if value is None:
        return "null"
    return "a text" if isinstance(value, str) else "a boolean" if isinstance(value, bool) else "a number"


def _read_pieces(
    stream: Iterator[bytes], source: SourceFile, hints: ExportHints, shapes: ExpectedShapes
) -> Iterator[ReadResource | LostRecord | FileAnswers]:
    """Yield what a file of JSON holds."""
    splitter, answers = RecordSplitter(), AnswerRecords()
    pages: list[AnswerPage] = []
    marks = PowerShellArtifactScan()

    def read_pieces(
        splitter: RecordSplitter, pieces: Iterator[RecordSlice]
    ) -> Iterator[ReadResource | LostRecord]:
        for piece in pieces:
            if is_wrapped(piece.value):
                yield from read_wrapped(piece, piece.value)
                continue
            found = list(_read_piece(piece, source, hints, shapes, marked=marks.seen))
            if splitter.paging.current is not None:
                answers.add_record(
                    splitter.paging.current, piece.data, [_find_resource(item) for item in found]
                )
            yield from found

    def read_wrapped(piece: RecordSlice, value: dict[str, object]) -> Iterator[ReadResource | LostRecord]:
        marks.seen = True  # quotes inside of a text may be written in any way
        for answer in read_answers(value):
            if isinstance(answer, RecordError):
                yield _make_lost(piece, source, str(answer), "")
                continue
            inner = RecordSplitter()
            pieces = itertools.chain(inner.feed(answer), inner.close())
            placed = (msgspec.structs.replace(one, line=piece.line, column=piece.column) for one in pieces)
            yield from read_pieces(inner, placed)
            pages.extend(inner.paging.answers)

    try:
        for chunk in stream:
            marks.feed(chunk)
            yield from read_pieces(splitter, splitter.feed(chunk))
    except FileError as error:
        yield LostRecord(Quarantined(Place(source.name), str(error)), "*", source)
    yield from read_pieces(splitter, splitter.close())
    if pages or splitter.paging.answers:
        yield FileAnswers(source, answers.pages([*splitter.paging.answers, *pages]))


def _find_resource(item: ReadResource | LostRecord) -> Resource | None:
    return item.resource if isinstance(item, ReadResource) else None


def _read_table(
    stream: Iterator[bytes], source: SourceFile, hints: ExportHints, shapes: ExpectedShapes
) -> Iterator[ReadResource | LostRecord]:
    """Yield what a comma-separated file holds."""
    try:
        for row in read_rows(stream):
            data = row.text.encode()
            piece = RecordSlice(data, row.line, 1, row.error, value=row.value)
            yield from _read_piece(piece, source, hints, shapes)
    except FileError as error:
        yield LostRecord(Quarantined(Place(source.name), str(error)), "*", source)


def _read_manifests(
    source: SourceFile, limits: ArchiveLimits, advance: Callable[[int], None]
) -> Iterator[SnapshotManifest | LostRecord]:
    data = bytearray()
    try:
        for chunk in read_chunks(source, limits, advance):
            data += chunk[: MAX_MANIFEST - len(data)]
        found = parse_manifests(msgspec.json.decode(data))
        for one in found:
            refuse_future(one, datetime.now(UTC))
    except (FileError, CoverageError, msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        yield LostRecord(Quarantined(Place(source.name), f"not a coverage manifest: {error}"), "*", source)
        return
    yield from (SnapshotManifest(one, source) for one in found)


def _read_piece(
    piece: RecordSlice, source: SourceFile, hints: ExportHints, shapes: ExpectedShapes, *, marked: bool = True
) -> Iterator[ReadResource | LostRecord]:
    """Yield the records of a piece; where none of the bytes read so far are `marked`, nothing is cut and no date is PowerShell's."""
    if piece.error:
        yield _make_lost(piece, source, piece.error, _extract_lost_type(piece.data))
        return
    try:
        value = response_records.from_row(piece.columns, piece.value) if piece.columns else piece.value
        origin = b"" if piece.columns else blake2b(piece.data, digest_size=16).digest()
        renderings = marked and may_hold(piece.data)
        dates = marked and may_hold_dates(piece.data)
        for record in records(value):
            if type(record.body.get("properties")) is str:
                _unpack_properties(record.body)
            if dates:
                convert_dates(record.body)
            cut = REMEDY if renderings and _cut_out_truncated_text(record.body) else ""
            found = build_resource(record, origin)
            type_ = found.id.type
            if said := shapes.remove_misshapen(found.body, type_):
                cut, found = cut or said, replace(found, complete=False)
            listed = record.body.get("properties") is None
            if listed and type_.startswith(_WITHOUT):  # it tells nothing of the export
                listed = False
            else:
                hints.resources += 1
            if listed or cut or record.note:
                place = Place(source.name, piece.line, piece.column)
                hints.add_record(place, found.key, (cut, record.note), listed=listed)
            hints.limit_type(type_, record.narrow)
            yield ReadResource(found, record.api_version, source)
    except RecordError as error:
        yield _make_lost(piece, source, str(error), "")


def _cut_out_truncated_text(body: dict[str, object]) -> bool:
    """Take what was cut to text out of a body, but for the children that it carried: these are there, without their properties."""
    properties = body.get("properties")
    before = dict(properties) if isinstance(properties, dict) else {}
    cut = remove_truncated_values(body)
    if isinstance(properties, dict):
        lost = {name: value for name, value in before.items() if name not in properties}
        if several := list_cut_children(body, lost):
            attach_children(body, several)
    return cut


def _unpack_properties(body: dict[str, object]) -> None:
    """Read properties that stand as JSON in a text, as exports of tables write them."""
    text = body.get("properties")
    if not isinstance(text, str) or not text.lstrip().startswith("{"):
        return
    try:
        found = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return
    if isinstance(found, dict):
        body["properties"] = found


def _make_lost(piece: RecordSlice, source: SourceFile, reason: str, type_: str) -> LostRecord:
    place = Place(source.name, piece.line, piece.column)
    text = piece.data[: 4 * EXCERPT].decode("utf-8", "replace")
    return LostRecord(Quarantined(place, redact_text(reason), _format_excerpt(text)), type_, source)


def _format_excerpt(text: str) -> str:
    """The first characters on one line, without anything that looks like a secret."""
    text = redact_text(" ".join(text.split()))
    text = "".join(
        character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text
    )
    return text if len(text) <= EXCERPT else text[:EXCERPT] + "…"


def _extract_lost_type(data: bytes) -> str:
    """The type of a broken record from the first id in its text, '*' where there is none."""
    match = _LOST_ID.search(data)
    try:
        return ResourceId.parse(match.group(1).decode("utf-8", "replace")).type if match else "*"
    except ValueError:
        return "*"


def records(value: object, nesting: int = _MAX_NESTING) -> Iterator[ResourceRecord]:
    """The records in a JSON value, whatever its format; raises RecordError when no format recognizes it."""
    if isinstance(value, list) and nesting:
        for item in value:
            yield from records(item, nesting - 1)
        return
    if not isinstance(value, dict):
        raise RecordError("a record must be a JSON object")
    if nesting and response_records.is_wrapper(value):
        for item in response_records.iterate_values(value):
            yield from records(item, nesting - 1)
        return
    if "id" not in value:
        response_records.reject_api_responses(value)
    for form in load_formats():
        if form.recognizes(value):
            yield from form.records(value)
            return
    raise RecordError(
        describe_template(value)
        or "not a resource: it has neither 'id' nor 'ResourceId'; an export must keep the column 'id'"
    )


def build_resource(record: ResourceRecord, origin: bytes = b"") -> Resource:
    """The record as a resource, its missing `name` and `type` filled in from the id; raises RecordError.

    `origin` names the bytes that it was read from.
    """
    body = record.body
    text = body.get("id")
    if type(text) is not str:
        raise RecordError("the body has no 'id'")
    try:
        id_ = ResourceId.parse(text)
    except ValueError as error:
        raise RecordError(str(error)) from error
    if not id_.type:
        raise RecordError(f"'id' is a scope, not a resource: {text!r}")
    if not isinstance(body.get("name"), str):
        body["name"] = text.rstrip("/").rsplit("/", 1)[-1]
    if not isinstance(body.get("type"), str):
        body["type"] = id_.type
    return Resource(id_, body, complete=_has_properties(record) and UNREAD not in body, origin=origin)


def _has_properties(record: ResourceRecord) -> bool:
    """Return whether the body tells the properties; exports write `{}` for what was not read:
    docs/decisions/0106-empty-properties.md."""
    properties = record.body.get("properties")
    return isinstance(properties, dict) and bool(properties or record.api_version or record.embedded)


def build_carried_origin(origin: bytes) -> bytes:
    """The origin of a child that the body of this origin carries."""
    return origin and origin + b"/"
