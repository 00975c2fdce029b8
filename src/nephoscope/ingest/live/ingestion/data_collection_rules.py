"""Data collection rules in Azure's format: streams, transforms and target tables.

Source: https://learn.microsoft.com/azure/azure-monitor/essentials/data-collection-rule-structure
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nephoscope.files.json_text import JsonTextError, read_json
from nephoscope.ingest.live.ingestion.request_errors import IngestionRefusedError
from nephoscope.ingest.live.ingestion.streams import OWN, get_stream_table
from nephoscope.ingest.live.ingestion.transform import Transform
from nephoscope.ingest.source_failures import SourceError
from nephoscope.lake.errors import LakeError
from nephoscope.lake.schema.column_types import BAG
from nephoscope.lake.schema.table import LakeTable
from nephoscope.lake.writing.quarantine import QUARANTINE
from nephoscope_kql.types import KqlType

#: Bytes of a file of data collection rules.
_MOST_BYTES = 16 << 20
_TYPES = {
    "string": KqlType.STRING, "int": KqlType.INT, "long": KqlType.LONG, "real": KqlType.REAL, "boolean": KqlType.BOOL,
    "bool": KqlType.BOOL, "dynamic": KqlType.DYNAMIC, "datetime": KqlType.DATETIME, "guid": KqlType.GUID,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class DataFlow:
    """Route of a stream's records: through a transform (None = as they are) to a table, whose bag has that name."""

    table: str
    transform: Transform | None = None
    bag: str = BAG


@dataclass(frozen=True, slots=True)
class DataCollectionRule:
    """A rule: the flows of each of its streams."""

    id: str
    streams: Mapping[str, tuple[DataFlow, ...]] = field(default_factory=dict)


#: Knows tables by name, and makes a new one known.
Find = Callable[[str], LakeTable | None]
Make = Callable[[LakeTable], object]


def load_rules(files: list[str], find: Find, make: Make) -> dict[str, DataCollectionRule]:
    """The rules in files, by immutable id in lower case; raises SourceError with the file and the place in it."""
    found: dict[str, DataCollectionRule] = {}
    for name in files:
        for document in _read_documents(Path(name)):
            rule = _read_rule(document, name, find, make)
            found[rule.id.lower()] = rule
    return found


def check_rules(files: list[str], find: Find) -> None:
    """Read rules and compile their transforms, and make nothing; SourceError.

    Streams that no rule declares and whose table `find` does not know are passed over: another may know it.
    """
    for name in files:
        for document in _read_documents(Path(name)):
            _read_rule(document, name, find, lambda _: None, whole=False)


def make_implied_rule(name: str, find: Find) -> Callable[[str], tuple[DataFlow, ...]]:
    """The flows of a rule that nobody wrote: `Custom-T` and `Microsoft-T` go to the table T as they are, if it is known.

    IngestionRefusedError for a table that the lake itself writes.
    """

    def make_flows(stream: str) -> tuple[DataFlow, ...]:
        table = get_stream_table(stream)
        if table in OWN:
            text = f"The table '{table}' is written by nephoscope itself: only a rule that names it may send rows of it."
            raise IngestionRefusedError(400, "InvalidStream", text)
        return (DataFlow(table),) if find(table) is not None else ()

    assert name
    return make_flows


def _read_documents(path: Path) -> list[dict[str, object]]:
    try:
        document = read_json(path, _MOST_BYTES)
    except OSError as error:
        raise SourceError(f"rules: {path}: {error.strerror}") from error
    except JsonTextError as error:
        raise SourceError(f"rules: {path}: {error}") from error
    listed = document.get("value", document) if isinstance(document, dict) else document
    listed = listed if isinstance(listed, list) else [listed]
    if not all(isinstance(one, dict) for one in listed):
        raise SourceError(f"rules: {path}: a data collection rule must be a JSON object")
    return listed


def _read_rule(
    document: dict[str, object], where: str, find: Find, make: Make, *, whole: bool = True
) -> DataCollectionRule:
    """A rule; not `whole`: without the streams that it does not declare and whose table `find` does not know."""
    properties = document.get("properties", document)
    if not isinstance(properties, dict) or not isinstance(properties.get("dataFlows"), list):
        raise SourceError(f"rules: {where}: properties.dataFlows is missing")
    id_ = str(properties.get("immutableId") or document.get("name") or "")
    if not id_:
        raise SourceError(f"rules: {where}: properties.immutableId is missing")
    declared = _parse_declarations(properties.get("streamDeclarations") or {}, where)
    streams: dict[str, tuple[DataFlow, ...]] = {}
    for number, one in enumerate(properties["dataFlows"]):
        place = f"{where}: properties.dataFlows[{number}]"
        if not isinstance(one, dict) or not isinstance(one.get("streams"), list):
            raise SourceError(f"rules: {place}: 'streams' is missing")
        for stream in map(str, one["streams"]):
            known = (
                stream in declared or not stream.startswith("Microsoft-") or find(_find_table(stream, one))
            )
            if whole or known:
                flow = _read_flow(stream, one, declared, place, find, make)
                streams[stream] = (*streams.get(stream, ()), flow)
    return DataCollectionRule(id_, streams)


def _parse_declarations(declarations: Any, where: str) -> dict[str, dict[str, KqlType]]:
    at = f"rules: {where}: properties.streamDeclarations"
    if not isinstance(declarations, dict):
        raise SourceError(f"{at}: must be an object of streams")
    return {stream: _parse_columns(body, f"{at}: stream {stream!r}") for stream, body in declarations.items()}


def _parse_columns(body: Any, at: str) -> dict[str, KqlType]:
    try:
        return {str(one["name"]): _TYPES[str(one["type"]).lower()] for one in body["columns"]}
    except (KeyError, TypeError) as error:
        raise SourceError(f"{at}: each column needs a name and a type ({', '.join(_TYPES)})") from error


def _find_table(stream: str, body: Mapping[str, object]) -> str:
    """The table that a flow leads a stream to."""
    return get_stream_table(str(body.get("outputStream") or stream))


def _read_flow(
    stream: str,
    body: dict[str, object],
    declared: Mapping[str, dict[str, KqlType]],
    place: str,
    find: Find,
    make: Make,
) -> DataFlow:
    name = _find_table(stream, body)
    if name == QUARANTINE:
        raise SourceError(f"rules: {place}: rules cannot write to {QUARANTINE}")
    text = str(body.get("transformKql") or "source").strip()
    table = find(name)
    columns = declared.get(stream) or (
        dict(table.columns) if table is not None and stream.startswith("Microsoft-") else None
    )
    if columns is None:
        raise SourceError(f"rules: {place}: the stream {stream} is not in streamDeclarations")
    transform = None if text == "source" else Transform.compile(text, columns, f"{place}.transformKql")
    if table is None:
        made = dict(transform.columns) if transform is not None else columns
        try:
            table = LakeTable.of(name, made, description=f"Made by a data collection rule for {stream}.")
        except LakeError as error:
            raise SourceError(f"rules: {place}: {error}") from error
        make(table)
    return DataFlow(name, transform, table.bag)


def iterate_flows(rules: Mapping[str, DataCollectionRule]) -> Iterator[DataFlow]:
    """Every flow of every rule."""
    for rule in rules.values():
        for several in rule.streams.values():
            yield from several
