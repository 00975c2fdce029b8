"""Sources of logs: set up, tried, switched on and off, and how they are."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

import msgspec

from nephoscope.ingest.live.live_source import SourceKind
from nephoscope.ingest.live.source_kinds import describe_kind, get_source_kind, kinds
from nephoscope.ingest.live.source_setup import TOKENS
from nephoscope.ingest.source_failures import SourceError
from nephoscope.operations.declaration.operation import (
    ApiRoute,
    MissingError,
    OperationCall,
    OperationGroup,
    RefusedRequestError,
    refusing,
)
from nephoscope.operations.declaration.schemas import AnyJson, Name, PageQuery, Shape, shape_of, take_page
from nephoscope.service import sources as service
from nephoscope.service.sources import DELETE, HOST, READ, WRITE
from nephoscope.state import StateError
from nephoscope.state.ingestion.source_health import SourceHealth
from nephoscope.state.ingestion.sources import Source

OPERATIONS = OperationGroup("sources", "Sources", "A source")
Settings = Annotated[
    dict[Name, AnyJson],
    msgspec.Meta(max_length=100, description="Settings as described by GET /sourceKinds."),
]
Secrets = Annotated[
    dict[Name, Annotated[str, msgspec.Meta(min_length=1, max_length=100_000)]],
    msgspec.Meta(max_length=20, description="Stored encrypted and never returned."),
]


class SourceShape(Shape, frozen=True, kw_only=True):
    """A source as it was set up, and how it is; `leftOut` are its rows of tables that its workspace does not take."""

    name: str
    kind: str
    workspace: str
    settings: Mapping[str, Any]
    has_secrets: bool
    enabled: bool
    created: datetime | None
    last_seen: datetime | None
    left_out: int
    error: str


class SourceList(Shape, frozen=True, kw_only=True):
    """Sources by name."""

    value: tuple[SourceShape, ...]
    next: str = ""


class NewSource(Shape, frozen=True, kw_only=True):
    """A source to be set up; the server begins to read it within seconds."""

    name: Name
    kind: Name
    settings: Settings = msgspec.field(default_factory=dict)
    secrets: Secrets = msgspec.field(default_factory=dict)
    workspace: Name = "default"
    enabled: bool = True


class SourceChange(Shape, frozen=True, kw_only=True):
    """Changes of a source; settings and secrets that are left out stay.

    Where a setting changes that decides where a secret goes, the secrets are given anew.
    """

    settings: Settings | msgspec.UnsetType = msgspec.UNSET
    secrets: Secrets | msgspec.UnsetType = msgspec.UNSET
    enabled: bool | msgspec.UnsetType = msgspec.UNSET


class SourceTest(Shape, frozen=True, kw_only=True):
    """The result of a connection test."""

    works: bool
    message: str


class PartError(Shape, frozen=True, kw_only=True):
    """An error of a part of a source that is not over; `key` is '' for the source as a whole."""

    key: str
    error: str
    since: datetime
    at: datetime


class TableHealth(Shape, frozen=True, kw_only=True):
    """The health of a table of a source; `table` is '' for the source itself.

    `errors` are the last ones of its parts, `errorCount` how many there are in all; `leftOut`, of the source itself, are its rows of
    tables that its workspace does not take.
    """

    table: str
    workspace: str
    first_seen: datetime | None
    last_seen: datetime | None
    last_event: datetime | None
    rows: int
    bad: int
    lag: int | None
    left_out: int
    error: str
    errors: tuple[PartError, ...]
    error_count: int


class SourceHealthReport(Shape, frozen=True, kw_only=True):
    """The health of a source, table by table."""

    value: tuple[TableHealth, ...]


class SettingShape(Shape, frozen=True, kw_only=True):
    """A setting of a kind; `default` null = it must be given, `owners` says when an owner alone sets it ('' = never)."""

    name: str
    type: str
    default: str | None
    help: str
    owners: str


class KindShape(Shape, frozen=True, kw_only=True):
    """A kind of source with its settings and secrets (name -> what it is)."""

    name: str
    title: str
    settings: tuple[SettingShape, ...]
    secrets: Mapping[str, str]


class KindList(Shape, frozen=True, kw_only=True):
    """Every kind."""

    value: tuple[KindShape, ...]


class SourceToken(Shape, frozen=True, kw_only=True):
    """A token that a source lets in, shown this once."""

    token: str


@OPERATIONS.operation(READ, ApiRoute("GET", "/sourceKinds"))
def kinds_(call: OperationCall) -> KindList:  # noqa: ARG001 - a handler's signature
    """List the kinds of sources with their settings and secrets."""
    return KindList(value=tuple(_kind(one) for one in kinds().values()))


@OPERATIONS.operation(READ, ApiRoute("GET", "/sources"))
def sources(call: OperationCall, query: PageQuery) -> SourceList:
    """List the sources."""
    found, after = take_page(call.state.sources.all(), lambda one: one.name, query)
    return SourceList(value=tuple(_source_shape(call, one) for one in found), next=after)


@OPERATIONS.operation(WRITE, ApiRoute("POST", "/sources", 201), needs_lake=True)
def add(call: OperationCall, body: NewSource) -> SourceShape:
    """Add a source; one that reads the server's own files, listens at its addresses or signs in as the server needs an Owner."""
    state, kind = call.state, _kind_of(body.kind)
    if any(one.name == body.name for one in state.sources.all()):
        raise StateError(f"Source {body.name!r} already exists.")
    if state.workspaces.find(body.workspace) is None:
        raise RefusedRequestError(f"Workspace {body.workspace!r} not found.", "workspace")
    source = Source(body.name, kind.name, {}, body.workspace, enabled=body.enabled)
    table = call.lake.tables.get
    with refusing("settings", SourceError, StateError):
        made = service.add_source(call.service, source, body.settings, body.secrets, table=table)
    return _source_shape(call, made)


@OPERATIONS.operation(READ, ApiRoute("GET", "/sources/{name}"))
def one(call: OperationCall, name: Name) -> SourceShape:
    """Show one source."""
    return _source_shape(call, _source(call, name))


@OPERATIONS.operation(WRITE, ApiRoute("PATCH", "/sources/{name}"))
def change(call: OperationCall, name: Name, body: SourceChange) -> SourceShape:
    """Change a source, or enable or disable it; it restarts within seconds. Settings of the server itself need an Owner."""
    source = _source(call, name)
    settings = body.settings if body.settings is not msgspec.UNSET else None
    secrets = body.secrets if body.secrets is not msgspec.UNSET else {}
    enabled = None if body.enabled is msgspec.UNSET else body.enabled
    with refusing("settings", SourceError, StateError):
        made = service.change_source(call.service, source.name, settings, secrets, enabled=enabled)
    return _source_shape(call, made)


@OPERATIONS.operation(DELETE, ApiRoute("DELETE", "/sources/{name}", 204))
def remove(call: OperationCall, name: Name) -> None:
    """Delete a source with its checkpoints and secrets; ingested data is preserved."""
    service.remove_source(call.service, _source(call, name).name)


@OPERATIONS.operation(WRITE, ApiRoute("POST", "/sources/{name}/test"), needs_lake=True)
def test(call: OperationCall, name: Name) -> SourceTest:
    """Test the connection of a source without reading from it."""
    found = service.try_source(call.service, call.lake, _source(call, name).name)
    return SourceTest(works=found.works, message=found.message)


@OPERATIONS.operation(HOST, ApiRoute("POST", "/sources/{name}/tokens", 201))
def token(call: OperationCall, name: Name) -> SourceToken:
    """Create a token for a source of the kind logs_ingestion."""
    source = _source(call, name)
    if source.kind != TOKENS:
        raise StateError(f"{name} is a source of the kind {source.kind}: tokens are only for {TOKENS}.")
    return SourceToken(token=service.make_source_token(call.service, name))


@OPERATIONS.operation(READ, ApiRoute("GET", "/sources/{name}/health"))
def health(call: OperationCall, name: Name) -> SourceHealthReport:
    """Show the ingestion health of a source."""
    _source(call, name)
    found = [one for one in call.state.source_health.all() if one.source == name]
    return SourceHealthReport(value=tuple(map(_table_health, found)))


def _table_health(one: SourceHealth) -> TableHealth:
    errors = tuple(shape_of(PartError, part) for part in one.standing.errors)
    return shape_of(TableHealth, one, errors=errors, error_count=one.standing.count)


def _kind_of(name: str) -> SourceKind:
    with refusing("kind", SourceError):
        return get_source_kind(name)


def _source(call: OperationCall, name: str) -> Source:
    found = next((one for one in call.state.sources.all() if one.name == name), None)
    if found is None:
        raise MissingError(f"A source {name}")
    return found


def _kind(kind: SourceKind) -> KindShape:
    settings = tuple(shape_of(SettingShape, one) for one in describe_kind(kind))
    return KindShape(name=kind.name, title=kind.title, settings=settings, secrets=dict(kind.secrets))


def _source_shape(call: OperationCall, one: Source) -> SourceShape:
    health = next(
        (each for each in call.state.source_health.all() if each.source == one.name and not each.table),
        None,
    )
    return SourceShape(
        name=one.name, kind=one.kind, workspace=one.workspace, settings=dict(one.settings), has_secrets=bool(one.credential),
        enabled=one.enabled, created=one.created, last_seen=health.last_seen if health else None,
        left_out=health.left_out if health else 0, error=health.error if health else "",
    )  # fmt: skip
